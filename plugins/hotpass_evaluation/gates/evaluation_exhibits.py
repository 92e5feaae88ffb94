"""What a report draws of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hotpass.exhibits import Exhibit, histograms, intervals, lines
from hotpass_evaluation.gates.requirements import Finding
from hotpass_evaluation.gates.words import percent

_MODELS = ("challenger", "champion")


def exhibits(kind: str, curves: Mapping[str, Any], findings: Sequence[Finding]) -> list[Exhibit]:
    """The intervals of all requirements, the curves of both models on the same axes, and distributions.

    `kind` is classifier or regressor, `curves` what `hotpass_evaluation.work.evaluation.curves` makes.
    """
    drawn = [
        intervals(title, rows, about=about)
        for title, about, rows in (
            ("Measured values", "Each end is a bound that holds with the confidence asked for.",
             _rows(findings, relative=False)),
            ("Gain over the champion", "On the same rows; above 0 the challenger is better.",
             _rows(findings, relative=True)),
        )
        if rows
    ]  # fmt: skip
    if kind == "regressor":
        drawn += _curves(curves, "calibration", "What came of it", "predicted", "what it was", diagonal=True)
        drawn.append(histograms("Errors", "predicted less what it was", curves["bars"]))
        return drawn
    drawn += _curves(curves, "roc", "ROC curve", "false positive rate", "true positive rate", diagonal=True)
    drawn += _curves(curves, "precision_recall", "Precision and recall", "recall", "precision")
    drawn += _curves(curves, "calibration", "Calibration", "mean score", "share of positives", diagonal=True,
                     about="Ten groups of rows, from the lowest scores to the highest.")  # fmt: skip
    drawn.append(histograms("Scores", "score", curves["bars"]))
    return drawn


def _rows(findings: Sequence[Finding], *, relative: bool) -> list[dict[str, Any]]:
    return [
        {
            "label": f"{one.requirement.metric} ({percent(one.confidence)})",
            "value": one.interval.value, "low": _finite(one.interval.low), "high": _finite(one.interval.high),
            "margin": one.requirement.margin, "verdict": str(one.verdict),
        }
        for one in findings
        if one.interval is not None and one.requirement.relative is relative
    ]  # fmt: skip


def _curves(
    curves: Mapping[str, Any],
    which: str,
    title: str,
    x: str,
    y: str,
    *,
    diagonal: bool = False,
    about: str = "",
) -> list[Exhibit]:
    series = [
        {"name": name, **curves[name][which]}
        for name in _MODELS
        if name in curves and curves[name][which]["x"]
    ]
    return [lines(title, x, y, series, diagonal=diagonal, about=about)] if series else []


def _finite(end: float) -> float | None:
    return end if abs(end) != float("inf") else None

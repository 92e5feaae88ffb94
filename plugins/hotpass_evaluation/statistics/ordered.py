"""roc_auc, average_precision, lift and capture, with their intervals."""

from __future__ import annotations

import numpy as np

from hotpass_evaluation.statistics import delong
from hotpass_evaluation.statistics.bounds import SHARE, Range
from hotpass_evaluation.statistics.checks import both_classes
from hotpass_evaluation.statistics.figures import Measured, Undefined
from hotpass_evaluation.statistics.known import Metric
from hotpass_evaluation.statistics.ranked_bootstrap import Resampled, bootstrap
from hotpass_evaluation.statistics.ranks import inside_top
from hotpass_evaluation.statistics.rows import SAME, Rows, Scale

NAMES = ("roc_auc", "average_precision", "lift", "capture")


def measure(rows: Rows, metrics: list[Metric], alphas: list[float]) -> list[Measured | Undefined]:
    """All of them over the same draws. roc_auc needs none where rows have neither weights nor groups."""
    found: dict[int, Measured | Undefined] = {}
    drawn: list[int] = []
    for place, (metric, alpha) in enumerate(zip(metrics, alphas, strict=True)):
        try:
            _defined(rows, metric)
            if metric.name == "roc_auc" and rows.plain:
                found[place] = _area(rows, metric, alpha)
            else:
                drawn.append(place)
        except Undefined as undefined:
            found[place] = undefined
    if drawn:
        wanted = [metrics[place] for place in drawn]
        models = bootstrap(rows.sample, wanted, rows.units, rows.resamples, rows.seed)
        for number, place in enumerate(drawn):
            of_models = [of_model[number] for of_model in models]
            found[place] = _drawn(rows, metrics[place], alphas[place], of_models)
    return [found[place] for place in range(len(metrics))]


def _defined(rows: Rows, metric: Metric) -> None:
    both_classes(rows.sample.target)
    if rows.fewer < 2:
        raise Undefined(
            "one of the classes is that of a single row or group, which has no spread to judge by"
        )
    if metric.name in ("lift", "capture"):
        top, count = metric.parameters["top"], len(rows.sample.target)
        if top / 100 * count < 1:
            raise Undefined(f"the top {top:g}% of {count:,} rows is not a single row")


def _area(rows: Rows, metric: Metric, alpha: float) -> Measured:
    sample = rows.sample
    placed = delong.placements(sample.target, sample.challenger)
    challenger = delong.area(placed, alpha)
    if sample.champion is None:
        return rows.judged(metric, challenger)
    other = delong.placements(sample.target, sample.champion)
    gain, p_value = (SAME, None) if rows.alike else delong.gain(placed, other, alpha)
    return rows.judged(metric, challenger, delong.area(other, alpha), gain, p_value=p_value)


def _drawn(rows: Rows, metric: Metric, alpha: float, models: list[Resampled]) -> Measured:
    within = Range(0.0, 100 / metric.parameters["top"]) if metric.name == "lift" else SHARE
    intervals = [rows.bounded(*model, alpha, rows.fewer, within, scale="logit") for model in models]
    if len(models) == 1:
        return rows.judged(metric, intervals[0], resamples=rows.resamples)
    if rows.alike:
        gain = SAME
    else:
        value = models[0].value - models[1].value
        scale: Scale = "plain" if "top" in metric.parameters else "percentiles"
        lead = models[0].resampled - models[1].resampled
        gain = rows.bounded(
            value, lead, alpha, _differing(rows, metric), within.gain(), scale=scale, gain=True
        )
    return rows.judged(metric, intervals[0], intervals[1], gain, resamples=rows.resamples)


def _differing(rows: Rows, metric: Metric) -> int:
    """The independent rows that tell the models apart: positives that one model alone has in the top; or
    those of either class that stand elsewhere among the other, of the class where they are fewer.
    """
    sample = rows.sample
    assert sample.champion is not None
    won = sample.target == 1
    models = (sample.challenger, sample.champion)
    moved = np.zeros(len(won), dtype=bool)
    if "top" in metric.parameters:
        top = metric.parameters["top"] / 100
        ours, theirs = (inside_top(scores[won], scores[~won], top) for scores in models)
        moved[won] = ~np.isclose(ours, theirs, rtol=0, atol=1e-9)
        return rows.independent(moved)
    first, second = (delong.placements(sample.target, scores) for scores in models)
    moved[won] = first.positives != second.positives
    moved[~won] = first.negatives != second.negatives
    return min(rows.independent(moved & won), rows.independent(moved & ~won))

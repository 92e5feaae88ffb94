"""A decision with everything that a report can show, made without a registry.

`python tests/support/reported.py FILE` writes its report, to be looked at.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from hotpass import exhibits
from hotpass.exhibits import Exhibit
from hotpass.ledger.record import Actor, Entry, Kind, Record, State
from hotpass.verdicts import (
    Decision,
    Enforcement,
    Excuse,
    ExcuseKind,
    GateResult,
    Identity,
    Judgement,
    Outcome,
    PolicyRef,
    RecordedEntry,
    Verdict,
)

ID = "00f15b1a68804729a1e23ce75ccfb128"
HASH = "5e" * 32
Curve = tuple[list[float], list[float]]
JOBS = (
    "admin.", "blue-collar", "technician", "services", "management", "retired", "self-employed", "student",
    "unemployed", "housemaid",
)  # fmt: skip


def entry(
    name: str, line: int, enforcement: Enforcement = Enforcement.MANDATORY, **more: object
) -> RecordedEntry:
    """A policy's entry for the gate `name`."""
    where = f"policies/bank_leads.yaml:{line}:7"
    said = RecordedEntry(name, name, "bank-leads", enforcement, "", where)
    return said._replace(**more)  # type: ignore[arg-type]


def evaluation() -> list[Exhibit]:
    """What a gate that judges a challenger and a champion on data may draw."""
    return [
        exhibits.intervals(
            "Against what is asked",
            [
                _interval("roc_auc, challenger", 0.7937, 0.7889, 0.7984, 0.75, "passed"),
                _interval("roc_auc, gain on the champion", 0.0021, -0.0013, 0.0055, 0.0, "inconclusive"),
                _interval("lift in the top 10%", 4.12, 3.91, 4.33, 2.0, "passed"),
                _interval("expected value per 1,000 leads", 1834.2, 1511.9, 2160.4, 1500.0, "passed"),
            ],
            about="Each bound holds with 95% confidence; the dashed line is what the policy asks for.",
        ),
        exhibits.lines(
            "ROC", "false positive rate", "true positive rate", _both(_power, 0.22, 0.24, "x", "y"),
            diagonal=True, about="Area 0.7937 and 0.7916.",
        ),
        exhibits.lines("Precision and recall", "recall", "precision", _both(_falling, 0.5, 0.45, "x", "y")),
        exhibits.lines(
            "Calibration", "predicted", "observed", _both(_calibrated, 0.03, 0.09, "x", "y"), diagonal=True
        ),
        exhibits.histograms("Scores", "predicted", _both(_heaped, 0.2, 0.26, "edges", "heights")),
    ]  # fmt: skip


def slices() -> list[Exhibit]:
    """What a gate that judges by segment may draw."""
    verdicts = ["passed"] * 6 + ["inconclusive"] * 3 + ["failed"]
    values = [0.79 - 0.006 * at for at in range(len(JOBS))]
    rows = [
        _interval(f"job = {job}", value, value - 0.01 - 0.003 * at, value + 0.01 + 0.003 * at, 0.72, verdict)
        for at, (job, value, verdict) in enumerate(zip(JOBS, values, verdicts, strict=True))
    ]
    table = [
        [f"job = {job}", 907 + 900 * (9 - at), value, verdict]
        for at, (job, value, verdict) in enumerate(zip(JOBS, values, verdicts, strict=True))
    ]
    return [
        exhibits.intervals("roc_auc by job", rows, about="Corrected for 10 slices (Holm)."),
        exhibits.table("The worst slices", ["slice", "rows", "roc_auc", "verdict"], table[::-1]),
    ]


def drift() -> list[Exhibit]:
    rows = [
        ["age", 0.013, 0.021, "passed"],
        ["euribor3m", 0.412, 0.33, "failed"],
        ["job", 0.02, None, "passed"],
    ]
    return [exhibits.table("Columns", ["column", "PSI", "KS", "verdict"], rows)]


def decision() -> Decision:
    """Denied: one gate inconclusive, one failed, one waived, an advisory one failed, two passed."""
    fair = Excuse(
        ExcuseKind.WAIVER, "cleo", "the fair: labels come late", waiver="fair",
        where="policies/waivers/fair.yaml:1:1", expires=datetime(2026, 12, 1, tzinfo=UTC),
    )  # fmt: skip
    judgements = (
        Judgement(
            entry("evaluation", 12, hint="Score more of October's leads, or ask for less."),
            GateResult(
                Verdict.INCONCLUSIVE,
                "roc_auc 0.7937 is better than the champion's 0.7916 by 0.0021, with 95% confidence by at "
                "least -0.0013: not settled. Some 96,000 rows would settle it; there are 41,188.",
                {"rows": 41188, "positives": 4640, "data": "holdout.csv"},
                exhibits=evaluation(),
            ),
        ),
        Judgement(
            entry("slices", 20),
            GateResult(
                Verdict.FAILED, "job = housemaid: roc_auc 0.736, with 95% confidence not 0.72",
                {"worst": "job = housemaid"}, exhibits=slices(),
            ),
        ),
        Judgement(
            entry("drift", 27, Enforcement.ADVISORY),
            GateResult(Verdict.FAILED, "euribor3m: PSI 0.412 is above 0.2", {"psi": 0.412}, exhibits=drift()),
        ),
        Judgement(
            entry("staging_dwell", 31),
            GateResult(
                Verdict.PENDING, "in Staging for 2h of 1d", {}, datetime(2026, 11, 25, 12, tzinfo=UTC)
            ),
            fair,
        ),
        Judgement(
            entry("approvals", 33, Enforcement.OVERRIDABLE, by=("head-of-risk",)),
            GateResult(Verdict.PASSED, "approved by ana and ben", {"by": ["ana", "ben"]}),
        ),
        Judgement(entry("signature", 35), GateResult(Verdict.PASSED, "20 inputs, 1 output")),
    )  # fmt: skip
    return Decision(
        Identity("default", "bank_leads", 7, 1795542758045, "7e" * 32), "Staging", "Production",
        Outcome.DENIED, judgements, (PolicyRef("bank-leads", "policies/bank_leads.yaml", "ab" * 32),),
        datetime(2026, 11, 24, 14, 3, tzinfo=UTC),
        evidence={"metrics.roc_auc": {"value": 0.7937, "source": "logged model"}, "champion": 6},
        reason="Better on October's leads", id=ID, champion=6,
    )  # fmt: skip


def record(made: Decision) -> Entry:
    """Its record, as a ledger would have it."""
    body = {key: value for key, value in made.as_json().items() if key != "id"}
    written = Record(
        Kind.DECISION, 14, datetime(2026, 11, 24, 14, 3, 1, tzinfo=UTC), Actor("ana", True),
        made.identity.model, "default", False, body, 45.0, {"hash": "cd" * 32, "id": "1" * 32},
    )  # fmt: skip
    return Entry(made.id, written, HASH, State.CLOSED, 0, None, None)


def _interval(
    label: str, value: float, low: float, high: float, margin: float, verdict: str
) -> dict[str, float | str]:
    return {
        "label": label, "value": value, "low": low, "high": high, "margin": margin, "verdict": verdict,
    }  # fmt: skip


def _both(shape: Callable[[float], Curve], ours: float, theirs: float, x: str, y: str) -> list[Exhibit]:
    curves = (("challenger, version 7", shape(ours)), ("champion, version 6", shape(theirs)))
    return [{"name": name, x: curve[0], y: curve[1]} for name, curve in curves]


def _power(exponent: float) -> Curve:
    x = [at / 120 for at in range(121)]
    return x, [one**exponent for one in x]


def _falling(exponent: float) -> Curve:
    x = [at / 120 for at in range(121)]
    return x, [0.85 - 0.7 * one**exponent for one in x]


def _calibrated(bias: float) -> Curve:
    x = [0.05 + at / 10 for at in range(10)]
    return x, [min(1.0, max(0.0, one + bias * math.sin(5 * one))) for one in x]


def _heaped(middle: float) -> Curve:
    edges = [at / 25 for at in range(26)]
    heights = [math.exp(-(((one + 0.02 - middle) / 0.16) ** 2)) for one in edges[:-1]]
    return edges, [one / sum(heights) for one in heights]


if __name__ == "__main__":
    from hotpass.pages.page import page_of

    Path(sys.argv[1]).write_text(page_of(decision(), record(decision())), encoding="utf-8")

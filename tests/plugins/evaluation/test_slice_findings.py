"""What is said of a slice, and of groups that nothing was decided for."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotpass.verdicts import Verdict
from hotpass_evaluation.gates.requirements import Requirement
from hotpass_evaluation.gates.slice_findings import by_slice
from hotpass_evaluation.work.disparity import disparities
from hotpass_evaluation.work.segments import Coded

FIGURE = {"value": 0.781, "low": 0.76, "high": None, "method": "DeLong"}


def test_a_comparison_without_a_champion_says_so_and_is_not_the_worst() -> None:
    found: dict[str, Any] = {"challenger": FIGURE, "champion": None, "gain": None, "p_below": None}
    known = {**found, "challenger": {**FIGURE, "high": 0.8}, "p_below": 1.0}
    asked = [Requirement("roc_auc", kind, 0.0, 0.95, True) for kind in ("better_by", "at_least")]
    segments = [{"name": "job = admin.", "rows": 2566, "measured": [found, known]}]
    compared, floor = by_slice(segments, asked)
    assert compared.verdict is Verdict.PASSED
    assert compared.message == (
        "job = admin. (2,566 rows): roc_auc is 0.781, compared with nothing: there is no champion"
    )
    assert max((compared, floor), key=lambda one: one.short) is floor


def test_groups_without_a_single_decision_are_not_known_to_be_treated_alike() -> None:
    rng = np.random.default_rng(0)
    groups = Coded(np.repeat([0, 1], 100), ["a", "b"])
    target, called = (rng.random(200) < 0.3).astype(float), np.zeros(200, dtype=np.int64)
    found = disparities(
        groups, target, called, None, 200, {"demographic_parity_difference": 0.95}, (100, 20)
    )["measures"]["demographic_parity_difference"]
    assert found["value"] == found["low"] == 0
    assert 0.005 < found["high"] < 0.1

"""Many tests at once: as statsmodels has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from hotpass_evaluation.statistics import Metric, Sample, measure
from hotpass_evaluation.statistics.holm import adjusted
from hotpass_evaluation.work.slices import p_below


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_holm(p_values: list[float]) -> None:
    assert adjusted(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_false_alarms_stay_under_the_level() -> None:
    rng = np.random.default_rng(3)
    alarms = sum(min(adjusted(rng.random(24).tolist())) < 0.05 for _ in range(2000))
    assert alarms < 130, "5% of 2,000 is 100"
    assert sum(min(rng.random(24)) < 0.05 for _ in range(2000)) > 1000, "without it, most raise one"


def test_none() -> None:
    assert adjusted([]) == []


def test_twelve_slices_that_are_on_the_floor_are_seldom_shown_to_be_below() -> None:
    """Of unequal size, as the bank's jobs are: 200 to 3,000 rows, one in eight of which is positive."""
    rng = np.random.default_rng(0)
    sizes = (3000, 2800, 2000, 1200, 880, 500, 440, 420, 320, 310, 260, 200)
    asked = {"relative": False, "kind": "at_least", "margin": 0.7}
    runs, alarms, naive = 120, 0, 0
    for _ in range(runs):
        p_values = []
        for size in sizes:
            target = (rng.random(size) < 0.12).astype(float)
            scores = norm.cdf(rng.normal(size=size) + norm.ppf(0.7) * 2**0.5 * target)
            found = measure(Sample(target, scores), [Metric("roc_auc")], confidence=0.95)[0]
            p_values.append(p_below(found, asked, 0.95) or 0.0)
        alarms += min(adjusted(p_values)) < 0.05
        naive += min(p_values) < 0.05
    # 5% of 120 is 6; 12 or more have a chance of one in sixty.
    assert alarms < 12
    assert naive > 30, "without a correction there is one in every third decision"

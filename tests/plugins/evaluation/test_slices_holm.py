"""Many tests at once: as statsmodels has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from hotpass_evaluation.statistics.holm import adjusted


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

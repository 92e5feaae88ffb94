"""The metrics, and the threshold behind precision and recall."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from hotpass_training.measures import METRICS, best_threshold, measure


def test_metrics_by_hand():
    won, scores = np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.6, 0.1])
    found = measure(won, scores, scores >= 0.5)
    assert list(found) == list(METRICS)
    assert found["roc_auc"] == pytest.approx(0.75)
    assert found["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert found["precision"] == found["recall"] == 0.5
    assert found["brier_score"] == pytest.approx((0.1**2 + 0.6**2 + 0.6**2 + 0.1**2) / 4)
    assert found["log_loss"] == pytest.approx(
        -(math.log(0.9) + math.log(0.4) + math.log(0.4) + math.log(0.9)) / 4
    )


def test_precision_is_nan_where_nothing_is_called_won():
    found = measure(np.array([1, 0]), np.array([0.4, 0.1]), np.array([False, False]))
    assert math.isnan(found["precision"])
    assert found["recall"] == 0.0


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=2).filter(
        lambda rows: len({w for w, _ in rows}) == 2
    )
)
def test_no_other_threshold_has_a_better_f1(rows):
    won, scores = np.array([w for w, _ in rows], dtype=int), np.array([s for _, s in rows]) / 10
    best = f1_score(won, scores >= best_threshold(won, scores), zero_division=0.0)
    others = [f1_score(won, scores >= threshold, zero_division=0.0) for threshold in np.unique(scores)]
    assert best >= max(others) - 1e-12


def test_the_threshold_lies_between_two_scores():
    assert best_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.5, 0.9])) == pytest.approx(0.4)
    assert best_threshold(np.array([0, 1]), np.array([0.6, 0.6])) == pytest.approx(0.3)

"""Which rows a model is judged by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from hotpass.errors import CallError
from hotpass_training.validation import HOLDOUT, OUT_OF_FOLD, fit_and_judge


class Recorder(LogisticRegression):
    """Remembers which rows it was fitted on."""

    fitted: list[set[int]] = []

    def fit(self, X, y):
        type(self).fitted.append(set(X.index))
        self.rows_ = set(X.index)
        return super().fit(X, y)

    def predict_proba(self, X):
        assert not self.rows_ & set(X.index), "judged by a row that it was fitted on"
        return super().predict_proba(X)


def leads(lost: int, won: int) -> tuple[pd.DataFrame, np.ndarray]:
    target = np.array([0] * lost + [1] * won)
    random = np.random.default_rng(1)
    return pd.DataFrame({"x": target + random.normal(0, 0.5, len(target))}), target


def judge(lost: int, won: int, size: float = 0.2):
    Recorder.fitted.clear()
    features, target = leads(lost, won)
    return fit_and_judge(Recorder, features, target, size, random_state=3), target


def test_enough_rows_are_held_out_in_the_same_shares():
    judged, won = judge(300, 100)
    assert judged.method == HOLDOUT
    assert len(judged.validation) == 80
    assert won[judged.validation].sum() == 20
    assert set(judged.train).isdisjoint(judged.validation)
    assert len(judged.train) + len(judged.validation) == 400
    assert judged.model.rows_ == set(judged.train)


def test_the_threshold_does_not_come_from_the_rows_it_is_measured_on():
    judged, _ = judge(300, 100)
    assert all(rows <= set(judged.train) for rows in Recorder.fitted)
    np.testing.assert_array_equal(judged.called, judged.scores >= judged.threshold)


@pytest.mark.parametrize(
    ("lost", "won", "folds"), [(2, 2, 2), (50, 3, 3), (4, 60, 4), (500, 20, 5), (12, 12, 5)]
)
def test_too_few_of_a_kind_are_judged_out_of_fold(lost, won, folds):
    judged, target = judge(lost, won)
    assert judged.method == OUT_OF_FOLD
    assert judged.folds == folds
    assert judged.validation.tolist() == list(range(lost + won))
    assert len(judged.scores) == len(judged.called) == lost + won
    assert judged.model.rows_ == set(range(lost + won))
    assert 0 < target[judged.called].sum() <= won


def test_the_border_between_the_two():
    assert judge(500, 25)[0].method == HOLDOUT
    assert judge(500, 24)[0].method == OUT_OF_FOLD
    assert judge(500, 25, size=0.9)[0].method == OUT_OF_FOLD


@pytest.mark.parametrize(("lost", "won"), [(1, 1), (100, 1), (1, 100)])
def test_one_lead_of_a_kind_cannot_be_learnt_from_and_judged_by(lost, won):
    with pytest.raises(CallError, match="at least two of each kind"):
        judge(lost, won)


@pytest.mark.parametrize("size", [0, 1, -0.1, 20, float("nan")])
def test_the_share_lies_between_none_and_all(size):
    with pytest.raises(CallError, match="give the share to hold out"):
        judge(10, 10, size)


def test_the_same_seed_gives_the_same_answer():
    first, second = judge(300, 100)[0], judge(300, 100)[0]
    np.testing.assert_array_equal(first.scores, second.scores)
    assert first.threshold == second.threshold

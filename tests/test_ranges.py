"""The ranges of metrics, against scikit-learn's own answers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from sklearn import metrics
from sklearn.dummy import DummyClassifier, DummyRegressor

from hotpass.directions import higher_is_better
from hotpass.ranges import Range, natural_range


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("roc_auc", (0, 1)), ("val_f1_score", (0, 1)), ("eval_accuracy_score", (0, 1)),
        ("ROC_AUC", (0, 1)), ("test_recall_macro", (0, 1)), ("log_loss", (0, None)),
        ("neg_log_loss", (None, 0)),
        ("r2", (None, 1)), ("matthews_corrcoef", (-1, 1)), ("neg_brier_score", (-2, 0)), ("rmse", (0, None)),
        ("training_score", None), ("completeness", None), ("val_completeness_score", (0, 1)),
        ("lift_at_10", None), ("neg_profit", None), ("", None),
    ],
)  # fmt: skip
def test_ranges(name: str, expected: tuple[float | None, float | None] | None) -> None:
    assert natural_range(name) == (None if expected is None else Range(*expected))


@pytest.mark.parametrize("name", metrics.get_scorer_names())
def test_every_scorer_has_a_range(name: str) -> None:
    found = natural_range(name)
    assert found is not None
    assert found != (None, None)
    assert higher_is_better(name) is not None


def answers(name: str) -> Iterator[float]:
    """What the scorer says of good, poor and foolish models on random data."""
    numbers = np.random.default_rng(7)
    scorer = metrics.get_scorer(name)
    for _ in range(3):
        truth = numbers.integers(0, 2, 30)
        features = numbers.normal(size=(30, 1))
        for values in (truth, truth + numbers.random(30) + 0.1):
            for model in (DummyClassifier(strategy="uniform"), DummyClassifier(), DummyRegressor(),
                          DummyRegressor(strategy="constant", constant=9.0)):  # fmt: skip
                try:
                    yield float(scorer(model.fit(features, values), features, values))
                except (ValueError, TypeError, AttributeError):
                    continue


# Those are for several labels of one row.
@pytest.mark.parametrize("name", [name for name in metrics.get_scorer_names() if "_samples" not in name])
def test_no_answer_of_scikit_learn_is_outside(name: str) -> None:
    low, high = natural_range(name) or (None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = [value for value in answers(name) if np.isfinite(value)]
    assert values
    assert low is None or min(values) >= low - 1e-12
    assert high is None or max(values) <= high + 1e-12

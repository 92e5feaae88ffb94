from __future__ import annotations

import pytest
from sklearn import metrics

from hotpass.directions import higher_is_better


@pytest.mark.parametrize("name", metrics.get_scorer_names())
def test_every_scorer_of_scikit_learn_is_better_when_higher(name):
    assert higher_is_better(name) is True


@pytest.mark.parametrize(
    "name", [name for name in dir(metrics) if name.endswith(("_loss", "_error", "_deviance"))]
)
def test_every_loss_function_of_scikit_learn_is_better_when_lower(name):
    assert higher_is_better(name) is False


@pytest.mark.parametrize("name", [name for name in dir(metrics) if name.endswith("_score")])
def test_every_score_function_of_scikit_learn_is_better_when_higher(name):
    assert higher_is_better(name) is (name != "davies_bouldin_score")


@pytest.mark.parametrize(
    "name",
    [
        "accuracy", "roc_auc", "average_precision", "f1", "precision", "recall", "r2", "training_roc_auc",
        "val_f1_score", "test_recall_macro", "validation_accuracy_score", "eval_r2_score", "ROC_AUC",
        "neg_log_loss",
        "training_score", "precision_recall_auc", "f1_score_weighted",
    ],
)  # fmt: skip
def test_better_when_higher(name):
    assert higher_is_better(name) is True


@pytest.mark.parametrize(
    "name",
    [
        "log_loss", "brier_score", "brier_score_loss", "rmse", "mse", "mae", "mean_absolute_error",
        "root_mean_squared_error", "training_log_loss", "val_mean_squared_error", "max_error", "hinge_loss",
        "hamming_loss", "mean_absolute_percentage_error", "negative_likelihood_ratio",
    ],
)  # fmt: skip
def test_better_when_lower(name):
    assert higher_is_better(name) is False


@pytest.mark.parametrize(
    "name",
    [
        "",
        "lift_at_10",
        "profit",
        "latency_ms",
        "neg_profit",
        "training_",
        "score_",
        "neg_roc_auc",
        "my_recall",
    ],
)
def test_unknown(name):
    assert higher_is_better(name) is None

"""Which direction is better, for the metric names that scikit-learn and MLflow's autologging use."""

from __future__ import annotations

import re
from collections.abc import Container

#: `sklearn.metrics.get_scorer_names()` and the functions behind them, without the suffix `_score`.
_HIGHER = frozenset({
    "accuracy", "balanced_accuracy", "top_k_accuracy", "average_precision", "precision", "recall", "f1",
    "fbeta", "jaccard", "roc_auc", "matthews_corrcoef", "cohen_kappa", "ndcg", "dcg", "r2",
    "explained_variance", "d2_absolute_error", "d2_brier", "d2_log_loss", "d2_pinball", "d2_tweedie",
    "adjusted_mutual_info", "adjusted_rand", "completeness", "fowlkes_mallows", "homogeneity",
    "mutual_info", "normalized_mutual_info", "rand", "v_measure", "silhouette", "calinski_harabasz",
    "positive_likelihood_ratio", "label_ranking_average_precision", "precision_recall_auc", "auc",
    "consensus", "score",
})  # fmt: skip

_LOWER = frozenset({
    "log_loss", "brier", "brier_loss", "brier_score_loss", "hamming_loss", "hinge_loss", "zero_one_loss",
    "label_ranking_loss", "coverage_error", "max_error", "mean_absolute_error", "mean_squared_error",
    "mean_squared_log_error", "median_absolute_error", "root_mean_squared_error",
    "root_mean_squared_log_error", "mean_absolute_percentage_error", "mean_pinball_loss",
    "mean_poisson_deviance", "mean_gamma_deviance", "mean_tweedie_deviance", "negative_likelihood_ratio",
    "davies_bouldin", "mae", "mse", "rmse", "msle", "rmsle", "mape",
})  # fmt: skip

# MLflow's autologging writes `training_roc_auc`, `val_f1_score`; its evaluation writes `eval_…`.
_PREFIX = re.compile(r"\A(?:training|train|validation|valid|val|test|eval|holdout)_")
_SUFFIX = re.compile(r"_(?:score|macro|micro|weighted|samples|ovr|ovo)\Z")


def higher_is_better(metric: str) -> bool | None:
    """Whether a higher `metric` is a better one; None where the name is not a known one.

    A `neg_…` of scikit-learn's scorers is better when higher, since it is a loss with its sign turned.
    """
    name = known_name(metric, _HIGHER | _LOWER)
    return None if name is None else name not in _LOWER


def known_name(metric: str, names: Container[str]) -> str | None:
    """The one of `names` that `metric` is, without the prefixes and suffixes of MLflow's autologging; or
    `neg_` and the loss among `names` that a scorer of scikit-learn turns the sign of. None for no one.
    """
    name = _PREFIX.sub("", metric.lower())
    while True:
        if name in names:
            return name
        loss = _SUFFIX.sub("", name[4:])
        if name.startswith("neg_") and loss in names and loss in _LOWER:
            return f"neg_{loss}"
        shorter = _SUFFIX.sub("", name)
        if shorter == name:
            return None
        name = shorter

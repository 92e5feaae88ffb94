"""Between which values a metric of scikit-learn lies, whatever the model.

From the documentation of `sklearn.metrics` (1.7 to 1.9), each function with its default parameters. Where a
parameter widens the range, so that a metric of that name may lie outside (a `balanced_accuracy` that is
adjusted for chance, a Brier score of several classes that is not scaled), the wider one is here.
"""

from __future__ import annotations

from typing import NamedTuple

from hotpass.directions import known_name


class Range(NamedTuple):
    """The least and the greatest value, both possible; None where there is none."""

    low: float | None
    high: float | None


_SHARES = (
    "accuracy", "top_k_accuracy", "average_precision", "precision", "recall", "f1", "fbeta", "jaccard",
    "roc_auc", "auc", "precision_recall_auc", "ndcg", "completeness", "homogeneity", "v_measure",
    "fowlkes_mallows", "normalized_mutual_info", "rand", "consensus", "label_ranking_average_precision",
    "hamming_loss", "label_ranking_loss",
)  # fmt: skip
_CORRELATIONS = ("matthews_corrcoef", "cohen_kappa", "silhouette", "adjusted_rand", "balanced_accuracy")
_AT_MOST_ONE = (
    "r2", "explained_variance", "adjusted_mutual_info", "d2_absolute_error", "d2_brier", "d2_log_loss",
    "d2_pinball", "d2_tweedie",
)  # fmt: skip
_NEVER_NEGATIVE = (
    "dcg", "mutual_info", "calinski_harabasz", "positive_likelihood_ratio", "negative_likelihood_ratio",
    "davies_bouldin", "log_loss", "hinge_loss", "zero_one_loss", "coverage_error", "max_error",
    "mean_absolute_error", "mean_squared_error", "mean_squared_log_error", "median_absolute_error",
    "root_mean_squared_error", "root_mean_squared_log_error", "mean_absolute_percentage_error",
    "mean_pinball_loss", "mean_poisson_deviance", "mean_gamma_deviance", "mean_tweedie_deviance", "mae",
    "mse", "rmse", "msle", "rmsle", "mape",
)  # fmt: skip

#: Words that a team may use for something else: they are scikit-learn's only with `_score` behind them.
_COMMON_WORDS = frozenset({"completeness", "homogeneity", "consensus", "rand"})

_RANGES: dict[str, Range] = {
    **dict.fromkeys(_SHARES, Range(0, 1)),
    **dict.fromkeys(_CORRELATIONS, Range(-1, 1)),
    **dict.fromkeys(_AT_MOST_ONE, Range(None, 1)),
    **dict.fromkeys(_NEVER_NEGATIVE, Range(0, None)),
    **dict.fromkeys(("brier", "brier_loss", "brier_score_loss"), Range(0, 2)),
}


def natural_range(metric: str) -> Range | None:
    """Between which values `metric` lies; None for one that is not known, or that may be anything.

    Prefixes and suffixes of MLflow's autologging count as in `higher_is_better`; a `neg_…` of scikit-learn's
    scorers has the range of its loss with the sign turned.
    """
    name = known_name(metric, _RANGES)
    if name is None or (name in _COMMON_WORDS and "_score" not in metric.lower()):
        return None
    if name in _RANGES:
        return _RANGES[name]
    low, high = _RANGES[name.removeprefix("neg_")]
    return Range(None if high is None else -high, None if low is None else -low)

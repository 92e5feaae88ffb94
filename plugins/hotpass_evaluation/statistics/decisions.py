"""Figures of decisions: a row whose score reaches the threshold is called positive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hotpass_evaluation.statistics.arrays import Codes, Floats, Places
from hotpass_evaluation.statistics.bounds import Range
from hotpass_evaluation.statistics.figures import Undefined
from hotpass_evaluation.statistics.known import OUTCOMES, Metric


def thresholds(metric: Metric) -> tuple[float, float]:
    """The challenger's and the champion's."""
    own = float(metric.parameters["threshold"])
    of_champion = metric.parameters["champion_threshold"]
    return own, own if of_champion is None else float(of_champion)


def outcomes(target: Floats, scores: Floats, threshold: float) -> Codes:
    """Of each row the place in `OUTCOMES`: 0 true positive, 1 false positive, 2 false negative, 3 true
    negative.
    """
    called, won = scores >= threshold, target == 1
    return np.where(called, np.where(won, 0, 1), np.where(won, 2, 3)).astype(np.int64)


def worth(values: Mapping[str, Any]) -> tuple[Floats, Range]:
    """What each of `OUTCOMES` is worth, and from where to where that goes."""
    of_each = np.array([float(values.get(outcome, 0.0)) for outcome in OUTCOMES])
    return of_each, Range(float(of_each.min()), float(of_each.max()))


def figure(metric: Metric, totals: Floats) -> Floats:
    """`metric` of `totals`, of shape (…, 4): the weights of the four outcomes. NaN where there is none.

    scikit-learn's accuracy_score, precision_score, recall_score and fbeta_score.
    """
    hit, wrong, missed, rest = (totals[..., place] for place in range(4))
    if metric.name == "accuracy":
        return _ratio(hit + rest, hit + wrong + missed + rest)
    if metric.name == "precision":
        return _ratio(hit, hit + wrong)
    if metric.name == "recall":
        return _ratio(hit, hit + missed)
    square = float(metric.parameters["beta"]) ** 2
    found = _ratio((1 + square) * hit, (1 + square) * hit + square * missed + wrong)
    return np.asarray(np.where(hit + missed > 0, found, np.nan))


def _ratio(part: Floats, whole: Floats) -> Floats:
    whole = np.asarray(whole, dtype=np.float64)
    ratio: Floats = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return ratio


def defined(metric: Metric, whose: str, threshold: float, found: Places | Codes) -> None:
    """Raises Undefined, in words, where `metric` does not exist of the `found` outcomes."""
    if metric.name == "precision" and not (found <= 1).any():
        raise Undefined(f"no row has a score of the {whose} that reaches the threshold {threshold:g}")
    if metric.name in ("recall", "f_beta") and not ((found == 0) | (found == 2)).any():
        raise Undefined(f"none of the {len(found):,} rows is positive")

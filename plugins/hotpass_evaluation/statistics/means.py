"""Figures that are a mean over rows: log_loss, brier, mae, expected_value."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from hotpass_evaluation.statistics.arrays import Floats
from hotpass_evaluation.statistics.bounds import Range, by_spread, on_log, unvaried
from hotpass_evaluation.statistics.figures import Interval, Sample

#: scikit-learn's: a probability is kept so far from 0 and 1.
_EPS = float(np.finfo(np.float64).eps)


def losses(name: str, target: Floats, scores: Floats) -> tuple[Floats, Range]:
    """The loss of each row, and what a row can lose at most."""
    if name == "log_loss":
        likely = np.where(target == 1, scores, 1 - scores)
        return -np.log(np.clip(likely, _EPS, 1 - _EPS)), Range(0.0, -math.log(_EPS))
    if name == "brier":
        return (target - scores) ** 2, Range(0.0, 1.0)
    return np.abs(target - scores), Range(0.0, math.inf)


class Mean(NamedTuple):
    """`error` is the standard error; `differing` are the rows or groups where the values are not 0."""

    value: float
    error: float
    units: int
    differing: int
    of: str


def mean(values: Floats, sample: Sample) -> Mean:
    """The weighted mean over rows, with the standard error of a ratio of sums over rows, or over groups: W.
    G. Cochran (1977), Sampling Techniques, 3rd ed., sections 6.3 and 9A.
    """
    weight, group = sample.weight, sample.group
    total = float(len(values)) if weight is None else float(weight.sum())
    weighed = values if weight is None else values * weight
    value = float(weighed.sum()) / total
    off = weighed - value if weight is None else weighed - value * weight
    differing = int(np.count_nonzero(values))
    units, of = len(values), "rows"
    if group is not None:
        off = np.bincount(group, weights=off).astype(np.float64)
        units, of = len(off), "groups"
        differing = int(np.count_nonzero(np.bincount(group, weights=values != 0)))
    if not np.ptp(values):
        return Mean(float(values[0]), 0.0, units, differing, of)
    error = math.sqrt(float(off @ off) * units / (units - 1)) / total
    return Mean(value, error, units, differing, of)


def interval(found: Mean, alpha: float, within: Range, sign: int = 1) -> Interval:
    """Student's t over rows or groups; over those that are not 0, which for a gain are those where the models
    differ: few differences are few observations, however many rows agree.
    """
    value = sign * found.value + 0.0
    if found.error == 0:
        low, high = unvaried(value, alpha, found.units, within)
        return Interval(value, low, high, "exact, of a constant")
    if within.floor == 0 and value > 0:
        low, high = within.holds(*on_log(value, found.error, alpha, found.differing - 1))
        return Interval(value, low, high, f"Student's t over {found.of}, on the log scale")
    low, high = by_spread(value, found.error, alpha, found.differing - 1, within)
    return Interval(value, low, high, f"Student's t over {found.of}")


def p_value(found: Mean) -> float | None:
    """Two-sided, of a mean of 0."""
    if found.error == 0 or found.differing < 2:
        return None
    return float(2 * stats.t.sf(abs(found.value) / found.error, found.differing - 1))

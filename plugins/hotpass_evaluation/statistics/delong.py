"""The area under the ROC curve and its covariance between two models, without resampling.

E. R. DeLong, D. M. DeLong & D. L. Clarke-Pearson (1988), Biometrics 44, 837-845, with the midranks of X. Sun
& W. Xu (2014), IEEE Signal Processing Letters 21, 1389-1393, which bring it from O(n^2) to O(n log n).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from hotpass_evaluation.statistics.arrays import Floats
from hotpass_evaluation.statistics.bounds import SHARE, by_spread, on_logit, unvaried
from hotpass_evaluation.statistics.figures import Interval, Undefined


class Placements(NamedTuple):
    """Of each positive, the share of negatives below it (ties count half); of each negative, the share of
    positives above it.
    """

    area: float
    positives: Floats
    negatives: Floats


def placements(target: Floats, scores: Floats) -> Placements:
    """Raises Undefined unless there are two rows of either class."""
    won = target == 1
    if min(won.sum(), len(won) - won.sum()) < 2:
        raise Undefined("a class with a single row has no spread to judge by")
    high, low = scores[won], scores[~won]
    by_high, by_low = np.argsort(high), np.argsort(low)
    sorted_high, sorted_low = high[by_high], low[by_low]
    positives = np.empty(len(high))
    positives[by_high] = _midway(sorted_low, sorted_high) / len(low)
    negatives = np.empty(len(low))
    negatives[by_low] = 1 - _midway(sorted_high, sorted_low) / len(high)
    return Placements(float(positives.mean()), positives, negatives)


def _midway(among: Floats, values: Floats) -> Floats:
    """How many of sorted `among` lie below each of sorted `values`, with half of those that equal it."""
    below = np.searchsorted(among, values, side="left")
    return (below + np.searchsorted(among, values, side="right")) / 2


def _error(positives: Floats, negatives: Floats) -> float:
    return math.sqrt(positives.var(ddof=1) / len(positives) + negatives.var(ddof=1) / len(negatives))


def area(placed: Placements, alpha: float) -> Interval:
    """Bounds on the logit scale, which hold better near its ends than those on the plain one."""
    error = _error(placed.positives, placed.negatives)
    fewer = min(len(placed.positives), len(placed.negatives))
    if error == 0 or placed.area in (0.0, 1.0):
        return Interval(placed.area, *unvaried(placed.area, alpha, fewer, SHARE), "exact, of a constant")
    low, high = on_logit(placed.area, error, alpha, fewer - 1, SHARE)
    return Interval(placed.area, low, high, "DeLong, Student's t on the logit scale")


def gain(challenger: Placements, champion: Placements, alpha: float) -> tuple[Interval, float | None]:
    """The difference of two areas on the same rows, and the two-sided p of none (normal, as published).

    The bounds take Student's t over the rows of the class where fewer differ: a model that differs from
    another in three rows has three observations of a difference, however many rows agree.
    """
    difference = challenger.area - champion.area
    ups = challenger.positives - champion.positives
    downs = challenger.negatives - champion.negatives
    error = _error(ups, downs)
    differing = int(min(np.count_nonzero(ups), np.count_nonzero(downs)))
    if differing == 0:
        fewer = min(len(ups), len(downs))
        low, high = unvaried(0.0, alpha, fewer, SHARE.gain())
        return Interval(0.0, low, high, "exact, of a constant"), None
    low, high = by_spread(difference, error, alpha, differing - 1, SHARE.gain())
    p_value = float(2 * stats.norm.sf(abs(difference) / error)) if error else None
    return Interval(difference, low, high, "DeLong, paired, Student's t"), p_value

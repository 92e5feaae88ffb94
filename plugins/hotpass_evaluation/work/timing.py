"""Percentiles of measured times, with the interval that the measurements leave open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

#: Points of a curve: enough for the eye.
_POINTS = 60


class Percentile(NamedTuple):
    """`low` and `high` are each a one-sided bound at the confidence asked for; None where there are too few
    measurements for one.
    """

    value: float
    low: float | None
    high: float | None


def percentile(times: Sequence[float], share: float, confidence: float) -> Percentile:
    """The `share` quantile (in (0, 1)) of what `times` (n,) are a sample of, in their unit.

    The value is the smallest time that `share` of them do not exceed. The bounds are order statistics: the
    number of times below the quantile is binomial, whatever the distribution (Hahn and Meeker, Statistical
    Intervals, 1991, section 5.2; Conover, Practical Nonparametric Statistics, 1999, section 3.2). They take
    the measurements to be independent, which bursts of other work on the machine are not.
    """
    ordered = np.sort(np.asarray(times, dtype=float))
    n = len(ordered)
    ranks = stats.binom(n, share)
    value = ordered[max(1, int(np.ceil(n * share - 1e-9))) - 1]
    # The largest l with P(at least l below the quantile) >= confidence; the smallest u with P(fewer than u).
    below = np.arange(1, n + 1)
    lows = below[ranks.sf(below - 1) >= confidence]
    highs = below[ranks.cdf(below - 1) >= confidence]
    return Percentile(
        float(value),
        float(ordered[lows[-1] - 1]) if len(lows) else None,
        float(ordered[highs[0] - 1]) if len(highs) else None,
    )


def curve(times: Sequence[float]) -> tuple[list[float], list[float]]:
    """Times, and the share of `times` that do not exceed each."""
    ordered = np.sort(np.asarray(times, dtype=float))
    shares = np.unique(np.r_[np.linspace(0, 0.9, _POINTS // 2), np.linspace(0.9, 1, _POINTS // 2)])
    at = np.clip(np.ceil(shares * len(ordered)).astype(int) - 1, 0, len(ordered) - 1)
    return [round(float(time), 4) for time in ordered[at]], [round(float(share), 4) for share in shares]


def more_needed(times: int, found: Percentile, limit: float) -> int | None:
    """About how many measurements would settle on which side of `limit` the quantile lies, taking the width
    of its interval to shrink with the root of their number; None where nothing would, or it cannot be said.
    """
    nearer = found.high if found.value <= limit else found.low
    gap = abs(found.value - limit)
    if nearer is None or gap <= 0.002 * limit:
        return None
    return int(np.ceil(times * max(1.0, abs(nearer - found.value) / gap) ** 2 * 1.2))

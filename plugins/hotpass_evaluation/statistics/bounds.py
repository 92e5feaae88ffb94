"""Bounds from resampled figures, and where nothing varied."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from hotpass_evaluation.statistics.arrays import Floats

#: So many resamples must lie beyond a quantile that is read off them.
_BEYOND = 20


class Range(NamedTuple):
    """What values a figure can take."""

    floor: float
    ceiling: float

    @property
    def width(self) -> float:
        return self.ceiling - self.floor

    def gain(self) -> Range:
        return Range(-self.width, self.width)

    def holds(self, low: float, high: float) -> tuple[float, float]:
        return max(low, self.floor), min(high, self.ceiling)


SHARE = Range(0.0, 1.0)


def percentiles(
    resampled: Floats, value: float, alpha: float, units: int, within: Range
) -> tuple[float, float, str]:
    """One-sided bounds at `alpha` each from `resampled`, of shape (resamples,), and how they were found.

    Expanded percentiles: the plain ones are too narrow by what t is wider than the normal distribution and
    by sqrt(n / (n - 1)), n being the independent `units` (Hesterberg 2015, The American Statistician 69,
    371-386, section 3.5). A quantile with fewer than 20 resamples beyond it is not read off but reached from
    one that has them, in proportion to the normal quantiles. Resamples without the figure (NaN) count as its
    worst on either side.
    """
    if units < 2:
        return within.floor, within.ceiling, "unbounded"
    tail = float(stats.norm.cdf(-math.sqrt(units / (units - 1)) * stats.t.ppf(1 - alpha, units - 1)))
    read = max(tail, _BEYOND / len(resampled))
    stretch = stats.norm.ppf(tail) / stats.norm.ppf(read)
    absent = np.isnan(resampled)
    down = np.quantile(np.where(absent, within.floor, resampled), read, method="lower")
    up = np.quantile(np.where(absent, within.ceiling, resampled), 1 - read, method="higher")
    low = value + min(float(down) - value, 0.0) * float(stretch)
    high = value + max(float(up) - value, 0.0) * float(stretch)
    return *within.holds(low, high), "percentiles" if read == tail else "stretched percentiles"


def unvaried(value: float, alpha: float, units: int, within: Range) -> tuple[float, float]:
    """Bounds of a figure that is the same however the rows are drawn.

    What never happened in n draws happens in at most 1 - alpha^(1/n) of them (Clopper & Pearson 1934,
    Biometrika 26, 404-413), and where it happens the figure is at worst at the end of its range.
    """
    unseen = 1 - alpha ** (1 / max(units, 1))
    return value - unseen * (value - within.floor), value + unseen * (within.ceiling - value)


def by_spread(value: float, error: float, alpha: float, freedom: float, within: Range) -> tuple[float, float]:
    """Student's t about `value` with the standard `error`; normal where `freedom` is infinite."""
    reach = float(stats.t.ppf(1 - alpha, max(freedom, 1))) * error
    return within.holds(value - reach, value + reach)


def on_logit(value: float, error: float, alpha: float, freedom: float, within: Range) -> tuple[float, float]:
    """Student's t on the logit scale of a value between the ends of its range, which the bounds then stay
    within: for AUC M. S. Pepe (2003), The Statistical Evaluation of Medical Tests, section 5.2.4; for average
    precision K. Boyd, K. H. Eng & C. D. Page (2013), ECML PKDD, 451-466.
    """
    part = (value - within.floor) / within.width
    reach = float(stats.t.ppf(1 - alpha, max(freedom, 1))) * error / within.width / (part * (1 - part))
    middle = math.log(part / (1 - part))
    low, high = (1 / (1 + math.exp(-max(min(middle + side, 700), -700))) for side in (-reach, reach))
    return within.floor + low * within.width, within.floor + high * within.width


def on_log(value: float, error: float, alpha: float, freedom: float) -> tuple[float, float]:
    """Student's t on the log scale of a value above 0: losses are skewed to the right."""
    reach = min(float(stats.t.ppf(1 - alpha, max(freedom, 1))) * error / value, 700)
    return value * math.exp(-reach), value * math.exp(reach)

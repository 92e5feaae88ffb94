"""Shares of rows: of one model, and of two on the same rows."""

from __future__ import annotations

import math

from scipy import optimize, stats

from hotpass_evaluation.statistics.figures import Interval


def share(hits: int, of: int, alpha: float) -> Interval:
    """Jeffreys' interval, whose each side holds by itself (T. T. Cai 2005, Journal of Statistical Planning
    and Inference 131, 63-88), which Wilson's does not; 0 and 1 are its ends where nothing or everything hit
    (Brown, Cai & DasGupta 2001, Statistical Science 16, 101-133).
    """
    low = float(stats.beta.ppf(alpha, hits + 0.5, of - hits + 0.5)) if hits else 0.0
    high = float(stats.beta.ppf(1 - alpha, hits + 0.5, of - hits + 0.5)) if hits < of else 1.0
    return Interval(hits / of, low, high, "Jeffreys")


def paired_gain(gained: int, lost: int, of: int, alpha: float) -> tuple[Interval, float]:
    """The difference of two shares of the same `of` rows, and McNemar's exact two-sided p of none.

    `gained` rows are hit by the challenger alone, `lost` ones by the champion alone. Bounds are Tango's score
    interval (T. Tango 1998, Statistics in Medicine 17, 891-908), and never better than the exact ones given
    how many rows differ (Clopper-Pearson on `gained` of `gained + lost`), so that a lower bound above 0
    always agrees with McNemar's exact test.
    """
    differing = gained + lost
    low, high = (_tango(gained, lost, of, side * float(stats.norm.ppf(1 - alpha))) for side in (1, -1))
    p_value = 1.0
    if differing:
        test = stats.binomtest(gained, differing)
        p_value = float(test.pvalue)
        exact = test.proportion_ci(1 - 2 * alpha, method="exact")
        low = min(low, (2 * exact.low - 1) * differing / of)
        high = max(high, (2 * exact.high - 1) * differing / of)
    return Interval((gained - lost) / of, low, high, "Tango's score and McNemar's exact test"), p_value


def _tango(gained: int, lost: int, of: int, z: float) -> float:
    """The difference at which the score statistic is `z`."""

    def score(difference: float) -> float:
        b = -gained - lost + (2 * of - gained + lost) * difference
        c = -lost * difference * (1 - difference)
        only_lost = (math.sqrt(max(b * b - 8 * of * c, 0.0)) - b) / (4 * of)
        variance = of * (2 * only_lost + difference * (1 - difference))
        excess = gained - lost - of * difference
        if variance <= 0:
            return math.copysign(1e9, excess) if excess else 0.0
        return excess / math.sqrt(variance)

    estimate = (gained - lost) / of
    end = math.copysign(1.0, -z)
    if abs(estimate) == 1 and estimate == end:
        return end
    inner = end * (1 - 1e-12)
    if (score(inner) - z) * (score(estimate) - z) > 0:
        return end
    return float(
        optimize.brentq(lambda difference: score(difference) - z, *sorted((inner, estimate)), xtol=1e-12)
    )

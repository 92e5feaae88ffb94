"""Percentiles of times: values, and intervals that hold what they say."""

from __future__ import annotations

import numpy as np
import pytest

from hotpass_evaluation.work.timing import Percentile, curve, more_needed, percentile


def test_the_value_is_the_smallest_time_that_so_many_do_not_exceed() -> None:
    times = list(range(1, 101))
    assert [percentile(times, share, 0.95).value for share in (0.5, 0.95, 0.99)] == [50, 95, 99]


def test_the_bounds_are_the_order_statistics_of_published_tables() -> None:
    # n = 100, median: the 40th and the 61st, for a two-sided 95% interval (Conover, table of the binomial).
    found = percentile(range(1, 101), 0.5, 0.975)
    assert (found.low, found.high) == (40, 61)
    # n = 5: the smallest and the largest hold the median with 1 - 2 * 0.5 ** 5 = 93.75%.
    assert percentile([3, 1, 2, 5, 4], 0.5, 0.95) == Percentile(3, 1, 5)


@pytest.mark.parametrize(("share", "least"), [(0.5, 5), (0.95, 59), (0.99, 299)])
def test_without_enough_requests_there_is_no_upper_bound(share: float, least: int) -> None:
    assert percentile(range(least - 1), share, 0.95).high is None
    assert percentile(range(least), share, 0.95).high == least - 1


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_each_bound_holds_as_often_as_it_says(share: float) -> None:
    rng = np.random.default_rng(7)
    true = float(np.exp(0.8 * {0.5: 0.0, 0.95: 1.6449, 0.99: 2.3263}[share]))
    found = [percentile(rng.lognormal(0, 0.8, 300).tolist(), share, 0.95) for _ in range(1500)]
    lows = np.mean([one.low is not None and one.low <= true for one in found])
    highs = np.mean([one.high is not None and one.high >= true for one in found])
    # Order statistics are discrete, so that they hold at least as often; 3 standard errors are 1.7%.
    assert lows > 0.933
    assert highs > 0.933
    assert min(lows, highs) < 0.995, "a bound that always holds says nothing"


def test_ties_are_no_trouble() -> None:
    assert percentile([2.0] * 300, 0.95, 0.95) == Percentile(2, 2, 2)


def test_the_curve_rises_to_all_of_them() -> None:
    times, shares = curve(np.random.default_rng(1).lognormal(0, 1, 1000).tolist())
    assert len(times) == len(shares) < 200
    assert times == sorted(times)
    assert (shares[0], shares[-1]) == (0, 1)


def test_how_many_more_would_settle_it() -> None:
    # Four times the gap away: sixteen times as many, and a fifth for luck.
    assert more_needed(100, Percentile(9, 7, 13), 10) == 1920
    assert more_needed(100, Percentile(10, 7, 13), 10) is None
    assert more_needed(100, Percentile(9, 7, None), 10) is None

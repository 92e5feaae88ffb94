"""How far a column has moved, less what chance alone moves it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from hotpass_evaluation.statistics.bins import codes, cuts
from hotpass_evaluation.statistics.shifts import of_categories, of_numbers, share_shift

NUMBERS = arrays(
    float,
    st.integers(1, 200),
    elements=st.floats(-1e6, 1e6, allow_subnormal=False) | st.sampled_from([0.0, 999.0]),
)
LEVEL = 3.0


@given(NUMBERS, st.integers(2, 50))
def test_every_row_is_in_a_bin_and_order_is_kept(values: np.ndarray, bins: int) -> None:
    begins = cuts(values, bins)
    assert (np.diff(begins) > 0).all()
    found = codes(np.sort(values), begins)
    assert (np.diff(found) >= 0).all()
    assert set(np.bincount(found, minlength=len(begins) + 1) > 0) == {True}, "no bin of the data is empty"


def test_a_value_that_many_have_has_a_bin_of_its_own() -> None:
    values = np.concatenate([np.full(960, 999.0), np.arange(40.0)])
    begins = cuts(values, 10)
    found = codes(np.array([998.0, 999.0, 1000.0]), begins)
    assert found[1] not in (found[0],)
    moved = np.concatenate([np.full(800, 999.0), np.arange(200.0) % 40])
    assert of_numbers(values, moved, LEVEL)["psi"].low > 0.05, "a fifth of the rows changed"


@pytest.mark.parametrize("other", [-5.0, 5.0])
def test_what_was_always_the_same_and_is_no_more(other: float) -> None:
    recent = np.where(np.arange(500) < 250, other, 0.0)
    assert of_numbers(np.zeros(5000), recent, LEVEL)["psi"].low > 1


@given(NUMBERS, NUMBERS, st.integers(0, 5))
def test_figures_are_never_negative_and_lie_within_their_bounds(
    training: np.ndarray, recent: np.ndarray, seed: int
) -> None:
    for name, shift in of_numbers(training, recent, LEVEL, resamples=20, seed=seed).items():
        assert 0 <= shift.low <= shift.value <= shift.high, name
        assert shift.value <= shift.raw, "chance only adds"


@given(NUMBERS)
def test_the_same_rows_have_not_moved(values: np.ndarray) -> None:
    found = of_numbers(values, values.copy(), LEVEL, resamples=20)
    assert all(shift.raw == pytest.approx(0, abs=1e-12) for shift in found.values())


def test_figures_are_those_of_scipy_and_of_the_formula() -> None:
    rng = np.random.default_rng(5)
    training, recent = rng.normal(size=4000), rng.normal(0.4, 1.2, size=3000)
    found = of_numbers(training, recent, LEVEL)
    assert found["ks"].raw == pytest.approx(stats.ks_2samp(training, recent).statistic)
    assert found["wasserstein"].raw == pytest.approx(
        stats.wasserstein_distance(training, recent) / training.std()
    )
    edges = np.quantile(training, np.linspace(0, 1, 11))
    edges[0], edges[-1] = -np.inf, np.inf
    p = np.histogram(training, edges)[0] / 4000
    q = np.histogram(recent, edges)[0] / 3000
    assert found["psi"].raw == pytest.approx(float(((q - p) * np.log(q / p)).sum()), rel=0.01)
    assert found["psi"].low > 0.08


@pytest.mark.parametrize(("before", "after"), [(40_000, 200), (500, 500), (100, 100), (50, 1000)])
def test_two_samples_of_the_same_distribution_are_not_shown_to_differ(before: int, after: int) -> None:
    """The plain index of 100 against 100 rows is 0.18 on average without any change."""
    rng = np.random.default_rng(before + after)
    drawn = [
        of_numbers(rng.normal(size=before), rng.normal(size=after), LEVEL, seed=seed) for seed in range(15)
    ]
    assert max(found["psi"].low for found in drawn) < 0.05
    assert max(found["ks"].low for found in drawn) == 0
    assert (
        np.mean([found["psi"].value for found in drawn]) < np.mean([found["psi"].raw for found in drawn]) / 2
    )


def test_bounds_hold_the_truth() -> None:
    rng = np.random.default_rng(11)
    truth = of_numbers(rng.normal(size=400_000), rng.normal(0.3, 1.1, size=400_000), 0.0, resamples=2)
    level = float(stats.norm.ppf(0.95))
    runs = [
        of_numbers(rng.normal(size=2000), rng.normal(0.3, 1.1, size=500), level, resamples=200, seed=seed)
        for seed in range(60)
    ]
    for name, true in truth.items():
        below = sum(run[name].low <= true.raw for run in runs)
        above = sum(run[name].high >= true.raw for run in runs)
        # 95% of 60 is 57; 50 or fewer have a chance of one in a thousand.
        assert min(below, above) > 50, name


CATEGORIES = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(1, 500), min_size=1)


@given(CATEGORIES, CATEGORIES)
def test_categories(training: dict[str, int], recent: dict[str, int]) -> None:
    found, new = of_categories(training, recent, LEVEL, resamples=20)
    assert new == {name: rows for name, rows in recent.items() if name not in training}
    assert list(new.values()) == sorted(new.values(), reverse=True)
    for shift in found.values():
        assert 0 <= shift.low <= shift.value <= shift.high
    assert found["total_variation"].raw <= 1
    assert found["new_categories"].raw == pytest.approx(sum(new.values()) / sum(recent.values()))


def test_categories_that_few_have_are_counted_together() -> None:
    rng = np.random.default_rng(2)
    names = [f"street {number}" for number in range(3000)]
    training, recent = (Counter(rng.choice(names, 20_000).tolist()) for _ in range(2))
    found, _ = of_categories(training, recent, LEVEL)
    assert found["psi"].value < 0.01
    assert found["total_variation"].value < 0.02


def test_a_share_that_is_judged_by_few_rows_has_wide_bounds() -> None:
    few, many = share_shift(100, 10_000, 5, 20, LEVEL), share_shift(100, 10_000, 5000, 20_000, LEVEL)
    assert few.value == many.value == pytest.approx(0.24)
    assert few.low == 0
    assert many.low > 0.22

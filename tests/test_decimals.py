from __future__ import annotations

import decimal
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.decimals import as_read, at_least, at_most, brief_text, is_finite, minus, number_text, times

FINITE = st.floats(allow_nan=False, allow_infinity=False)
#: Decimals as people write them: up to four places.
WRITTEN = st.integers(1, 99_999).map(lambda n: Decimal(n) / 10_000)


@pytest.mark.parametrize(
    ("value", "threshold"),
    [
        (0.80 + 0.05, 0.85),
        (0.85, 0.80 + 0.05),
        (0.1 * 3, 0.3),
        (0.3, 0.1 * 3),
        (sum([0.1] * 8), 0.8),
        (0.7 + 0.1, 0.8),
        (1.1 + 2.2, 3.3),
        (sum([0.01] * 85), 0.85),
        (1 - 0.9, 0.1),
        (-0.1 - 0.2, -0.3),
        (0.0, -0.0),
        (1, 1.0),
    ],
)
def test_noise_makes_no_difference(value, threshold):
    assert at_least(value, threshold)
    assert at_most(value, threshold)


def test_the_noise_is_there():
    assert sum([0.1] * 8) < 0.8
    assert 0.7 + 0.1 < 0.8
    assert 0.80 + 0.05 > 0.85


@pytest.mark.parametrize(
    ("value", "threshold"),
    [
        (0.8499999, 0.85),
        (0.84999999999, 0.85),
        (1_700_000_000_001, 1_700_000_000_002),
        (-0.3001, -0.3),
        (0.0, 1e-300),
        (-1e-300, 0.0),
        (1e300, 1.0000001e300),
    ],
)
def test_what_a_person_reads_as_smaller_is_smaller(value, threshold):
    assert not at_least(value, threshold)
    assert not at_most(threshold, value)


@given(WRITTEN, WRITTEN)
def test_a_sum_of_written_decimals_is_what_it_is_on_paper(left, right):
    on_paper, computed = float(left + right), float(left) + float(right)
    assert at_least(computed, on_paper)
    assert at_most(computed, on_paper)
    assert as_read(computed) == left + right


@given(WRITTEN, WRITTEN)
def test_written_decimals_compare_as_on_paper(left, right):
    assert at_least(float(left), float(right)) == (left >= right)
    assert at_most(float(left), float(right)) == (left <= right)


@given(FINITE, FINITE)
def test_comparison_is_that_of_the_numbers_as_read(left, right):
    assert at_least(left, right) == (as_read(left) >= as_read(right))
    assert at_most(left, right) == (as_read(left) <= as_read(right))
    assert at_least(left, right) or at_most(left, right)


@given(FINITE, FINITE, FINITE)
def test_a_larger_value_never_does_worse(a, b, threshold):
    small, large = sorted((a, b))
    assert at_least(large, threshold) or not at_least(small, threshold)
    assert at_most(small, threshold) or not at_most(large, threshold)
    assert as_read(small) <= as_read(large)


@given(FINITE)
def test_reading_is_close_and_odd(value):
    assert as_read(-value) == -as_read(value)
    assert math.isclose(float(as_read(value)), value, rel_tol=1e-13)
    assert as_read(float(as_read(value))) == as_read(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, -(10**400)])
def test_what_is_no_finite_number_is_refused(value):
    assert not is_finite(value)
    with pytest.raises(ValueError, match="number"):
        as_read(value)


def test_the_ambient_decimal_context_makes_no_difference():
    with decimal.localcontext() as context:
        context.prec = 2
        context.rounding = decimal.ROUND_UP
        context.traps[decimal.Inexact] = True
        assert as_read(0.123456) == Decimal("0.123456")
        assert number_text(minus(Decimal("0.123456"), Decimal("0.1"))) == "0.023456"
        assert times(Decimal("1.001"), Decimal("1.001")) == Decimal("1.002001")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.85, "0.85"), (0.80 + 0.05, "0.85"), (1.0, "1"), (100.0, "100"), (0.0, "0"), (-0.0, "0"),
        (-2.5, "-2.5"), (1e-6, "0.000001"), (1e-7, "1E-7"), (123456789.0, "123456789"), (1e15, "1E+15"),
        (1.5e300, "1.5E+300"),
        (Decimal("0.0050"), "0.005"), (1 / 3, "0.33333333333333"), (10**14, "100000000000000"),
    ],
)  # fmt: skip
def test_numbers_in_words(value, text):
    assert number_text(value) == text


@given(FINITE)
def test_a_number_in_words_reads_back(value):
    assert Decimal(number_text(value)) == as_read(value)


class TestBriefText:
    """Six digits are enough to read, unless they hide the difference that the verdict rests on."""

    @pytest.mark.parametrize(
        ("value", "others", "text"),
        [
            (0.49510763209393, (0.68,), "0.495108"),
            (0.7499999999, (0.75,), "0.7499999999"),
            (0.75, (0.75,), "0.75"),
            (0.8500000000000001, (0.85, None), "0.85"),
            (123456789.25, (0,), "123457000"),
            (-0.00880626223092, (0.005,), "-0.00880626"),
        ],
    )
    def test_examples(self, value: float, others: tuple[float, ...], text: str) -> None:
        assert brief_text(value, *others) == text

    @given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
    def test_what_is_shown_compares_as_what_is_compared(self, value: float, other: float) -> None:
        shown, against = Decimal(brief_text(value, other)), as_read(other)
        assert (shown > against) == (as_read(value) > against)
        assert (shown == against) == (as_read(value) == against)

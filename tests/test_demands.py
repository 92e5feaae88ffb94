from __future__ import annotations

import math

import pytest

import hotpass
from hotpass.demands import Demand, disjoint, implies


def metric(**limits: float | bool) -> Demand:
    return Demand("metrics.x", **limits)  # type: ignore[arg-type]


def tag(*values: str, matches: str = "") -> Demand:
    return Demand("tags.x", one_of=frozenset(values) if values else None, matches=matches)


def test_it_is_a_public_name() -> None:
    assert hotpass.Demand is Demand


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (metric(low=0.9), metric(high=0.8), True),
        (metric(low=0.8), metric(high=0.8), False),
        (metric(low=0.8, low_open=True), metric(high=0.8), True),
        (metric(low=0.8), metric(high=0.8, high_open=True), True),
        # As a person reads them: 0.1 + 0.2 is not above 0.3.
        (metric(low=0.1 + 0.2), metric(high=0.3), False),
        (metric(low=0.1 + 0.2), metric(high=0.3, high_open=True), True),
        (metric(low=1), metric(low=5), False),
        (metric(), metric(low=5), False),
        (tag("gold"), tag("silver", "bronze"), True),
        (tag("gold"), tag("silver", "gold"), False),
        (tag("gold"), tag(matches="g.*"), False),
        (tag("gold"), tag(matches="g"), True),
        (tag(matches="a"), tag(matches="b"), False),  # may be so or not: nothing is certain
        (tag("gold"), tag(), False),
    ],
)
def test_disjoint(one: Demand, other: Demand, expected: bool) -> None:
    assert disjoint(one, other) is expected
    assert disjoint(other, one) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (metric(low=0.8), metric(low=0.7), True),
        (metric(low=0.7), metric(low=0.8), False),
        (metric(low=0.7), metric(low=0.7), True),
        (metric(low=0.3), metric(low=0.1 + 0.2), True),
        (metric(low=0.7, low_open=True), metric(low=0.7), True),
        (metric(low=0.7), metric(low=0.7, low_open=True), False),
        (metric(low=0.7), metric(high=1), False),
        (metric(low=0.7, high=0.8), metric(low=0.6), True),
        (metric(high=0.8, high_open=True), metric(high=0.8), True),
        (metric(high=0.8), metric(high=0.8, high_open=True), False),
        (metric(low=0.7), metric(), True),
        (metric(), metric(low=0.7), False),
        (tag("gold"), tag("gold", "silver"), True),
        (tag("gold", "silver"), tag("gold"), False),
        (tag("gold"), tag(matches="g.*"), True),
        (tag("gold", "silver"), tag(matches="g.*"), False),
        (tag(matches="g.*"), tag(matches="g.*"), True),
        (tag(matches="g"), tag(matches="g.*"), False),  # it does, but that is not known
        (tag(matches="gold"), tag("gold"), False),
        (tag("gold"), tag(), True),
    ],
)
def test_implies(one: Demand, other: Demand, expected: bool) -> None:
    assert implies(one, other) is expected


@pytest.mark.parametrize(
    ("demand", "words"),
    [
        (metric(low=0.75), "x at least 0.75"),
        (metric(low=0.1 + 0.2, low_open=True, high=1), "x more than 0.3 and at most 1"),
        (metric(high=2, high_open=True), "x less than 2"),
        (Demand("age", high=90000, unit="seconds", name="the age"), "the age at most 1d 1h"),
        (Demand("signature"), "signature"),
        (tag("gold"), "x equal to 'gold'"),
        (tag("silver", "gold", matches="[a-z]+"), "x one of 'gold', 'silver' and a match of [a-z]+"),
        (Demand("gain.x", low=0, words="x not worse than the champion's"), "x not worse than the champion's"),
    ],
)
def test_words(demand: Demand, words: str) -> None:
    assert str(demand) == words


def test_a_pattern_is_one() -> None:
    with pytest.raises(ValueError, match=r"'\(' is not a regular expression: missing \)"):
        tag(matches="(")


@pytest.mark.parametrize("bound", [math.nan, math.inf, 10**400])
def test_a_bound_is_a_number_that_a_metric_can_have(bound: float) -> None:
    with pytest.raises(ValueError, match=r"a bound of metrics\.x is .*, which nothing can be compared with"):
        metric(high=bound)

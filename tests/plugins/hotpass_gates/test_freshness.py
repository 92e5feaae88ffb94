from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.gates import ParameterError
from hotpass.testing import NOW, assert_fails, candidate, judge
from hotpass.verdicts import Verdict
from hotpass_gates.freshness import Freshness


def verdict(parameters, **age):
    return judge(Freshness, parameters, candidate(started_at=NOW - timedelta(**age)))


@pytest.mark.parametrize("parameters", ["30d", {"at_most": "30d"}])
def test_the_limit_itself_is_fresh_and_more_is_not(parameters):
    good = verdict(parameters, days=30)
    assert good.verdict is Verdict.PASSED
    assert good.evidence == {"age_seconds": 2_592_000}
    old = verdict(parameters, days=30, microseconds=1)
    assert old.verdict is Verdict.FAILED
    assert old.message == "the run is 30d 1s old, 30d at most wanted"


@pytest.mark.parametrize("facts", [{}, {"run": False}, {"run": False, "started_at": NOW}])
def test_a_missing_start_fails(facts):
    assert_fails(Freshness, "30d", candidate(**facts), match="names no run that says when it started")


def test_a_start_still_to_come_fails():
    result = verdict("30d", minutes=-10)
    assert result.verdict is Verdict.FAILED
    assert "still to come: the clocks disagree by 10m" in result.message
    assert verdict("30d", seconds=0).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ("30", ()), ("0d", ()), (30, ()), ({}, ()), ({"at_most": "never"}, ("at_most",)),
        ({"at_least": "30d"}, ()),
    ],
)  # fmt: skip
def test_wrong_parameters(parameters, path):
    with pytest.raises(ParameterError) as caught:
        judge(Freshness, parameters, candidate())
    assert caught.value.path == path


@given(st.integers(1, 10**7), st.integers(-(10**7), 10**7))
def test_fresh_from_the_start_to_the_limit(limit, age):
    assert (verdict(f"{limit}s", seconds=age).verdict is Verdict.PASSED) == (0 <= age <= limit)

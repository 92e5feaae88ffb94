"""What a gate author tests with: a candidate from plain data, and a gate judged the way a policy would.

    from hotpass.testing import assert_fails, assert_passes, candidate

    def test_enough_rows():
        assert_passes(MinimumRows, {"at_least": 100}, candidate(params={"validation_rows": "250"}))
        assert_fails(MinimumRows, {"at_least": 100}, candidate(), match="logged no parameter")

`judge` gives the result without an assertion. No registry, no ledger and no clock takes part: `NOW` is always
the same moment, and every fact is an argument. `hotpass.testing.strategies` makes candidates for Hypothesis;
cases for whole policies stand in a `NAME.cases.yaml` beside them, which `hotpass policy test` and pytest run.
"""

from __future__ import annotations

from hotpass.candidate import Approval, Dataset, Metric, Person, Stay
from hotpass.testing.building import NOW, PlainSources, candidate
from hotpass.testing.judging import assert_fails, assert_passes, assert_verdict, assert_waits, judge, make

__all__ = [
    "NOW",
    "Approval",
    "Dataset",
    "Metric",
    "Person",
    "PlainSources",
    "Stay",
    "assert_fails",
    "assert_passes",
    "assert_verdict",
    "assert_waits",
    "candidate",
    "judge",
    "make",
]

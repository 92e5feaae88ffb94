"""Runs one gate on one candidate, the way a policy would, and asserts what it says."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hotpass.candidate import Candidate
from hotpass.engine import breach_of_contract
from hotpass.errors import CallError, PluginError
from hotpass.gates import Gate, ParameterError, check_gate_class
from hotpass.plugins import create_manager, gate_classes
from hotpass.testing.building import NOW
from hotpass.verdicts import GateResult, Verdict

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


def judge(gate: type[Gate] | str, parameters: Any, candidate: Candidate, now: datetime = NOW) -> GateResult:
    """What `gate` says of `candidate`, with `parameters` as they would stand in a policy.

    `gate` is the class, or the name of a gate of any installed plugin. Nothing that the gate raises is
    caught. Raises ParameterError for parameters that do not fit the schema or make no sense, and
    PluginError for a class or a result that breaks the contract; where a policy is judged the latter is
    verdict `error`.
    """
    result = make(gate, parameters).evaluate(candidate, now)
    breach = breach_of_contract(result)
    if breach:
        raise PluginError(breach)
    return result


def make(gate: type[Gate] | str, parameters: Any) -> Gate:
    """The gate as the policy loader makes it: parameters are checked against the schema first.

    Raises ParameterError for parameters that do not fit, PluginError for a class that breaks the contract,
    and CallError for a name that no plugin has.
    """
    if isinstance(gate, str):
        known = gate_classes(create_manager())
        if gate not in known:
            raise CallError(f"no plugin has a gate {gate!r}; there are {', '.join(known)}")
        gate = known[gate]
    errors = _validator(gate).iter_errors(parameters)
    for error in sorted(errors, key=lambda error: list(error.path)):
        raise ParameterError(f"{gate.name}: {error.message}", tuple(error.path))
    return gate(parameters)


@lru_cache(maxsize=256)
def _validator(gate: type[Gate]) -> Draft202012Validator:
    """What checks parameters of `gate`. Kept, since checking its schema takes longer than the gate does."""
    from jsonschema import Draft202012Validator

    check_gate_class(gate, gate.__module__)
    Draft202012Validator.check_schema(gate.schema)
    return Draft202012Validator(gate.schema)


def assert_passes(
    gate: type[Gate] | str, parameters: Any, candidate: Candidate, now: datetime = NOW, *, match: str = ""
) -> GateResult:
    """As `assert_verdict`, for `passed`."""
    return assert_verdict(Verdict.PASSED, gate, parameters, candidate, now, match=match)


def assert_fails(
    gate: type[Gate] | str, parameters: Any, candidate: Candidate, now: datetime = NOW, *, match: str = ""
) -> GateResult:
    """As `assert_verdict`, for `failed`."""
    return assert_verdict(Verdict.FAILED, gate, parameters, candidate, now, match=match)


def assert_waits(
    gate: type[Gate] | str, parameters: Any, candidate: Candidate, now: datetime = NOW, *, match: str = ""
) -> GateResult:
    """As `assert_verdict`, for `pending`."""
    return assert_verdict(Verdict.PENDING, gate, parameters, candidate, now, match=match)


def assert_verdict(
    verdict: Verdict | str,
    gate: type[Gate] | str,
    parameters: Any,
    candidate: Candidate,
    now: datetime = NOW,
    *,
    match: str = "",
) -> GateResult:
    """Judges as `judge` does, and returns the result for more assertions.

    Raises AssertionError, with the gate's message and all that it read, for another verdict, and for a
    message in which the regular expression `match` finds nothing.
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    wanted = Verdict(verdict)
    result = judge(gate, parameters, candidate, now)
    what = ""
    if result.verdict is not wanted:
        what = f"said {result.verdict}, not {wanted}"
    elif match and not re.search(match, result.message):
        what = f"said {wanted}, and nothing in its message matches {match!r}"
    if what:
        name = gate if isinstance(gate, str) else gate.name
        read = "".join(f"\n    {key}: {value!r}" for key, value in candidate.read.items())
        raise AssertionError(f"{name} {what}\n  message: {result.message}\n  it read: {read or 'nothing'}")
    return result

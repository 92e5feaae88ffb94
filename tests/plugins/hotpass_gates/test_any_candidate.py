"""Every default gate, with the parameters of its own examples, on any candidate that a registry can hold."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings

from hotpass.candidate import Candidate
from hotpass.gates import Gate, MeasuringGate
from hotpass.plugins import create_manager, gate_classes
from hotpass.testing import NOW, candidate, judge, make
from hotpass.testing.strategies import candidates, moments
from hotpass.verdicts import GateResult, Verdict

#: Those that measure take files, which no candidate here has: tests/plugins/evaluation is about them.
GATES = {
    name: gate
    for name, gate in gate_classes(create_manager()).items()
    if not issubclass(gate, MeasuringGate)
}
MADE: dict[str, list[Gate]] = {
    name: [
        make(gate, example)
        for example in (*gate.schema.get("examples", ()), *([{}] if gate.allows_bare_name() else []))
    ]
    for name, gate in GATES.items()
}


@pytest.mark.parametrize("name", GATES)
def test_there_is_an_example(name: str) -> None:
    assert MADE[name]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(candidates(), moments())
def test_each_says_something_sound_of_any_candidate(who: Candidate, now: datetime) -> None:
    for name, gates in MADE.items():
        for gate in gates:
            who.read.clear()
            # Raises for what breaks the contract, and lets an exception of the gate through.
            check(name, judge(type(gate), gate.parameters, who, now), who, now)


def check(name: str, result: GateResult, who: Candidate, now: datetime) -> None:
    assert result.message.strip(), name
    if result.verdict is Verdict.PASSED and who.stage != who.to_stage:
        seen = [value for value in who.read.values() if value not in (None, [], ())]
        assert seen, f"{name} passed on no evidence: {result.message}"
    if result.passes_at is not None:
        assert result.verdict is Verdict.PENDING, name
        assert result.passes_at > now, name


@pytest.mark.parametrize("name", GATES)
def test_it_never_passes_a_candidate_about_which_nothing_is_known(name: str) -> None:
    nothing = (candidate(), candidate(run=False, model_file=False), candidate(stage="None", champion={}))
    for gate in MADE[name]:
        for who in nothing:
            assert gate.evaluate(who, NOW).verdict is not Verdict.PASSED, (gate.parameters, who.facts)

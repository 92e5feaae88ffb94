"""Evidence that plugins supply: asked for by whoever needs it, once, recorded, and the same in cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import hotpass
from hotpass import api, hookimpl
from hotpass.plugins import create_manager, register
from hotpass.policy.model import GateEntry, Policy, PolicySet, PromotionEntry
from support.commands import Hotpass
from support.stores import Store
from support.versions import make_version

GOOD = {"roc_auc": 0.9}
GATES = """
from hotpass import Gate, failed, hookimpl, passed

class NoOpenIncidents(Gate):
    '''Nobody is putting out a fire that this model lit.'''

    name = "no_open_incidents"
    schema = {"type": "object", "properties": {}, "additionalProperties": False}

    def evaluate(self, candidate, now):
        try:
            count = candidate.evidence("open_incidents")
        except KeyError:
            return failed("nobody says how many incidents are open")
        return (passed if count == 0 else failed)(f"{count} open incidents", count=count)

@hookimpl
def hotpass_gates():
    return [NoOpenIncidents]

@hookimpl
def hotpass_evidence(candidate, name):
    raise AssertionError("cases say themselves what is supplied")
"""
POLICY = """
policy: leads
models: [leads]
promotions:
  - to: Staging
    gates:
      - no_open_incidents
      - expression: evidence.open_incidents == 0 && evidence.fairness.gap < 0.05
"""
CASES = """
defaults:
  candidate:
    evidence: {open_incidents: 0, fairness: {gap: 0.02}}
cases:
  - case: no incident
    to: Staging
    expect: {outcome: allowed}
  - case: an incident
    to: Staging
    candidate: {evidence: {open_incidents: 2}}
    expect: {outcome: denied, verdicts: {no_open_incidents: failed, expression: failed}, message: 2 open
    incidents}
  - case: nobody knows
    to: Staging
    candidate: {evidence: {open_incidents: }}
    expect:
      outcome: denied
      verdicts: {no_open_incidents: failed, expression: failed}
      message: no plugin supplies the evidence open_incidents
  - case: unfair
    to: Staging
    candidate: {evidence: {fairness: {gap: 0.05}}}
    expect: {outcome: denied, verdicts: {no_open_incidents: passed, expression: failed}}
"""


def connect(store: Store, policies: PolicySet | None = None, **changes: Any) -> api.Session:
    return api.connect(tracking_uri=store.uri, policies=policies, **changes)


def test_evidence_is_asked_for_once_by_those_who_need_it_and_recorded(sqlite_store: Store) -> None:
    calls: list[tuple[int, str]] = []

    class Supplier:
        @hookimpl
        def hotpass_evidence(self, candidate: hotpass.Candidate, name: str) -> Any:
            calls.append((candidate.version, name))
            if name == "broken":
                raise ValueError("the incident desk does not answer")
            return {"open": candidate.version} if name == "incidents" else None

    class Incidents(hotpass.Gate):
        """Fewer open incidents than the champion has, and nobody has a forecast."""

        name = "incidents"
        schema = {"type": "object"}

        def evaluate(self, candidate: hotpass.Candidate, now: Any) -> hotpass.GateResult:
            raised = []
            for name in ("forecast", "broken"):
                try:
                    candidate.evidence(name)
                except (KeyError, ValueError) as error:
                    raised.append(type(error).__name__)
            mine = candidate.evidence("incidents")["open"]
            theirs = candidate.champion.evidence("incidents")["open"] if candidate.champion else 0
            return hotpass.passed("fine", open=[mine, theirs], raised=raised)

    entry = GateEntry("incidents", Incidents({}), "incidents", "p", "p.yaml:1:1")
    policies = PolicySet.of([Policy("p", ("*",), (PromotionEntry("Production", None, (entry, entry)),))])
    first, second = (make_version(sqlite_store, "leads", metrics=GOOD) for _ in range(2))
    manager = create_manager()
    register(manager, Supplier(), "team")
    session = connect(sqlite_store, policies, manager=manager)
    session.promote("leads", first, "Production")
    calls.clear()
    decision = session.promote("leads", second, "Production")
    asked = [(2, "forecast"), (2, "broken"), (2, "incidents"), (1, "incidents")]
    assert calls == asked, "once each, although two entries ask, and where there is no answer"
    assert decision.judgements[0].result.evidence == {
        "open": [2, 1], "raised": ["KeyError", "ValueError"],
    }  # fmt: skip
    assert decision.evidence == {
        "evidence.incidents": {"open": 2}, "champion": 1, "champion.evidence.incidents": {"open": 1},
    }  # fmt: skip


@pytest.fixture
def hotpass_command(capsys: pytest.CaptureFixture[str]) -> Hotpass:
    return Hotpass(capsys)


def test_cases_say_what_is_supplied(hotpass_command: Hotpass, tmp_path: Path) -> None:
    for path, text in {
        "gates/incidents.py": GATES,
        "policies/p.yaml": POLICY,
        "policies/p.cases.yaml": CASES,
    }.items():
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    ran = hotpass_command("policy", "test", tmp_path / "policies", "--plugins", tmp_path / "gates")
    assert ran.code == 0, ran.out + ran.err
    assert "4 cases" in ran.out

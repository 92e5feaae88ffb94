"""A case that is right: what `hotpass.testing.candidate` gets of it."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import pytest

from hotpass.candidate import Approval, Dataset, Metric, Person, Stay
from hotpass.cases.model import Case
from hotpass.cases.reading import LIMITS, read_cases
from hotpass.policy.loader import load_policies
from hotpass.policy.model import Policy
from hotpass.stages import ModelStage
from hotpass.testing import NOW
from hotpass.verdicts import Verdict

POLICY = """\
policy: leads
models: ["lead_*_?", "old"]
promotions:
  - to: Staging
    gates: [signature]
  - to: Production
    from: Canary
    gates:
      - metric_threshold: {roc_auc: {at_least: 0.7}}
        enforcement: overridable
        by: [ana]
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    (tmp_path / "leads.yaml").write_text(POLICY)
    (found,) = load_policies(tmp_path).policies
    return found


def read(text: str, policy: Policy) -> list[Case]:
    found = read_cases(text.encode(), "leads.cases.yaml", policy)
    assert found.problems == ()
    return list(found.cases)


def test_a_case_says_no_more_than_it_must(policy: Policy) -> None:
    (case,) = read("cases: [{case: a, to: Staging, expect: {outcome: denied}}]", policy)
    assert (case.name, case.model, case.now) == ("a", "lead_model_x", NOW)
    assert policy.covers(case.model)
    assert case.arguments == {"to": "Staging", "model": "lead_model_x", "stage": "None"}
    assert (case.expected.outcome, case.expected.verdicts, case.expected.messages) == ("denied", {}, ())
    assert [entry.name for entry in case.entries] == ["signature"]
    assert (case.place, case.expected.places["outcome"]) == ((1, 9), (1, 41))


def test_a_candidate_begins_where_the_policy_wants_it(policy: Policy) -> None:
    cases = read(
        """\
defaults: {expect: {outcome: denied}}
cases:
  - {case: a, to: production}
  - {case: b, to: Staging}
  - {case: c, to: Shadow}
  - {case: d, to: Production, rollback: true}
  - {case: e, to: Production, candidate: {stage: staging}}
  - {case: f, to: Production, candidate: {stage: canary}}
""",
        policy,
    )
    assert [case.arguments["stage"] for case in cases] == [
        "Canary", ModelStage.NONE, ModelStage.NONE, ModelStage.ARCHIVED, ModelStage.STAGING,
        "Canary",
    ]  # fmt: skip
    assert [len(case.entries) for case in cases] == [1, 1, 0, 0, 0, 1]


def test_everything_that_a_candidate_may_have(policy: Policy) -> None:
    (case,) = read(
        """\
cases:
  - case: all of it
    model: old
    to: Production
    now: 2026-02-01T13:00:00+01:00
    candidate:
      version: 7
      stage: Canary
      in_stage_since: 25h ago
      stays: [{stage: Staging, since: 9d ago, until: 8d ago}, {stage: Canary, since: 8d ago, until: }]
      metrics: {a: 1, b: 0.5, c: nan, d: -inf, e: {value: 0.7, dataset: held out, dataset_digest: 1a}}
      params: {rows: "250"}
      tags: {owner: ana, empty: ""}
      run_tags: {commit: abc}
      model_tags: {team: growth}
      aliases: [canary]
      datasets: [{name: d}, {name: e, digest: 1a, context: training}]
      signature: {inputs: {age: long}, outputs: [score]}
      input_example: true
      started_at: now
      run: true
      model_file: true
      trainer: tom
      registrant: {name: eve, authenticated: false}
      evidence: {fairness: {gap: 0.02, groups: [a, b]}}
      description: text
      created_at: 2026-01-01T00:00:00Z
      workspace: team
    champion: {version: 3, metrics: {a: 2}}
    approvals: [ana, {name: ben, authenticated: false, at: 2h ago, reason: fine}]
    requester: carl
    overrides: [metric_threshold]
    expect:
      outcome: pending
      verdicts: {metric_threshold: failed}
      message: [one, two]
      passes_at: in 1h
""",
        policy,
    )
    now = case.now
    assert now.isoformat() == "2026-02-01T12:00:00+00:00"
    given = dict(case.arguments)
    assert math.isnan(given["metrics"].pop("c"))
    assert given == {
        "model": "old", "to": "Production", "version": 7, "stage": "Canary",
        "in_stage_since": now - timedelta(hours=25),
        "stays": (
            Stay("Staging", now - timedelta(days=9), now - timedelta(days=8), "record-1"),
            Stay("Canary", now - timedelta(days=8), None, "record-2"),
        ),
        "metrics": {
            "a": 1.0, "b": 0.5, "d": -math.inf, "e": Metric("e", 0.7, "logged model", "held out", "1a"),
        },
        "params": {"rows": "250"}, "tags": {"owner": "ana", "empty": ""}, "run_tags": {"commit": "abc"},
        "model_tags": {"team": "growth"}, "aliases": ("canary",),
        "datasets": (Dataset("d", ""), Dataset("e", "1a", "training")),
        "signature": {"inputs": {"age": "long"}, "outputs": ["score"]}, "input_example": True,
        "started_at": now, "run": True, "model_file": True, "trainer": Person("tom", True),
        "registrant": Person("eve"), "evidence": {"fairness": {"gap": 0.02, "groups": ["a", "b"]}},
        "description": "text", "created_at_ms": 1_767_225_600_000, "workspace": "team",
        "champion": {"version": 3, "metrics": {"a": 2.0}},
        "approvals": (
            Approval("ana", True, now, "", "approval-1"),
            Approval("ben", False, now - timedelta(hours=2), "fine", "approval-2"),
        ),
        "requester": Person("carl", True),
    }  # fmt: skip
    assert case.override.gates == ("metric_threshold",)
    assert case.override.actor == Person("carl", True)
    assert case.expected.verdicts == {"metric_threshold": Verdict.FAILED}
    assert case.expected.messages == ("one", "two")
    assert case.expected.passes_at == now + timedelta(hours=1)


def test_defaults_lie_below_and_nothing_takes_away(policy: Policy) -> None:
    cases = read(
        """\
defaults:
  to: Staging
  candidate: {tags: {owner: ana, team: growth}, aliases: [a, b], evidence: {x: {y: 1, z: 2}}}
  champion: {metrics: {a: 1}}
  expect: {outcome: denied, message: because}
cases:
  - case: as they are
  - case: changed
    candidate: {tags: {owner: , team: sales}, aliases: [c], evidence: {x: {z: }}}
    champion:
    expect: {outcome: allowed}
  - case: as they are, again
""",
        policy,
    )
    first, second, third = cases
    assert second.arguments["tags"] == {"team": "sales"}
    assert second.arguments["aliases"] == ("c",)
    assert second.arguments["evidence"] == {"x": {"y": 1}}
    assert "champion" not in second.arguments
    assert (second.expected.outcome, second.expected.messages) == ("allowed", ("because",))
    assert first.arguments == third.arguments
    assert first.arguments["tags"] == {"owner": "ana", "team": "growth"}
    assert first.arguments["champion"] == {"metrics": {"a": 1.0}}


def test_anchors_work(policy: Policy) -> None:
    text = "cases:\n" + "".join(
        f"  - {{case: c{number}, to: Staging, candidate: {'&good ' if not number else '*good'}"
        f"{'{tags: {owner: ana}}' if not number else ''}, expect: {{outcome: denied}}}}\n"
        for number in range(300)
    )
    cases = read(text, policy)
    assert len(cases) == 300
    assert all(case.arguments["tags"] == {"owner": "ana"} for case in cases)


def test_the_limits_are_those_of_many_cases(policy: Policy) -> None:
    more = "to: Staging, candidate: {tags: {a: b, c: d}}, expect: {outcome: denied}"
    text = "cases:\n" + "".join(f"  - {{case: number {number}, {more}}}\n" for number in range(2_000))
    assert len(read(text, policy)) == 2_000
    many = f"cases: [{'a, ' * LIMITS.nodes}]"
    assert "more than 400,000 values" in str(read_cases(many.encode(), "a.cases.yaml", policy).problems[0])


def test_no_case_runs_on_half_of_its_defaults(policy: Policy) -> None:
    text = """\
defaults: {to: Staging, candidate: {metrics: {a: 1, b: high}}, expect: {outcome: denied}}
cases: [{case: a}, {case: b}, {case: c, candidate: {metrics: {b: 2}}}]
"""
    read = read_cases(text.encode(), "leads.cases.yaml", policy)
    assert [problem.column for problem in read.problems] == [56]
    assert [case.name for case in read.cases] == ["c"]

"""`Decision.as_json` and back: what a ledger or a guard hands over is the decision that was made."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.errors import RegistryError
from hotpass.policy.model import GateEntry
from hotpass.verdicts import (
    Decision,
    Enforcement,
    Excuse,
    ExcuseKind,
    GateResult,
    Identity,
    Judgement,
    Outcome,
    PolicyRef,
    Verdict,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, 2**53)
moments = st.datetimes(
    datetime(2000, 1, 1), datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)  # fmt: skip
evidence = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)
entries = st.builds(
    GateEntry, gate_name=texts, gate=st.none(), name=texts, policy=texts, where=texts, hint=texts,
    enforcement=st.sampled_from(Enforcement), by=st.lists(texts, max_size=2).map(tuple),
)  # fmt: skip
waivers = st.builds(
    Excuse, kind=st.just(ExcuseKind.WAIVER), by=texts, reason=texts, authenticated=st.just(False),
    waiver=texts, where=texts, digest=texts, expires=st.none() | moments,
)  # fmt: skip
overrides = st.builds(
    Excuse, kind=st.just(ExcuseKind.OVERRIDE), by=texts, reason=texts, authenticated=st.booleans(),
    waiver=st.just(""), where=st.just(""), digest=st.just(""), expires=st.none(),
)  # fmt: skip
results = st.builds(GateResult, st.sampled_from(Verdict), texts, evidence, st.none() | moments, st.just(()))
decisions = st.builds(
    Decision,
    identity=st.builds(Identity, texts, texts, numbers, numbers, texts),
    from_stage=texts,
    to_stage=texts,
    outcome=st.sampled_from(Outcome),
    judgements=st.lists(
        st.builds(Judgement, entries, results, st.none() | waivers | overrides), max_size=3
    ).map(tuple),
    policies=st.lists(st.builds(PolicyRef, texts, texts, texts), max_size=2).map(tuple),
    decided_at=moments,
    notes=st.lists(texts, max_size=2).map(tuple),
    evidence=st.none() | evidence,
    rollback=st.booleans(),
    reason=texts,
    id=texts,
    champion=st.none() | numbers,
    already_there=st.booleans(),
    overtaken=st.booleans(),
)


def example() -> dict[str, Any]:
    """A decision's JSON with something in every place."""
    entry = GateEntry("metric_threshold", None, "auc", "lead", "lead.yaml:3:5", hint="ask ada")  # type: ignore[arg-type]
    late = datetime(2026, 3, 1, 12, tzinfo=UTC)
    decision = Decision(
        Identity("default", "lead", 3, 1_700_000_000_000, "d" * 64), "Staging", "Production", Outcome.PENDING,
        (Judgement(entry, GateResult(Verdict.PENDING, "wait", {"n": 1}, late)),),
        (PolicyRef("lead", "lead.yaml", "a" * 64),), late, ("a note",), {"candidate": {"auc": 0.8}},
        reason="because", id="r1", champion=2,
    )  # fmt: skip
    return decision.as_json()


@given(decisions)
def test_a_decision_comes_back_as_it_was(decision: Decision) -> None:
    wire = json.loads(json.dumps(decision.as_json()))
    again = Decision.from_json(wire)
    assert again.as_json() == wire == decision.as_json()
    assert (again.summary(), again.exit_code, again.passes_at) == (
        decision.summary(), decision.exit_code, decision.passes_at,
    )  # fmt: skip


def test_a_ledger_body_without_its_id_and_with_more_keys_is_read() -> None:
    body = example()
    del body["id"]
    decision = Decision.from_json({**body, "archive": True, "request_id": "k"})
    assert decision.id == ""
    assert decision.as_json() == {**body, "id": ""}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("identity",), None),
        (("identity", "version"), "3"),
        (("identity", "created_at"), True),
        (("model",), "another"),
        (("version",), 4),
        (("outcome",), "fine"),
        (("from",), ["Staging"]),
        (("decided_at",), "yesterday"),
        (("passes_at",), None),
        (("champion",), "2"),
        (("rollback",), "no"),
        (("notes",), [1]),
        (("policies",), [{"name": "lead"}]),
        (("policies",), ["lead"]),
        (("policies", 0, "digest"), "b" * 64),
        (("policy_digest",), "b" * 64),
        (("judgements",), 7),
        (("judgements", 0, "verdict"), "maybe"),
        (("judgements", 0, "gate"), None),
        (("judgements", 0, "passes_at"), 5),
        (("evidence", "candidate", "auc"), 0.9),
        (("evidence",), None),
        (("reason",), None),
    ],
)
def test_a_damaged_decision_is_refused(path: tuple[Any, ...], value: Any) -> None:
    data = example()
    place: Any = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(RegistryError, match="a decision cannot be read"):
        Decision.from_json(data)


@pytest.mark.parametrize(
    "key",
    sorted(set(example()) - {"id", "model", "version", "passes_at", "policy_digest", "evidence_digest"}),
)
def test_a_decision_that_lacks_something_is_refused(key: str) -> None:
    data = copy.deepcopy(example())
    del data[key]
    with pytest.raises(RegistryError, match="a decision cannot be read"):
        Decision.from_json(data)


@pytest.mark.parametrize("data", [None, [], "decision", 3, {}])
def test_what_is_no_decision_at_all_is_refused(data: Any) -> None:
    with pytest.raises(RegistryError, match="a decision cannot be read"):
        Decision.from_json(data)

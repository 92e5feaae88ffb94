"""Waivers and overrides in a real registry: what moves, what is on record, and what attacks come to."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import hotpass
from hotpass import api
from hotpass.errors import CallError, PromotionDenied, PromotionOvertaken
from hotpass.policy.loader import load_policies
from hotpass.verdicts import Decision
from support.stores import Store
from support.versions import make_version

POLICY = """\
policy: leads
models: ["lead_*"]
promotions:
  - to: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.9}
        enforcement: overridable
        by: [ana, ben]
  - to: Production
    from: Staging
    gates:
      - staging_dwell: 24h
rollback:
  gates:
    - required_tags: {incident: present}
      enforcement: overridable
      by: [ana]
"""
WAIVER = """\
waiver: the-fair
policy: leads
gate: staging_dwell
model: lead_scoring
versions: [{version}]
to: Production
reason: The fair begins tomorrow.
granted_by: cleo
granted: {granted}
expires: {expires}
"""
MODEL = "lead_scoring"
TODAY = datetime.now(UTC).date()
FILE = Path("policies/waivers/fair.yaml")


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    """With ./policies as above."""
    Path("policies").mkdir()
    Path("policies/leads.yaml").write_text(POLICY)
    return sqlite_store


def waive(version: int = 1, granted: Any = TODAY, expires: Any = TODAY + timedelta(1), **other: str) -> bytes:
    text = WAIVER.format(version=version, granted=granted, expires=expires)
    for old, new in other.items():
        text = text.replace(f"{old}: ", f"{old}: {new} #")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text)
    return text.encode()


def connect(store: Store, actor: str = "ana") -> api.Session:
    return api.connect(policies="policies", registry_uri=store.uri, tracking_uri=store.uri, actor=actor)


def staged(store: Store) -> int:
    """A version in Staging, by an override."""
    version = make_version(store, MODEL, metrics={"roc_auc": 0.8})
    connect(store).promote(MODEL, version, "Staging", overrides=["metric_threshold"], reason="the board")
    return version


def last(session: api.Session) -> Any:
    return session.history(MODEL)[-1]


# --- waivers ------------------------------------------------------------------------------------------------


def test_a_waived_gate_lets_the_version_move_and_the_record_says_by_what(store: Store) -> None:
    staged(store)
    content = waive()
    session = connect(store)

    decision = session.promote(MODEL, 1, "Production")

    assert store.client.get_model_version(MODEL, "1").current_stage == "Production"
    entry = last(session)
    (judged,) = entry.record.body["judgements"]
    assert judged["verdict"] == "pending"
    excuse = judged["excuse"]
    assert (excuse["kind"], excuse["by"], excuse["waiver"]) == ("waiver", "cleo", "the-fair")
    assert excuse["where"] == f"{FILE}:1:1"
    assert excuse["digest"] == hashlib.sha256(content).hexdigest()
    assert Decision.from_json({**entry.record.body, "id": entry.id}).as_json() == decision.as_json()
    assert session.audit(MODEL).clean
    assert all(scan.clean for scan in session.drift(MODEL))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, ""),
        ({"model": "lead_scoring_b"}, ""),
        ({"to": "Staging"}, ""),
        ({"granted": TODAY - timedelta(9), "expires": TODAY - timedelta(1)}, "has no effect: it expired at"),
        ({"granted": TODAY + timedelta(1), "expires": TODAY + timedelta(2)}, "it is granted only from"),
        ({"granted": TODAY - timedelta(1)}, "version 1 was registered after it was granted"),
    ],
    ids=str,
)
def test_without_effect_nothing_moves_and_nobody_else_is_stopped(
    changes: dict[str, Any], said: str, store: Store
) -> None:
    staged(store)
    waive(**changes)

    with pytest.raises(hotpass.PromotionPending) as caught:
        connect(store).promote(MODEL, 1, "Production")

    assert store.client.get_model_version(MODEL, "1").current_stage == "Staging"
    notes = caught.value.decision.notes
    assert notes == () if not said else said in notes[0]
    assert staged(store) == 2, "a waiver without effect is no broken policy"


@pytest.mark.parametrize("change", ["changed", "deleted", "emptied"])
def test_a_waiver_that_changes_under_the_decision_stops_the_move(change: str, store: Store) -> None:
    staged(store)
    waive()
    session = connect(store)
    if change == "deleted":
        FILE.unlink()
    else:
        FILE.write_text("" if change == "emptied" else FILE.read_text().replace("cleo", "eve"))

    with pytest.raises(PromotionOvertaken, match=r"the waiver the-fair \(.*fair\.yaml:1:1\) changed on disk"):
        session.promote(MODEL, 1, "Production")

    assert store.client.get_model_version(MODEL, "1").current_stage == "Staging"


def test_a_waiver_that_was_not_used_may_change(store: Store) -> None:
    make_version(store, MODEL, metrics={"roc_auc": 0.95})
    waive()
    session = connect(store)
    FILE.unlink()

    assert session.promote(MODEL, 1, "Staging").allowed


def test_a_model_made_again_under_the_same_name_inherits_no_waiver(store: Store) -> None:
    staged(store)
    time.sleep(1.1)
    waive(granted=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    assert connect(store).check(MODEL, 1, "Production").allowed
    time.sleep(1.1)
    store.client.delete_registered_model(MODEL)
    staged(store)

    decision = connect(store).check(MODEL, 1, "Production")

    assert not decision.allowed
    assert "version 1 was registered after it was granted" in decision.notes[0]


def test_the_waivers_are_part_of_what_is_in_force(store: Store) -> None:
    before = load_policies("policies").refs()
    waive()
    between = load_policies("policies").refs()
    waive(granted_by="ben")

    assert len({before, between, load_policies("policies").refs()}) == 3


# --- overrides ----------------------------------------------------------------------------------------------


def test_an_override_is_on_record_with_whoever_did_it(store: Store) -> None:
    staged(store)
    session = connect(store)

    entry = last(session)

    assert entry.record.actor.name == "ana"
    assert entry.record.body["overrides"] == ["metric_threshold"]
    (judged,) = entry.record.body["judgements"]
    assert (judged["verdict"], judged["by"]) == ("failed", ["ana", "ben"])
    assert judged["excuse"] == {
        "kind": "override", "by": "ana", "authenticated": False, "reason": "the board",
    }  # fmt: skip
    assert session.audit(MODEL).clean
    assert all(scan.clean for scan in session.drift(MODEL))


@pytest.mark.parametrize("actor", ["eve", "Ana"])
def test_somebody_who_may_not_is_denied_on_record(actor: str, store: Store) -> None:
    make_version(store, MODEL, metrics={"roc_auc": 0.8})
    session = connect(store, actor)

    with pytest.raises(PromotionDenied, match=f"{actor} may not override metric_threshold; ana or ben may"):
        session.promote(MODEL, 1, "Staging", overrides=["metric_threshold"], reason="I want")

    entry = last(session)
    assert (entry.record.actor.name, entry.record.body["outcome"]) == (actor, "denied")
    assert "excuse" not in entry.record.body["judgements"][0]
    assert store.client.get_model_version(MODEL, "1").current_stage == "None"


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_an_override_takes_a_reason_and_a_look_at_it_does_not(reason: str, store: Store) -> None:
    make_version(store, MODEL, metrics={"roc_auc": 0.8})
    session = connect(store)

    with pytest.raises(CallError, match="an override needs a reason"):
        session.promote(MODEL, 1, "Staging", overrides="metric_threshold", reason=reason)

    assert session.check(MODEL, 1, "Staging", overrides="metric_threshold").allowed
    assert session.history(MODEL) == []


@pytest.mark.parametrize("names", [[""], ["metric_threshold", " "], [3]])
def test_a_gate_without_a_name_is_a_mistake(names: list[Any], store: Store) -> None:
    make_version(store, MODEL, metrics={"roc_auc": 0.8})

    with pytest.raises(CallError, match="has an empty name"):
        connect(store).check(MODEL, 1, "Staging", overrides=names)


def test_an_override_is_for_one_promotion(store: Store) -> None:
    staged(store)
    store.client.transition_model_version_stage(MODEL, "1", "None")
    make_version(store, MODEL, metrics={"roc_auc": 0.8})

    for version in (1, 2):
        assert not connect(store).check(MODEL, version, "Staging").allowed


def test_a_request_sent_again_is_the_same_only_with_the_same_overrides(store: Store) -> None:
    make_version(store, MODEL, metrics={"roc_auc": 0.95})
    session = connect(store)
    first = session.promote(MODEL, 1, "Staging", request_id="r", reason="x")

    again = session.promote(MODEL, 1, "Staging", request_id="r", reason="x")
    assert again.id == first.id
    with pytest.raises(CallError, match="was used for another request"):
        session.promote(MODEL, 1, "Staging", request_id="r", reason="x", overrides=["metric_threshold"])
    assert len(session.history(MODEL)) == 1


def test_the_gates_of_a_rollback_are_overridden_by_those_who_may(store: Store) -> None:
    waive()
    FILE.write_text(FILE.read_text().replace("[1]", "[1, 2]"))
    for version in (staged(store), staged(store)):
        connect(store).promote(MODEL, version, "Production")

    for actor, names in (("ana", []), ("ben", ["required_tags"])):
        with pytest.raises(PromotionDenied):
            connect(store, actor).rollback(MODEL, reason="it drifts", overrides=names)
    decision = connect(store).rollback(MODEL, reason="it drifts", overrides=["required_tags"])

    assert decision.identity.version == 1
    assert [j.excuse.reason for j in decision.excused if j.excuse] == ["it drifts"]
    assert str(store.client.get_model_version_by_alias(MODEL, "production").version) == "1"


def test_json_of_a_decision_keeps_all_of_it(store: Store) -> None:
    staged(store)
    waive()

    decision = connect(store).check(MODEL, 1, "Production")

    assert Decision.from_json(json.loads(json.dumps(decision.as_json()))).as_json() == decision.as_json()

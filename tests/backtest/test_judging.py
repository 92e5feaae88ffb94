"""What a backtest says of decisions on record and of versions that have none, on real registries."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hotpass import PromotionDenied, api
from hotpass.artifacts import DIGEST_TAG
from hotpass.backtest.judging import Backtest, Case, backtest
from hotpass.policy.loader import load_policies
from hotpass.policy.model import PolicySet
from hotpass.verdicts import Outcome
from support.large_registry import write_policy
from support.policies import policy_set
from support.stores import Store
from support.versions import make_version

MODEL = "lead_scoring"
HIGH: dict[str, Any] = {"metric_threshold": {"roc_auc": {"at_least": 0.9}}}
LOW: dict[str, Any] = {"metric_threshold": {"roc_auc": {"at_least": 0.6}}}


def judged(
    policies: PolicySet, base: PolicySet | None = None, *, model: str | None = None, days: float = 90,
    files: bool = False,
) -> Backtest:  # fmt: skip
    now = datetime.now(UTC)
    session = api.connect(policies=PolicySet())
    return backtest(
        session.library(), policies, since=now - timedelta(days=days), now=now, base=base, model=model,
        files=session.registry if files else None,
    )  # fmt: skip


def outcomes(cases: Sequence[Case], kind: str) -> dict[int, str]:
    return {case.version: str(case.now.outcome) for case in cases if case.kind == kind}


def promote(policies: PolicySet, version: int, to: str = "Staging", **how: Any) -> None:
    """Asks for a promotion; a refusal is on record, too."""
    with contextlib.suppress(PromotionDenied):
        api.promote(MODEL, version, to, policies=policies, **how)


def change(store: Store, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(store.uri.removeprefix("sqlite:///"))) as db, db:
        db.execute(statement, values)


@pytest.mark.long_over_http
def test_a_decision_is_judged_by_other_policies(any_store: Store) -> None:
    for value in (0.7, 0.95):
        make_version(any_store, MODEL, metrics={"roc_auc": value})
    for version in (1, 2):
        promote(policy_set(LOW, LOW), version)
    found = judged(policy_set(HIGH, LOW))
    decisions = [case for case in found.cases if case.kind == "decision"]
    assert [(case.version, case.then, case.now.outcome, case.changed) for case in decisions] == [
        (1, Outcome.ALLOWED, Outcome.DENIED, True),
        (2, Outcome.ALLOWED, Outcome.ALLOWED, False),
    ]
    assert decisions[0].now.reasons == ("metric_threshold failed: roc_auc is 0.7, wanted at least 0.9",)
    assert (decisions[0].from_stage, decisions[0].to_stage) == ("None", "Staging")


def test_what_was_recorded_counts_and_not_what_is_there_today(sqlite_store: Store) -> None:
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.7}, tags={"owner": "ana"})
    policies = policy_set({**LOW, "required_tags": {"owner": "present"}})
    promote(policies, 1)
    sqlite_store.client.delete_model_version_tag(MODEL, "1", "owner")
    for table, column in (("latest_metrics", "value"), ("logged_model_metrics", "metric_value")):
        change(sqlite_store, f"UPDATE {table} SET {column} = 0.1")
    assert outcomes(judged(policies).cases, "decision") == {1: "allowed"}
    # What no gate read then is read today.
    assert outcomes(judged(policy_set({"required_tags": {"team": "present"}})).cases, "decision") == {
        1: "denied"
    }
    sqlite_store.client.set_model_version_tag(MODEL, "1", "team", "growth")
    assert outcomes(judged(policy_set({"required_tags": {"team": "present"}})).cases, "decision") == {
        1: "allowed"
    }


def test_times_are_those_of_the_decision(sqlite_store: Store) -> None:
    """It had not been in Staging for a second then, and that more time has passed since changes nothing."""
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    promote(policy_set(LOW, LOW), 1)
    promote(policy_set(LOW, LOW), 1, "Production")
    time.sleep(1.1)
    dwell = policy_set(LOW, {"staging_dwell": "1s"})
    [_, production] = judged(dwell).cases
    assert (production.to_stage, production.now.outcome) == ("Production", Outcome.PENDING)


def test_a_version_without_a_decision_is_judged_for_what_comes_next(sqlite_store: Store) -> None:
    for value in (0.7, 0.95):
        make_version(sqlite_store, MODEL, metrics={"roc_auc": value})
    found = judged(policy_set(HIGH, LOW))
    assert outcomes(found.cases, "version") == {1: "denied", 2: "allowed"}
    assert {case.to_stage for case in found.cases} == {"Staging"}
    assert not any(case.changed for case in found.cases)  # nothing to compare it with
    against = judged(policy_set(HIGH, LOW), policy_set(LOW, LOW))
    assert [(case.version, str(case.before), case.changed) for case in against.cases] == [
        (1, "allowed", True),
        (2, "allowed", False),
    ]
    sqlite_store.client.transition_model_version_stage(MODEL, "1", "Archived")
    assert judged(policy_set(HIGH, LOW)).resting == 1


def test_the_champion_is_the_one_of_then(sqlite_store: Store) -> None:
    for value in (0.8, 0.9, 0.85):
        make_version(sqlite_store, MODEL, metrics={"roc_auc": value})
    policies = policy_set(LOW, LOW, production_from=None)
    for version in (1, 2, 3):
        promote(policies, version, "Production")
    better = policy_set(
        LOW,
        {"champion_comparison": {"roc_auc": {"better_than_champion_by": 0}, "first_champion": "allow"}},
        production_from=None,
    )
    found = judged(better)
    assert outcomes(found.cases, "decision") == {1: "allowed", 2: "allowed", 3: "denied"}
    assert "champion" in found.cases[2].now.reasons[0]


def test_since_leaves_out_what_is_older(sqlite_store: Store) -> None:
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    promote(policy_set(LOW), 1)
    assert len(judged(policy_set(LOW)).cases) == 1
    assert judged(policy_set(LOW), days=0).cases == []


def test_one_model_alone_and_models_without_policy(sqlite_store: Store) -> None:
    for model in ("one", "two", "three"):
        make_version(sqlite_store, model, metrics={"roc_auc": 0.8})
    two = policy_set(LOW, models=("t*",))
    found = judged(two)
    assert {case.model for case in found.cases} == {"two", "three"}
    assert found.uncovered == 1
    assert {case.model for case in judged(two, model="two").cases} == {"two"}
    from hotpass.errors import NotFound

    with pytest.raises(NotFound, match="knows a model 'nobody'"):
        judged(two, model="nobody")


def test_a_version_that_is_gone_is_judged_on_its_record(sqlite_store: Store) -> None:
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.7})
    promote(policy_set(LOW), 1)
    sqlite_store.client.transition_model_version_stage(MODEL, "1", "None")
    sqlite_store.client.delete_model_version(MODEL, "1")
    [case] = judged(policy_set(LOW)).cases
    assert (case.gone, case.now.outcome) == (True, Outcome.ALLOWED)
    [case] = judged(policy_set(HIGH)).cases
    assert case.now.outcome is Outcome.DENIED


def test_a_model_made_again_does_not_inherit(sqlite_store: Store) -> None:
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.7})
    promote(policy_set(LOW), 1)
    sqlite_store.client.transition_model_version_stage(MODEL, "1", "None")
    sqlite_store.client.delete_registered_model(MODEL)
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.95})
    found = judged(policy_set(HIGH))
    assert [(case.kind, case.gone, str(case.now.outcome)) for case in found.cases] == [
        ("decision", True, "denied"),
        ("version", False, "allowed"),
    ]


@pytest.mark.parametrize("gates", [LOW, None])
def test_a_refusal_that_is_no_gates_is_not_compared(
    sqlite_store: Store, gates: dict[str, Any] | None
) -> None:
    """A rollback to where the version never was: all gates may pass, and it is refused nevertheless."""
    for _ in range(2):
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    policies = policy_set(LOW, LOW, production_from=None, rollback=gates)
    promote(policies, 1, "Production")
    with pytest.raises(PromotionDenied, match="no allowed decision"):
        api.rollback(MODEL, reason="try", to_version=2, policies=policies)
    case = next(case for case in judged(policies).cases if case.rollback)
    assert (case.beside, case.before, case.changed) == (True, None, False)
    assert case.now.outcome is Outcome.ALLOWED


def test_a_policy_that_closes_a_way_changes_what_was_decided(sqlite_store: Store) -> None:
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    promote(policy_set(LOW, LOW), 1, "Production")  # refused: only from Staging
    [case] = judged(policy_set(LOW, LOW)).cases
    assert (case.beside, case.changed, case.now.stops) == (False, False, ())
    assert "only from Staging" in case.now.reasons[0]
    [case] = judged(policy_set(LOW, LOW, production_from=None)).cases
    assert (case.changed, case.now.outcome) == (True, Outcome.ALLOWED)


def test_what_is_in_files_is_not_looked_at(sqlite_store: Store) -> None:
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    signed = policy_set({**LOW, "signature": {}})
    [case] = judged(signed).cases
    assert (case.now.outcome, case.now.unseen, case.unknown) == (Outcome.INCONCLUSIVE, ("signature",), True)
    [case] = judged(signed, files=True).cases
    assert (case.now.outcome, case.now.unseen) == (Outcome.ALLOWED, ())
    # Beside a gate that fails, it is refused whatever the file says.
    [case] = judged(policy_set({**HIGH, "signature": {}})).cases
    assert (case.now.outcome, case.unknown) == (Outcome.DENIED, False)
    # What a decision read in the file is on record.
    promote(signed, 1)
    [case] = judged(signed).cases
    assert (case.kind, case.now.outcome, case.now.unseen) == ("decision", Outcome.ALLOWED, ())


def test_approvals_are_those_of_then(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    promote(policy_set(LOW), 1)
    monkeypatch.setenv("HOTPASS_ACTOR", "ben")
    api.approve(MODEL, 2, "Staging", reason="seen")
    promote(policy_set(LOW), 2)
    approved = policy_set({"approvals": {"at_least": 1, "claimed": True}})
    found = judged(approved)
    assert outcomes(found.cases, "decision") == {1: "pending", 2: "allowed"}


def test_approvals_are_of_the_files_that_are_there(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    monkeypatch.setenv("HOTPASS_ACTOR", "ben")
    digest = api.approve(MODEL, 1, "Staging", reason="seen").record.body["identity"]["artifact_digest"]
    approved = policy_set({"approvals": {"at_least": 1, "claimed": True}})
    [case] = judged(approved).cases
    assert (case.now.outcome, case.now.unseen) == (Outcome.INCONCLUSIVE, ("approvals",))
    [case] = judged(approved, files=True).cases
    assert case.now.outcome is Outcome.ALLOWED
    for tagged, outcome in ((digest, Outcome.ALLOWED), ("f" * 64, Outcome.PENDING)):
        sqlite_store.client.set_model_version_tag(MODEL, "1", DIGEST_TAG, tagged)
        [case] = judged(approved).cases
        assert case.now.outcome is outcome


def test_a_damaged_record_is_noted_and_the_rest_judged(sqlite_store: Store) -> None:
    for _ in range(3):
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    for version in (1, 2, 3):
        promote(policy_set(LOW), version)
    second = "SELECT run_uuid FROM tags WHERE key = 'hotpass.version' AND value = '2'"
    change(
        sqlite_store,
        "UPDATE tags SET value = replace(value, '0.8', '0.9') "
        f"WHERE key = 'hotpass.record.00' AND run_uuid IN ({second})",
    )
    found = judged(policy_set(LOW))
    assert outcomes(found.cases, "decision") == {1: "allowed", 3: "allowed"}
    [note] = found.notes
    assert "was edited" in note


def test_nothing_is_written(sqlite_store: Store) -> None:
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    promote(policy_set(LOW, LOW), 1)
    database = Path(sqlite_store.uri.removeprefix("sqlite:///"))

    def content() -> str:
        with closing(sqlite3.connect(database)) as db:
            return hashlib.sha256("\n".join(db.iterdump()).encode()).hexdigest()

    before = content()
    judged(policy_set(HIGH, LOW), policy_set(LOW, LOW), files=True)
    assert content() == before


OVERRIDABLE = """\
policy: leads
models: ["lead_*"]
promotions:
  - to: Staging
    gates:
      - metric_threshold: {roc_auc: {at_least: 0.9}}
        enforcement: overridable
        by: [ana]
"""
WAIVER = """\
waiver: fair
policy: leads
gate: metric_threshold
model: lead_scoring
versions: [1]
to: Staging
reason: the fair
granted_by: cleo
granted: {granted}
expires: {expires}
"""


def test_an_override_counts_where_it_still_could(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    place = write_policy(tmp_path, OVERRIDABLE)
    monkeypatch.setenv("HOTPASS_ACTOR", "ana")
    promote(load_policies(place), 1, reason="seen it", overrides=["metric_threshold"])
    higher = OVERRIDABLE.replace("0.9", "0.95")
    for text, outcome in (
        (OVERRIDABLE, "allowed"),
        (higher, "allowed"),
        (higher.replace("[ana]", "[ben]"), "denied"),
        (higher.replace("overridable\n        by: [ana]", "mandatory"), "denied"),
    ):
        write_policy(tmp_path, text)
        [case] = judged(load_policies(place)).cases
        assert str(case.now.outcome) == outcome, case.now


def test_a_waiver_counts_at_the_time_of_the_decision(sqlite_store: Store, tmp_path: Path) -> None:
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    place = write_policy(tmp_path, OVERRIDABLE)
    time.sleep(1.1)
    between = datetime.now(UTC)
    promote(load_policies(place), 1)
    decided = datetime.now(UTC)
    (place / "waivers").mkdir()
    time.sleep(2)
    soon, later = timedelta(seconds=1.999), timedelta(days=7)  # the file has whole seconds
    for granted, expires, outcome in (
        (between, decided + soon, "allowed"),  # over by now, and it was not then
        (decided + soon, decided + later, "denied"),  # in effect now, and it was not then
    ):
        moments = {
            "granted": granted.isoformat(timespec="seconds"),
            "expires": expires.isoformat(timespec="seconds"),
        }
        (place / "waivers" / "fair.yaml").write_text(WAIVER.format(**moments))
        [case] = judged(load_policies(place)).cases
        assert str(case.now.outcome) == outcome, case.now

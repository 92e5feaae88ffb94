"""`audit verify` proves the chain: what was edited, removed or inserted is named."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from typing import Any

import pytest

import hotpass
from hotpass import api
from hotpass.ledger.audit import Audit
from hotpass.ledger.head import TAG_HEAD, Head
from hotpass.ledger.record import Entry
from hotpass.ledger.seal import TAG_SEAL, Seal
from hotpass.plugins import create_manager
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.session import Session
from support.policies import policy_set
from support.stores import Store
from support.versions import make_version


def connect(store: Store) -> api.Session:
    return api.connect(
        policies=policy_set(production_from=None), registry_uri=store.uri, tracking_uri=store.uri
    )


@pytest.fixture
def chain(sqlite_store: Store) -> list[Entry]:
    """Four records: two promotions, a refusal and a rollback."""
    session = connect(sqlite_store)
    good, weak, other = (
        make_version(sqlite_store, "leads", metrics={"roc_auc": value}) for value in (0.8, 0.3, 0.9)
    )
    session.promote("leads", good, "Production")
    with pytest.raises(hotpass.PromotionDenied):
        session.promote("leads", weak, "Production")
    session.promote("leads", other, "Production")
    session.rollback("leads", reason="because")
    entries = session.history("leads")
    assert len(entries) == 4
    return entries


def audit(store: Store) -> Audit:
    return connect(store).audit("leads")


def test_a_whole_chain_is_clean(sqlite_store: Store, chain: list[Entry]) -> None:
    found = audit(sqlite_store)
    assert (found.records, found.findings, found.notes) == (4, [], [])


def test_an_empty_chain_is_clean(sqlite_store: Store) -> None:
    assert audit(sqlite_store).clean


@pytest.mark.parametrize("position", range(4))
def test_an_edited_record_is_named(sqlite_store: Store, chain: list[Entry], position: int) -> None:
    record = chain[position].id
    text = sqlite_store.client.get_run(record).data.tags["hotpass.record.00"]
    sqlite_store.client.set_tag(record, "hotpass.record.00", text.replace('"outcome":"', '"outcome":"un'))
    found = audit(sqlite_store)
    assert record in {finding.record for finding in found.findings}
    assert any("edited" in finding.message for finding in found.findings)
    with pytest.raises(hotpass.LedgerError, match="edited after it was written"):
        connect(sqlite_store).promote("leads", 2, "Production")


@pytest.mark.parametrize("position", range(3))
def test_an_edited_record_with_a_fitting_hash_is_named_by_the_next(
    sqlite_store: Store, chain: list[Entry], position: int
) -> None:
    record = chain[position].id
    _rewrite(sqlite_store, record, lambda body: body.update(outcome="allowed", reason="all is well"))
    found = audit(sqlite_store)
    assert [finding.record for finding in found.findings] == [record]
    assert "was written behind other content" in found.findings[0].message


@pytest.mark.parametrize("position", range(4))
def test_a_deleted_record_is_named(sqlite_store: Store, chain: list[Entry], position: int) -> None:
    sqlite_store.client.delete_run(chain[position].id)
    found = audit(sqlite_store)
    assert [(f.record, f.message[:7]) for f in found.findings] == [(chain[position].id, "removed")]


def test_a_record_deleted_for_good_is_named(sqlite_store: Store, chain: list[Entry]) -> None:
    record = chain[1].id
    connect(sqlite_store).registry.tracking._hard_delete_run(record)
    assert record in {finding.record for finding in audit(sqlite_store).findings}


def test_an_inserted_record_is_named(sqlite_store: Store, chain: list[Entry]) -> None:
    original = sqlite_store.client.get_run(chain[0].id)
    forged = sqlite_store.client.create_run(original.info.experiment_id, tags=original.data.tags)
    sqlite_store.client.set_terminated(forged.info.run_id)
    found = audit(sqlite_store)
    assert [finding.record for finding in found.findings] == [forged.info.run_id]
    assert "no record leads to it" in found.findings[0].message


def test_how_a_record_ended_cannot_be_changed_later(sqlite_store: Store, chain: list[Entry]) -> None:
    """A record that was written with its move says so itself, and its run can say nothing else."""
    sqlite_store.client.set_terminated(chain[0].id, "KILLED")
    found = audit(sqlite_store)
    assert {finding.record for finding in found.findings} == {chain[0].id}
    assert "its run says otherwise" in found.findings[0].message
    assert connect(sqlite_store).history("leads")[0].moved


def test_how_a_record_of_a_server_ended_cannot_be_changed_later(http_store: Store) -> None:
    session = connect(http_store)
    for _ in range(2):
        version = make_version(http_store, "leads", metrics={"roc_auc": 0.8})
        session.promote("leads", version, "Production")
    first = session.history("leads")[0]
    http_store.client.set_terminated(first.id, "KILLED")
    found = audit(http_store)
    assert {finding.record for finding in found.findings} == {first.id}
    assert any("how it ended was changed" in finding.message for finding in found.findings)


def test_a_run_that_never_was_appended_is_a_remark(sqlite_store: Store, chain: list[Entry]) -> None:
    original = sqlite_store.client.get_run(chain[-1].id)
    stray = sqlite_store.client.create_run(original.info.experiment_id, tags=original.data.tags)
    found = audit(sqlite_store)
    assert found.clean
    assert stray.info.run_id in found.notes[0]
    assert [entry.id for entry in connect(sqlite_store).history("leads")] == [entry.id for entry in chain]
    assert connect(sqlite_store).promote("leads", 3, "Production").allowed


# --- seals --------------------------------------------------------------------------------------------------


KEY, OTHER_KEY = Seal(b"k" * 32), Seal(b"o" * 32)


def behind_a_guard(store: Store, seal: Seal | None = KEY) -> Session:
    """A session as the guard opens one: its records are sealed."""
    return Session(
        MlflowRegistry(store.uri, store.uri), policy_set(production_from=None), create_manager(), seal=seal
    )


@pytest.fixture
def guarded(sqlite_store: Store) -> list[Entry]:
    """Four records: one from before the guard, then three that it sealed."""
    versions = [make_version(sqlite_store, "leads", metrics={"roc_auc": value}) for value in (0.8, 0.9, 0.85)]
    behind_a_guard(sqlite_store, None).promote("leads", versions[0], "Staging")
    session = behind_a_guard(sqlite_store)
    for version in versions:
        session.promote("leads", version, "Production")
    return session.history("leads")


def prove(store: Store, seal: Seal | None = KEY) -> Audit:
    return connect(store).audit("leads", seal=seal)


def test_seals_are_proved_with_the_key(sqlite_store: Store, guarded: list[Entry]) -> None:
    found = prove(sqlite_store)
    assert (found.findings, found.sealed, found.seals_proved) == ([], 3, True)
    assert found.notes == ["records from before the guard: 1"]


def test_without_the_key_sealed_records_are_counted_and_not_called_proved(
    sqlite_store: Store, guarded: list[Entry]
) -> None:
    found = prove(sqlite_store, None)
    assert (found.findings, found.sealed, found.seals_proved) == ([], 3, False)
    assert "were not proved" in found.notes[0]


def test_another_key_proves_nothing(sqlite_store: Store, guarded: list[Entry]) -> None:
    found = prove(sqlite_store, OTHER_KEY)
    assert {finding.record for finding in found.findings} >= {entry.id for entry in guarded[1:]}


@pytest.mark.parametrize("forged", ["", "é" * 64, "0" * 64, None])
def test_a_seal_of_any_letters_proves_nothing(forged: str | None) -> None:
    assert KEY.proves("a text", KEY.of("a text"))
    assert not KEY.proves("a text", forged)


def test_a_record_past_the_guard_is_a_finding(sqlite_store: Store, guarded: list[Entry]) -> None:
    behind_a_guard(sqlite_store, None).promote("leads", 1, "Production")
    past = connect(sqlite_store).history("leads")[-1]
    found = prove(sqlite_store)
    assert [finding.record for finding in found.findings] == [past.id]
    assert found.findings[0].message.startswith("inserted past the guard")
    assert prove(sqlite_store, None).clean


@pytest.mark.parametrize("seal", [None, OTHER_KEY], ids=["without a seal", "with a seal of another key"])
def test_a_sealed_adoption_accepts_what_came_past_the_guard(
    sqlite_store: Store, guarded: list[Entry], seal: Seal | None
) -> None:
    behind_a_guard(sqlite_store, None).promote("leads", 1, "Production")
    past = connect(sqlite_store).history("leads")[-1]
    if seal is not None:
        sqlite_store.client.set_tag(past.id, TAG_SEAL, seal.of(past.hash))
    assert not prove(sqlite_store).clean
    sqlite_store.client.transition_model_version_stage("leads", "2", "Staging")
    assert behind_a_guard(sqlite_store).adopt("leads")["versions"]
    found = prove(sqlite_store)
    assert found.clean
    assert any("adopted since" in note for note in found.notes)
    sqlite_store.client.transition_model_version_stage("leads", "2", "Archived")
    assert behind_a_guard(sqlite_store, None).adopt("leads")["versions"]
    assert not prove(sqlite_store).clean, "an adoption that the guard did not write accepts nothing"


def test_a_rewritten_last_record_shows_with_the_key(sqlite_store: Store, guarded: list[Entry]) -> None:
    """Without a key nobody can tell: no record after it holds its hash."""
    sqlite_store.client.delete_registered_model_tag("leads", TAG_HEAD)
    _rewrite(sqlite_store, guarded[-1].id, lambda body: body.update(reason="all is well"))
    found = prove(sqlite_store)
    assert guarded[-1].id in {f.record for f in found.findings if "its seal was not made" in f.message}


def test_a_seal_that_was_taken_off_shows(sqlite_store: Store, guarded: list[Entry]) -> None:
    sqlite_store.client.delete_tag(guarded[-1].id, TAG_SEAL)
    assert guarded[-1].id in {finding.record for finding in prove(sqlite_store).findings}


# --- the head -----------------------------------------------------------------------------------------------


def set_head(store: Store, head: object) -> None:
    store.client.set_registered_model_tag("leads", TAG_HEAD, str(head))


def cut_off(store: Store, entry: Entry) -> None:
    """Removes the record and the param that names it, as somebody with the database can."""
    with contextlib.closing(sqlite3.connect(store.uri.removeprefix("sqlite:///"))) as db, db:
        assert db.execute("DELETE FROM params WHERE key = 'hotpass.next' AND value = ?", (entry.id,)).rowcount
        for table in ("params", "tags", "runs"):
            db.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (entry.id,))


@pytest.mark.parametrize("key", [KEY, None], ids=["with a key", "without"])
def test_cutting_off_the_newest_records_shows(
    sqlite_store: Store, guarded: list[Entry], key: Seal | None
) -> None:
    set_head(sqlite_store, Head.of(guarded[-1], key))
    assert prove(sqlite_store, key).clean
    for facts in sqlite_store.client.search_model_versions("name='leads'"):
        sqlite_store.client.delete_model_version_tag("leads", facts.version, "hotpass.decision")
    cut_off(sqlite_store, guarded[-1])
    found = prove(sqlite_store, key)
    assert [finding.record for finding in found.findings] == [guarded[-1].id]
    assert "the newest records were cut off" in found.findings[0].message


def test_a_chain_that_went_on_over_http_may_be_longer_than_its_head(http_store: Store) -> None:
    """A path without the database writes no head, and its records do not say that they did."""
    version = make_version(http_store, "leads", metrics={"roc_auc": 0.8})
    connect(http_store).promote("leads", version, "Staging")
    first = connect(http_store).history("leads")[0]
    set_head(http_store, Head.of(first, None))
    connect(http_store).promote("leads", version, "Production")
    assert prove(http_store, None).clean


def test_a_head_that_was_set_back_shows(sqlite_store: Store, chain: list[Entry]) -> None:
    """A record that was written with its move has written the head too."""
    assert chain[-1].record.atomic
    set_head(sqlite_store, Head.of(chain[1], None))
    found = prove(sqlite_store, None)
    assert [finding.record for finding in found.findings] == [chain[-1].id]
    assert "was set back to number 2" in found.findings[0].message


def test_a_head_that_was_deleted_shows(sqlite_store: Store, chain: list[Entry]) -> None:
    sqlite_store.client.delete_registered_model_tag("leads", TAG_HEAD)
    assert "is gone: somebody deleted it" in prove(sqlite_store, None).findings[0].message


def test_a_head_whose_seal_was_taken_off_shows(sqlite_store: Store, guarded: list[Entry]) -> None:
    set_head(sqlite_store, Head.of(guarded[-1], None))
    assert "seal of the model's tag hotpass.head is gone" in prove(sqlite_store).findings[0].message


def test_an_adoption_accepts_a_cut_off_chain(sqlite_store: Store, guarded: list[Entry]) -> None:
    cut_off(sqlite_store, guarded[-1])
    assert not prove(sqlite_store).clean
    behind_a_guard(sqlite_store).adopt("leads")
    assert [f.message for f in prove(sqlite_store).findings if "cut off" in f.message] == []


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        (lambda head: "all is well", "hotpass.head was edited: it says 'all is well'"),
        (lambda head: head._replace(seal="0" * 64), "the seal of the model's tag hotpass.head was not made"),
        (lambda head: head._replace(hash="0" * 64), "has another hash for it"),
        (lambda head: head._replace(seq=9), "was not made with this guard's key"),
    ],
    ids=["no head", "seal", "hash", "number"],
)
def test_a_forged_head_is_a_finding(
    sqlite_store: Store, guarded: list[Entry], forged: Any, said: str
) -> None:
    set_head(sqlite_store, forged(Head.of(guarded[-1], KEY)))
    assert any(said in finding.message for finding in prove(sqlite_store).findings)


def test_a_head_of_another_model_is_a_finding(sqlite_store: Store, guarded: list[Entry]) -> None:
    entry = guarded[-1]
    other = replace(entry, record=replace(entry.record, model="other"))
    set_head(sqlite_store, Head.of(other, KEY))
    assert "was not made with this guard's key" in prove(sqlite_store).findings[0].message


def test_the_head_of_a_ledger_that_is_gone_is_a_finding(sqlite_store: Store) -> None:
    make_version(sqlite_store, "leads")
    set_head(sqlite_store, Head(3, "a" * 32, "0" * 64))
    assert "there is none" in prove(sqlite_store, None).findings[0].message


# --- a ledger as a whole ------------------------------------------------------------------------------------


def test_the_experiments_say_whose_they_are(sqlite_store: Store, chain: list[Entry]) -> None:
    for name in ("hotpass-ledger", "hotpass-ledger/leads"):
        tags = sqlite_store.client.get_experiment_by_name(name).tags
        assert "Kept by Hotpass; do not edit." in tags["mlflow.note.content"]


@pytest.mark.parametrize("name", ["hotpass-ledger/leads", "hotpass-ledger"])
def test_a_deleted_experiment_is_a_finding_that_names_what_restores_it(
    sqlite_store: Store, chain: list[Entry], name: str
) -> None:
    """`delete_experiment` deletes its runs too (`SqlAlchemyStore.delete_experiment`)."""
    client = sqlite_store.client
    experiment = client.get_experiment_by_name(name).experiment_id
    client.delete_experiment(experiment)
    assert connect(sqlite_store).ledgers(deleted_too=True) == ["leads"]
    messages = [finding.message for finding in audit(sqlite_store).findings]
    assert any("was deleted. Restore" in message for message in messages), messages
    client.restore_experiment(experiment)
    assert audit(sqlite_store).clean


def _rewrite(store: Store, record: str, change: Any) -> None:
    """Edits a record and gives it the hash of its new content, as a careful forger would."""
    from hotpass.ledger.record import TAG_HASH, Record, split
    from hotpass.ledger.runs import entry_of

    entry = entry_of(store.client.get_run(record))
    data = entry.record.as_json()
    change(data["body"])
    chunks, digest = split(Record.from_json(data))
    for key, value in {**chunks, TAG_HASH: digest}.items():
        store.client.set_tag(record, key, value)

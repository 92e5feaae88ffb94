"""`audit verify` proves the chain: what was edited, removed or inserted is named."""

from __future__ import annotations

from typing import Any

import pytest

import hotpass
from hotpass import api
from hotpass.ledger.audit import Audit
from hotpass.ledger.record import Entry
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
    sqlite_store.client.set_terminated(chain[0].id, "KILLED")
    found = audit(sqlite_store)
    assert {finding.record for finding in found.findings} == {chain[0].id}
    assert any("how it ended was changed" in finding.message for finding in found.findings)


def test_a_run_that_never_was_appended_is_a_remark(sqlite_store: Store, chain: list[Entry]) -> None:
    original = sqlite_store.client.get_run(chain[-1].id)
    stray = sqlite_store.client.create_run(original.info.experiment_id, tags=original.data.tags)
    found = audit(sqlite_store)
    assert found.clean
    assert stray.info.run_id in found.notes[0]
    assert [entry.id for entry in connect(sqlite_store).history("leads")] == [entry.id for entry in chain]
    assert connect(sqlite_store).promote("leads", 3, "Production").allowed


def _rewrite(store: Store, record: str, change: Any) -> None:
    """Edits a record and gives it the hash of its new content, as a careful forger would."""
    from hotpass.ledger.home import entry_of
    from hotpass.ledger.record import TAG_HASH, Record, split

    entry = entry_of(store.client.get_run(record))
    data = entry.record.as_json()
    change(data["body"])
    chunks, digest = split(Record.from_json(data))
    for key, value in {**chunks, TAG_HASH: digest}.items():
        store.client.set_tag(record, key, value)

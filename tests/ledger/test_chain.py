"""Records in every kind of store: whole, in order, and each place in the chain taken once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from hotpass import api
from hotpass.errors import LedgerError
from hotpass.ledger.chain import WINDOW, Chain
from hotpass.ledger.home import ROOT, Home
from hotpass.ledger.record import CHUNK, Actor, Entry, Kind, State
from hotpass.policy.model import PolicySet
from support.stores import Store

ANA = Actor("ana")


def home(store: Store, model: str = "leads") -> Home:
    session = api.connect(policies=PolicySet(), registry_uri=store.uri, tracking_uri=store.uri)
    return Home(session.registry.tracking, model)


def append(chain: Chain, text: str = "", *, moves: bool = False, after: Entry | None = None) -> Entry | None:
    return chain.append(
        Kind.DECISION, {"version": 1, "to": "Staging", "text": text}, after=after, moves=moves, actor=ANA,
        workspace="default", title="test",
    )  # fmt: skip


def test_a_long_record_comes_back_whole(store: Store) -> None:
    """MLflow refuses a tag over 8,000 characters on PostgreSQL and cuts it silently elsewhere."""
    text = "".join(f"{number:06d} äöü €\n" for number in range(3 * CHUNK // 10))
    assert append(Chain(home(store)), text) is not None
    [entry] = Chain(home(store)).entries()
    assert entry.record.body["text"] == text
    assert entry.record.actor == ANA


def test_one_place_is_taken_once(store: Store) -> None:
    first, second = Chain(home(store)), Chain(home(store))
    head = append(first)
    assert second.refresh() == head
    assert append(first, "a", after=head) is not None
    assert append(second, "b", after=head) is None
    assert [entry.record.body["text"] for entry in second.entries()] == ["", "a"]


def test_all_agree_on_where_a_chain_starts(store: Store) -> None:
    """Eight processes' worth of first records at once: one chain, one first record."""
    results: list[Any] = [None] * 8

    def start(number: int) -> None:
        try:
            results[number] = append(Chain(home(store)), str(number))
        except LedgerError as error:
            results[number] = error

    threads = [threading.Thread(target=start, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = [result for result in results if isinstance(result, Entry)]
    assert len(written) == 1, results
    assert not [result for result in results if isinstance(result, LedgerError)]
    assert [entry.id for entry in Chain(home(store)).entries()] == [written[0].id]


def test_a_long_chain_is_read_in_part_and_whole(sqlite_store: Store) -> None:
    writer = Chain(home(sqlite_store))
    head = None
    for number in range(WINDOW + 10):
        head = append(writer, str(number), after=head)
    reader = Chain(home(sqlite_store))
    assert len(reader.entries()) == WINDOW
    assert [entry.record.seq for entry in reader.entries(whole=True)] == list(range(1, WINDOW + 11))
    late = Chain(home(sqlite_store))
    late.entries()
    for number in range(WINDOW + 5):
        head = append(writer, f"late {number}", after=head)
    late.refresh()
    assert late.head == head
    assert [e.record.seq for e in late.entries(whole=True)] == list(range(1, 2 * WINDOW + 16))


@pytest.mark.parametrize("before", [0, 1, 2])
def test_records_that_are_added_while_it_reads(store: Store, before: int) -> None:
    """MLflow reads runs first and their params afterwards, so the last run names one that was not there yet.
    """
    writer, reader = Chain(home(store)), Chain(home(store))
    head = None
    for number in range(before):
        head = append(writer, str(number), after=head)
    if head is None:
        reader.home.create()
    newest = reader.home.newest

    def slowly(count: int, **how: Any) -> Any:
        runs, more = newest(count, **how)
        for number in range(3):
            append(writer, f"new {number}", after=writer.head)
        return [store.client.get_run(run.info.run_id) for run in runs], more

    reader.home.newest = slowly  # type: ignore[method-assign]
    assert reader.refresh() == (writer.head if before else None)
    reader.home.newest = newest  # type: ignore[method-assign]
    assert reader.refresh() == writer.head
    assert [e.record.seq for e in reader.entries()] == list(range(1, before + 4))


def test_a_deleted_ledger_is_said_so(sqlite_store: Store) -> None:
    assert append(Chain(home(sqlite_store))) is not None
    found = sqlite_store.client.get_experiment_by_name(f"{ROOT}/leads")
    sqlite_store.client.delete_experiment(found.experiment_id)
    with pytest.raises(LedgerError, match="mlflow experiments restore"):
        Chain(home(sqlite_store)).refresh()


class TestWhatIsNotInTheChain:
    def test_a_record_put_beside_it_counts_for_nothing(self, sqlite_store: Store) -> None:
        """A copy of an old record, closed long ago, would make a short stay in a stage look long."""
        chain = Chain(home(sqlite_store))
        head = None
        for number in range(4):
            head = append(chain, str(number), after=head)
        original = sqlite_store.client.get_run(chain.entries()[0].id)
        forged = sqlite_store.client.create_run(original.info.experiment_id, tags=original.data.tags)
        sqlite_store.client.set_terminated(forged.info.run_id, end_time=1)
        sqlite_store.client.log_param(forged.info.run_id, "hotpass.next", chain.entries()[1].id)
        assert [entry.id for entry in Chain(home(sqlite_store)).entries()] == [e.id for e in chain.entries()]

    @pytest.mark.parametrize("position", range(4))
    def test_a_removed_record_stops_everything(self, sqlite_store: Store, position: int) -> None:
        chain = Chain(home(sqlite_store))
        head = None
        for number in range(4):
            head = append(chain, str(number), after=head)
        removed = chain.entries()[position].id
        sqlite_store.client.delete_run(removed)
        with pytest.raises(LedgerError, match=f"record {removed} was removed"):
            Chain(home(sqlite_store)).entries(whole=True)

    def test_a_first_record_that_was_never_linked(self, sqlite_store: Store) -> None:
        """Its process died between writing and linking it; it is the only run there is, and no record."""
        chain = Chain(home(sqlite_store))
        chain.home.create()
        chain.home.link = lambda previous, run_id: True  # type: ignore[method-assign]
        append(chain, "never linked", moves=True)
        assert Chain(home(sqlite_store)).entries() == []
        assert append(Chain(home(sqlite_store)), "first") is not None
        assert [e.record.body["text"] for e in Chain(home(sqlite_store)).entries()] == ["first"]

    def test_an_end_before_the_beginning(self, sqlite_store: Store) -> None:
        chain = Chain(home(sqlite_store))
        entry = append(chain, moves=True)
        assert entry is not None
        chain.close(entry, moved=True, at_ms=None)
        sqlite_store.client.set_terminated(entry.id, end_time=1)
        with pytest.raises(LedgerError, match="it ended before it began"):
            Chain(home(sqlite_store)).refresh()

    def test_an_abandoned_record_cannot_be_made_to_have_moved(self, sqlite_store: Store) -> None:
        chain = Chain(home(sqlite_store))
        entry = append(chain, moves=True)
        assert entry is not None
        chain.close(entry, moved=False, at_ms=None)
        sqlite_store.client.set_terminated(entry.id, "FINISHED")
        [read] = Chain(home(sqlite_store)).entries()
        assert read.state is State.ABANDONED

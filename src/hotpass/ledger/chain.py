"""One model's chain of records: read, remembered, and added to.

Records never change once linked, so a Chain remembers them: a process that appends to the head it remembers,
and succeeds, knows by that that it has missed nothing. `turns.py` has the rules by which the chain is also
the lock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from hotpass.errors import LedgerDamaged, LedgerError
from hotpass.ledger.draft import Draft, request_tag
from hotpass.ledger.head import TAG_HEAD
from hotpass.ledger.home import Home
from hotpass.ledger.linking import chain_among, removed
from hotpass.ledger.record import PARAM_NEXT, TAG_SEQ, Actor, Entry, Kind, State
from hotpass.ledger.runs import entry_of
from hotpass.ledger.seal import Seal
from hotpass.ledger.trust import INSTEAD_OF, against_head, came_past_the_guard, unsealed
from hotpass.ledger.writing import Slot, Writer
from hotpass.registry.database import Database
from hotpass.verdicts import Json

T = TypeVar("T")

#: Seconds for which an open record is left alone. Its owner stops moving things at half of it, since a write
#: that waits for a lock in a SQLite database takes up to 20 s (MLflow's busy_timeout).
LEASE = 45.0
#: Records read at first; the rest only where it is needed.
WINDOW = 25


class Chain:
    """The records of one model, oldest first, and how to add one."""

    def __init__(
        self,
        home: Home,
        *,
        lease: float = LEASE,
        seal: Seal | None = None,
        database: Database | None = None,
    ) -> None:
        """`lease`, in seconds, is written into every record that is appended here, and `seal` marks it. With
        the `database` that holds the ledger and the registry, a record is written in one transaction.
        """
        self.home = home
        self.lease = lease
        self.seal = seal
        self.database = database
        self._writer = Writer(home, lease, seal, database)
        self._entries: dict[str, Entry] = {}
        self._known = False

    @property
    def known(self) -> bool:
        """Whether anything was read yet."""
        return self._known

    @property
    def head(self) -> Entry | None:
        """The last record, as remembered; None for an empty chain."""
        return next(reversed(self._entries.values()), None)

    def entries(self, *, whole: bool = False) -> list[Entry]:
        """What is remembered, oldest first; with `whole`, all of it. Raises LedgerError."""
        if not self._known:
            self.refresh()
        if whole and self._entries and next(iter(self._entries.values())).record.seq > 1:
            self._take_in(list(self.home.all()))
            first = next(iter(self._entries.values()))
            if first.record.seq > 1:
                raise removed(self.home.model, str(first.record.previous.get("id")))
        return list(self._entries.values())

    def proves(self, entry: Entry) -> bool:
        """Whether `entry` has the guard's seal. Where there is no key to tell by, every record in the chain
        passes.
        """
        return self.seal is None or self.seal.proves(entry.hash, entry.seal)

    # --- reading --------------------------------------------------------------------------------------------

    def refresh(self) -> Entry | None:
        """Reads the newest records again and returns the last one. Raises LedgerError where one was removed.
        """
        if not self.home.find():
            self._known = True
            return None
        runs, more = self.home.newest(WINDOW)
        head = self.head
        if head is not None and more and min(_seq(run) for run in runs) > head.record.seq:
            runs = list(self.home.all())  # more was added than one look shows
        self._take_in(runs)
        # MLflow reads runs and their params one after the other, so a record can be named that was not there.
        while (head := self.head) is not None and head.next_id is not None:
            self._take_in([self._existing(head.next_id)])
            if self.head is not None and self.head.id == head.id:
                raise removed(self.home.model, head.next_id)
        self._known = True
        return self.head

    def _take_in(self, runs: list[Any]) -> None:
        found = dict(self._entries)
        broken: dict[str, LedgerError] = {}
        for run in runs:
            known = found.get(run.info.run_id)
            if known is not None and not known.is_open and known.next_id is not None:
                continue
            try:
                found[run.info.run_id] = entry_of(run)
            except LedgerError as error:
                found.pop(run.info.run_id, None)
                broken[run.info.run_id] = error
        head = self.head
        if head is not None and head.id in broken:
            raise broken[head.id]
        chain = chain_among(found.values(), head, self._is_named)
        if not chain and (broken or runs) and head is None:
            first = self.home.run(self.home.genesis).data.params.get(PARAM_NEXT)
            if first in broken:
                raise broken[first]
            if first is not None:  # linked since
                found[first] = entry_of(self._existing(first))
                chain = chain_among(found.values(), found[first], self._is_named)
        # A record that cannot be read, and that the chain leads to or comes from, is no stray.
        for beside in (chain[-1].next_id, chain[0].record.previous.get("id")) if chain else ():
            if beside in broken:
                raise broken[str(beside)]
        self._entries = {entry.id: entry for entry in chain}

    def _existing(self, record_id: str) -> Any:
        """The run of a record that the chain names. Raises LedgerDamaged where it was removed."""
        try:
            run = self.home.run(record_id)
        except LedgerDamaged:
            raise removed(self.home.model, record_id) from None
        if run.info.lifecycle_stage != "active":
            raise removed(self.home.model, record_id)
        return run

    def _is_named(self, entry: Entry) -> bool:
        previous = entry.record.previous.get("id") or self.home.genesis
        return bool(self.home.run(str(previous)).data.params.get(PARAM_NEXT) == entry.id)

    def reread(self, entry: Entry) -> Entry:
        """`entry` as it is now."""
        fresh = entry_of(self.home.run(entry.id))
        if entry.id in self._entries:
            self._entries[entry.id] = fresh
        return fresh

    # --- trusting -------------------------------------------------------------------------------------------

    def refuse_unsealed(self) -> None:
        """Raises LedgerDamaged where a record came past the guard and no sealed adoption has accepted it."""
        found = self._unsealed()
        if found is not None:
            raise came_past_the_guard(found)

    def _unsealed(self) -> Entry | None:
        if self.seal is None:
            return None
        entries = self.entries()
        # Nobody goes on behind such a record, so where the newest is sealed all are.
        if not any(self.seal.proves(entry.hash, entry.seal) for entry in entries):
            entries = self.entries(whole=True)
        return unsealed(entries, self.seal)

    def to_accept(self, tags: Mapping[str, str], workspace: str) -> dict[str, Json]:
        """What an adoption says in its body so that this chain may be gone on with; empty where it may."""
        found, against = self._unsealed(), self.against_head(tags, workspace)
        said: dict[str, Json] = {}
        if found is not None:
            said["accepts"] = f"record {found.id} came past the guard"
        if against:
            said["accepts"] = against
            said[INSTEAD_OF] = tags[TAG_HEAD]
        return said

    def against_head(self, tags: Mapping[str, str], workspace: str) -> str:
        """What the registered model's `tags` say against this chain, in words. "" where they agree, after
        another look where they name a record that was not here yet.
        """
        if TAG_HEAD not in tags:
            return ""
        for look in (self.entries, self._refreshed, self._whole):
            against = against_head(tags, look(), self.seal, workspace, self.home.model)
            if not against:
                break
        return against

    def _refreshed(self) -> list[Entry]:
        self.refresh()
        return self.entries()

    def _whole(self) -> list[Entry]:
        return self.entries(whole=True)

    def answered(self, request_id: str) -> Entry | None:
        """The record that the caller's request of this id came to; None where there is none that stands."""
        entries = self.entries()
        if entries and entries[0].record.seq > 1 and self.home.has_request(request_tag(request_id)):
            entries = self.entries(whole=True)
        for entry in reversed(entries):
            if entry.record.body.get("request_id") == request_id and entry.state is not State.ABANDONED:
                return entry
        return None

    # --- writing --------------------------------------------------------------------------------------------

    def append(
        self,
        kind: Kind,
        body: Mapping[str, Json],
        *,
        after: Entry | None,
        moves: bool,
        actor: Actor,
        workspace: str,
        title: str,
        note: str = "",
    ) -> Entry | None:
        """Writes a record and links it behind `after`; None where another record got there first.

        With `moves` it stays open until `close`. Raises LedgerError where it could not be written whole, and
        where the last record lacks the guard's seal (`refuse_unsealed`).
        """
        return self.append_draft(Draft(kind, body, moves, actor, workspace, title, note), after)

    def append_draft(self, draft: Draft, after: Entry | None) -> Entry | None:
        """As `append`."""
        if draft.kind is not Kind.ADOPTION:
            self.refuse_unsealed()
        if self.database is not None:
            return self.in_one_transaction(after, lambda slot: slot.fill(draft))
        return self._taken(self._writer.append(draft, after), after)

    def in_one_transaction(self, after: Entry | None, work: Callable[[Slot], Entry | T]) -> Entry | T | None:
        """What `work` returns: the record that it wrote into the slot behind `after`, or anything else, if it
        wrote none. None where another record got there first.

        Whatever `work` wrote is committed with the record, or not at all. Raises LedgerError.
        """
        return self._taken(self._writer.in_one_transaction(after, work), after)

    def _taken(self, done: Entry | T | None, after: Entry | None) -> Entry | T | None:
        """`done`, remembered where it is a record."""
        if done is None:
            self._known = False
            time.sleep(random.uniform(0.0, 0.02))  # noqa: S311 - so that losers do not all come back at once
        elif isinstance(done, Entry):
            if after is not None:
                self._entries[after.id] = replace(after, next_id=done.id)
            self._entries[done.id] = done
            self._known = True
        return done

    def close(self, entry: Entry, *, moved: bool, at_ms: int | None) -> None:
        """Says how the open record ended; `at_ms` is when, by the server's clock where it is known."""
        at = at_ms or int(time.time() * 1000)
        if moved:
            self.home.finish(entry.id, at)
        else:
            self.home.end(entry.id, moved=False, at_ms=at)
        self._entries[entry.id] = replace(
            entry, state=State.CLOSED if moved else State.ABANDONED, ended_at_ms=at
        )


def _seq(run: Any) -> int:
    return int(run.data.tags.get(TAG_SEQ, "0"))

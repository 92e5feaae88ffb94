"""One model's chain of records: read, remembered, and added to.

Records never change once linked, so a Chain remembers them: a process that appends to the head it remembers,
and succeeds, knows by that that it has missed nothing. `turns.py` has the rules by which the chain is also
the lock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hotpass.errors import LedgerError
from hotpass.ledger.home import Home, entry_of
from hotpass.ledger.linking import chain_among, removed
from hotpass.ledger.record import (
    PARAM_NEXT,
    TAG_FROM,
    TAG_HASH,
    TAG_KIND,
    TAG_MODEL,
    TAG_OUTCOME,
    TAG_SEQ,
    TAG_TO,
    TAG_VERSION,
    Actor,
    Entry,
    Kind,
    Record,
    State,
    split,
)
from hotpass.ledger.seal import TAG_SEAL, Seal
from hotpass.verdicts import Json

#: Seconds for which an open record is left alone. Its owner stops moving things at half of it, since a write
#: that waits for a lock in a SQLite database takes up to 20 s (MLflow's busy_timeout).
LEASE = 45.0
#: Records read at first; the rest only where it is needed.
WINDOW = 25


class Chain:
    """The records of one model, oldest first, and how to add one."""

    def __init__(self, home: Home, *, lease: float = LEASE, seal: Seal | None = None) -> None:
        """`lease`, in seconds, is written into every record that is appended here, and `seal` marks it."""
        self.home = home
        self.lease = lease
        self.seal = seal
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
        for attempt in (1, 2):
            runs, more = self.home.newest(WINDOW)
            head = self.head
            if head is not None and more and min(_seq(run) for run in runs) > head.record.seq:
                runs = list(self.home.all())  # more was added than one look shows
            self._take_in(runs)
            head = self.head
            if head is None or head.next_id is None:
                break
            if attempt == 2:  # not just appended between two reads
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
            if first is not None:
                raise broken.get(first) or removed(self.home.model, first)
        # A record that cannot be read, and that the chain leads to or comes from, is no stray.
        for beside in (chain[-1].next_id, chain[0].record.previous.get("id")) if chain else ():
            if beside in broken:
                raise broken[str(beside)]
        self._entries = {entry.id: entry for entry in chain}

    def _is_named(self, entry: Entry) -> bool:
        previous = entry.record.previous.get("id") or self.home.genesis
        return bool(self.home.run(str(previous)).data.params.get(PARAM_NEXT) == entry.id)

    def reread(self, entry: Entry) -> Entry:
        """`entry` as it is now."""
        fresh = entry_of(self.home.run(entry.id))
        if entry.id in self._entries:
            self._entries[entry.id] = fresh
        return fresh

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

        With `moves` it stays open until `close`. Raises LedgerError where it could not be written whole.
        """
        if after is None:
            self.home.create()
        now = datetime.now(UTC)
        record = Record(
            kind=kind,
            seq=after.record.seq + 1 if after else 1,
            time=now,
            actor=actor,
            model=self.home.model,
            workspace=workspace,
            moves=moves,
            body=body,
            lease=self.lease,
            previous=after.link() if after else {},
        )
        chunks, digest = split(record)
        tags = {
            TAG_KIND: str(kind),
            TAG_MODEL: self.home.model,
            TAG_SEQ: f"{record.seq:08d}",
            TAG_HASH: digest,
            TAG_VERSION: str(body.get("version", "")),
            TAG_FROM: str(body.get("from", "")),
            TAG_TO: str(body.get("to", "")),
            TAG_OUTCOME: str(body.get("outcome", "")),
            "mlflow.user": actor.name,
            **chunks,
        }
        if note:
            tags["mlflow.note.content"] = note[:5000]
        if self.seal is not None:
            tags[TAG_SEAL] = self.seal.of(digest)
        opened_at_ms = int(now.timestamp() * 1000)
        run_id = self.home.write(title, tags, actor.name, opened_at_ms)
        if len(chunks) > 1:  # MLflow cuts what is too long on some stores without a word
            entry_of(self.home.run(run_id))
        previous = after.id if after else self.home.genesis
        if not self.home.link(previous, run_id):
            self.home.delete(run_id)
            self._known = False
            time.sleep(random.uniform(0.0, 0.02))  # noqa: S311 - so that losers do not all come back at once
            return None
        entry = Entry(
            id=run_id,
            record=record,
            hash=digest,
            state=State.OPEN if moves else State.CLOSED,
            opened_at_ms=opened_at_ms,
            ended_at_ms=None,
            next_id=None,
            seal=tags.get(TAG_SEAL, ""),
        )
        if after is not None:
            self._entries[after.id] = replace(after, next_id=run_id)
        self._entries[run_id] = entry
        self._known = True
        if not moves:
            self.home.finish(run_id, opened_at_ms)
        return entry

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

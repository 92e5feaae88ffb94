"""One model's chain of records, and the lock that it is.

Nobody appends behind a record that is still open, and of all who append to a closed one exactly one succeeds;
so at most one process moves a model at a time, without any lock but the ledger itself. A record left open by
a crash is settled by the next process, once its lease is over, from what the registry shows.

Records never change once linked, so a Chain remembers them: a process that appends to the head it remembers,
and succeeds, knows by that that it has missed nothing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hotpass.errors import LedgerError
from hotpass.ledger.home import Home, entry_of
from hotpass.ledger.record import (
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
from hotpass.verdicts import Json

#: Seconds for which an open record is left alone. Its owner stops moving things when they are over.
LEASE = 30.0
#: Seconds by which two machines' clocks may differ before a lease is judged wrongly by them.
SKEW = 60.0
#: Records read at first; the rest only where it is needed.
WINDOW = 25

#: Decides how an open record ended: (moved, when in ms by the server's clock or None). Finishes a move half
#: done.
Settle = Callable[[Entry], tuple[bool, int | None]]


class Chain:
    """The records of one model, oldest first, and how to add one."""

    def __init__(self, home: Home, *, lease: float = LEASE) -> None:
        """`lease` in seconds."""
        self._home = home
        self.lease = lease
        self._entries: dict[str, Entry] = {}
        self._first_seq = 1  # of the oldest record remembered
        self._known = False
        self._seen_open: dict[
            str, float
        ] = {}  # id of an open record -> when this process first saw it (monotonic)

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
        if whole and self._first_seq > 1:
            self._remember(list(self._home.all()), complete=True)
        return list(self._entries.values())

    # --- reading --------------------------------------------------------------------------------------------

    def refresh(self) -> Entry | None:
        """Reads the newest records again and returns the last one."""
        if not self._home.find():
            self._known, self._first_seq = True, 1
            return None
        runs, token = self._home.newest(WINDOW)
        newest_known = self.head.record.seq if self.head else 0
        oldest_read = min((_seq(run) for run in runs), default=1)
        if token and oldest_read > newest_known + 1:  # a gap between what is remembered and what was read
            if self._known and newest_known:
                runs, token = list(self._home.all()), None
            else:
                self._entries.clear()
        self._remember(runs, complete=token is None)
        self._known = True
        return self.head

    def _remember(self, runs: list[Any], *, complete: bool) -> None:
        """Takes in `runs` (highest number first), leaving out those that were written and never linked."""
        nexts = {run.data.params.get("hotpass.next") for run in runs} | {
            e.next_id for e in self._entries.values()
        }
        for run in reversed(runs):
            known = self._entries.get(run.info.run_id)
            if known is not None and known.state is not State.OPEN and known.next_id is not None:
                continue
            if known is None and not self._is_linked(run, nexts):
                continue
            self._entries[run.info.run_id] = entry_of(run)
        ordered = sorted(self._entries.values(), key=lambda entry: entry.record.seq)
        self._entries = {entry.id: entry for entry in ordered}
        if complete:
            self._first_seq = 1
        elif ordered:
            self._first_seq = ordered[0].record.seq

    def _is_linked(self, run: Any, nexts: set[str | None]) -> bool:
        if run.data.params.get("hotpass.next") or run.info.run_id in nexts:
            return True
        if run.info.status in ("FINISHED", "KILLED"):  # only a linked record is ever closed
            return True
        # Open, last and pointed at by nothing that was read: ask the record that it names as the one before.
        previous = entry_of(run).record.previous.get("id") or self._home.genesis
        return bool(self._home.run(str(previous)).data.params.get("hotpass.next") == run.info.run_id)

    # --- the lock -------------------------------------------------------------------------------------------

    def wait_for_turn(
        self, settle: Settle, *, notify: Callable[[str], None], deadline: float
    ) -> Entry | None:
        """The closed head to append to (None: the chain is empty). `deadline` by time.monotonic().

        Waits while another process moves the model, and settles what a dead one left. Raises LedgerError at
        the deadline.
        """
        pause, told = 0.02, False
        head = self.head if self._known else self.refresh()
        while head is not None and head.is_open:
            run = self._home.run(head.id)
            head = entry_of(run)
            self._entries[head.id] = head
            if not head.is_open:
                head = self.refresh()
                continue
            if self._lease_is_over(head):
                self._settle(head, settle)
                head = self.refresh()
                continue
            if time.monotonic() > deadline:
                raise LedgerError(
                    f"{head.record.actor.name} has been promoting {head.record.model} since "
                    f"{head.record.time.isoformat()} "
                    f"(record {head.id}) and has not finished. Nothing was moved; try again."
                )
            if not told and time.monotonic() - self._seen_open[head.id] > 1.0:
                notify(
                    f"waiting for a promotion by {head.record.actor.name} that is still open (record "
                    f"{head.id[:8]})"
                )
                told = True
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
        return head

    def _lease_is_over(self, entry: Entry) -> bool:
        """By this process' own clock, from when it first saw the record open; or, with room for skew, by the
        record's.
        """
        now = time.monotonic()
        first_seen = self._seen_open.setdefault(entry.id, now)
        age = time.time() - entry.opened_at_ms / 1000
        return now - first_seen > self.lease or age > self.lease + SKEW

    def _settle(self, entry: Entry, settle: Settle) -> None:
        token = uuid.uuid4().hex
        for attempt in range(100):
            if self._home.claim_settling(entry.id, attempt, token):
                break
            # Somebody else settles it. Should they die as well, their turn is over after one more lease.
            limit = time.monotonic() + self.lease
            while time.monotonic() < limit:
                if not entry_of(self._home.run(entry.id)).is_open:
                    return
                time.sleep(0.1)
        moved, at_ms = settle(entry)
        self.close(entry, moved=moved, at_ms=at_ms)

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
            self._home.create()
        now = datetime.now(UTC)
        record = Record(
            kind=kind,
            seq=after.record.seq + 1 if after else 1,
            time=now,
            actor=actor,
            model=self._home.model,
            workspace=workspace,
            moves=moves,
            body=body,
            previous=after.link() if after else {},
        )
        chunks, digest = split(record)
        tags = {
            TAG_KIND: str(kind),
            TAG_MODEL: self._home.model,
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
        opened_at_ms = int(now.timestamp() * 1000)
        run_id = self._home.write(title, tags, actor.name, opened_at_ms)
        if len(chunks) > 1:  # MLflow cuts what is too long on some stores without a word
            entry_of(self._home.run(run_id))
        previous = after.id if after else self._home.genesis
        if not self._home.link(previous, run_id):
            self._home.delete(run_id)
            self._known = False
            return None
        entry = Entry(
            id=run_id,
            record=record,
            hash=digest,
            state=State.OPEN if moves else State.CLOSED,
            opened_at_ms=opened_at_ms,
            ended_at_ms=None,
            next_id=None,
        )
        if after is not None:
            self._entries[after.id] = _with(after, next_id=run_id)
        self._entries[run_id] = entry
        self._known = True
        if not moves:
            self._home.close(run_id, moved=True, at_ms=opened_at_ms)
        return entry

    def close(self, entry: Entry, *, moved: bool, at_ms: int | None) -> Entry:
        """Says how the open record ended; `at_ms` is when, by the server's clock where it is known."""
        at = at_ms or int(time.time() * 1000)
        self._home.close(entry.id, moved=moved, at_ms=at)
        closed = _with(entry, state=State.CLOSED if moved else State.ABANDONED, ended_at_ms=at)
        self._entries[entry.id] = closed
        return closed

    def settled_meanwhile(self, entry: Entry) -> bool:
        """Whether another process settled `entry` because its lease was over."""
        return bool(entry_of(self._home.run(entry.id)).settled_by)


def _seq(run: Any) -> int:
    return int(run.data.tags.get(TAG_SEQ, "0"))


def _with(entry: Entry, **changes: Any) -> Entry:
    return replace(entry, **changes)

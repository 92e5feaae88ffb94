"""The chain as a lock: whose turn it is, and what happens to the turn of a process that died.

Nobody appends behind a record that is still open, and of all who append to a closed one exactly one succeeds;
so at most one process moves a model at a time. A record left open is settled by the next process once its
lease, which the record itself states, is over. Leases are measured by the waiting process' own clock, from
when it first saw the record open, so clocks need not agree.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from hotpass.errors import LedgerError
from hotpass.ledger.chain import Chain
from hotpass.ledger.record import Entry

#: Decides how an open record ended: (moved, when in ms by the server's clock or None). Finishes a move half
#: done.
Settle = Callable[[Entry], tuple[bool, int | None]]

#: A record open for so many seconds, by the wall clock, is nobody's any more; no two clocks differ by so
#: much.
LONG_DEAD = 3600.0


def clock() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class Turns:
    """Waits for this process' turn to append to `chain`."""

    def __init__(self, chain: Chain, settle: Settle, notify: Callable[[str], None]) -> None:
        self._chain = chain
        self._settle = settle
        self._notify = notify
        #: When each open record was first seen, with so many processes settling it.
        self._first_seen: dict[tuple[str, int], float] = {}
        self._told: set[str] = set()

    def wait(self, deadline: float) -> Entry | None:
        """The closed head to append to (None: the chain is empty). `deadline` by `clock()`.

        Raises LedgerError at the deadline, naming who holds the turn.
        """
        pause = 0.02
        head = self._chain.head if self._chain.known else self._chain.refresh()
        while head is not None and head.is_open:
            head = self._chain.reread(head)
            if not head.is_open:
                head = self._chain.refresh()
                continue
            if self._lease_is_over(head):
                self._settle_it(head)
                head = self._chain.refresh()
                continue
            self._say_who(head, deadline)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
        return head

    def _lease_is_over(self, entry: Entry) -> bool:
        first_seen = self._first_seen.setdefault((entry.id, entry.settlers), clock())
        if entry.settlers == 0 and time.time() - entry.opened_at_ms / 1000 > LONG_DEAD:
            return True
        return clock() - first_seen > entry.record.lease

    def _settle_it(self, entry: Entry) -> None:
        """Settles the record, if this process is the one to do it: each attempt has exactly one winner, and
        one lease.
        """
        home = self._chain.home
        if not home.claim_settling(entry.id, entry.settlers, uuid.uuid4().hex):
            return
        if not self._chain.reread(entry).is_open:
            return
        moved, at_ms = self._settle(entry)
        home.end(entry.id, moved=moved, at_ms=at_ms or int(time.time() * 1000))
        self._chain.reread(entry)

    def _say_who(self, entry: Entry, deadline: float) -> None:
        who = f"{entry.record.actor.name} (record {entry.id[:8]})"
        waited = clock() - self._first_seen[(entry.id, entry.settlers)]
        if clock() > deadline:
            raise LedgerError(
                f"{who} has been promoting {entry.record.model} since {entry.record.time.isoformat()} "
                "and has not "
                "finished. Nothing was moved; try again."
            )
        if waited > 1.0 and entry.id not in self._told:
            self._told.add(entry.id)
            self._notify(
                f"waiting for a promotion by {who} that is still open; should its process have died, "
                "it is settled in "
                f"{entry.record.lease - waited:.0f} s"
            )

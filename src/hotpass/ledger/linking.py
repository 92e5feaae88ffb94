"""Which runs of a ledger's experiment are the chain. Pure.

Next to the chain there may be runs that were written and never appended, and runs that somebody put there.
Two records are neighbours only where each names the other: the first by its param `hotpass.next`, which
cannot be changed, and the second by the link inside its hashed content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hotpass.errors import LedgerDamaged
from hotpass.ledger.record import Entry

#: Says whether a record is named as the next by the record (or the start of the chain) that it names as the
#: one before.
IsNamed = Callable[[Entry], bool]


def are_neighbours(first: Entry, second: Entry) -> bool:
    """Whether `second` follows `first`, by the word of both."""
    return (
        first.next_id == second.id
        and second.record.previous.get("id") == first.id
        and second.record.seq == first.record.seq + 1
    )


def segments(entries: Iterable[Entry]) -> list[list[Entry]]:
    """`entries` in runs of neighbours, each oldest first; the longest reaching comes first."""
    by_id = {entry.id: entry for entry in entries}
    following: dict[str, Entry] = {}
    for entry in by_id.values():
        second = by_id.get(entry.next_id or "")
        if second is not None and are_neighbours(entry, second):
            following[entry.id] = second
    preceded = {entry.id for entry in following.values()}
    found = []
    for entry in by_id.values():
        if entry.id in preceded:
            continue
        segment = [entry]
        while segment[-1].id in following:
            segment.append(following[segment[-1].id])
        found.append(segment)
    return sorted(found, key=lambda segment: (len(segment), segment[-1].record.seq), reverse=True)


def chain_among(entries: Iterable[Entry], known: Entry | None, is_named: IsNamed) -> list[Entry]:
    """The chain, or its newest part, among `entries`; oldest first.

    `known` is a record that is in the chain for certain, or None. `is_named` costs a request, so it is asked
    only where there is a doubt: the one segment of several records needs no proof.
    """
    found = segments(entries)
    if known is not None:
        return next((segment for segment in found if any(e.id == known.id for e in segment)), [])
    long = [segment for segment in found if len(segment) > 1]
    if len(long) == 1 and long[0][-1].next_id is None:
        return long[0]
    named = [segment for segment in found if is_named(segment[0])]
    # A removed record leaves two proven parts; the newer one holds the last word.
    return max(named, key=lambda segment: segment[-1].record.seq, default=[])


def removed(model: str, record_id: str) -> LedgerDamaged:
    """The error for a record that the chain names and that is not there."""
    return LedgerDamaged(
        f"the ledger of {model}: record {record_id} was removed. Nothing was moved. Restore it with "
        f"MlflowClient().restore_run({record_id!r}), or see: hotpass audit verify {model}"
    )

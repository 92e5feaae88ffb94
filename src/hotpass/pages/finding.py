"""Finds a decision's record by its id, or by the beginning of that, as `hotpass history` prints it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hotpass.errors import CallError, NotFound
from hotpass.ledger.record import Entry, Kind

#: Fewer characters of an id say too little.
_SHORTEST = 4


def record_of(wanted: str, models: Iterable[str], history: Callable[[str], list[Entry]]) -> Entry:
    """The record of the decision `wanted` about one of `models`. Raises NotFound, and CallError where it is
    no decision's or where several records begin so.
    """
    prefix = wanted.strip().lower()
    if len(prefix) < _SHORTEST:
        raise CallError(
            f"{wanted!r} is too short for the id of a record; give at least {_SHORTEST} characters"
        )
    names = list(models)
    found = [entry for name in names for entry in history(name) if entry.id.lower().startswith(prefix)]
    if not found:
        of = f"of {names[0]} " if len(names) == 1 else ""
        look = f"hotpass history {names[0]}" if len(names) == 1 else "hotpass history MODEL"
        raise NotFound(f"no record {of}has an id that begins with {wanted!r}. See: {look}")
    if len(found) > 1:
        listed = ", ".join(entry.id for entry in found[:5])
        raise CallError(
            f"{len(found)} records have ids that begin with {wanted!r}: {listed}. Give more of it."
        )
    return decision_among(found, f"record {found[0].id}")


def decision_among(entries: Iterable[Entry], of: str) -> Entry:
    """The last decision among `entries`, oldest first. Raises CallError where there is none."""
    kinds = set()
    for entry in reversed(list(entries)):
        if entry.record.kind is Kind.DECISION:
            return entry
        kinds.add(str(entry.record.kind))
    what = f"; it is about: {', '.join(sorted(kinds))}" if kinds else ""
    raise CallError(f"{of} has no decision, and only decisions have reports{what}")

"""What a guard and its clients agree on: where it answers, the names of its headers, and ledger entries as
JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotpass.errors import RegistryError
from hotpass.ledger.record import Entry, Record, State
from hotpass.verdicts import Json

#: Below a server's URI, static prefix included.
PATH = "/api/2.0/hotpass"
#: In every answer of a guard, whatever its status: its version.
GUARD_HEADER = "Hotpass-Guard"
#: Of a request that may be sent twice and shall be carried out once; 1 to 200 printable ASCII characters.
KEY_HEADER = "Idempotency-Key"
#: Who a client says to be, percent-encoded. Counts where nobody authenticates, and then as a claim.
ACTOR_HEADER = "Hotpass-Actor"


def entry_as_json(entry: Entry) -> dict[str, Json]:
    """A ledger entry, whole: its record as it is hashed, and how that stands."""
    return {
        "id": entry.id, "hash": entry.hash, "state": str(entry.state), "opened_at_ms": entry.opened_at_ms,
        "ended_at_ms": entry.ended_at_ms, "next_id": entry.next_id, "settlers": entry.settlers,
        "record": entry.record.as_json(),
    }  # fmt: skip


def entry_from_json(data: Mapping[str, Any]) -> Entry:
    """The entry that `entry_as_json` gave. Raises RegistryError for anything else."""
    try:
        ended_at_ms, next_id = data["ended_at_ms"], data["next_id"]
        return Entry(
            id=str(data["id"]),
            record=Record.from_json(data["record"]),
            hash=str(data["hash"]),
            state=State(data["state"]),
            opened_at_ms=int(data["opened_at_ms"]),
            ended_at_ms=None if ended_at_ms is None else int(ended_at_ms),
            next_id=None if next_id is None else str(next_id),
            settlers=int(data["settlers"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RegistryError(f"a ledger entry cannot be read: {type(error).__name__}: {error}") from None

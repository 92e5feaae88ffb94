"""What a ledger record says, and how records are linked. Pure: no I/O, no MLflow.

A record is a JSON object. Its hash is the SHA-256 of its canonical JSON; it names the record before it by id
and hash, and says how that one ended, so that no record can be edited, removed or inserted without a trace.
The id of a record is that of the MLflow run that keeps it, and so stands outside of it; the next record's
link ties it in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from hotpass.errors import LedgerError
from hotpass.verdicts import Identity, Json, canonical_json, digest_of

FORMAT = 1

#: Longest piece of a record in one tag. MLflow's limit is 8,000 characters: beyond it PostgreSQL refuses,
#: others cut.
CHUNK = 6000

TAG_CHUNK = "hotpass.record."  # + two digits
TAG_HASH = "hotpass.hash"
TAG_SEQ = "hotpass.seq"
TAG_KIND = "hotpass.kind"
TAG_MODEL = "hotpass.model"
TAG_VERSION = "hotpass.version"
TAG_FROM = "hotpass.from"
TAG_TO = "hotpass.to"
TAG_OUTCOME = "hotpass.outcome"
TAG_REQUEST = "hotpass.request"
PARAM_NEXT = "hotpass.next"
PARAM_SETTLER = "hotpass.settler."  # + number of the attempt
PARAM_END = (
    "hotpass.end"  # how it ended, where that was not its own process' success: "abandoned@1795504798551"
)


class Kind(StrEnum):
    """What a record is about."""

    GENESIS = "genesis"
    DECISION = "decision"
    ADOPTION = "adoption"
    REPAIR = "repair"  # a late write of a settled promotion undone
    APPROVAL = "approval"
    WITHDRAWAL = "withdrawal"  # of an approval
    OBSERVATION = "observation"  # what a guard that only observes would have refused, and let pass


class State(StrEnum):
    """How far a record has come."""

    OPEN = "open"  # its move is under way, or its process died
    CLOSED = "closed"  # done: what it was to move has moved
    ABANDONED = "abandoned"  # nothing was moved after all


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. Without a guard the name is only claimed."""

    name: str
    authenticated: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was opened. `body` is a decision's or an adoption's JSON; `moves` whether the registry
    changes.
    """

    kind: Kind
    seq: int
    time: datetime
    actor: Actor
    model: str
    workspace: str
    moves: bool
    body: Mapping[str, Json]
    #: Seconds for which others leave it alone while it is open.
    lease: float
    #: Id, hash, state and end (ms) of the record before; empty for the first.
    previous: Mapping[str, Json]
    #: Whether it was written in one transaction with its move: then it ended as it began.
    atomic: bool = False

    @property
    def time_ms(self) -> int:
        return round(self.time.timestamp() * 1000)

    def as_json(self) -> dict[str, Json]:
        said: dict[str, Json] = {
            "format": FORMAT,
            "kind": str(self.kind),
            "seq": self.seq,
            "time": self.time.isoformat(),
            "actor": {"name": self.actor.name, "authenticated": self.actor.authenticated},
            "model": self.model,
            "workspace": self.workspace,
            "moves": self.moves,
            "lease": self.lease,
            "body": dict(self.body),
            "previous": dict(self.previous),
        }
        if self.atomic:  # left out otherwise, so that older records keep their hash
            said["atomic"] = True
        return said

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """Raises LedgerError for what is not a record of a format this version reads."""
        try:
            if data["format"] != FORMAT:
                raise LedgerError(
                    f"a ledger record has format {data['format']}; this Hotpass reads {FORMAT}. Upgrade it."
                )
            return cls(
                kind=Kind(data["kind"]),
                seq=int(data["seq"]),
                time=datetime.fromisoformat(data["time"]),
                actor=Actor(data["actor"]["name"], bool(data["actor"]["authenticated"])),
                model=data["model"],
                workspace=data["workspace"],
                moves=bool(data["moves"]),
                body=data["body"],
                lease=float(data["lease"]),
                previous=data["previous"],
                atomic=data.get("atomic") is True,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerError(f"a ledger record cannot be read: {type(error).__name__}: {error}") from None


@dataclass(frozen=True, slots=True)
class Entry:
    """A record where it is kept. `ended_at_ms` is when its move took effect, by the server's clock where it
    has one.
    """

    id: str
    record: Record
    hash: str
    state: State
    opened_at_ms: int
    ended_at_ms: int | None
    next_id: str | None
    #: How many processes have set out to settle it.
    settlers: int = 0
    #: The guard's seal; "" where it has none.
    seal: str = ""

    @property
    def settled_later(self) -> bool:
        """Whether another process had to find out how it ended."""
        return self.settlers > 0

    @property
    def is_open(self) -> bool:
        return self.state is State.OPEN

    @property
    def moved(self) -> bool:
        return self.state is State.CLOSED and self.record.moves

    @property
    def moved_at(self) -> datetime:
        """When it took effect; for a record that moved nothing, when it was made."""
        if self.ended_at_ms is None or not self.record.moves:
            return self.record.time
        return datetime.fromtimestamp(self.ended_at_ms / 1000, UTC)

    def link(self) -> dict[str, Json]:
        """What the next record says of this one."""
        return {"id": self.id, "hash": self.hash, "state": str(self.state), "ended_at_ms": self.ended_at_ms}

    def identity(self) -> Identity | None:
        """The candidate's identity, for a decision."""
        found = self.record.body.get("identity")
        return Identity(**found) if found else None


def split(record: Record) -> tuple[dict[str, str], str]:
    """The tags that hold `record`, in pieces of at most CHUNK characters, and its hash."""
    data = record.as_json()
    try:
        text = canonical_json(data)
        digest = digest_of(data)
    except (TypeError, ValueError) as error:  # a gate put something into it afterwards
        raise LedgerError(f"the decision cannot be recorded: its evidence is not JSON: {error}") from None
    tags = {
        f"{TAG_CHUNK}{number:02d}": text[start : start + CHUNK]
        for number, start in enumerate(range(0, len(text), CHUNK))
    }
    if len(tags) > 90:  # a run takes 100 tags in one request
        raise LedgerError(
            f"the record has {len(text):,} characters, more than MLflow takes in one run's tags"
        )
    return tags, digest


def join(tags: Mapping[str, str]) -> tuple[Record, str]:
    """The record in a run's tags, and the hash of what is there. Raises LedgerError where there is none."""
    pieces = [tags[key] for key in sorted(tags) if key.startswith(TAG_CHUNK)]
    try:
        data = json.loads("".join(pieces))
    except json.JSONDecodeError as error:
        raise LedgerError(f"a ledger record is damaged: {error}") from None
    if not isinstance(data, dict):
        raise LedgerError("a ledger record is damaged: it is not an object")
    return Record.from_json(data), digest_of(data)

"""A record on its way into the ledger: what it will say, and the tags of the run that keeps it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hotpass.ledger.record import (
    TAG_FROM,
    TAG_HASH,
    TAG_KIND,
    TAG_MODEL,
    TAG_OUTCOME,
    TAG_REQUEST,
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


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to have on record. `title` and `note` are for people who look at it in MLflow."""

    kind: Kind
    body: Mapping[str, Json]
    moves: bool
    actor: Actor
    workspace: str
    title: str
    note: str = ""

    def written(
        self, model: str, after: Entry | None, *, lease: float, seal: Seal | None, atomic: bool = False
    ) -> Sheet:
        """The record behind `after`, as of now. Raises LedgerError where JSON cannot hold it."""
        # Whole milliseconds, which is how the store keeps times.
        now = datetime.now(UTC)
        record = Record(
            kind=self.kind,
            seq=after.record.seq + 1 if after else 1,
            time=now.replace(microsecond=now.microsecond // 1000 * 1000),
            actor=self.actor,
            model=model,
            workspace=self.workspace,
            moves=self.moves,
            body=self.body,
            lease=lease,
            previous=after.link() if after else {},
            atomic=atomic,
        )
        chunks, digest = split(record)
        tags = {
            TAG_KIND: str(self.kind),
            TAG_MODEL: model,
            TAG_SEQ: f"{record.seq:08d}",
            TAG_HASH: digest,
            TAG_VERSION: str(self.body.get("version", "")),
            TAG_FROM: str(self.body.get("from", "")),
            TAG_TO: str(self.body.get("to", "")),
            TAG_OUTCOME: str(self.body.get("outcome", "")),
            "mlflow.user": self.actor.name,
            **chunks,
        }
        if self.note:
            tags["mlflow.note.content"] = self.note[:5000]
        if self.body.get("request_id"):
            tags[TAG_REQUEST] = request_tag(self.body["request_id"])
        if seal is not None:
            tags[TAG_SEAL] = seal.of(digest)
        return Sheet(record, digest, tags, self.title, len(chunks))


@dataclass(frozen=True, slots=True)
class Sheet:
    """A record and the tags that hold it, `chunks` of them for its content."""

    record: Record
    hash: str
    tags: Mapping[str, str]
    title: str
    chunks: int

    def entry(self, run_id: str) -> Entry:
        """The entry, once it is linked."""
        record = self.record
        return Entry(
            id=run_id,
            record=record,
            hash=self.hash,
            state=State.OPEN if record.moves and not record.atomic else State.CLOSED,
            opened_at_ms=record.time_ms,
            ended_at_ms=record.time_ms if record.moves and record.atomic else None,
            next_id=None,
            seal=self.tags.get(TAG_SEAL, ""),
        )


def request_tag(request_id: str) -> str:
    """The tag's value for a caller's own id of a request, whatever characters that has."""
    return hashlib.sha256(request_id.encode()).hexdigest()

"""What the ledger's entries say about one version: its stays in stages, and which decisions put it there.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from hotpass.candidate import Stay, VersionFacts
from hotpass.ledger.record import Entry, Kind
from hotpass.stages import ModelStage
from hotpass.verdicts import Identity


def stays_of(entries: Iterable[Entry], identity: Identity) -> list[Stay]:
    """All stays of the version `identity` in stages, oldest first; `entries` oldest first.

    A stay ends when a decision moves the version, or when another version's promotion archives what was in
    the stage. Adoption starts a stay for what it found, unless the ledger knows that stay already.
    """
    stays: list[Stay] = []

    def leave(at: datetime) -> None:
        if stays and stays[-1].until is None:
            stays[-1] = stays[-1]._replace(until=at)

    for entry in entries:
        body = entry.record.body
        if entry.record.kind is Kind.ADOPTION:
            for seen in body.get("versions", ()):
                if not _is(seen, identity):
                    continue
                current = stays[-1].stage if stays and stays[-1].until is None else None
                if current != seen["stage"]:
                    leave(entry.record.time)
                    stays.append(Stay(seen["stage"], entry.record.time, None, entry.id))
            continue
        if entry.record.kind is not Kind.DECISION or not entry.moved:
            continue
        subject = entry.identity()
        if subject is not None and subject.same_version(identity):
            leave(entry.moved_at)
            stays.append(Stay(body["to"], entry.moved_at, None, entry.id))
        elif body.get("archive") and stays and stays[-1].until is None and stays[-1].stage == body["to"]:
            leave(entry.moved_at)
            stays.append(Stay(ModelStage.ARCHIVED.value, entry.moved_at, None, entry.id))
    return stays


def current_stay(entries: Iterable[Entry], facts: VersionFacts) -> Stay | None:
    """The stay that lasts, if the ledger and the registry agree on the stage."""
    stays = stays_of(entries, facts.identity())
    return stays[-1] if stays and stays[-1].until is None and stays[-1].stage == facts.stage else None


def served_before(entries: Sequence[Entry], stage: str) -> list[tuple[Identity, Entry]]:
    """Versions that an allowed decision put in `stage`, or that an adoption found there; the latest first."""
    found: list[tuple[Identity, Entry]] = []
    for entry in reversed(entries):
        body = entry.record.body
        if entry.record.kind is Kind.ADOPTION:
            for seen in body.get("versions", ()):
                if seen["stage"] == stage:
                    identity = Identity(
                        entry.record.workspace, entry.record.model, seen["version"], seen["created_at"],
                        seen.get("artifact_digest", ""),
                    )  # fmt: skip
                    found.append((identity, entry))
        elif entry.record.kind is Kind.DECISION and entry.moved and body["to"] == stage:
            subject = entry.identity()
            if subject is not None:
                found.append((subject, entry))
    return found


def held_in_turn(entries: Sequence[Entry], stage: str) -> list[Identity]:
    """The versions whose turn in `stage` was not taken back, oldest first; the last one holds it now.

    A rollback takes back the turns of all that came after the version it went back to, so that the next one
    goes further back and never forward to what was rolled away.
    """
    turns: list[Identity] = []
    for identity, entry in reversed(served_before(entries, stage)):
        if entry.record.body.get("rollback"):
            places = [place for place, held in enumerate(turns) if held.same_version(identity)]
            if places:
                del turns[places[-1] + 1 :]
                continue
        turns.append(identity)
    return turns


def _is(seen: dict[str, int], identity: Identity) -> bool:
    return seen["version"] == identity.version and seen["created_at"] == identity.created_at

"""What the ledger's entries say about one version: its stays in stages, and which decisions put it there.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from hotpass.candidate import Stay, VersionFacts
from hotpass.facts import PastDecision, PastVerdict
from hotpass.ledger.record import Entry, Kind
from hotpass.stages import ModelStage
from hotpass.verdicts import Identity

#: Workspace, model, version and creation time (ms): which version it is, whatever its files.
VersionKey = tuple[str, str, int, int]


def stays_of(entries: Iterable[Entry], identity: Identity) -> list[Stay]:
    """All stays of the version `identity` in stages, oldest first; `entries` oldest first."""
    return stays_by_version(entries).get(key_of(identity), [])


def key_of(identity: Identity) -> VersionKey:
    return identity[:4]


def stays_by_version(entries: Iterable[Entry]) -> dict[VersionKey, list[Stay]]:
    """All stays of every version in stages, oldest first; `entries` oldest first.

    A stay ends when a decision moves the version, or when another version's promotion archives what was in
    the stage. Adoption starts a stay for what it found, unless the ledger knows that stay already.
    """
    stays: dict[VersionKey, list[Stay]] = {}
    standing: dict[str, set[VersionKey]] = {}

    def enter(key: VersionKey, stage: str, at: datetime, record_id: str) -> None:
        own = stays.setdefault(key, [])
        if own:
            standing[own[-1].stage].discard(key)
            own[-1] = own[-1]._replace(until=at)
        own.append(Stay(stage, at, None, record_id))
        standing.setdefault(stage, set()).add(key)

    for entry in entries:
        record, body = entry.record, entry.record.body
        if record.kind is Kind.ADOPTION:
            for seen in body.get("versions", ()):
                key = (record.workspace, record.model, seen["version"], seen["created_at"])
                if key not in stays or stays[key][-1].stage != seen["stage"]:
                    enter(key, seen["stage"], record.time, entry.id)
            continue
        if record.kind is not Kind.DECISION or not entry.moved:
            continue
        subject = entry.identity()
        if subject is None:
            continue
        mine = key_of(subject)
        for other in list(standing.get(body["to"], ())) if body.get("archive") else ():
            if other != mine:
                enter(other, ModelStage.ARCHIVED.value, entry.moved_at, entry.id)
        enter(mine, body["to"], entry.moved_at, entry.id)
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


def past_decisions(entries: Iterable[Entry], proves: Callable[[Entry], bool]) -> list[PastDecision]:
    """Every decision among them, oldest first. Those that a guard did not write count where `proves` says so.
    """
    found = []
    for entry in entries:
        body, subject = entry.record.body, entry.identity()
        if entry.record.kind is not Kind.DECISION or subject is None or not proves(entry):
            continue
        verdicts = tuple(
            PastVerdict(one["gate"], one["name"], one["policy"], one["verdict"], one["evidence"])
            for one in body["judgements"]
        )
        found.append(
            PastDecision(
                entry.id, entry.record.time, subject, body["to"], body["outcome"], entry.moved,
                body["champion"], body["rollback"], verdicts,
            )
        )  # fmt: skip
    return found

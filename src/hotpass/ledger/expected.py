"""What the registry holds if all that was recorded is all that happened. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hotpass.facts import Stay, VersionFacts
from hotpass.ledger.reading import VersionKey, key_of, stays_by_version
from hotpass.ledger.record import Entry, Kind
from hotpass.stages import RESTING, ModelStage, alias_of
from hotpass.verdicts import Identity


class Expected:
    """The state that a chain of records leads to."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        """`entries` oldest first, from the start of the chain."""
        self.entries = entries
        self.by_id = {entry.id: entry for entry in entries}
        self.stays = stays_by_version(entries)
        #: Decisions that moved each version, oldest first.
        self.moves: dict[VersionKey, list[Entry]] = {}
        #: SHA-256 of each version's files as last recorded, and the record that says so.
        self.digests: dict[VersionKey, tuple[str, Entry]] = {}
        #: Where each alias points, by the record.
        self.aliases: dict[str, int] = {}
        #: Aliases that decisions have moved, in lower case.
        self.moved_aliases: set[str] = set()
        for entry in entries:
            self._follow(entry)
        last = entries[-1] if entries else None
        #: The decision whose move is under way; the registry may be as before it or as after it.
        self.open = last if last is not None and last.is_open and last.record.moves else None

    def _follow(self, entry: Entry) -> None:
        record, body = entry.record, entry.record.body
        if record.kind is Kind.ADOPTION:
            self.aliases = {alias: int(version) for alias, version in body.get("aliases", {}).items()}
            for seen in body.get("versions", ()):
                if seen.get("artifact_digest"):
                    key = (record.workspace, record.model, seen["version"], seen["created_at"])
                    self.digests[key] = (seen["artifact_digest"], entry)
        elif record.kind is Kind.REPAIR and entry.moved:
            self._point(body["to"], int(body["version"]))
        elif record.kind is Kind.DECISION and entry.moved:
            subject = entry.identity()
            if subject is None:
                return
            key = key_of(subject)
            self.moves.setdefault(key, []).append(entry)
            if subject.artifact_digest:
                self.digests[key] = (subject.artifact_digest, entry)
            for alias in body.get("aliases_to_delete", ()):
                self.aliases.pop(alias, None)
            self._point(body["to"], subject.version)

    def _point(self, stage: str, version: int) -> None:
        alias = alias_of(stage)
        if alias is not None:
            self.aliases[alias] = version
            self.moved_aliases.add(alias)

    # --- stages ---------------------------------------------------------------------------------------------

    def stay(self, facts: VersionFacts) -> Stay | None:
        """The stay of the version that lasts, by the record; None where it has none."""
        stays = self.stays.get(key_of(facts.identity()))
        return stays[-1] if stays else None

    def allows_stage(self, facts: VersionFacts) -> bool:
        """Whether the version may be in the stage it is in."""
        stay = self.stay(facts)
        if facts.stage == (stay.stage if stay else ModelStage.NONE):
            return True
        if self.open is not None:
            body, subject = self.open.record.body, self.open.identity()
            if subject is not None and subject.same_version(facts.identity()):
                return bool(facts.stage == body["to"])
            if body.get("archive") and facts.stage == ModelStage.ARCHIVED:
                return stay is None or stay.stage == body["to"]
        # A version that stood there before there was a ledger, and that a promotion archived.
        return (
            stay is None
            and facts.stage == ModelStage.ARCHIVED
            and any(
                entry.record.body.get("archive") and entry.moved_at.timestamp() * 1000 >= facts.created_at_ms
                for moves in self.moves.values()
                for entry in moves
            )
        )

    def holder(self, stage: str) -> int | None:
        """The version that holds `stage` by the record: its alias is on it, or it is the last that came."""
        alias = alias_of(stage)
        if alias is not None and alias in self.aliases:
            return self.aliases[alias]
        held = [(stays[-1].since, key[2]) for key, stays in self.stays.items() if stays[-1].stage == stage]
        return max(held)[1] if held else None

    def was_in(self, key: VersionKey, stage: str) -> bool:
        return any(stay.stage == stage for stay in self.stays.get(key, ()))

    def served(self, key: VersionKey) -> bool:
        """Whether the version stands, or stood once, where something serves from. Nothing does from Staging.
        """
        stays = self.stays.get(key, [])
        return bool(stays) and (
            stays[-1].stage not in RESTING
            or any(stay.stage not in RESTING and stay.stage != ModelStage.STAGING for stay in stays)
        )

    # --- aliases --------------------------------------------------------------------------------------------

    def allows_alias(self, alias: str, points_at: int | None) -> bool:
        """Whether the alias, spelt like that, may point there (None: at nothing)."""
        if self.aliases.get(alias) == points_at:
            return True
        if self.open is None:
            return False
        body = self.open.record.body
        if alias == alias_of(body.get("to", "")):
            return points_at == body.get("version")
        return points_at is None and alias in body.get("aliases_to_delete", ())

    # --- versions -------------------------------------------------------------------------------------------

    def archives(self, stage: str) -> bool | None:
        """Whether the last promotion to `stage` archived who was there; None where there was none."""
        for entry in reversed(self.entries):
            if entry.record.kind is Kind.DECISION and entry.record.body.get("to") == stage:
                return bool(entry.record.body.get("archive"))
        return None

    def identities(self) -> list[Identity]:
        """Every version that stands or stood in a stage, by the record."""
        return [Identity(*key) for key in self.stays]

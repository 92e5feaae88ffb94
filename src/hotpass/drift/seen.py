"""What a scan has read of one model, and the words in which its findings say so."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from hotpass.drift.findings import Drift, Kind
from hotpass.facts import VersionFacts
from hotpass.ledger.expected import Expected
from hotpass.ledger.record import Entry
from hotpass.policy.model import PolicySet
from hotpass.registry.port import ModelFacts
from hotpass.verdicts import Json

#: Longest value in a finding.
_LONGEST = 60


@dataclass(frozen=True)
class Seen:
    """A model as the registry has it, what the record says of it, and the policies that cover it.

    `known_ids` are those of all runs in the ledger's experiment, and `whole` says whether its chain could be
    followed to the end.
    """

    model: ModelFacts
    versions: Sequence[VersionFacts]
    expected: Expected
    policies: PolicySet
    known_ids: frozenset[str]
    whole: bool

    @property
    def name(self) -> str:
        return self.model.name

    @cached_property
    def by_version(self) -> dict[int, VersionFacts]:
        return {facts.version: facts for facts in self.versions}

    def drift(self, version: int | None, kind: Kind, recorded: str, found: str, remedy: str) -> Drift:
        return Drift(self.name, version, kind, recorded, found, remedy)

    @property
    def adopt(self) -> str:
        """What accepts the registry as it is."""
        return f"accept what is there: {command('adopt', self.name)}"

    def put_back(self, version: int, stage: str) -> str:
        """What puts a version back where the record has it."""
        return command(
            "rollback", self.name, "--to-version", str(version), "--stage", stage, "--reason", "drift"
        )


def command(*words: str) -> str:
    """A command line that can be pasted."""
    return shlex.join(["hotpass", *words])


def at(moment: datetime | int) -> str:
    """A time (or ms since the epoch) to the second."""
    if isinstance(moment, int):
        moment = datetime.fromtimestamp(moment / 1000, UTC)
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def by(entry: Entry) -> str:
    return f"record {entry.id[:8]}"


def short(value: Json) -> str:
    """A recorded or present value, cut where it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, dict) and "value" in value:
        on = f" on {value['dataset']}" if value.get("dataset") else ""
        text = f"{value['value']} ({value.get('source', '')}{on})"
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"

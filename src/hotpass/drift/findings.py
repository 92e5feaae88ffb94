"""What a scan finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum

from hotpass.verdicts import Json


class Kind(StrEnum):
    """What is unlike the record."""

    LEDGER = "ledger"  # the record itself: edited, removed, inserted
    MODEL = "model"  # gone, or hidden
    VERSION = "version"  # gone, created again, or hidden
    STAGE = "stage"
    HOLDERS = "holders"  # several versions in a stage that has room for one
    ALIAS = "alias"
    TAG = "tag"  # one that only Hotpass writes
    EVIDENCE = "evidence"
    FILES = "files"


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is unlike the record: what the record says, what is there, and what puts it right.

    `version` is None for what is about the model or its ledger.
    """

    model: str
    version: int | None
    kind: Kind
    recorded: str
    found: str
    remedy: str

    def as_json(self) -> dict[str, Json]:
        return asdict(self) | {"kind": str(self.kind)}


@dataclass(slots=True)
class Scan:
    """What was looked at of one model, and what was found. `notes` are remarks that are no drift."""

    model: str
    records: int = 0
    versions: int = 0
    #: Versions whose files were read and compared.
    files: int = 0
    findings: list[Drift] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.findings

    def as_json(self) -> dict[str, Json]:
        return {
            "model": self.model,
            "records": self.records,
            "versions": self.versions,
            "files": self.files,
            "clean": self.clean,
            "findings": [finding.as_json() for finding in self.findings],
            "notes": self.notes,
        }

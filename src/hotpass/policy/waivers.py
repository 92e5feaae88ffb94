"""A waiver once it is read and valid: a reasoned exception for one gate and named versions of one model, with
an end. `waiver_reader.py` makes these from YAML.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hotpass.identity import Identity, PolicyRef
from hotpass.json_values import Json

#: The folder below a policy folder that holds waivers and no policies.
FOLDER = "waivers"


@dataclass(frozen=True, slots=True)
class Waiver:
    """One waiver. All moments are in UTC.

    A date in the file stands for that whole day: `granted_from` is its first moment and `granted_until` the
    one after its last, as is `expires`. For a moment in the file, both are that one.
    """

    name: str
    policy: str
    gate: str
    model: str
    versions: frozenset[int]
    to_stage: str
    reason: str
    granted_by: str
    granted_from: datetime
    granted_until: datetime
    expires: datetime
    workspace: str = "default"
    path: str = ""
    #: `file:line:column`.
    where: str = ""
    #: SHA-256 of the file.
    digest: str = ""
    #: The file's absolute path; "" where it cannot change, as a commit's.
    disk: str = ""

    @property
    def ref(self) -> PolicyRef:
        return PolicyRef(self.name, self.path, self.digest)

    def as_json(self) -> dict[str, Json]:
        """For what it is, who granted it, and until when."""
        return {
            "name": self.name, "policy": self.policy, "gate": self.gate, "workspace": self.workspace,
            "model": self.model, "versions": sorted(self.versions), "to": self.to_stage,
            "reason": self.reason, "granted_by": self.granted_by,
            "granted": self.granted_from.isoformat(), "expires": self.expires.isoformat(),
            "path": self.path, "digest": self.digest,
        }  # fmt: skip

    def is_about(self, identity: Identity, to_stage: str) -> bool:
        """Whether it names this version and this way, whatever the time."""
        return (
            identity.version in self.versions
            and identity.model == self.model
            and identity.workspace == self.workspace
            and to_stage.lower() == self.to_stage.lower()
        )

    def against(self, identity: Identity, now: datetime) -> str:
        """Why it has no effect at `now` on a version that it names, in words; "" where it has one.

        A version that was registered after it was granted is not the one that somebody looked at: the model
        was deleted and made again since.
        """
        if now >= self.expires:
            return f"it expired at {in_words(self.expires)}"
        if now < self.granted_from:
            return f"it is granted only from {in_words(self.granted_from)} on"
        if identity.created_at >= self.granted_until.timestamp() * 1000:
            return (
                f"version {identity.version} was registered after it was granted (before "
                f"{in_words(self.granted_until)}), so it was granted to another one"
            )
        return ""


def in_words(moment: datetime) -> str:
    """`2026-02-01 00:00:00 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def is_waiver(file: Path, place: Path) -> bool:
    """Whether `file`, found at the policy place `place`, holds a waiver: it is below a folder of that name in
    the place, or in the place itself. A file that is itself a place is judged by the folder it is in.
    """
    if file == place:
        return file.absolute().parent.name.lower() == FOLDER
    inside = (place.absolute().name, *file.relative_to(place).parts[:-1])
    return any(part.lower() == FOLDER for part in inside)


def by_model(waivers: Iterable[Waiver]) -> dict[str, tuple[Waiver, ...]]:
    """The waivers of each model, in the order of their files."""
    found: dict[str, tuple[Waiver, ...]] = {}
    for waiver in waivers:
        found[waiver.model] = (*found.get(waiver.model, ()), waiver)
    return found

"""The port: what a promotion needs of a model registry. `mlflow_registry.py` is its adapter for MLflow.

Every method may raise RegistryError (not reachable, or it did not do as told) or NotFound. Every write can
safely be sent twice, so that a retry after a lost answer does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from hotpass.candidate import LoggedModelFacts, ModelFile, RunFacts, VersionFacts


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A registered model: its tags, its aliases (alias -> version) and the newest version in each stage."""

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    newest: tuple[VersionFacts, ...] = ()
    workspace: str = "default"
    #: Whether it is a prompt to MLflow, which then does not list it among the models.
    is_prompt: bool = False

    def alias(self, name: str) -> int | None:
        """The version that the lower-case alias `name` points at; without one, what another spelling of it
        points at.
        """
        spelt = [self.aliases[alias] for alias in sorted(self.aliases) if alias.lower() == name]
        return self.aliases.get(name, spelt[0] if spelt else None)

    def find(self, version: int) -> VersionFacts | None:
        """The version, if it is among the newest of its stage."""
        return next((facts for facts in self.newest if facts.version == version), None)


class Moved(NamedTuple):
    """A version as the registry has it right after a move, and when that was (ms) by the registry's own
    clock.

    `at_ms` is None where the registry keeps no such time.
    """

    facts: VersionFacts
    at_ms: int | None


class Evidence(Protocol):
    """Where runs and LoggedModels are read."""

    def runs(self, run_ids: Sequence[str]) -> Mapping[str, RunFacts]:
        """Runs by id, in as few requests as can be; those that do not exist are left out."""
        ...

    def logged_models(self, model_ids: Sequence[str]) -> Mapping[str, LoggedModelFacts]: ...


class Reader(Evidence, Protocol):
    """What a decision is checked against once more before it is carried out."""

    def model(self, name: str) -> ModelFacts: ...
    def version(self, model: str, version: int) -> VersionFacts: ...
    def holder(self, facts: ModelFacts, stage: str) -> VersionFacts | None:
        """The version that holds `stage`: the one its alias points at, else the newest one in it."""
        ...


class Registry(Reader, Protocol):
    """What the engine's surroundings ask of a registry."""

    @property
    def uri(self) -> str: ...

    def model_names(self) -> Iterator[str]: ...
    def versions(self, model: str) -> Iterator[VersionFacts]:
        """All versions, highest first, in pages of many."""
        ...

    def knows_experiments(self, experiment_ids: Sequence[str]) -> None:
        """A hint where runs may be found, so that several can be read in one request."""
        ...

    def model_file(self, facts: VersionFacts) -> ModelFile | None: ...
    def artifact_digest(self, facts: VersionFacts) -> str:
        """SHA-256 over the sorted pairs of path and file hash of the version's files, downloaded for that."""
        ...

    def tagged_digest(self, facts: VersionFacts) -> str:
        """The digest that the version's tag says, where that counts; "" where there is none that does."""
        ...

    def digest_at_hand(self, facts: VersionFacts) -> str | None:
        """`artifact_digest` where the files are on this machine, so that reading them costs next to nothing;
        else None.
        """
        ...

    def download(self, facts: VersionFacts, to: Path) -> Path:
        """The version's files, below `to`."""
        ...

    def run_artifact(self, run_id: str, path: str, to: Path) -> Path | None:
        """A copy below `to` of what the run keeps at `path`; None where there is nothing."""
        ...

    def dataset_file(self, run_id: str, name: str | None, context: str | None, to: Path) -> Path | None:
        """A copy of the file behind a data set of the run; None where there is none. Raises NotAtHand where
        places that a run names are not opened.
        """
        ...

    def fetch(self, uri: str, to: Path) -> Path:
        """A copy below `to` of the file or folder at `uri`."""
        ...

    def set_alias(self, model: str, alias: str, version: int) -> None: ...
    def delete_alias(self, model: str, alias: str) -> None: ...
    def set_stage(self, facts: VersionFacts, stage: str, *, archive_existing: bool) -> Moved:
        """Moves the version and, with `archive_existing`, all others out of that stage. Returns it as read
        back.
        """
        ...

    def tag_version(self, model: str, version: int, key: str, value: str) -> None: ...

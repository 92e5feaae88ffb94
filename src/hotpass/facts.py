"""What is known of a model version, its run, its LoggedModel and its past: plain, frozen values.

`candidate.py` has what a gate reads them through. This module does no I/O and knows no MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from hotpass.verdicts import Identity, Json


class Dataset(NamedTuple):
    """A data set logged as input of a run. `context` is what it was used for: `training`, `validation`, …"""

    name: str
    digest: str
    context: str = ""


class Metric(NamedTuple):
    """One logged metric value and where it was found."""

    name: str
    value: float
    source: str  # "logged model" or "run"
    dataset: str = ""  # the data set it was measured on, where known
    dataset_digest: str = ""


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """A model version as the registry has it. Times are timezone-aware."""

    model: str
    version: int
    created_at_ms: int
    stage: str
    source: str = ""
    run_id: str = ""
    model_id: str = ""
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    updated_at_ms: int = 0
    workspace: str = "default"

    def identity(self, artifact_digest: str = "") -> Identity:
        """Who this is, in a decision."""
        return Identity(self.workspace, self.model, self.version, self.created_at_ms, artifact_digest)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The run that made a version."""

    run_id: str
    experiment_id: str = ""
    started_at: datetime | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[Dataset, ...] = ()


@dataclass(frozen=True, slots=True)
class LoggedModelFacts:
    """MLflow 3's LoggedModel behind a version. `metrics` newest last."""

    model_id: str
    experiment_id: str = ""
    metrics: tuple[Metric, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifact_location: str = ""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What the MLmodel file of a version says. `inputs` and `outputs` are column names and types, as text."""

    inputs: tuple[tuple[str, str], ...] | None = None
    outputs: tuple[tuple[str, str], ...] | None = None
    has_input_example: bool = False
    flavors: tuple[str, ...] = ()
    #: For each flavor that says so, how the model is serialised: {"sklearn": "skops"}.
    serialization: Mapping[str, str] = field(default_factory=dict)
    #: Where that was read: in the "file", or in the LoggedModel's "tag" that says what is in the file.
    source: str = field(default="file", compare=False)

    def as_json(self) -> dict[str, Json]:
        """What of it a decision rests on."""
        return {
            "inputs": None if self.inputs is None else [list(column) for column in self.inputs],
            "outputs": None if self.outputs is None else [list(column) for column in self.outputs],
            "input_example": self.has_input_example,
            "source": self.source,
        }


class Person(NamedTuple):
    """Who somebody is. Where nobody has authenticated them, the name is only claimed."""

    name: str
    authenticated: bool = False


class Approval(NamedTuple):
    """A person's word, in the ledger, that this version with these files may go to a stage."""

    name: str
    authenticated: bool
    at: datetime
    reason: str = ""
    record_id: str = ""
    artifact_digest: str = ""


class Stay(NamedTuple):
    """An unbroken stay of a version in a stage, by the ledger. `until` is None while it lasts."""

    stage: str
    since: datetime
    until: datetime | None
    record_id: str


class PastVerdict(NamedTuple):
    """What a gate said in a decision on record."""

    gate: str
    name: str
    policy: str
    verdict: str
    evidence: Mapping[str, Json]


class PastDecision(NamedTuple):
    """A decision on record. `champion` is the version that the candidate was judged against, `moved` whether
    it was carried out.
    """

    record_id: str
    at: datetime
    identity: Identity
    to_stage: str
    outcome: str
    moved: bool
    champion: int | None
    rollback: bool
    verdicts: tuple[PastVerdict, ...]

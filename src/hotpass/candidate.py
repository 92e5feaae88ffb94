"""What a gate may read: the candidate, its champion, and all evidence about both.

A Candidate loads nothing until a gate asks (`Sources` does the loading, in batches), and remembers every
value that was read, so that the record of a decision shows exactly what it rests on. This module does no I/O
and knows no MLflow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from hotpass.facts import (
    Approval,
    Dataset,
    LoggedModelFacts,
    Metric,
    ModelFile,
    PastDecision,
    Person,
    RunFacts,
    Stay,
    VersionFacts,
)
from hotpass.people import Proves, anything_goes, registrant_of, trainer_of
from hotpass.sources import IN_A_CASE, Files, NotAtHand, Sources
from hotpass.verdicts import GateResult, Identity, Json, is_json

__all__ = [
    "Approval",
    "Candidate",
    "Dataset",
    "Files",
    "LoggedModelFacts",
    "Metric",
    "ModelFile",
    "NotAtHand",
    "PastDecision",
    "Person",
    "RunFacts",
    "Sources",
    "Stay",
    "Subject",
    "VersionFacts",
    "plain",
]


def plain(value: Any) -> Json:
    """`value` as JSON has it: NaN and infinities, which JSON lacks, become their names."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value


class Subject:
    """A model version and its evidence. The candidate is one, and so is its champion."""

    __slots__ = ("_prefix", "_sources", "facts", "identity", "read")

    def __init__(
        self,
        facts: VersionFacts,
        sources: Sources,
        *,
        artifact_digest: str = "",
        read: dict[str, Json] | None = None,
        prefix: str = "",
    ) -> None:
        self.facts = facts
        self.identity = Identity(
            facts.workspace, facts.model, facts.version, facts.created_at_ms, artifact_digest
        )
        #: Everything read so far, by a dotted name: `metrics.roc_auc`, `champion.metrics.roc_auc`,
        #: `run.tags.owner`.
        self.read: dict[str, Json] = {} if read is None else read
        self._sources = sources
        self._prefix = prefix

    @property
    def model(self) -> str:
        return self.facts.model

    @property
    def version(self) -> int:
        return self.facts.version

    def metric(self, name: str, dataset: str | None = None) -> Metric | None:
        """The metric `name`: of the LoggedModel first, then of the run; None where neither logged it.

        With `dataset`, only a value measured on the data set of that name counts. A run's metric counts as
        measured on a data set only where the run has exactly one.
        """
        key = f"{self._prefix}metrics.{name}"
        if dataset is not None:
            key += f"@{dataset}"
        logged = self._sources.logged_model()
        found: Metric | None = None
        if logged is not None:
            for metric in reversed(logged.metrics):
                if metric.name == name and (dataset is None or metric.dataset == dataset):
                    found = metric
                    break
        if found is None:
            run = self._sources.run()
            if run is not None and name in run.metrics:
                only = run.datasets[0] if len(run.datasets) == 1 else None
                if dataset is None or (only is not None and only.name == dataset):
                    found = Metric(
                        name, run.metrics[name], "run", only.name if only else "", only.digest if only else ""
                    )
        if found is None:
            self.read[key] = None
            return None
        snapshot: dict[str, Json] = {"value": plain(found.value), "source": found.source}
        if found.dataset:
            snapshot["dataset"] = found.dataset
            snapshot["dataset_digest"] = found.dataset_digest
        self.read[key] = snapshot
        return found

    def metric_names(self) -> list[str]:
        """Names of all logged metrics, sorted; for messages."""
        logged, run = self._sources.logged_model(), self._sources.run()
        names = {metric.name for metric in logged.metrics} if logged else set()
        return sorted(names | set(run.metrics if run else ()))

    def tag(self, name: str, on: str = "version") -> str | None:
        """The tag `name` on the `version`, its `run`, or the registered `model`; None where it is not set."""
        value = self.tags(on).get(name)
        self.read[f"{self._prefix}{on}.tags.{name}"] = value
        return value

    def tags(self, on: str = "version") -> Mapping[str, str]:
        """All tags there, not recorded as read; `tag` records."""
        if on == "version":
            return self.facts.tags
        if on == "model":
            return self._sources.model_tags()
        if on == "run":
            run = self._sources.run()
            return run.tags if run else {}
        raise ValueError(f"tags are on the version, its run or the model, not on {on!r}")

    def param(self, name: str) -> str | None:
        """The parameter `name` of the run; None where it was not logged."""
        run = self._sources.run()
        value = run.params.get(name) if run else None
        self.read[f"{self._prefix}params.{name}"] = value
        return value

    def run(self) -> RunFacts | None:
        """The run that made this version; None where the registry does not name one that exists."""
        run = self._sources.run()
        self.read[f"{self._prefix}run"] = run.run_id if run else None
        return run

    def started_at(self) -> datetime | None:
        """When the run started; None where there is no run or it does not say."""
        run = self._sources.run()
        started = run.started_at if run else None
        self.read[f"{self._prefix}run.started_at"] = started.isoformat() if started else None
        return started

    def datasets(self) -> tuple[Dataset, ...]:
        """The data sets logged as inputs of the run."""
        run = self._sources.run()
        datasets = run.datasets if run else ()
        key = f"{self._prefix}datasets"
        if key not in self.read:
            self.read[key] = [
                {"name": name, "digest": digest, "context": context} for name, digest, context in datasets
            ]
        return datasets

    def model_file(self) -> ModelFile | None:
        """What the MLmodel file says; None where the version has none."""
        found = self._sources.model_file()
        key = f"{self._prefix}model_file"
        if key not in self.read:
            self.read[key] = None if found is None else found.as_json()
        return found

    def stays(self) -> Sequence[Stay]:
        """All stays of this version in stages that the ledger knows, oldest first."""
        stays = self._sources.stays()
        key = f"{self._prefix}stays"
        if key not in self.read:
            self.read[key] = [
                [stay.stage, stay.since.isoformat(), stay.until.isoformat() if stay.until else None]
                for stay in stays
            ]
        return stays

    def evidence(self, name: str) -> Json:
        """Evidence that a plugin supplies under `name`.

        Raises KeyError where no plugin does, and TypeError where JSON, and so the record, cannot hold it.
        """
        value = self._sources.evidence(name)
        if not is_json(value):
            raise TypeError(f"the evidence {name!r} is not JSON: {value!r}")
        self.read[f"{self._prefix}evidence.{name}"] = value
        return value

    # --- files: for gates that measure (`hotpass.gates.MeasuringGate`) --------------------------------------

    def files(self) -> Files:
        """A copy of the version's own files, and their digest. Shared by all who ask: change nothing in it.

        Raises NotAtHand where files are not looked at, ArtifactsChanged where they are not those on record.
        """
        found = self._sources.files()
        self.read[f"{self._prefix}files"] = found.digest
        return found

    def artifact(self, path: str) -> Path | None:
        """A copy of a file or folder among the artifacts of the run; None where there is none. Whoever reads
        it puts its digest into the evidence.
        """
        return self._sources.artifact(path)

    def dataset(self, name: str | None = None, context: str | None = None) -> Path | None:
        """A copy of the file behind a data set that the run logged, by its name or context; None where the
        run logged none like that, or one that is no file.
        """
        return self._sources.dataset(name, context)


class Candidate(Subject):
    """The model version asking to be promoted.

    `to_stage` is where it wants to go; `facts.stage` is where it is. `champion` is the version that holds the
    target stage now, or None; it is None too where the candidate itself holds it.
    """

    __slots__ = (
        "_approvals", "_champion", "_champion_read", "_proves", "_requester", "_stand_ins", "rollback",
        "to_stage",
    )  # fmt: skip

    def __init__(
        self,
        facts: VersionFacts,
        sources: Sources,
        to_stage: str,
        *,
        champion: Subject | None = None,
        artifact_digest: str = "",
        rollback: bool = False,
        requester: Person = Person("unknown"),
        approvals: Callable[[], Sequence[Approval]] = tuple,
        proves: Proves = anything_goes,
        stand_ins: Mapping[str, GateResult] | None = None,
    ) -> None:
        """`approvals` is called at most once, when a gate asks for them. `proves` says whether a seal is the
        guard's. With `stand_ins`, gates that measure do not, and say what stands there under their name.
        """
        super().__init__(facts, sources, artifact_digest=artifact_digest)
        self.to_stage = to_stage
        self.rollback = rollback
        self._proves = proves
        self._requester = requester
        self._approvals: Callable[[], Sequence[Approval]] | Sequence[Approval] = approvals
        self._champion = champion
        self._champion_read = False
        self._stand_ins = stand_ins
        if champion is not None:
            champion.read = self.read
            champion._prefix = "champion."

    @property
    def champion(self) -> Subject | None:
        """The version that holds the target stage now. Reading it makes the decision depend on it."""
        if not self._champion_read:
            self._champion_read = True
            self.read["champion"] = self._champion.version if self._champion else None
        return self._champion

    @property
    def champion_version(self) -> int | None:
        """The champion's version number, for the record; asking for it makes nothing depend on it."""
        return self._champion.version if self._champion else None

    @property
    def read_champion(self) -> bool:
        """Whether a gate asked for the champion."""
        return self._champion_read

    @property
    def requester(self) -> Person:
        """Who asks for the promotion."""
        self.read["requester"] = self._requester._asdict()
        return self._requester

    def trainer(self) -> Person | None:
        """Who made the run behind this version; None where nobody says.

        Authenticated where a guarded server wrote it down, and sealed it if it has a key. MLflow's own
        `mlflow.user` is what the client claimed.
        """
        found = trainer_of(self._sources.run(), self._proves)
        self.read["trainer"] = found._asdict() if found else None
        return found

    def registrant(self) -> Person | None:
        """Who registered this version; None where nobody says, as without a guarded server that
        authenticates. One that has a key seals it, and then it is only claimed without that.

        MLflow lets anybody name another person's run beside their own files, so a gate that keeps the trainer
        out keeps out the registrant too.
        """
        found = registrant_of(self.facts, self._proves)
        self.read["registrant"] = found._asdict() if found else None
        return found

    def approvals(self) -> Sequence[Approval]:
        """The approvals of this very version, with the files that it has now, for the stage it wants to go
        to; oldest first. Taken back ones, and those that an earlier promotion has used, are not among them.
        """
        if callable(self._approvals):
            self._approvals = tuple(self._approvals())
            self.read["approvals"] = [
                {"name": given.name, "authenticated": given.authenticated, "at": given.at.isoformat(),
                 "record": given.record_id}
                for given in self._approvals
            ]  # fmt: skip
        return self._approvals

    @property
    def stage(self) -> str:
        """The stage it is in now."""
        return self.facts.stage

    def in_stage_since(self, stage: str) -> datetime | None:
        """When its present, unbroken stay in `stage` began, by the ledger; None where nobody recorded that.
        """
        current = [stay for stay in self.stays() if stay.until is None and stay.stage == stage]
        return current[-1].since if current else None

    # --- for gates that measure -----------------------------------------------------------------------------

    def stand_in(self, gate: str) -> GateResult | None:
        """What stands in for a measurement by `gate`; None where it is to measure.

        Raises NotAtHand where nothing is measured, and nothing stands in.
        """
        if self._stand_ins is None:
            return None
        if gate not in self._stand_ins:
            raise NotAtHand(f"{gate} is not run here, and nothing says what it found{IN_A_CASE}")
        return self._stand_ins[gate]

    def earlier(self) -> Sequence[PastDecision]:
        """Every decision on record about the model, oldest first. Who reads it puts what counts into the
        evidence.
        """
        return self._sources.earlier()

    def plugin_files(self, hook: str) -> Sequence[Path]:
        """The files of plugin folders in force that have `hook`, for a gate that needs it in a process of its
        own.
        """
        return self._sources.plugin_files(hook)

    def fetch(self, uri: str) -> Path:
        """A copy of what is at a URI that MLflow can read artifacts from: `runs:/…`, `s3://…`, `file:///…`.
        """
        return self._sources.fetch(uri)

    def scratch(self) -> Path:
        """A folder that lives as long as the session, for what a gate computes and may need again. Files in
        it are only as good as the digest that whoever wrote them has kept in memory.
        """
        return self._sources.scratch()

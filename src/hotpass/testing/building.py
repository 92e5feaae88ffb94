"""A candidate from plain data, with no registry, no ledger and no clock: every fact is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotpass.artifacts import digest_of_folder
from hotpass.candidate import (
    Approval,
    Candidate,
    Dataset,
    LoggedModelFacts,
    Metric,
    ModelFile,
    PastDecision,
    Person,
    RunFacts,
    Stay,
    Subject,
    VersionFacts,
)
from hotpass.people import CREATED_BY_TAG, REGISTERED_BY_SEAL_TAG, REGISTERED_BY_TAG, USER_TAG
from hotpass.sources import Files, NotAtHand
from hotpass.stages import canonical
from hotpass.verdicts import GateResult, Json, Verdict

#: The moment at which tests judge, unless they say otherwise.
NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)

#: Columns as names, or as names and types: `["age"]`, `{"age": "long"}`.
Columns = Iterable[str] | Mapping[str, str]


@dataclass(frozen=True)
class PlainSources:
    """Evidence that is simply there: what a Candidate reads when nothing has to be loaded."""

    run_facts: RunFacts | None = None
    logged_model_facts: LoggedModelFacts | None = None
    file: ModelFile | None = None
    tags_of_model: Mapping[str, str] = field(default_factory=dict)
    known_stays: Sequence[Stay] = ()
    supplied: Mapping[str, Json] = field(default_factory=dict)
    decisions: Sequence[PastDecision] = ()
    files_of_plugins: Sequence[Path] = ()
    folder: Path | None = None
    artifacts: Mapping[str, Path] = field(default_factory=dict)
    dataset_files: Mapping[str, Path] = field(default_factory=dict)
    scratch_folder: Path | None = None

    def run(self) -> RunFacts | None:
        return self.run_facts

    def logged_model(self) -> LoggedModelFacts | None:
        return self.logged_model_facts

    def model_file(self) -> ModelFile | None:
        return self.file

    def model_tags(self) -> Mapping[str, str]:
        return self.tags_of_model

    def stays(self) -> Sequence[Stay]:
        return self.known_stays

    def evidence(self, name: str) -> Json:
        return self.supplied[name]

    def earlier(self) -> Sequence[PastDecision]:
        return self.decisions

    def plugin_files(self, hook: str) -> Sequence[Path]:
        return self.files_of_plugins

    def files(self) -> Files:
        if self.folder is None:
            raise NotAtHand("the files of a version, and this candidate has none")
        return Files(self.folder, digest_of_folder(self.folder))

    def artifact(self, path: str) -> Path | None:
        return self.artifacts.get(path)

    def dataset(self, name: str | None, context: str | None) -> Path | None:
        known = self.dataset_files
        return known.get(name or context or "", None)

    def fetch(self, uri: str) -> Path:
        if uri not in self.artifacts:
            raise NotAtHand(f"{uri}, and this candidate has no such artifact")
        return self.artifacts[uri]

    def scratch(self) -> Path:
        if self.scratch_folder is None:
            raise NotAtHand("a folder for what is measured, and this candidate has none")
        return self.scratch_folder


def candidate(
    *,
    model: str = "lead_scoring_model",
    version: int = 2,
    stage: str = "Staging",
    to: str = "Production",
    metrics: Mapping[str, float | Metric] | None = None,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    run_tags: Mapping[str, str] | None = None,
    model_tags: Mapping[str, str] | None = None,
    aliases: Iterable[str] = (),
    datasets: Iterable[Dataset | tuple[str, str] | tuple[str, str, str]] = (),
    started_at: datetime | None = None,
    run: bool = True,
    in_stage_since: datetime | None = None,
    stays: Sequence[Stay] | None = None,
    signature: Mapping[str, Columns] | None = None,
    input_example: bool = False,
    model_file: bool = True,
    evidence: Mapping[str, Json] | None = None,
    champion: Mapping[str, Any] | None = None,
    approvals: Iterable[str | Person | Approval] = (),
    requester: str | Person = Person("unknown"),
    trainer: str | Person | None = None,
    registrant: str | Person | None = None,
    rollback: bool = False,
    workspace: str = "default",
    created_at_ms: int = 1_767_225_600_000,
    description: str = "",
    files: str | Path | None = None,
    artifacts: Mapping[str, str | Path] | None = None,
    dataset_files: Mapping[str, str | Path] | None = None,
    scratch: str | Path | None = None,
    earlier: Sequence[PastDecision] = (),
    plugin_files: Sequence[str | Path] = (),
    measured: Mapping[str, GateResult | Verdict | str] | None = None,
) -> Candidate:
    """A candidate made of plain data. Nothing is logged, tagged or recorded unless an argument says so.

    `metrics` are floats, logged on the run, or `Metric`s, logged on the LoggedModel with their data set.
    `datasets` are `(name, digest)` or `(name, digest, context)`. `in_stage_since` is when its present stay
    in `stage` began, by the ledger; `stays` gives the whole history instead. `signature` is `{"inputs": …,
    "outputs": …}`, each column names or a mapping of names to types. `run=False` takes the run away, and
    what is logged on it; `model_file=False` the MLmodel file. `champion` is what these arguments would be
    for the version in stage `to` (its version defaults to 1), or None where no version is. `aliases` are
    those that point at the candidate. `files` is the folder of the model's own files, `artifacts` what the
    run keeps by its path there (a URI that a gate fetches is one too), `dataset_files` the files behind data
    sets by name or context, `scratch` a folder to compute in, `earlier` the decisions on record,
    `plugin_files` the files of plugin folders in force. With `measured`, gates that measure do not, and say
    what stands there under their name. `approvals` are those that stand, `requester` is who asks, `trainer`
    who made the run and `registrant` who registered the version; a name alone is that of somebody who has
    authenticated, and `Person(name)` only claims it. Times are timezone-aware.

    Raises CallError for a stage that cannot be one.
    """
    stage, to = canonical(stage), canonical(to)
    if trainer is not None:
        who = _person(trainer)
        run_tags = {**(run_tags or {}), CREATED_BY_TAG if who.authenticated else USER_TAG: who.name}
    if registrant is not None:
        who = _person(registrant)
        proof = {} if who.authenticated else {REGISTERED_BY_SEAL_TAG: "not the guard's"}
        tags = {**(tags or {}), REGISTERED_BY_TAG: who.name, **proof}
    given = tuple(_approval(number, one) for number, one in enumerate(approvals, 1))
    on_model = tuple(metric for metric in (metrics or {}).values() if isinstance(metric, Metric))
    on_run = {name: value for name, value in (metrics or {}).items() if not isinstance(value, Metric)}
    if stays is None:
        stays = () if in_stage_since is None else (Stay(stage, in_stage_since, None, f"record-{version}"),)
    facts = VersionFacts(
        model=model,
        version=version,
        created_at_ms=created_at_ms,
        stage=stage,
        run_id=f"run-{version}" if run else "",
        model_id=f"m-{version}" if on_model else "",
        aliases=tuple(aliases),
        tags=tags or {},
        description=description,
        workspace=workspace,
    )
    sources = PlainSources(
        run_facts=RunFacts(
            facts.run_id, started_at=started_at, metrics=on_run, params=params or {}, tags=run_tags or {},
            datasets=tuple(Dataset(*dataset) for dataset in datasets),
        ) if run else None,
        logged_model_facts=LoggedModelFacts(facts.model_id, metrics=on_model) if on_model else None,
        file=ModelFile(
            _columns(signature, "inputs"), _columns(signature, "outputs"), has_input_example=input_example
        ) if model_file else None,
        tags_of_model=model_tags or {},
        known_stays=stays,
        supplied=evidence or {},
        decisions=earlier,
        files_of_plugins=[Path(file) for file in plugin_files],
        folder=None if files is None else Path(files).absolute(),
        artifacts={path: Path(file).absolute() for path, file in (artifacts or {}).items()},
        dataset_files={name: Path(file).absolute() for name, file in (dataset_files or {}).items()},
        scratch_folder=None if scratch is None else Path(scratch).absolute(),
    )  # fmt: skip
    holder = None
    if champion is not None:
        defaults = {"version": 1, "model": model, "stage": to, "model_tags": model_tags}
        other = candidate(**{**defaults, **champion})
        holder = Subject(other.facts, other._sources)
    return Candidate(
        facts, sources, to, champion=holder, rollback=rollback, requester=_person(requester),
        approvals=lambda: given, proves=lambda text, seal: seal is None,
        stand_ins=None if measured is None
        else {name: _stand_in(name, said) for name, said in measured.items()},
    )  # fmt: skip


def _person(who: str | Person) -> Person:
    return who if isinstance(who, Person) else Person(who, authenticated=True)


def _stand_in(gate: str, said: GateResult | Verdict | str) -> GateResult:
    if isinstance(said, GateResult):
        return said
    return GateResult(Verdict(said), f"{gate} was not run: the case says {said}")


def _approval(number: int, given: str | Person | Approval) -> Approval:
    if isinstance(given, Approval):
        return given
    return Approval(*_person(given), at=NOW, record_id=f"approval-{number}")


def _columns(signature: Mapping[str, Columns] | None, side: str) -> tuple[tuple[str, str], ...] | None:
    columns = (signature or {}).get(side)
    if columns is None:
        return None
    if isinstance(columns, Mapping):
        return tuple(columns.items())
    return tuple((name, "") for name in columns)

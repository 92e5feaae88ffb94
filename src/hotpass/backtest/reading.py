"""Everything that a backtest needs of a registry and its ledger, read in pages and never one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from hotpass.backtest.pages import Searches
from hotpass.backtest.tables import searches_of
from hotpass.errors import LedgerError, NotFound
from hotpass.facts import LoggedModelFacts, RunFacts, VersionFacts
from hotpass.ledger.home import ROOT, TAG_GENESIS
from hotpass.ledger.record import PARAM_NEXT, Entry
from hotpass.ledger.runs import entry_of
from hotpass.registry import convert
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.registry.port import ModelFacts

#: So many models are asked for one by one where they are a small part of the registry; else it is read whole.
FEW = 10

#: Told how many of how many are done, and of what.
Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody is told of."""


@dataclass
class Books:
    """What was read: models by name, versions by model and number, records by model, oldest first."""

    models: dict[str, ModelFacts] = field(default_factory=dict)
    versions: dict[str, dict[int, VersionFacts]] = field(default_factory=dict)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    #: Experiments where runs and LoggedModels may be.
    experiments: list[str] = field(default_factory=list)
    #: What could not be read, in sentences.
    notes: list[str] = field(default_factory=list)
    #: Models that no policy covers.
    uncovered: int = 0


class Library:
    """Where a registry, its runs and its ledger are read. Methods raise RegistryError and LedgerError."""

    def __init__(self, registry: MlflowRegistry, ledger: Any) -> None:
        self._registry = searches_of(registry.store)
        self._one_by_one = registry.uri.startswith("databricks")  # a search there must name a model
        self._tracking = searches_of(registry.tracking)
        self._ledger = self._tracking if ledger is registry.tracking else searches_of(ledger)

    def read(
        self, covered: Callable[[str], bool], *, model: str | None = None, progress: Progress = silent
    ) -> Books:
        """All models that are `covered`, or `model` alone, with their versions and their records.

        Raises NotFound for a `model` that neither the registry nor the ledger knows.
        """
        books = Books()
        listed = {facts.name: facts for facts in self._registry.models()}
        wanted = {name for name in listed if (covered(name) if model is None else name == model)}
        books.uncovered = len(listed) - len(wanted) if model is None else 0
        books.models = {name: facts for name, facts in listed.items() if name in wanted}
        with_ledger = covered if model is None else (lambda name: name == model)
        if self._registry.over_http and self._ledger.over_http:
            with ThreadPoolExecutor(1) as pool:  # the server has time for both
                reading = pool.submit(copy_context().run, self._read_ledgers, books, with_ledger, progress)
                self._read_versions(books, len(listed), progress)
                reading.result()
        else:
            self._read_versions(books, len(listed), progress)
            self._read_ledgers(books, with_ledger, progress)
        if model is not None and model not in listed and model not in books.entries:
            raise NotFound(f"neither the registry nor the ledger knows a model {model!r}")
        return books

    def _read_versions(self, books: Books, listed: int, progress: Progress) -> None:
        names = sorted(books.models)
        few = len(names) <= FEW and len(names) * 2 <= listed
        versions: dict[str, dict[int, VersionFacts]] = {name: {} for name in names}
        books.versions = versions
        count = 0
        one_by_one = few or listed == 1 or self._one_by_one
        for name in names if one_by_one else [None] if names else []:
            for facts in self._registry.versions(name, lambda of: _aliases(books, of)):
                found = versions.get(facts.model)
                if found is not None:
                    found[facts.version] = facts
                    count += 1
                    if count % 1000 == 0:
                        progress("versions read", count, 0)

    def _read_ledgers(self, books: Books, wanted: Callable[[str], bool], progress: Progress) -> None:
        ledgers: dict[str, Any] = {}
        root = ""
        for experiment in self._ledger.experiments():
            name = experiment.name
            if name == ROOT:
                root = experiment.experiment_id
            elif name.startswith(f"{ROOT}/"):
                if wanted(name.removeprefix(f"{ROOT}/")):
                    ledgers[experiment.experiment_id] = experiment
            elif self._ledger is self._tracking:
                books.experiments.append(experiment.experiment_id)
        if self._ledger is not self._tracking:
            books.experiments = [
                experiment.experiment_id
                for experiment in self._tracking.experiments()
                if experiment.name != ROOT and not experiment.name.startswith(f"{ROOT}/")
            ]
        runs: dict[str, dict[str, Any]] = {number: {} for number in [*ledgers, root]}
        if ledgers:
            for run in self._ledger.records([*ledgers, *([root] if root else [])]):
                runs[str(run.info.experiment_id)][run.info.run_id] = run
        for number, experiment in ledgers.items():
            name = experiment.name.removeprefix(f"{ROOT}/")
            genesis = runs[root].get(dict(experiment.tags or {}).get(TAG_GENESIS, ""))
            if experiment.lifecycle_stage != "active" or genesis is None:
                books.notes.append(f"the ledger of {name} was deleted, or its start; it was not looked at. "
                                   f"See: hotpass audit verify {name}")  # fmt: skip
                continue
            books.entries[name] = _chain(name, genesis, runs[number], books.notes)

    def evidence(
        self, books: Books, versions: Iterable[VersionFacts], progress: Progress = silent
    ) -> Evidence:
        """Runs and LoggedModels of `versions`, which are read when the first of them is asked for."""
        return Evidence(self._tracking, books.experiments, list(versions), progress)


def _aliases(books: Books, name: str) -> Mapping[str, int]:
    model = books.models.get(name)
    return model.aliases if model else {}


def _chain(model: str, genesis: Any, runs: Mapping[str, Any], notes: list[str]) -> list[Entry]:
    """The records that the start of the chain leads to, oldest first. One that cannot be read is left out."""
    entries: list[Entry] = []
    seen: set[str] = set()
    following = genesis.data.params.get(PARAM_NEXT)
    while following and following not in seen:
        seen.add(following)
        run = runs.get(following)
        if run is None:
            notes.append(f"record {following} of {model} was removed; it and what came after it were not "
                         f"looked at. See: hotpass audit verify {model}")  # fmt: skip
            break
        try:
            entries.append(entry_of(run))
        except LedgerError as error:
            notes.append(f"left out: {error}")
        following = run.data.params.get(PARAM_NEXT)
    return entries


class Evidence:
    """Runs and LoggedModels of some versions, each kind read for all of them when the first is asked for."""

    def __init__(
        self,
        searches: Searches,
        experiments: Sequence[str],
        versions: Sequence[VersionFacts],
        progress: Progress,
    ) -> None:
        self._searches = searches
        self._experiments = experiments
        self._run_ids = _unique(facts.run_id for facts in versions)
        self._model_ids = _unique(facts.model_id for facts in versions)
        self._progress = progress
        self._runs: dict[str, RunFacts] | None = None
        self._logged: dict[str, LoggedModelFacts] | None = None

    def run(self, facts: VersionFacts) -> RunFacts | None:
        return self._all_runs().get(facts.run_id) if facts.run_id else None

    def logged_model(self, facts: VersionFacts) -> LoggedModelFacts | None:
        if not facts.model_id:
            return None
        if self._logged is None:
            self._logged = {}
            for some in self._searches.logged_models(self._experiments, self._model_ids):
                for model in some:
                    self._logged[model.model_id] = convert.with_nans(model, self._behind)
                self._progress("logged models read", len(self._logged), len(self._model_ids))
        return self._logged.get(facts.model_id)

    def _behind(self, run_ids: Sequence[str]) -> Mapping[str, RunFacts]:
        """The runs of metrics that are zero: where the run says NaN, MLflow made it so."""
        return self._all_runs()

    def _all_runs(self) -> Mapping[str, RunFacts]:
        if self._runs is None:
            self._runs = {}
            for some in self._searches.runs(self._experiments, self._run_ids):
                self._runs.update((run.info.run_id, convert.run_facts(run)) for run in some)
                self._progress("runs read", len(self._runs), len(self._run_ids))
        return self._runs


def _unique(ids: Iterator[str] | Iterable[str]) -> list[str]:
    return [one for one in dict.fromkeys(ids) if one]

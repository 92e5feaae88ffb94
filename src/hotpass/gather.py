"""Loads the evidence about a candidate and its champion, lazily and together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hotpass.candidate import (
    Approval,
    Candidate,
    LoggedModelFacts,
    ModelFile,
    PastDecision,
    Person,
    RunFacts,
    Stay,
    Subject,
    VersionFacts,
)
from hotpass.errors import ArtifactsChanged, RegistryError
from hotpass.ledger.approvals import goes_back_to, standing_approvals
from hotpass.ledger.chain import Chain
from hotpass.ledger.reading import past_decisions, stays_of
from hotpass.people import anything_goes
from hotpass.plugins import files_with
from hotpass.registry.port import Evidence, ModelFacts, Registry
from hotpass.shelf import Shelf
from hotpass.sources import Files, NotAtHand
from hotpass.verdicts import Json

if TYPE_CHECKING:
    import pluggy


class Memory:
    """Evidence that a session has seen. Allowed to be stale: what is decided on it is checked again under the
    lock.
    """

    def __init__(self) -> None:
        self.runs: dict[str, RunFacts] = {}
        self.logged_models: dict[str, LoggedModelFacts] = {}


class Batch:
    """Runs and LoggedModels of some versions, each kind read at once for all of them when the first is asked
    for.
    """

    def __init__(
        self, registry: Evidence, versions: Sequence[VersionFacts], memory: Memory | None = None
    ) -> None:
        """With `memory`, what it holds is not read again (until `changed`)."""
        self._registry = registry
        self._versions = versions
        self._memory = memory
        self._runs: Mapping[str, RunFacts] | None = None
        self._logged_models: Mapping[str, LoggedModelFacts] | None = None

    def runs(self) -> Mapping[str, RunFacts]:
        if self._runs is None:
            wanted = [facts.run_id for facts in self._versions if facts.run_id]
            known = self._memory.runs if self._memory else {}
            missing = [run_id for run_id in wanted if run_id not in known]
            read = self._registry.runs(missing) if missing else {}
            self._runs = {
                run_id: known.get(run_id) or read[run_id]
                for run_id in wanted
                if run_id in known or run_id in read
            }
        return self._runs

    def logged_models(self) -> Mapping[str, LoggedModelFacts]:
        if self._logged_models is None:
            if len(self._versions) > 1:
                self.runs()  # so that the registry knows the experiments to look in
            wanted = [facts.model_id for facts in self._versions if facts.model_id]
            known = self._memory.logged_models if self._memory else {}
            missing = [model_id for model_id in wanted if model_id not in known]
            read = self._registry.logged_models(missing) if missing else {}
            self._logged_models = {
                model_id: known.get(model_id) or read[model_id]
                for model_id in wanted if model_id in known or model_id in read
            }  # fmt: skip
        return self._logged_models

    def remember(self, memory: Memory) -> None:
        memory.runs.update(self._runs or {})
        memory.logged_models.update(self._logged_models or {})

    def changed(self, evidence: Evidence) -> bool:
        """Whether what was read differs from what `evidence` says now."""
        fresh = Batch(evidence, self._versions)
        if self._runs is not None and dict(fresh.runs()) != dict(self._runs):
            return True
        if self._logged_models is None:
            return False
        ids = [facts.model_id for facts in self._versions if facts.model_id]
        return dict(evidence.logged_models(ids)) != dict(self._logged_models)

    def experiments(self) -> list[str]:
        """The experiments that the runs and LoggedModels were found in, as far as they were read."""
        found = {run.experiment_id for run in (self._runs or {}).values()}
        found |= {model.experiment_id for model in (self._logged_models or {}).values()}
        return sorted(found - {""})


class VersionSources:
    """What a candidate or champion asks for evidence; see `hotpass.candidate.Sources`."""

    def __init__(
        self,
        registry: Registry,
        facts: VersionFacts,
        batch: Batch,
        model: ModelFacts,
        stays: Callable[[], Sequence[Stay]],
        evidence: Callable[[str], Json],
        earlier: Callable[[], Sequence[PastDecision]] = tuple,
        shelf: Shelf | None = None,
        plugin_files: Callable[[str], Sequence[Path]] = lambda hook: (),
    ) -> None:
        """Without a `shelf`, files are not at hand."""
        self._registry = registry
        self._facts = facts
        self._batch = batch
        self._model = model
        self._stays = stays
        self._evidence = evidence
        self._earlier = earlier
        self._shelf = shelf
        self._plugin_files = plugin_files
        self._file: tuple[ModelFile | None] | None = None
        self._known_stays: Sequence[Stay] | None = None
        self._supplied: dict[str, Json | Exception] = {}

    def run(self) -> RunFacts | None:
        return self._batch.runs().get(self._facts.run_id)

    def logged_model(self) -> LoggedModelFacts | None:
        return self._batch.logged_models().get(self._facts.model_id) if self._facts.model_id else None

    def model_file(self) -> ModelFile | None:
        if self._file is None:
            self._file = (self._registry.model_file(self._facts),)
        return self._file[0]

    def model_tags(self) -> Mapping[str, str]:
        return self._model.tags

    def stays(self) -> Sequence[Stay]:
        if self._known_stays is None:
            self._known_stays = self._stays()
        return self._known_stays

    def evidence(self, name: str) -> Json:
        if name not in self._supplied:
            try:
                self._supplied[name] = self._evidence(name)
            except RegistryError:
                raise
            except Exception as error:  # who has none, or breaks, is not asked again either
                self._supplied[name] = error
        found = self._supplied[name]
        if isinstance(found, Exception):
            raise found
        return found

    def earlier(self) -> Sequence[PastDecision]:
        return self._earlier()

    def plugin_files(self, hook: str) -> Sequence[Path]:
        return self._plugin_files(hook)

    def files(self) -> Files:
        found = self._kept().files(self._facts)
        recorded = self._registry.tagged_digest(self._facts)
        if recorded and found.digest != recorded:
            raise ArtifactsChanged(
                f"the files of {self._facts.model} version {self._facts.version} have changed: their digest "
                f"is {found.digest[:12]} now, and {recorded[:12]} is on record. Register them as a "
                "new version."
            )
        return found

    def artifact(self, path: str) -> Path | None:
        run = self.run()
        return self._kept().artifact(run.run_id, path) if run else None

    def dataset(self, name: str | None, context: str | None) -> Path | None:
        run = self.run()
        return self._kept().dataset(run.run_id, name, context) if run else None

    def fetch(self, uri: str) -> Path:
        return self._kept().fetch(uri)

    def scratch(self) -> Path:
        return self._kept().folder()

    def _kept(self) -> Shelf:
        if self._shelf is None:
            raise NotAtHand("the files of a version, which are not read here")
        return self._shelf


def gather(
    registry: Registry,
    chain: Chain,
    manager: pluggy.PluginManager,
    model: ModelFacts,
    facts: VersionFacts,
    to_stage: str,
    *,
    champion: VersionFacts | None,
    memory: Memory | None = None,
    rollback: bool = False,
    artifact_digest: str = "",
    requester: Person = Person("unknown"),
    in_place: bool = False,
    shelf: Shelf | None = None,
) -> tuple[Candidate, Batch]:
    """The candidate, which loads its evidence when a gate asks, and the batch that does the loading.

    With `in_place` the candidate holds the stage already, and the approvals are those that brought it there.
    """
    versions = [facts] if champion is None else [facts, champion]
    batch = Batch(registry, versions, memory)
    candidate: Candidate

    def stays_for(subject: VersionFacts) -> Callable[[], Sequence[Stay]]:
        identity = subject.identity()

        def load() -> Sequence[Stay]:
            found = stays_of(chain.entries(), identity)
            if not found or found[-1].stage != subject.stage or subject.stage == to_stage:
                found = stays_of(chain.entries(whole=True), identity)
            # A stay that the registry contradicts has ended, whoever ended it.
            if found and found[-1].until is None and found[-1].stage != subject.stage:
                found.pop()
            return found

        return load

    def approvals() -> Sequence[Approval]:
        entries = chain.entries()
        if not goes_back_to(entries, facts.created_at_ms):
            entries = chain.entries(whole=True)
        given = standing_approvals(entries, facts.identity(), to_stage, used=in_place, proves=chain.proves)
        if not given:
            return ()
        digest = digest_now(registry, facts)
        return [approval for approval in given if approval.artifact_digest == digest]

    def earlier() -> Sequence[PastDecision]:
        return past_decisions(chain.entries(whole=True), chain.proves)

    def supply(about: Candidate, name: str) -> Json:
        value = manager.hook.hotpass_evidence(candidate=about, name=name)
        if value is None:
            raise KeyError(f"no plugin supplies evidence {name!r}")
        return value

    def of_champion(name: str) -> Json:
        assert rival is not None
        # The hook takes a candidate, so the champion stands in its place. On record is what it answers.
        return supply(Candidate(rival.facts, rival._sources, to_stage), name)

    rival = None
    if champion is not None:
        sources = VersionSources(
            registry, champion, batch, model, stays_for(champion), of_champion, earlier, shelf
        )
        rival = Subject(champion, sources)
    candidate = Candidate(
        facts,
        VersionSources(
            registry, facts, batch, model, stays_for(facts), lambda name: supply(candidate, name),
            earlier, shelf, partial(files_with, manager),
        ),
        to_stage,
        champion=rival, artifact_digest=artifact_digest, rollback=rollback, requester=requester,
        approvals=approvals, proves=anything_goes if chain.seal is None else chain.seal.proves,
    )  # fmt: skip
    return candidate, batch


def digest_now(registry: Registry, facts: VersionFacts) -> str:
    """The digest of the version's files as they are now.

    Where they are not at hand, and a digest was tagged when the version was registered, it is that one: to
    download them at every promotion would cost too much, and whoever loads the version compares.
    """
    claimed = registry.tagged_digest(facts)
    if claimed:
        return registry.digest_at_hand(facts) or claimed
    return registry.artifact_digest(facts)

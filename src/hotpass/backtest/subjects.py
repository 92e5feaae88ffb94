"""What is judged in a backtest: every decision on record once more, and every version that has none.

Each is judged by itself, as things stood: a version that other policies would have let through does not
become the champion of the ones that came later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from hotpass.artifacts import DIGEST_TAG
from hotpass.backtest.reading import Books, Evidence
from hotpass.backtest.remembered import RememberedCandidate, RememberedChampion, Snapshot
from hotpass.candidate import Candidate, Subject
from hotpass.errors import RegistryError
from hotpass.facts import (
    Approval,
    LoggedModelFacts,
    ModelFile,
    PastDecision,
    Person,
    RunFacts,
    Stay,
    VersionFacts,
)
from hotpass.ledger.approvals import standing_approvals
from hotpass.ledger.reading import key_of, past_decisions, stays_by_version
from hotpass.ledger.record import Entry, Kind
from hotpass.policy.model import PolicySet
from hotpass.registry.convert import MODEL_FILE_TAG, model_file_of_tag
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.registry.port import ModelFacts
from hotpass.sources import Files, NotAtHand
from hotpass.stages import RESTING, ModelStage, alias_of
from hotpass.verdicts import Decision, ExcuseKind, Identity, Json

_NOTHING: Snapshot = {}


class History:
    """What the ledger says about one model."""

    def __init__(self, model: ModelFacts, entries: Sequence[Entry]) -> None:
        self.model = model
        self.entries = entries
        self._places = {entry.id: place for place, entry in enumerate(entries)}
        self._stays = stays_by_version(entries)

    def stays(self, identity: Identity, before: Entry | None) -> Sequence[Stay]:
        """The stays of a version, oldest first; with `before`, as they were before that record."""
        found = self._stays.get(key_of(identity), [])
        if before is None:
            return found
        end = self._places[before.id]
        known = [stay for stay in found if self._places[stay.record_id] < end]
        return [*known[:-1], known[-1]._replace(until=None)] if known else []

    def approvals(
        self, identity: Identity, to_stage: str, before: Entry | None, *, used: bool
    ) -> Sequence[Approval]:
        """Those that stood for the version, whatever its files."""
        entries = self.entries if before is None else self.entries[: self._places[before.id]]
        return standing_approvals(entries, identity, to_stage, used=used)


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing to judge: a version, as it was, that asks to go to a stage at a moment.

    `entry` is the record of the decision `then` that this is; both None where nobody has asked yet. `gone`
    says that the registry has the version no longer, so that only what was recorded is known of it.
    """

    facts: VersionFacts
    to_stage: str
    at: datetime
    history: History
    champion: VersionFacts | None = None
    entry: Entry | None = None
    then: Decision | None = None
    gone: bool = False

    @property
    def rollback(self) -> bool:
        return self.then is not None and self.then.rollback

    def versions(self) -> Iterator[VersionFacts]:
        """The versions whose evidence a gate may ask for."""
        yield self.facts
        if self.champion is not None:
            yield self.champion

    def overridden(self) -> frozenset[str]:
        """The gates that were overridden in the decision on record, by the names of their entries."""
        excused = self.then.excused if self.then is not None else ()
        return frozenset(
            judgement.entry.name for judgement in excused
            if judgement.excuse is not None and judgement.excuse.kind is ExcuseKind.OVERRIDE
        )  # fmt: skip

    def candidate(self, evidence: Evidence, files: MlflowRegistry | None) -> Candidate:
        """A new candidate, which reads what was recorded first and then `evidence`. With `files`, the MLmodel
        file of a version is read where nothing else says what is in it.
        """
        entry, then = self.entry, self.then
        snapshot: Snapshot = _NOTHING if then is None else then.evidence or _NOTHING
        identity = self.facts.identity()
        digest = self.facts.tags.get(DIGEST_TAG, "") if then is None else then.identity.artifact_digest
        rival: Subject | None = None
        if self.champion is not None:
            rival = RememberedChampion(
                self.champion, _Sources(self, self.champion, evidence, files), snapshot=snapshot
            )
        requester = Person("unknown")
        if entry is not None:
            requester = Person(entry.record.actor.name, entry.record.actor.authenticated)

        def approvals() -> Sequence[Approval]:
            in_place = self.facts.stage == self.to_stage
            given = self.history.approvals(identity, self.to_stage, entry, used=in_place)
            if given and not digest and then is None and files is None:
                raise NotAtHand("whether the files are those that were approved, which were not read")
            now = files.artifact_digest(self.facts) if given and not digest and files else digest
            return [one for one in given if one.artifact_digest == now]

        return RememberedCandidate(
            self.facts, _Sources(self, self.facts, evidence, files), self.to_stage, champion=rival,
            artifact_digest=digest, rollback=self.rollback, requester=requester, approvals=approvals,
            snapshot=snapshot, stand_ins={},
        )  # fmt: skip


class _Sources:
    """What one side of a trial asks for evidence; see `hotpass.candidate.Sources`."""

    def __init__(
        self, trial: Trial, facts: VersionFacts, evidence: Evidence, files: MlflowRegistry | None
    ) -> None:
        self._trial = trial
        self._facts = facts
        self._evidence = evidence
        self._files = files

    def run(self) -> RunFacts | None:
        return self._evidence.run(self._facts)

    def logged_model(self) -> LoggedModelFacts | None:
        return self._evidence.logged_model(self._facts)

    def model_file(self) -> ModelFile | None:
        logged = self.logged_model()
        said = logged.tags.get(MODEL_FILE_TAG) if logged else None
        if said is not None:
            return model_file_of_tag(said)
        if self._files is None or self._trial.gone:
            raise NotAtHand("what is in the MLmodel file, which was not read")
        return self._files.model_file(self._facts)

    def model_tags(self) -> Mapping[str, str]:
        return self._trial.history.model.tags

    def stays(self) -> Sequence[Stay]:
        found = self._trial.history.stays(self._facts.identity(), self._trial.entry)
        if found and found[-1].until is None and found[-1].stage != self._facts.stage:
            return found[:-1]  # the registry contradicts it
        return found

    def evidence(self, name: str) -> Json:
        raise NotAtHand(f"evidence {name!r} of a plugin, which was not asked")

    def earlier(self) -> Sequence[PastDecision]:
        before = self._trial.entry
        entries = self._trial.history.entries
        return past_decisions(
            (entry for entry in entries if before is None or entry.record.seq < before.record.seq),
            lambda entry: True,
        )

    def plugin_files(self, hook: str) -> Sequence[Path]:
        return ()

    def files(self) -> Files:
        raise NotAtHand("the files of a version, which a backtest does not read")

    def artifact(self, path: str) -> Path | None:
        raise NotAtHand(f"{path} of the run, which a backtest does not read")

    def dataset(self, name: str | None, context: str | None) -> Path | None:
        raise NotAtHand("a data set of the run, which a backtest does not read")

    def fetch(self, uri: str) -> Path:
        raise NotAtHand(f"{uri}, which a backtest does not read")

    def scratch(self) -> Path:
        raise NotAtHand("the files of a version, which a backtest does not read")


def decided(books: Books, history: History, since: datetime) -> Iterator[Trial]:
    """A trial for every decision that was recorded since then, oldest first. What of a record is no decision
    that this Hotpass reads is noted in `books`.
    """
    versions = books.versions.get(history.model.name, {})
    for entry in history.entries:
        record = entry.record
        if record.kind is not Kind.DECISION or record.time < since:
            continue
        try:
            then = Decision.from_json({**record.body, "id": entry.id})
        except RegistryError as error:
            books.notes.append(f"record {entry.id} of {record.model} was left out: {error}")
            continue
        subject, stage, to_stage = then.identity, then.from_stage, then.to_stage
        today = versions.get(subject.version)
        gone = today is None or not today.identity().same_version(subject)
        facts = today if today is not None and not gone else _recorded(subject, then.evidence or {})
        champion = None
        if then.champion is not None:
            champion = versions.get(then.champion) or VersionFacts(
                subject.model, then.champion, 0, to_stage, workspace=subject.workspace
            )
            champion = replace(champion, stage=to_stage, aliases=_aliases_in(to_stage))
        facts = replace(facts, stage=stage, aliases=_aliases_in(stage))
        yield Trial(facts, to_stage, then.decided_at, history, champion, entry, then, gone)


def _recorded(subject: Identity, evidence: Mapping[str, Json]) -> VersionFacts:
    """A version that is gone, as far as a decision says anything of it."""
    return VersionFacts(
        subject.model, subject.version, subject.created_at, "None", run_id=str(evidence.get("run") or ""),
        workspace=subject.workspace,
    )  # fmt: skip


def _aliases_in(stage: str) -> tuple[str, ...]:
    alias = alias_of(stage)
    return () if alias is None else (alias,)


def undecided(
    books: Books, history: History, since: datetime, now: datetime, policy_sets: Sequence[PolicySet]
) -> Iterator[Trial | VersionFacts]:
    """A trial for every version that was registered since then and that no decision since then is about, for
    the next promotion that the first of `policy_sets` has for it. Those that none has a promotion for come as
    they are.
    """
    model = history.model
    known = {
        subject[:4]
        for entry in history.entries
        if entry.record.kind is Kind.DECISION and entry.record.time >= since
        for subject in [entry.identity()]
        if subject is not None
    }
    since_ms = since.timestamp() * 1000
    versions = books.versions.get(model.name, {})
    targets: dict[str, str | None] = {}
    for number in sorted(versions):
        facts = versions[number]
        if facts.created_at_ms < since_ms or facts.identity()[:4] in known:
            continue
        if facts.stage not in targets:
            targets[facts.stage] = next(
                filter(None, (_next(policies, model.name, facts.stage) for policies in policy_sets)), None
            )
        to_stage = targets[facts.stage]
        if to_stage is None:
            yield facts
        else:
            champion = holder(model, versions.values(), to_stage)
            yield Trial(facts, to_stage, now, history, champion if champion is not facts else None)


def _next(policies: PolicySet, model: str, stage: str) -> str | None:
    """Where a version in `stage` goes next: a promotion from that very stage first, then one from any."""
    entries = [entry for policy in policies.covering(model) for entry in policy.promotions
               if entry.to_stage not in RESTING and entry.to_stage != stage]  # fmt: skip
    exact = next((entry.to_stage for entry in entries if entry.from_stage == stage), None)
    if exact is not None or stage not in (ModelStage.NONE, ModelStage.STAGING):
        return exact
    return next((entry.to_stage for entry in entries if entry.from_stage is None), None)


def holder(model: ModelFacts, versions: Iterable[VersionFacts], stage: str) -> VersionFacts | None:
    """The version that holds `stage` now: the one its alias points at, else the newest one in it."""
    alias = alias_of(stage)
    pointed = model.alias(alias) if alias else None
    if pointed is not None:
        return next((facts for facts in versions if facts.version == pointed), None)
    return max((f for f in versions if f.stage == stage), key=lambda f: f.version, default=None)

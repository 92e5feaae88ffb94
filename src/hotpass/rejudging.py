"""Judges what serves now once more, by the policies of today. Reads in pages, and writes nothing.

A version serves that is in a stage to which a policy promotes, other than Staging and those where versions
rest, or that an alias of such a stage or one of a policy's own points at. Each is judged as one that has
arrived: by the promotion that brought it there, as the policies have it now. So metrics, tags, the signature,
lineage and the age of the run are what they are now, and may have come to be too old; a dwell is the stay
that it had before it was promoted; approvals and overrides are those that it was promoted with, and what
gates that measure found then stands; there is no champion, since it is the champion. Waivers count as long as
they last. Vetoes are not asked: they are about what moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hotpass.backtest.reading import Books, Library
from hotpass.candidate import Candidate
from hotpass.engine import evaluate
from hotpass.errors import RegistryError
from hotpass.excusing import NO_OVERRIDE, Override
from hotpass.facts import Approval, Person, Stay, VersionFacts
from hotpass.gather import Batch, VersionSources, digest_now
from hotpass.ledger.approvals import standing_approvals
from hotpass.ledger.reading import VersionKey, key_of, stays_by_version
from hotpass.ledger.record import Entry, Kind
from hotpass.ledger.seal import Seal
from hotpass.people import anything_goes
from hotpass.policy.model import Policy, PolicySet
from hotpass.policy.words import listed
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.registry.port import ModelFacts
from hotpass.stages import RESTING, ModelStage
from hotpass.verdicts import Decision, Enforcement, ExcuseKind, GateResult, Json, Outcome

if TYPE_CHECKING:
    import pluggy

#: Versions whose runs and LoggedModels are read in one request each.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Served:
    """A version that serves, the stage that it serves as, and the aliases by which it does."""

    facts: VersionFacts
    stage: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejudged:
    """What the policies of today say of a version that serves. `came_from` is the stage that it was promoted
    from, "" where no promotion is on record. Without a decision, `error` says why it could not be judged.
    """

    served: Served
    came_from: str = ""
    decision: Decision | None = None
    error: str = ""

    @property
    def passes(self) -> bool:
        return self.decision is not None and self.decision.allowed

    @property
    def title(self) -> str:
        facts = self.served.facts
        aliases = ", ".join(self.served.aliases)
        how = f" (alias {aliases}; its stage is {facts.stage})" if facts.stage != self.served.stage else ""
        return f"{facts.model} version {facts.version} in {self.served.stage}{how}"

    def as_json(self) -> dict[str, Json]:
        facts = self.served.facts
        out: dict[str, Json] = {
            "model": facts.model, "version": facts.version, "stage": self.served.stage,
            "aliases": list(self.served.aliases), "came_from": self.came_from or None, "passes": self.passes,
        }  # fmt: skip
        if self.decision is None:
            return out | {"error": self.error}
        return out | {"decision": self.decision.as_json()}


@dataclass
class Rejudging:
    """All that was judged. `models` were looked at, `uncovered` have no policy; `notes` are remarks."""

    judged: list[Rejudged] = field(default_factory=list)
    models: int = 0
    uncovered: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return all(one.passes for one in self.judged)


def rejudge(
    library: Library,
    registry: MlflowRegistry,
    policies: PolicySet,
    manager: pluggy.PluginManager,
    *,
    model: str | None = None,
    stages: Sequence[str] = (),
    seal: Seal | None = None,
    now: datetime | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Rejudging:
    """Judges what serves of `model`, else of every model that a policy covers.

    With `stages`, what is in those, Staging too, and nothing else. With the guard's `seal`, only what it
    proves is more than a claim. `now` is timezone-aware. Raises NotFound for an unknown model, RegistryError
    and LedgerError for what cannot be read at all.
    """
    books = library.read(lambda name: bool(policies.covering(name)), model=model)
    served = list(_all_served(books, policies, stages))
    tell(f"re-judging {len(served)} of {sum(map(len, books.versions.values()))} versions")
    found = Rejudging(models=len(books.models), uncovered=books.uncovered, notes=list(books.notes))
    registry.knows_experiments(books.experiments)
    judge = _Judge(registry, policies, manager, seal, now or datetime.now(UTC))
    pasts = {name: _Past(books.models[name], books.entries.get(name, ()))
             for name in {one.facts.model for one in served}}  # fmt: skip
    for start in range(0, len(served), AT_ONCE):
        group = served[start : start + AT_ONCE]
        batch = Batch(registry, [one.facts for one in group])
        found.judged += [judge(one, pasts[one.facts.model], batch) for one in group]
    return found


def serving_stages(policies: Iterable[Policy]) -> dict[str, str]:
    """The stages in which something serves, by their alias, as `policies` spell them."""
    targets = {entry.to_stage for policy in policies for entry in policy.promotions}
    return {stage.lower(): stage for stage in sorted(targets - {*RESTING, ModelStage.STAGING})}


def _all_served(books: Books, policies: PolicySet, stages: Sequence[str]) -> Iterator[Served]:
    asked = {stage.lower() for stage in stages}
    for name in sorted(books.models):
        covering = policies.covering(name)
        if not covering:
            continue
        targets = {entry.to_stage for policy in covering for entry in policy.promotions}
        wanted = {stage.lower(): stage for stage in targets if stage.lower() in asked}
        serving = wanted if asked else serving_stages(covering)
        own = {alias.lower() for policy in covering for alias in policy.aliases}
        for _, facts in sorted(books.versions.get(name, {}).items()):
            yield from _served(facts, serving, set() if asked else own)


def _served(facts: VersionFacts, serving: dict[str, str], own: AbstractSet[str]) -> Iterator[Served]:
    found: dict[str, list[str]] = {}
    if facts.stage.lower() in serving:
        found[serving[facts.stage.lower()]] = []
    follows = [alias for alias in facts.aliases if alias.lower() in own and alias.lower() not in serving]
    for alias in facts.aliases:
        if alias.lower() in serving:
            found.setdefault(serving[alias.lower()], []).append(alias)
    if follows and not found and serving:
        # An alias of a policy's own has no stage; it may follow Production, or else what serves.
        stage = (
            ModelStage.PRODUCTION.value
            if ModelStage.PRODUCTION in serving.values()
            else min(serving.values())
        )
        found[stage] = []
    for stage, aliases in found.items():
        yield Served(facts, stage, tuple(sorted({*aliases, *follows})))


class _Judge:
    def __init__(
        self,
        registry: MlflowRegistry,
        policies: PolicySet,
        manager: pluggy.PluginManager,
        seal: Seal | None,
        now: datetime,
    ) -> None:
        self._registry = registry
        self._policies = policies
        self._manager = manager
        self._seal = seal
        self._now = now
        self._narrowed: dict[tuple[str, ...], tuple[PolicySet, tuple[str, ...]]] = {}

    def __call__(self, served: Served, past: _Past, batch: Batch) -> Rejudged:
        promotion = past.promotion(served)
        came_from = str(promotion.record.body["from"]) if promotion else ""
        policies, against = self._by(served, came_from)
        try:
            override = _override(promotion, policies, served) if promotion else NO_OVERRIDE
            candidate = self._candidate(served, past, promotion, batch)
            decision = evaluate(policies, candidate, self._now, override=override)
        except RegistryError as error:  # the next one may be readable
            return Rejudged(served, came_from, error=str(error))
        notes = [note for note in decision.notes if note != f"already in {served.stage}"]
        if promotion is None:
            notes.append(f"no promotion to {served.stage} is on record, so every one that leads there counts")
        outcome = Outcome.DENIED if against else decision.outcome
        return Rejudged(served, came_from, replace(decision, notes=(*notes, *against), outcome=outcome))

    def _by(self, served: Served, came_from: str) -> tuple[PolicySet, tuple[str, ...]]:
        """The policies with the promotion that leads from there to the stage alone, and what is against that
        way in those that have none; of these, every promotion to the stage counts.
        """
        covering = self._policies.covering(served.facts.model)
        key = (served.stage, came_from, *(policy.name for policy in covering))
        if key not in self._narrowed:
            kept, against = [], []
            for policy in covering:
                leading = policy.entries_to(served.stage)
                entries = [entry for entry in leading if entry.from_stage in (came_from, None)]
                if came_from and leading and not entries:
                    origins = listed(sorted({str(entry.from_stage) for entry in leading}), "or")
                    against.append(
                        f"it came from {came_from}, and policy {policy.name} lets a version into "
                        f"{served.stage} only from {origins}"
                    )
                if not came_from:
                    entries = list(leading)
                kept.append(replace(policy, promotions=tuple(entries or leading)))
            narrowed = replace(self._policies, policies=tuple(kept))
            self._narrowed[key] = (narrowed, tuple(against))
        return self._narrowed[key]

    def _candidate(self, served: Served, past: _Past, promotion: Entry | None, batch: Batch) -> Candidate:
        facts = replace(served.facts, stage=served.stage)
        candidate: Candidate
        seal = self._seal

        def approvals() -> Sequence[Approval]:
            given = standing_approvals(
                past.until(promotion), facts.identity(), served.stage, used=True,
                proves=lambda entry: seal is None or seal.proves(entry.hash, entry.seal),
            )  # fmt: skip
            if not given:
                return ()
            digest = digest_now(self._registry, served.facts)
            return [approval for approval in given if approval.artifact_digest == digest]

        def supplied(name: str) -> Json:
            value = self._manager.hook.hotpass_evidence(candidate=candidate, name=name)
            if value is None:
                raise KeyError(f"no plugin supplies evidence {name!r}")
            return value

        actor = promotion.record.actor if promotion else None
        candidate = Candidate(
            facts,
            VersionSources(
                self._registry, served.facts, batch, past.model, lambda: past.stays(served.facts), supplied
            ),
            served.stage,
            artifact_digest=self._registry.tagged_digest(served.facts),
            requester=Person(actor.name, actor.authenticated) if actor else Person("unknown"),
            approvals=approvals, proves=anything_goes if seal is None else seal.proves,
            stand_ins=_measured(promotion),
        )  # fmt: skip
        return candidate


class _Past:
    """What the ledger says about one model."""

    def __init__(self, model: ModelFacts, entries: Sequence[Entry]) -> None:
        self.model = model
        self._entries = entries
        self._stays: Mapping[VersionKey, Sequence[Stay]] | None = None
        #: The place in the ledger of the last promotion of a version to a stage, a rollback apart.
        self._promotions: dict[tuple[VersionKey, str], int] = {}
        for place, entry in enumerate(entries):
            record, body = entry.record, entry.record.body
            if record.kind is not Kind.DECISION or not entry.moved or body.get("rollback"):
                continue
            subject = entry.identity()
            if subject is not None and body["from"] != body["to"]:
                self._promotions[key_of(subject), body["to"]] = place

    def promotion(self, served: Served) -> Entry | None:
        """What brought the version to the stage; None where no promotion is on record."""
        place = self._promotions.get((key_of(served.facts.identity()), served.stage))
        return None if place is None else self._entries[place]

    def until(self, promotion: Entry | None) -> Sequence[Entry]:
        """The ledger as it was when that promotion was done; all of it without one."""
        if promotion is None:
            return self._entries
        subject = promotion.identity()
        assert subject is not None
        return self._entries[: self._promotions[key_of(subject), promotion.record.body["to"]] + 1]

    def stays(self, facts: VersionFacts) -> Sequence[Stay]:
        if self._stays is None:
            self._stays = stays_by_version(self._entries)
        return self._stays.get(key_of(facts.identity()), [])


def _measured(promotion: Entry | None) -> dict[str, GateResult]:
    """What gates said in the promotion, by their names; of several entries of one gate, what blocks comes
    first. It stands in for what takes long to measure.
    """
    if promotion is None:
        return {}
    recorded = Decision.from_json({**promotion.record.body, "id": promotion.id})
    in_order = sorted(recorded.judgements, key=lambda judgement: judgement.blocks)
    return {
        judgement.entry.gate_name: judgement.result._replace(
            message=f"{judgement.result.message} (measured when it was promoted)"
        )
        for judgement in in_order
    }


def _override(promotion: Entry, policies: PolicySet, served: Served) -> Override:
    """What was overridden in the promotion, as far as it can still be."""
    recorded = Decision.from_json({**promotion.record.body, "id": promotion.id})
    overridden = {
        judgement.entry.name
        for judgement in recorded.excused
        if judgement.excuse is not None and judgement.excuse.kind is ExcuseKind.OVERRIDE
    }
    can = [
        gate.name
        for policy in policies.covering(served.facts.model)
        for entry in policy.entries_to(served.stage)
        for gate in entry.gates
        if gate.enforcement is Enforcement.OVERRIDABLE and gate.name in overridden
    ]
    actor = promotion.record.actor
    return Override(tuple(can), Person(actor.name, actor.authenticated), recorded.reason)

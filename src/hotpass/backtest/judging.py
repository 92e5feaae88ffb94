"""Judges trials by one or two sets of policies, in batches of models, and keeps what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, NamedTuple

from hotpass.backtest.reading import Books, Evidence, Library, Progress, silent
from hotpass.backtest.subjects import History, Trial, decided, undecided
from hotpass.engine import evaluate, plan_of
from hotpass.excusing import NO_OVERRIDE, Override
from hotpass.facts import Person, VersionFacts
from hotpass.policy.model import PolicySet
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.registry.port import ModelFacts
from hotpass.sources import IN_A_CASE, NotAtHand
from hotpass.verdicts import (
    Decision,
    Enforcement,
    Judgement,
    Outcome,
    Verdict,
    inconclusive,
    outcome_of,
)

#: Versions whose evidence is kept in memory at a time, at least.
BATCH = 5_000

_MARK = f"{NotAtHand.__name__}: "


class Stop(NamedTuple):
    """A gate that keeps a version out, and what it says."""

    policy: str
    name: str
    verdict: Verdict
    message: str


class Ruling(NamedTuple):
    """What policies come to: the outcome, the gates that keep the version out, other reasons.

    `unseen` are gates whose evidence a backtest does not look at; what they would say is not known.
    """

    outcome: Outcome
    stops: tuple[Stop, ...] = ()
    notes: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not allowed, in sentences."""
        return (*(f"{stop.name} {stop.verdict}: {stop.message}" for stop in self.stops), *self.notes)


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that was judged. `then` is what was decided at the time, `base` what the other policies say,
    `now` what those say that the backtest is about.
    """

    kind: Literal["decision", "version"]
    model: str
    version: int
    from_stage: str
    to_stage: str
    at: datetime
    now: Ruling
    base: Ruling | None = None
    then: Outcome | None = None
    record: str = ""
    rollback: bool = False
    gone: bool = False
    #: Whether what was decided then rested on something else than the gates: a veto, an overtaking, changed
    #: files. The policies of today are not compared with that.
    beside: bool = False

    @property
    def before(self) -> Outcome | None:
        """What `now` is compared with: the other policies, else what was decided; None where neither is."""
        if self.base is not None:
            return self.base.outcome
        return None if self.beside else self.then

    @property
    def changed(self) -> bool:
        return self.before is not None and self.before is not self.now.outcome

    @property
    def unknown(self) -> bool:
        """Whether nothing but evidence that was not looked at keeps it from being allowed."""
        return self.now.outcome is Outcome.INCONCLUSIVE and bool(self.now.unseen)


@dataclass
class Backtest:
    """What was judged, and what could not be."""

    since: datetime
    until: datetime
    cases: list[Case] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    models: int = 0
    versions: int = 0
    #: Models that no policy covers, and versions whose stage no promotion starts from.
    uncovered: int = 0
    resting: int = 0
    compared: bool = False


def backtest(
    library: Library,
    policies: PolicySet,
    *,
    since: datetime,
    now: datetime,
    base: PolicySet | None = None,
    model: str | None = None,
    unmatched: Literal["builtin", "deny"] = "builtin",
    files: MlflowRegistry | None = None,
    progress: Progress = silent,
) -> Backtest:
    """Judges every decision and every version since then by `policies`, and by those of `base`.

    Writes nothing. With `files`, MLmodel files are read where a gate asks for them. Times are timezone-aware.
    Raises NotFound for an unknown `model`, RegistryError and LedgerError.
    """
    policy_sets = [policies, *([base] if base is not None else [])]

    def covered(name: str) -> bool:
        return any(of.covering(name) for of in policy_sets)

    books = library.read(covered, model=model, progress=progress)
    found = Backtest(since, now, notes=books.notes, compared=base is not None)
    found.uncovered, found.models = books.uncovered, len(books.models)
    found.versions = sum(len(versions) for versions in books.versions.values())
    judge = _Judge(policies, base, unmatched, files)
    done = 0
    groups = list(_groups(books, lambda history: _trials(books, history, found, policy_sets)))
    total = sum(len(trials) for trials in groups)
    for trials in groups:
        wanted = [facts for trial in trials for facts in trial.versions()]
        evidence = library.evidence(books, wanted, progress)
        for trial in trials:
            found.cases.append(judge(trial, evidence))
            done += 1
            if done % 500 == 0:
                progress("judged", done, total)
    progress("judged", total, total)
    return found


def _trials(
    books: Books, history: History, found: Backtest, policy_sets: Sequence[PolicySet]
) -> Iterator[Trial]:
    yield from decided(books, history, found.since)
    for one in undecided(books, history, found.since, found.until, policy_sets):
        if isinstance(one, VersionFacts):
            found.resting += 1
        else:
            yield one


def _groups(books: Books, trials: Callable[[History], Iterator[Trial]]) -> Iterator[list[Trial]]:
    """The trials of all models, in groups of at least BATCH."""
    group: list[Trial] = []
    for name in sorted({*books.models, *books.entries}):
        model = books.models.get(name) or ModelFacts(name)
        group += trials(History(model, books.entries.get(name, ())))
        if len(group) >= BATCH:
            yield group
            group = []
    if group:
        yield group


class _Judge:
    def __init__(
        self,
        policies: PolicySet,
        base: PolicySet | None,
        unmatched: Literal["builtin", "deny"],
        files: MlflowRegistry | None,
    ) -> None:
        self._policies = policies
        self._base = base
        self._unmatched: Literal["builtin", "deny"] = unmatched
        self._files = files

    def __call__(self, trial: Trial, evidence: Evidence) -> Case:
        facts, then = trial.facts, trial.then
        return Case(
            "version" if then is None else "decision", facts.model, facts.version, facts.stage,
            trial.to_stage, trial.at, self._ruling(trial, evidence, self._policies),
            None if self._base is None else self._ruling(trial, evidence, self._base),
            None if then is None else then.outcome, "" if then is None else then.id, trial.rollback,
            trial.gone, then is not None and _beside_the_gates(then),
        )  # fmt: skip

    def _ruling(self, trial: Trial, evidence: Evidence, policies: PolicySet) -> Ruling:
        candidate = trial.candidate(evidence, self._files)
        plan = plan_of(policies, candidate, self._unmatched)
        override = NO_OVERRIDE
        if trial.entry is not None and trial.then is not None and (names := trial.overridden()):
            can = {entry.name for entry in plan.entries if entry.enforcement is Enforcement.OVERRIDABLE}
            actor = trial.entry.record.actor
            who = Person(actor.name, actor.authenticated)
            override = Override(tuple(sorted(names & can)), who, trial.then.reason)
        decision = evaluate(policies, candidate, trial.at, unmatched=self._unmatched, override=override)
        decision, unseen = _without_unseen(decision, denied=plan.denied)
        notes = decision.notes if decision.outcome is not Outcome.ALLOWED else ()
        stops = tuple(
            Stop(j.entry.policy, j.entry.name, j.result.verdict, j.result.message) for j in decision.blocking
        )
        return Ruling(decision.outcome, stops, notes, unseen)


def _open(judgement: Judgement) -> Judgement:
    why = judgement.result.message.removeprefix(_MARK).removesuffix(IN_A_CASE)
    return judgement._replace(result=inconclusive(f"not looked at: {why}"))


def _without_unseen(decision: Decision, *, denied: bool) -> tuple[Decision, tuple[str, ...]]:
    """`decision` with gates that asked for what is not at hand as inconclusive, and the names of those."""
    if not any(_is_unseen(judgement) for judgement in decision.judgements):
        return decision, ()
    judgements = tuple(_open(j) if _is_unseen(j) else j for j in decision.judgements)
    unseen = tuple(j.entry.name for j in decision.judgements if _is_unseen(j))
    outcome = outcome_of(judgements, vetoed=denied)
    return replace(decision, judgements=judgements, outcome=outcome), unseen


def _is_unseen(judgement: Judgement) -> bool:
    result = judgement.result
    return result.verdict is Verdict.ERROR and result.message.startswith(_MARK)


def _beside_the_gates(decision: Decision) -> bool:
    """Whether a recorded refusal rested on something that is in no policy: a veto, an overtaking, files that
    had changed, what every rollback needs. Then all gates ran, and none of them blocked.
    """
    if decision.allowed or decision.blocking:
        return False
    asked = {judgement.entry.policy for judgement in decision.judgements}
    return decision.overtaken or decision.rollback or {ref.name for ref in decision.policies} <= asked

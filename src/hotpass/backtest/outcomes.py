"""What a backtest comes to: counts, what changes, which gates stop whom, model by model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from hotpass.backtest.judging import Backtest, Case, Ruling
from hotpass.verdicts import Json, Outcome

#: What every backtest has to say of itself.
EACH_BY_ITSELF = (
    "Each is judged by itself, as things stood: a version that these policies would have let through does "
    "not become the champion of later ones."
)
NOT_ASKED = (
    "Vetoes and evidence of plugins are not asked for; evidence that a decision recorded is taken from there."
)


class Count(NamedTuple):
    """How many of a kind went which way by whom."""

    kind: str  # "decision" or "version"
    by: str  # "then", "base" or "now"
    outcomes: Mapping[Outcome, int]


class Change(NamedTuple):
    """How many of a kind have another outcome now."""

    kind: str
    before: Outcome
    now: Outcome
    number: int


class GateCount(NamedTuple):
    """How many a gate keeps out, and how many of them nothing else would."""

    policy: str
    name: str
    stops: int
    alone: int
    alone_before: int | None  # by the policies it is compared with


@dataclass
class ModelCount:
    """What came of one model."""

    model: str
    judged: int = 0
    allowed: int = 0
    changed: int = 0


@dataclass
class Summary:
    """The figures of a backtest; `changed` the cases that go another way, decisions first, newest first."""

    of: Backtest
    counts: list[Count] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    gates: list[GateCount] = field(default_factory=list)
    models: list[ModelCount] = field(default_factory=list)
    changed: list[Case] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def judged(self, kind: str) -> int:
        return sum(case.kind == kind for case in self.of.cases)


def summary_of(found: Backtest) -> Summary:
    cases = found.cases
    changed = sorted(
        (case for case in cases if case.changed),
        key=lambda case: (case.kind, -case.at.timestamp(), case.model, -case.version),
    )
    counts = Counter((case.kind, case.before, case.now.outcome) for case in changed)
    return Summary(
        of=found,
        counts=_counts(found),
        changes=[
            Change(kind, before, now, number)
            for (kind, before, now), number in sorted(counts.items(), key=lambda pair: (pair[0][0], -pair[1]))
            if before is not None
        ],
        gates=_gates(cases, compared=found.compared),
        models=_models(cases),
        changed=changed,
        remarks=_remarks(found),
    )


def _counts(found: Backtest) -> list[Count]:
    counts = []
    for kind in ("decision", "version"):
        cases = [case for case in found.cases if case.kind == kind]
        if not cases:
            continue
        if kind == "decision":
            then = Counter(case.then for case in cases if case.then is not None)
            counts.append(Count(kind, "then", then))
        if found.compared:
            base = Counter(case.base.outcome for case in cases if case.base is not None)
            counts.append(Count(kind, "base", base))
        counts.append(Count(kind, "now", Counter(case.now.outcome for case in cases)))
    return counts


def _gates(cases: Iterable[Case], *, compared: bool) -> list[GateCount]:
    stops: Counter[tuple[str, str]] = Counter()
    alone: Counter[tuple[str, str]] = Counter()
    before: Counter[tuple[str, str]] = Counter()
    for case in cases:
        stops.update({(stop.policy, stop.name) for stop in case.now.stops})
        alone.update(_only(case.now))
        before.update(_only(case.base) if case.base is not None else ())
    names = sorted({*stops, *before}, key=lambda name: (-alone[name], -stops[name], name))
    return [GateCount(*name, stops[name], alone[name], before[name] if compared else None) for name in names]


def _only(ruling: Ruling) -> list[tuple[str, str]]:
    """The gate without which it would be allowed, if there is one."""
    found = {(stop.policy, stop.name) for stop in ruling.stops}
    return list(found) if len(ruling.stops) == 1 else []


def _models(cases: Iterable[Case]) -> list[ModelCount]:
    models: dict[str, ModelCount] = {}
    for case in cases:
        count = models.setdefault(case.model, ModelCount(case.model))
        count.judged += 1
        count.allowed += case.now.outcome is Outcome.ALLOWED
        count.changed += case.changed
    return sorted(models.values(), key=lambda count: (-count.changed, count.model))


def _remarks(found: Backtest) -> list[str]:
    remarks = []

    def remark(count: int, one: str, many: str) -> None:
        if count:
            remarks.append(one if count == 1 else many.format(f"{count:,}"))

    remark(
        sum(case.beside for case in found.cases),
        "1 decision was refused for a reason that no gate gives (an overtaking, a veto, changed files, what "
        "every rollback needs); it is judged, and not compared with that.",
        "{} decisions were refused for a reason that no gate gives (an overtaking, a veto, changed "
        "files, what "
        "every rollback needs); they are judged, and not compared with that.",
    )
    unseen = Counter(name for case in found.cases for name in case.now.unseen)
    for name, count in unseen.most_common():
        remarks.append(
            f"{name}: {count:,} not looked at and counted as inconclusive: a backtest runs no gate that "
            "measures, asks for no plugin's evidence, and reads MLmodel files only with --with-files"
        )
    remark(
        sum(case.gone for case in found.cases),
        "1 decision is about a version that is gone; it is judged on what was recorded.",
        "{} decisions are about versions that are gone; they are judged on what was recorded.",
    )
    remark(
        found.resting,
        "1 version stands where no promotion starts from, and was not judged.",
        "{} versions stand where no promotion starts from, and were not judged.",
    )
    remark(
        found.uncovered,
        "1 model is covered by no policy, and was left out.",
        "{} models are covered by no policy, and were left out.",
    )
    return remarks


# --- as JSON ------------------------------------------------------------------------------------------------


def as_json(summary: Summary, *, policies: str, against: str | None) -> dict[str, Json]:
    """All of it, each case too. `policies` and `against` say which were judged by."""
    found = summary.of
    return {
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "policies": policies,
        "against": against,
        "models": found.models,
        "versions": found.versions,
        "judged": {"decisions": summary.judged("decision"), "versions": summary.judged("version")},
        "outcomes": [
            {"of": count.kind, "by": count.by,
             **{str(outcome): count.outcomes.get(outcome, 0) for outcome in Outcome}}
            for count in summary.counts
        ],
        "changes": [
            {"of": change.kind, "before": str(change.before), "now": str(change.now), "count": change.number}
            for change in summary.changes
        ],
        "gates": [gate._asdict() for gate in summary.gates],
        "by_model": [
            {"model": one.model, "judged": one.judged, "allowed": one.allowed, "changed": one.changed}
            for one in summary.models
        ],
        "cases": [_case(case) for case in found.cases],
        "remarks": summary.remarks,
        "notes": found.notes,
    }  # fmt: skip


def _case(case: Case) -> dict[str, Json]:
    return {
        "of": case.kind, "model": case.model, "version": case.version, "from": case.from_stage,
        "to": case.to_stage, "at": case.at.isoformat(), "rollback": case.rollback,
        "record": case.record or None, "gone": case.gone, "compared": case.before is not None,
        "changed": case.changed, "then": None if case.then is None else str(case.then),
        "before": None if case.base is None else _ruling(case.base), "now": _ruling(case.now),
    }  # fmt: skip


def _ruling(ruling: Ruling) -> dict[str, Json]:
    return {
        "outcome": str(ruling.outcome),
        "stopped_by": [
            {"policy": stop.policy, "gate": stop.name, "verdict": str(stop.verdict), "message": stop.message}
            for stop in ruling.stops
        ],
        "notes": list(ruling.notes),
        "not_looked_at": list(ruling.unseen),
    }


def since_of(text: str, now: datetime) -> datetime:
    """`90d`, `2026-05-01` or `2026-05-01T12:00+02:00` as a moment before `now`; UTC where no zone is given.

    Raises ValueError, with a sentence for a person.
    """
    from datetime import UTC

    from hotpass.durations import parse_duration

    text = text.strip()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            return now - parse_duration(text)
        except ValueError as error:
            raise ValueError(f"{error} Or write a date: 2026-05-01.") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at > now:
        raise ValueError(f"{text} is in the future.")
    return at

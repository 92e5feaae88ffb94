"""What cases have shown of a policy: which promotions were judged, how they came out, and for each gate
whether it was seen to pass and not to pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from hotpass.cases.model import Case, Result
from hotpass.policy.model import GateEntry, Policy
from hotpass.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class GateSeen:
    """The verdicts seen of one gate entry, and how often."""

    name: str
    where: str
    verdicts: Counter[str]

    @property
    def passed(self) -> bool:
        """Whether it was seen to pass."""
        return self.verdicts[Verdict.PASSED] > 0

    @property
    def stopped(self) -> bool:
        """Whether it was seen not to."""
        return self.verdicts.total() > self.verdicts[Verdict.PASSED]


@dataclass(frozen=True, slots=True)
class PromotionSeen:
    """One promotion of a policy, or its rollback: how many cases are about it, and what came of those that
    ran.
    """

    title: str
    where: str
    cases: int
    outcomes: Counter[str]
    gates: tuple[GateSeen, ...]

    @property
    def gaps(self) -> list[str]:
        """What no case has shown, in words."""
        never = [(f"{gate.name} never passed", gate.passed) for gate in self.gates]
        never += [(f"{gate.name} never stopped one", gate.stopped) for gate in self.gates]
        return [words for words, seen in never if not seen]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the cases of one policy have shown."""

    policy: str
    path: str
    cases: int
    promotions: tuple[PromotionSeen, ...]
    #: Of moves that no promotion of the policy is about.
    others: Counter[str]

    @property
    def without_cases(self) -> tuple[PromotionSeen, ...]:
        return tuple(promotion for promotion in self.promotions if not promotion.cases)


def coverage(policy: Policy, cases: Iterable[Case], results: Iterable[Result]) -> Coverage:
    """What `cases` are about, and what those that ran, `results`, have shown of `policy`."""
    parts = [
        (f"{entry.from_stage or 'any stage'} to {entry.to_stage}", entry.where, entry.gates)
        for entry in policy.promotions
    ]
    if policy.rollback is not None:
        parts.append(("rollback", policy.rollback[0].where if policy.rollback else "", policy.rollback))
    part_of = {id(entry): number for number, (_, _, gates) in enumerate(parts) for entry in gates}
    about: Counter[int] = Counter()
    outcomes: list[Counter[str]] = [Counter() for _ in parts]
    verdicts: dict[int, Counter[str]] = {key: Counter() for key in part_of}
    others: Counter[str] = Counter()
    count = 0
    for case in cases:
        count += 1
        about.update({part_of[id(entry)] for entry in case.entries})
    for result in results:
        if result.decision is None:
            continue
        outcome = str(result.decision.outcome)
        numbers = {part_of[id(entry)] for entry in result.case.entries}
        for number in numbers:
            outcomes[number][outcome] += 1
        if not numbers:
            others[outcome] += 1
        for judgement in result.decision.judgements:
            verdicts[id(judgement.entry)][str(judgement.result.verdict)] += 1
    promotions = tuple(
        PromotionSeen(title, where, about[number], outcomes[number], _gates(gates, verdicts))
        for number, (title, where, gates) in enumerate(parts)
    )
    return Coverage(policy.name, policy.path, count, promotions, others)


def _gates(gates: Iterable[GateEntry], verdicts: dict[int, Counter[str]]) -> tuple[GateSeen, ...]:
    return tuple(GateSeen(entry.name, entry.where, verdicts[id(entry)]) for entry in gates)

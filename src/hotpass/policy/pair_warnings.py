"""Warnings about two gates of the same promotion: they contradict each other, or one asks for nothing new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from hotpass.demands import Demand, disjoint, implies
from hotpass.errors import Problem
from hotpass.policy.asked import Asked, place_of
from hotpass.policy.globs import covered, neighbours, overlap
from hotpass.policy.model import Policy
from hotpass.stages import ModelStage

#: Of a policy that overlaps with more, these many are looked at; and of many demands on one fact, the
#: tightest.
_MOST_NEIGHBOURS = 100
_MOST_DEMANDS = 25

#: Stages from which a version may go by a promotion without `from`.
_FROM_ANY = frozenset({ModelStage.NONE, ModelStage.STAGING, ModelStage.ARCHIVED})


class _Item(NamedTuple):
    asked: Asked
    demand: Demand
    group: int


def within(asked: Sequence[Asked]) -> Iterator[Problem]:
    """What is wrong between the gates of one policy."""
    by_target: dict[str, list[Asked]] = {}
    for one in asked:
        by_target.setdefault(_target(one), []).append(one)
    for gates in by_target.values():
        idle: set[int] = set()  # gates that are said to ask for nothing new: what they ask counts no more
        for one, other in combinations(gates, 2):
            if _meet(one, other):
                yield from _contradiction(one, other)
        for one in gates:
            whole, problems = _shadow(one, [other for other in gates if id(other) not in idle], gates)
            if whole:
                idle.add(id(one))
            yield from problems


def across(policies: Sequence[Sequence[Asked]]) -> Iterator[Problem]:
    """What is wrong between gates of several policies that can cover the same model."""
    groups: dict[tuple[str, ...], int] = {}
    items: dict[tuple[str, str], dict[int, list[_Item]]] = {}
    for gates in policies:
        for asked in gates:
            group = groups.setdefault(asked.policy.models, len(groups))
            for demand in asked.demands:
                fact = _target(asked), _KIN.get(demand.subject.partition(".")[0], demand.subject)
                items.setdefault(fact, {}).setdefault(group, []).append(_Item(asked, demand, group))
    patterns = list(groups)
    beside = neighbours(patterns, _MOST_NEIGHBOURS)
    for of_fact in items.values():
        tightest = {group: _tightest(found) for group, found in of_fact.items()}
        for group, mine in of_fact.items():
            near = [one for other in (group, *beside[group]) for one in tightest.get(other, ())]
            for item in mine:
                yield from _with_others(item, near)


def _with_others(item: _Item, near: Sequence[_Item]) -> Iterator[Problem]:
    asked = item.asked
    policy = asked.policy
    contradicted = shadowed = False
    for other, demand, _ in near:
        if other.policy is policy:
            continue
        if not contradicted and _order(other) < _order(asked) and _meet(asked, other):
            found = next(_contradiction(asked, other, (item.demand,), (demand,)), None)
            if found is not None:
                contradicted = True
                yield found
        if (
            not shadowed
            and item.demand.exact
            and item.demand.limits
            and demand.subject == item.demand.subject
            and other.always_blocks
            and implies(demand, item.demand)
            and not implies(item.demand, demand)
            and _always_with(asked, other)
            and covered(policy.models, other.policy.models)
        ):
            shadowed = True
            yield asked.warn(
                "shadowed",
                f"asks for nothing new by {item.demand}: policy {other.policy.name} covers these models too, "
                f"and {other.there} asks for {demand}",
                "Take it out, or ask for more.",
            )


def _contradiction(
    one: Asked, other: Asked, mine: Iterable[Demand] | None = None, theirs: Iterable[Demand] | None = None
) -> Iterator[Problem]:
    """That no version can pass both, where that is certain. The later one is warned of."""
    if not (one.blocks and other.blocks):
        return
    late, early = (one, other) if _order(one) > _order(other) else (other, one)
    if late is not one:
        mine, theirs = theirs, mine
    for demand in late.demands if mine is None else mine:
        for against in early.demands if theirs is None else theirs:
            if not _cannot_both(demand, against):
                continue
            common = _common(late.policy, early.policy)
            yield late.warn(
                "contradicts",
                f"contradicts {early.there}: no version has both {demand} and {against}{common}",
                "Change one of the two, or take it out.",
            )
            return


def _cannot_both(demand: Demand, other: Demand) -> bool:
    if demand.subject == other.subject:
        # A demand that nothing meets is warned of by itself.
        return disjoint(demand, other) and not disjoint(demand, demand) and not disjoint(other, other)
    # A version cannot have been in a stage before its run began.
    stay, age = (demand, other) if other.subject == "age" else (other, demand)
    if age.subject == "age" and stay.subject.startswith("stay."):
        return disjoint(Demand("age", low=stay.low, low_open=stay.low_open), age)
    return False


def _shadow(asked: Asked, others: Iterable[Asked], gates: Sequence[Asked]) -> tuple[bool, list[Problem]]:
    """That `asked` asks for nothing that another gate of the same policy does not; whether that is so of the
    whole gate, and the warnings.
    """
    place = gates.index(asked)
    strict = [
        other
        for other in others
        if other is not asked and _always_with(asked, other) and _outlasts(other, asked)
    ]
    for other in strict:
        if _same(asked, other) and (gates.index(other) < place or not _outlasts(asked, other)):
            message = f"asks for the same as {other.there}"
            return True, [asked.warn("shadowed", message, "Keep one of the two.")]
    for other in strict:
        if _asks_for_all(other, asked) and not (
            _asks_for_all(asked, other) and _outlasts(asked, other) and gates.index(other) > place
        ):
            message = f"asks for nothing new: {other.there} asks for all of it"
            return True, [asked.warn("shadowed", message, "Take it out, or ask for more.")]
    found: list[Problem] = []
    for demand in asked.demands:
        by = _asked_by(demand, asked, place, strict, gates) if demand.exact and demand.limits else None
        if by is not None:
            message = f"asks for nothing new by {demand}: {by[0].there} asks for {by[1]}"
            found.append(asked.warn("shadowed", message, "Take it out, or ask for more."))
    return False, found


def _asks_for_all(one: Asked, other: Asked) -> bool:
    """Whether `one` asks for all that `other` does, and `other` has said all that it asks for."""
    return bool(other.demands) and all(
        demand.exact and any(mine.subject == demand.subject and implies(mine, demand) for mine in one.demands)
        for demand in other.demands
    )


def _asked_by(
    demand: Demand, asked: Asked, place: int, others: Iterable[Asked], gates: Sequence[Asked]
) -> tuple[Asked, Demand] | None:
    """Which other gate asks for as much as `demand`, and by which of its own."""
    for other in others:
        for theirs in other.demands:
            if theirs.subject != demand.subject or not implies(theirs, demand):
                continue
            # Of two that ask for the same, the later one is too much.
            equal = theirs.exact and implies(demand, theirs) and _outlasts(asked, other)
            if not (equal and gates.index(other) > place):
                return other, theirs
    return None


def _outlasts(one: Asked, other: Asked) -> bool:
    """Whether `one` still stands wherever `other` does."""
    return one.always_blocks or (
        one.entry.enforcement is other.entry.enforcement and one.entry.by == other.entry.by
    )


def _same(one: Asked, other: Asked) -> bool:
    return one.entry.gate_name == other.entry.gate_name and one.entry.parameters == other.entry.parameters


def _meet(one: Asked, other: Asked) -> bool:
    """Whether both are asked of some version that is on the same way."""
    mine, theirs = one.from_stage, other.from_stage
    if mine is None or theirs is None:
        stage = theirs if mine is None else mine
        return stage is None or stage in _FROM_ANY
    return mine == theirs


def _always_with(one: Asked, other: Asked) -> bool:
    """Whether `other` is asked wherever `one` is, or the promotion is denied."""
    if one.from_stage == other.from_stage:
        return True
    # Within one policy, a promotion without `from` is passed over for a version that serves.
    return other.from_stage is None and one.policy is not other.policy and one.from_stage in _FROM_ANY


def _target(asked: Asked) -> str:
    return "rollback" if asked.promotion is None else f"to {asked.promotion.to_stage.lower()}"


def _order(asked: Asked) -> tuple[str, int, int]:
    return place_of(asked.entry.where)


def _common(one: Policy, other: Policy) -> str:
    if one is other:
        return ""
    both = overlap(one.models, other.models)
    if both is None:
        return ""
    return f"; policy {other.name} covers {both[1]}, and so do models that fit {both[0]}"


def _tightest(items: list[_Item]) -> list[_Item]:
    if len(items) <= 2 * _MOST_DEMANDS:
        return items
    low = sorted(items, key=lambda item: -float("inf") if item.demand.low is None else item.demand.low)
    high = sorted(items, key=lambda item: float("inf") if item.demand.high is None else item.demand.high)
    return [*low[-_MOST_DEMANDS:], *high[:_MOST_DEMANDS]]


#: Facts of different kinds that are compared with each other.
_KIN = {"age": "time", "stay": "time"}

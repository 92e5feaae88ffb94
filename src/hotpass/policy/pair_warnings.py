"""Warnings about two gates of the same promotion of one policy: they contradict each other, or one of them
asks for nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from hotpass.demands import Demand, disjoint, implies, is_empty
from hotpass.errors import Problem
from hotpass.policy.asked import Asked
from hotpass.policy.bound_warnings import always_met
from hotpass.stages import ModelStage

#: Stages from which a version may go by a promotion without `from`.
_FROM_ANY = frozenset({ModelStage.NONE, ModelStage.STAGING, ModelStage.ARCHIVED})
_REMEDY = "Take it out, or ask for more."


def pair_warnings(asked: Sequence[Asked]) -> Iterator[Problem]:
    """What is wrong between the gates of one policy."""
    by_target: dict[str, list[Asked]] = {}
    for one in asked:
        by_target.setdefault(target_of(one), []).append(one)
    for gates in by_target.values():
        beside = _beside(gates)
        for one in gates:
            for other in beside[one.order]:
                if other.order < one.order:
                    yield from contradiction(one, other)
        idle: set[int] = set()  # of those that ask for nothing new, what they ask counts no more
        for one in gates:
            others = [
                other
                for other in beside[one.order]
                if other.order not in idle
                and always_with(one, other)
                and _outlasts(other, one)
                and (other.inherited or not one.inherited)
            ]
            whole, problems = _shadow(one, others) if others else (False, [])
            if whole:
                idle.add(one.order)
            yield from problems


def _beside(gates: Sequence[Asked]) -> dict[int, list[Asked]]:
    """For each gate, those of the others that ask about the same fact or are the same gate."""
    of_fact: dict[str, list[Asked]] = {}
    for asked in gates:
        facts = {fact_of(demand) for demand in asked.demands} | {f"gate {asked.entry.gate_name}"}
        for fact in facts:
            of_fact.setdefault(fact, []).append(asked)
    found: dict[int, dict[int, Asked]] = {asked.order: {} for asked in gates}
    for group in of_fact.values():
        for one, other in combinations(group, 2):
            found[one.order][other.order] = other
            found[other.order][one.order] = one
    return {order: list(others.values()) for order, others in found.items()}


def contradiction(late: Asked, early: Asked, also: str = "") -> Iterator[Problem]:
    """That no version can pass both, where that is certain; `late` is warned of."""
    if not (late.blocks and early.blocks and _meet(late, early)):
        return
    for demand in late.demands:
        for other in early.demands:
            if demand.subject == "stage" and (late.from_stage or early.from_stage):
                continue  # one of the two can never pass by itself
            if cannot_both(demand, other):
                message = f"contradicts {early.there}: no version has both {demand} and {other}{also}"
                yield late.warn("contradicts", message, "Change one of the two, or take it out.")
                return


def cannot_both(demand: Demand, other: Demand) -> bool:
    """Whether certainly no version is as both demand, though one may be as either."""
    # A tag of the version's own is the first that is looked at.
    if demand.subject == other.subject or {demand.subject, other.subject} == {
        f"version.{fact_of(demand)}",
        fact_of(other),
    }:
        return disjoint(demand, other) and not is_empty(demand) and not is_empty(other)
    # A version cannot have been in a stage before its run began.
    stay, age = (demand, other) if other.subject == "age" else (other, demand)
    if age.subject == "age" and stay.subject.startswith("stay."):
        return disjoint(Demand("age", low=stay.low, low_open=stay.low_open), age)
    return False


def _shadow(asked: Asked, others: Sequence[Asked]) -> tuple[bool, list[Problem]]:
    """Whether all that `asked` asks is asked by one of the `others` too, and the warnings."""
    for other in others:
        later = other.order > asked.order and _outlasts(asked, other)  # of two alike the later is too much
        if _same(asked, other) and not later:
            return True, [
                asked.warn("shadowed", f"asks for the same as {other.there}", "Keep one of the two.")
            ]
        if any(always_met(demand) for demand in asked.demands):
            continue  # that is said already
        if _asks_for_all(other, asked) and not (later and _asks_for_all(asked, other)):
            message = f"asks for nothing new: {other.there} asks for all of it"
            return True, [asked.warn("shadowed", message, _REMEDY)]
    found = []
    for demand in asked.demands:
        by = _asked_by(demand, asked, others) if demand.exact and demand.limits else None
        if by is not None and not always_met(demand):
            message = f"asks for nothing new with {demand}: {by[0].there} asks for {by[1]}"
            found.append(asked.warn("shadowed", message, _REMEDY))
    return False, found


def _asks_for_all(one: Asked, other: Asked) -> bool:
    """Whether `one` asks for all that `other` does, and `other` has said all that it asks for."""
    return bool(other.demands) and all(
        demand.exact and any(mine.subject == demand.subject and implies(mine, demand) for mine in one.demands)
        for demand in other.demands
    )


def _asked_by(demand: Demand, asked: Asked, others: Sequence[Asked]) -> tuple[Asked, Demand] | None:
    """Which other gate asks for as much as `demand`, and by which of its own."""
    for other in others:
        for theirs in other.demands:
            if theirs.subject != demand.subject or not implies(theirs, demand):
                continue
            equal = theirs.exact and implies(demand, theirs) and _outlasts(asked, other)
            if not (equal and other.order > asked.order):
                return other, theirs
    return None


def _outlasts(one: Asked, other: Asked) -> bool:
    """Whether `one` still stands wherever `other` does: who overrides it could override the other."""
    return one.always_blocks or (
        one.entry.enforcement is other.entry.enforcement and one.entry.by == other.entry.by
    )


def _same(one: Asked, other: Asked) -> bool:
    return one.entry.gate_name == other.entry.gate_name and one.entry.parameters == other.entry.parameters


def _meet(one: Asked, other: Asked) -> bool:
    """Whether both are asked of some version on its way."""
    mine, theirs = one.from_stage, other.from_stage
    if mine is None or theirs is None:
        stage = theirs if mine is None else mine
        return stage is None or stage in _FROM_ANY
    return mine == theirs


def always_with(one: Asked, other: Asked) -> bool:
    """Whether wherever `one` is asked, `other` is asked too or the promotion is denied."""
    if one.from_stage == other.from_stage:
        return True
    # Within one policy, a promotion without `from` is passed over for a version that serves.
    return other.from_stage is None and one.policy is not other.policy and one.from_stage in _FROM_ANY


def target_of(asked: Asked) -> str:
    """What gates must have in common to be asked together."""
    return "rollback" if asked.promotion is None else f"to {asked.promotion.to_stage.lower()}"


def fact_of(demand: Demand) -> str:
    """What demands must have in common to be compared: their subject; and ages are compared with stays, tags
    of the version with those of whoever has them first.
    """
    subject = demand.subject
    if subject == "age" or subject.startswith("stay."):
        return "time"
    return subject.removeprefix("version.") if subject.startswith("version.tags.") else subject

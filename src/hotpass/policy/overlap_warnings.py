"""Warnings about gates of several policies that can cover the same model: all of them must allow, so they may
contradict each other, and one may ask for less than another.

That two policies ask for the same is no reason for a warning: each is read by itself, and may change by
itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hotpass.demands import Demand, implies
from hotpass.errors import Problem
from hotpass.policy.asked import Asked
from hotpass.policy.bound_warnings import always_met
from hotpass.policy.globs import covered, neighbours, overlap
from hotpass.policy.pair_warnings import always_with, cannot_both, contradiction, fact_of, target_of

#: Of a policy that overlaps with more, these many are looked at; and of many demands on one fact, the
#: tightest.
_MOST_NEIGHBOURS = 50
_MOST_DEMANDS = 25
_FEW = 4


class _Item(NamedTuple):
    asked: Asked
    demand: Demand


#: The demands on one fact, for each group of policies with the same models.
_OfFact = dict[int, list[_Item]]


def overlap_warnings(policies: Sequence[Sequence[Asked]]) -> Iterator[Problem]:
    """What is wrong between gates of different policies; each of `policies` is all gates of one."""
    groups: dict[tuple[str, ...], int] = {}
    facts: dict[tuple[str, str], _OfFact] = {}
    for gates in policies:
        for asked in gates:
            group = groups.setdefault(asked.policy.models, len(groups))
            target = target_of(asked)
            for demand in asked.demands:
                of_fact = facts.setdefault((target, fact_of(demand)), {})
                of_fact.setdefault(group, []).append(_Item(asked, demand))
    beside = neighbours(list(groups), _MOST_NEIGHBOURS)
    for of_fact in facts.values():
        tightest = {group: _tightest(items) for group, items in of_fact.items()}
        for group, items in of_fact.items():
            near = [one for other in (group, *beside[group]) for one in tightest.get(other, ())]
            if len(near) > 1:
                for item in items:
                    yield from _contradicted(item, near)
                    yield from _shadowed(item, near)


def _contradicted(item: _Item, near: Sequence[_Item]) -> Iterator[Problem]:
    for other, demand in near:
        asked = item.asked
        if other.policy is asked.policy or not cannot_both(item.demand, demand):
            continue
        both = overlap(asked.policy.models, other.policy.models)
        if other.order < asked.order and both is not None:
            also = f"; policy {other.policy.name} covers {both[1]}, and so do models that fit {both[0]}"
            yield from contradiction(asked, other, also)
            return


def _shadowed(item: _Item, near: Sequence[_Item]) -> Iterator[Problem]:
    asked, mine = item
    if not (mine.exact and mine.limits) or asked.inherited:
        return
    for other, demand in near:
        if (
            demand.subject == mine.subject
            and other.always_blocks
            and other.policy is not asked.policy
            and implies(demand, mine)
            and not implies(mine, demand)
            and always_with(asked, other)
            and covered(asked.policy.models, other.policy.models)
            and not always_met(mine)
        ):
            yield asked.warn(
                "shadowed",
                f"asks for nothing new with {mine}: policy {other.policy.name} covers these models too, and "
                f"{other.there} asks for {demand}",
                "Take it out, or ask for more.",
            )
            return


def _tightest(items: Sequence[_Item]) -> list[_Item]:
    """Of demands that are alike the first, and of many the tightest."""
    if len(items) < _FEW:
        return list(items)
    alike = {
        (demand, asked.from_stage, asked.blocks, asked.always_blocks): _Item(asked, demand)
        for asked, demand in reversed(items)
    }
    found = list(reversed(alike.values()))
    if len(found) <= 2 * _MOST_DEMANDS:
        return found
    low = sorted(found, key=lambda item: -float("inf") if item.demand.low is None else item.demand.low)
    high = sorted(found, key=lambda item: float("inf") if item.demand.high is None else item.demand.high)
    return [*reversed(low[-_MOST_DEMANDS:]), *high[:_MOST_DEMANDS]]

"""Whether a changed gate lets fewer through or more, where that is certain. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from hotpass.demands import Demand, implies
from hotpass.policy.model import GateEntry
from hotpass.verdicts import Enforcement

_WEIGHT = {Enforcement.ADVISORY: 0, Enforcement.OVERRIDABLE: 1, Enforcement.MANDATORY: 2}


class Effect(StrEnum):
    """Who gets through now: fewer, more, or nobody can say from the files alone."""

    STRICTER = "stricter"
    LOOSER = "looser"
    SAME = "same"  # nothing that decides about a promotion
    UNSURE = ""


def effect_of(before: GateEntry, after: GateEntry, *, parameters: int) -> Effect:
    """Who gets past the entry now; `parameters` is how many of them differ."""
    effects = set()
    if parameters:
        effects.add(_by_demands(before, after, single=parameters == 1))
    if before.enforcement is not after.enforcement:
        up = _WEIGHT[after.enforcement] > _WEIGHT[before.enforcement]
        effects.add(Effect.STRICTER if up else Effect.LOOSER)
    elif set(before.by) != set(after.by):
        wider, narrower = set(before.by) < set(after.by), set(after.by) < set(before.by)
        effects.add(Effect.LOOSER if wider else Effect.STRICTER if narrower else Effect.UNSURE)
    if not effects:
        return Effect.SAME
    if after.enforcement is before.enforcement is Enforcement.ADVISORY:
        return Effect.SAME
    return effects.pop() if len(effects) == 1 else Effect.UNSURE


def _by_demands(before: GateEntry, after: GateEntry, *, single: bool) -> Effect:
    """What the gates' demands tell. They are all that a gate asks only where each is exact; else they tell
    only of a single parameter that shows in them.
    """
    try:
        old, new = list(before.gate.demands()), list(after.gate.demands())
    except Exception:
        return Effect.UNSURE
    if not old or not new or not (single or all(demand.exact for demand in (*old, *new))):
        return Effect.UNSURE
    stricter, looser = _all_implied(old, new), _all_implied(new, old)
    if stricter == looser:
        return Effect.UNSURE
    return Effect.STRICTER if stricter else Effect.LOOSER


def _all_implied(demands: Iterable[Demand], by: Sequence[Demand]) -> bool:
    return all(
        any(one.subject == demand.subject and implies(one, demand) for one in by) for demand in demands
    )

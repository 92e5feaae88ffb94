"""Warnings about the way from stage to stage: a promotion that nothing leads to, one that passes Staging by,
and one that nothing can stop.
"""

from __future__ import annotations

from collections.abc import Iterator

from hotpass.errors import Problem
from hotpass.policy.asked import warning_at
from hotpass.policy.model import Policy, PromotionEntry
from hotpass.policy.words import closest
from hotpass.stages import ModelStage
from hotpass.verdicts import Enforcement


def stage_warnings(policy: Policy) -> Iterator[Problem]:
    """What is rarely meant in the promotions of `policy`, whatever its gates ask for."""
    reached = _reached(policy)
    for promotion in policy.promotions:
        if promotion.gates and all(gate.enforcement is Enforcement.ADVISORY for gate in promotion.gates):
            yield warning_at(
                promotion.where, "cannot-fail",
                f"every gate of the promotion to {promotion.to_stage} is advisory: none blocks",
                "Make one mandatory.",
            )  # fmt: skip
        if promotion.to_stage == ModelStage.PRODUCTION:
            yield from _past_staging(promotion)
        origin = promotion.from_stage
        if origin is not None and origin.lower() not in reached:
            message = (
                f"no version gets to {origin} under this policy, so none is promoted from there to "
                f"{promotion.to_stage}"
            )
            yield warning_at(promotion.where, "unreachable", message, _way_to(origin, policy))
    gates = policy.rollback
    if gates and all(gate.enforcement is Enforcement.ADVISORY for gate in gates):
        yield warning_at(
            gates[0].where, "cannot-fail", "every gate of the rollback is advisory: none blocks",
            "Make one mandatory, or leave `rollback` out.",
        )  # fmt: skip


def _way_to(origin: str, policy: Policy) -> str:
    targets = [entry.to_stage for entry in policy.promotions]
    if origin.lower() in map(str.lower, targets):
        return f"The promotions to {origin} are from stages that no version gets to."
    meant = closest(origin, targets, cutoff=0.75)
    ask = f"Did you mean {meant!r}? Or add" if meant else "Add"
    return f"{ask} a promotion `to: {origin}`; without one, going to {origin} is denied."


def _past_staging(promotion: PromotionEntry) -> Iterator[Problem]:
    # A stage of a team's own before Production is its Staging.
    messages = {
        None: "this lets a version into Production from any stage, Archived too",
        ModelStage.NONE.value: "this lets a version into Production that has never been in Staging",
        ModelStage.ARCHIVED.value: "this lets an archived version into Production, whether or not it has "
        "ever been in Staging",
    }
    remedy = (
        "Write `from: Staging`; to put back a version that was in Production, there is `hotpass rollback`."
        if promotion.from_stage == ModelStage.ARCHIVED
        else "Add `from: Staging`."
        if promotion.from_stage is None
        else "Write `from: Staging`."
    )
    message = messages.get(promotion.from_stage)
    if message is not None:
        yield warning_at(promotion.where, "production-without-staging", message, remedy)


def _reached(policy: Policy) -> frozenset[str]:
    """The stages that a version can get to, in lower case."""
    # Every version begins in None, and one that nobody is served by may always be archived.
    reached = {ModelStage.NONE.lower(), ModelStage.ARCHIVED.lower()}
    while True:
        more = {
            entry.to_stage.lower()
            for entry in policy.promotions
            if entry.from_stage is None or entry.from_stage.lower() in reached
        } - reached
        if not more:
            return frozenset(reached)
        reached |= more

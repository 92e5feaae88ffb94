"""Waivers and overrides: which verdicts of a promotion they excuse, and which they cannot.

Both excuse what would block (`failed`, `pending`, `inconclusive`) and nothing else: never a gate that broke,
a veto, or what a plan has against the move, such as the wrong stage. Waivers come first; an override of what
does not block, or does not any more, has no effect and is not on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from hotpass.candidate import Candidate
from hotpass.errors import CallError
from hotpass.facts import Person
from hotpass.policy.model import GateEntry, PolicySet
from hotpass.policy.waivers import Waiver
from hotpass.policy.words import closest, listed, shorten
from hotpass.verdicts import EXCUSABLE, Enforcement, Excuse, ExcuseKind, Judgement


@dataclass(frozen=True, slots=True)
class Override:
    """The gates that somebody wants to override, by the names of their entries, and who wants it and why."""

    gates: tuple[str, ...]
    actor: Person
    reason: str = ""


NO_OVERRIDE = Override((), Person("unknown"))


@dataclass(frozen=True, slots=True)
class Excused:
    """The judgements with their excuses, and what else there is to say: `notes`, of which `against` are
    reasons against the move.
    """

    judgements: tuple[Judgement, ...]
    notes: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


def excuse(
    policies: PolicySet,
    judgements: tuple[Judgement, ...],
    candidate: Candidate,
    now: datetime,
    override: Override,
) -> Excused:
    """Excuses what the waivers among `policies` and `override` can excuse at `now` (timezone-aware)."""
    waivers = policies.waivers_of(candidate.facts.model)
    if not (waivers or override.gates) or not any(judgement.blocks for judgement in judgements):
        return Excused(judgements)
    notes: list[str] = []
    if waivers and not candidate.rollback:
        judgements = tuple(_waived(judgement, judgements, waivers, candidate, now, notes)
                           for judgement in judgements)  # fmt: skip
    if not override.gates:
        return Excused(judgements, tuple(notes))
    against: list[str] = []
    judgements = tuple(_overridden(judgement, override, against) for judgement in judgements)
    return Excused(judgements, tuple(notes), tuple(against))


def check_override(entries: Iterable[GateEntry], override: Override) -> None:
    """Raises CallError, with all that is wrong, for names under which no entry of a move can be overridden.

    Whether the actor may is another question, and no mistake in the call.
    """
    wrong = []
    known = list(entries)
    can = {entry.name: entry.by for entry in known if entry.enforcement is Enforcement.OVERRIDABLE}
    for name in override.gates:
        meant = [entry for entry in known if entry.name == name]
        if name in can:
            continue
        if meant:
            kind = meant[0].enforcement
            blocks = "" if kind is not Enforcement.ADVISORY else " and keeps nobody out"
            wrong.append(f"{name} is {kind}{blocks}, so there is nothing to override")
            if kind is Enforcement.MANDATORY:
                wrong[-1] = (
                    f"{name} is mandatory and cannot be overridden ({meant[0].where or meant[0].policy})"
                )
            continue
        close = closest(name, [entry.name for entry in known])
        wrong.append(
            f"no gate here is called {shorten(name)!r}" + (f" (did you mean {close!r}?)" if close else "")
        )
    if not wrong:
        return
    ways = [f"{name} by {listed(by, 'or')}" for name, by in can.items()]
    remedy = f"What can be overridden: {'; '.join(ways)}." if ways else "None of the gates can be overridden."
    raise CallError(f"{'. '.join(wrong)}. {remedy}")


def _waived(
    judgement: Judgement,
    all_: Sequence[Judgement],
    waivers: Sequence[Waiver],
    candidate: Candidate,
    now: datetime,
    notes: list[str],
) -> Judgement:
    """`judgement`, with the first waiver that has an effect; why others have none goes to `notes`."""
    if not judgement.blocks or judgement.result.verdict not in EXCUSABLE:
        return judgement
    entry, identity = judgement.entry, candidate.identity
    without_effect = []
    for waiver in waivers:
        if (waiver.policy, waiver.gate) != (entry.policy, entry.name) or not waiver.is_about(
            identity, candidate.to_stage
        ):
            continue
        against = waiver.against(identity, now)
        if not against and _are_several(entry.policy, entry.name, all_):
            against = f"several gates here have the name {entry.name!r}, and a waiver is for one"
        if not against:
            given = Excuse(
                ExcuseKind.WAIVER, waiver.granted_by, waiver.reason, waiver=waiver.name, where=waiver.where,
                digest=waiver.digest, expires=waiver.expires,
            )  # fmt: skip
            return judgement._replace(excuse=given)
        without_effect.append(f"the waiver {waiver.name} ({waiver.where}) has no effect: {against}")
    notes += [note for note in without_effect if note not in notes]
    return judgement


def _are_several(policy: str, name: str, judgements: Sequence[Judgement]) -> bool:
    return sum((j.entry.policy, j.entry.name) == (policy, name) for j in judgements) > 1


def _overridden(judgement: Judgement, override: Override, against: list[str]) -> Judgement:
    """`judgement`, overridden where it can be and the actor may; else why not goes to `against`."""
    entry, actor = judgement.entry, override.actor
    if entry.name not in override.gates or not judgement.blocks:
        return judgement
    if entry.enforcement is not Enforcement.OVERRIDABLE:
        return judgement
    if judgement.result.verdict not in EXCUSABLE:
        against.append(f"{entry.name} broke, and a gate that broke cannot be overridden")
        return judgement
    if actor.name not in entry.by:
        where = f" ({entry.where})" if entry.where else ""
        against.append(f"{actor.name} may not override {entry.name}; {listed(entry.by, 'or')} may{where}")
        return judgement
    given = Excuse(ExcuseKind.OVERRIDE, actor.name, override.reason, actor.authenticated)
    return judgement._replace(excuse=given)

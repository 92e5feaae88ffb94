"""What is wrong with waivers beside the policies and at a time: none of it has any effect, and lint says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from hotpass.errors import Problem
from hotpass.policy.loader import Report
from hotpass.policy.model import GateEntry, Policy, PromotionEntry
from hotpass.policy.waivers import Waiver, in_words
from hotpass.policy.words import closest, listed
from hotpass.verdicts import Enforcement


def with_waivers_checked(reading: Report, now: datetime) -> Report:
    """`reading` with the waivers that are over at `now` (timezone-aware) or not granted yet as problems; and
    those that were read beside policies that have no such gate, as long as none of those is broken.
    """
    found = [problem for waiver in reading.waivers for problem in _out_of_time(waiver, now)]
    for waiver in () if reading.problems else reading.beside:
        found += _for_nothing(waiver, reading.policies)
    return replace(reading, problems=(*reading.problems, *found))


def _out_of_time(waiver: Waiver, now: datetime) -> Iterator[Problem]:
    if now >= waiver.expires:
        yield _problem(waiver, f"the waiver {waiver.name!r} expired at {in_words(waiver.expires)}",
                       "Delete the file, or have it granted again.", "waiver-out-of-time")  # fmt: skip
    elif now < waiver.granted_from:
        yield _problem(waiver, f"the waiver {waiver.name!r} is granted only from "
                       f"{in_words(waiver.granted_from)} on", "Dates count in UTC. Is the year right?",
                       "waiver-out-of-time")  # fmt: skip


def _for_nothing(waiver: Waiver, policies: Sequence[Policy]) -> Iterator[Problem]:
    policy = next((policy for policy in policies if policy.name == waiver.policy), None)
    if policy is None:
        names = [policy.name for policy in policies]
        yield _problem(
            waiver, f"there is no policy {waiver.policy!r}", _did_you_mean(waiver.policy, names, "policies")
        )
        return
    if not policy.covers(waiver.model):
        yield _problem(waiver, f"the policy {policy.name} does not cover a model {waiver.model!r}",
                       f"It covers {listed(policy.models)}.")  # fmt: skip
        return
    leading = [entry for entry in policy.promotions if entry.to_stage.lower() == waiver.to_stage.lower()]
    if not leading:
        stages = dict.fromkeys(entry.to_stage for entry in policy.promotions)
        yield _problem(waiver, f"the policy {policy.name} has no promotion to {waiver.to_stage}",
                       f"It has promotions to {listed(stages)}.")  # fmt: skip
        return
    yield from _gate(waiver, leading)


def _gate(waiver: Waiver, leading: Sequence[PromotionEntry]) -> Iterator[Problem]:
    way = f"on the way to {leading[0].to_stage}"
    gates = [gate for entry in leading for gate in entry.gates]
    meant = [gate for gate in gates if gate.name == waiver.gate]
    if not meant:
        yield _problem(waiver, f"the policy {waiver.policy} has no gate {waiver.gate!r} {way}",
                       _did_you_mean(waiver.gate, _names(waiver.gate, gates), "gates there"))  # fmt: skip
    elif all(gate.enforcement is Enforcement.ADVISORY for gate in meant):
        yield _problem(waiver, f"the gate {waiver.gate!r} {way} is advisory and keeps nobody out",
                       "Delete the file.")  # fmt: skip
    elif any(sum(gate.name == waiver.gate for gate in entry.gates) > 1 for entry in leading):
        yield _problem(waiver, f"several gates {way} have the name {waiver.gate!r}, and a waiver is for one",
                       "Give each a `name:` of its own in the policy.")  # fmt: skip


def _names(wanted: str, gates: Iterable[GateEntry]) -> list[str]:
    """What the gates are called; the ones that have another name than their gate's, which is `wanted`, where
    there are some.
    """
    renamed = [gate.name for gate in gates if gate.gate_name == wanted]
    return list(dict.fromkeys(renamed or [gate.name for gate in gates]))


def _did_you_mean(wanted: str, names: Sequence[str], what: str) -> str:
    meant = names[0] if len(names) == 1 else closest(wanted, names)
    return f"Did you mean {meant!r}?" if meant else f"The {what} are {listed(names)}."


def _problem(waiver: Waiver, message: str, remedy: str, rule: str = "waiver-for-nothing") -> Problem:
    _, line, column = waiver.where.rsplit(":", 2)
    return Problem(waiver.path, int(line), int(column), message, remedy, rule)

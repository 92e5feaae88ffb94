"""A policy and the shared ones that it extends as one: their gates first, then its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple, TypeAlias

from hotpass.errors import Problem
from hotpass.policy.model import GateEntry, Policy, PromotionEntry

#: A promotion by its target and the stage that it is from, in lower case; "" for any stage.
_Way: TypeAlias = "tuple[str, str]"
_Ways: TypeAlias = "Mapping[_Way, PromotionEntry]"


class Layer(NamedTuple):
    """A shared policy, with all that it extends itself, and the place at which it is extended."""

    policy: Policy
    at: Problem


def merged(own: Policy, layers: Sequence[Layer]) -> tuple[Policy | None, list[Problem]]:
    """`own` with all gates, aliases and promotions of `layers`; None, and what is wrong, where `own` would
    open a way that a layer does not have, or contradicts one.
    """
    ways = [_ways(layer.policy) for layer in layers]
    its_own = _ways(own)
    problems = [*_spelt_differently(own, layers), *_openings(layers, ways, its_own)]
    promotions: list[PromotionEntry] = []
    for way in dict.fromkeys(chain(its_own, *ways)):
        entries = [known[way] for known in (*ways, its_own) if way in known]
        problems.extend(_contradictions(entries))
        archive = next((e.archive_existing for e in entries if e.archive_existing is not None), None)
        mine = its_own.get(way) or replace(entries[0], where=_place_of(way, layers, ways))
        gates = _gates([entry.gates for entry in entries], own.name)
        promotions.append(replace(mine, gates=gates, archive_existing=archive))
    if problems:
        return None, sorted(set(problems))
    rollbacks = [p.rollback for p in (*(layer.policy for layer in layers), own) if p.rollback is not None]
    shared = [layer.policy for layer in layers]
    aliases = {alias.lower(): alias for policy in (*shared, own) for alias in policy.aliases}
    return replace(
        own,
        promotions=tuple(promotions),
        rollback=_gates(rollbacks, own.name) if rollbacks else None,
        aliases=tuple(aliases.values()),
        digest=_digest([own, *shared]),
        files=tuple(dict.fromkeys(chain(*(policy.files for policy in (own, *shared))))),
        extends=tuple(dict.fromkeys(chain(*((policy.ref, *policy.extends) for policy in shared)))),
    ), []


def _ways(policy: Policy) -> dict[_Way, PromotionEntry]:
    return {(entry.to_stage.lower(), (entry.from_stage or "").lower()): entry for entry in policy.promotions}


def _gates(several: Iterable[Sequence[GateEntry]], policy: str) -> tuple[GateEntry, ...]:
    """All gates, each once, though it may come by two chains; they are those of `policy` now."""
    found = {(gate.where, gate.gate_name): gate for gates in several for gate in gates}
    return tuple(replace(gate, policy=policy) for gate in found.values())


def _digest(policies: Iterable[Policy]) -> str:
    lines = "".join(f"{policy.digest}\n" for policy in policies)
    return hashlib.sha256(f"hotpass extends\n{lines}".encode()).hexdigest()


def _place_of(way: _Way, layers: Sequence[Layer], ways: Sequence[_Ways]) -> str:
    """Where `own` says that it has this promotion of a shared policy: what is rarely meant is mended there.
    """
    at = next(layer.at for layer, known in zip(layers, ways, strict=True) if way in known)
    return f"{at.path}:{at.line}:{at.column}"


def _openings(layers: Sequence[Layer], ways: Sequence[_Ways], its_own: _Ways) -> Iterator[Problem]:
    """Ways into a stage that a shared policy speaks of, and that it does not have."""
    for layer, known in zip(layers, ways, strict=True):
        into = {to for to, _ in known}
        for others, at in [(its_own, None), *((other, layer.at) for other in ways)]:
            for way, entry in others.items():
                if way in known or way[0] not in into:
                    continue
                has = [known[one] for one in known if one[0] == way[0]]
                first = has[0]
                words = " and ".join(_origin(one) for one in has)
                message = (
                    f"the promotion to {entry.to_stage} {_origin(entry)} is a way in that the shared policy "
                    f"{layer.policy.name} does not have; it has the one {words} ({first.where})"
                )
                if at is None:
                    yield _problem(
                        entry.where, message,
                        f"What extends a policy adds gates and no way around them: write {_from(first)}.",
                    )  # fmt: skip
                else:
                    yield replace(
                        at, message=f"{message}, and {entry.where} does",
                        remedy="Extend one of the two; the other can be a policy beside this one.",
                    )  # fmt: skip


def _origin(entry: PromotionEntry) -> str:
    return f"from {entry.from_stage}" if entry.from_stage else "from any stage"


def _from(entry: PromotionEntry) -> str:
    return f"`from: {entry.from_stage}`" if entry.from_stage else "it without `from`"


def _contradictions(entries: Sequence[PromotionEntry]) -> Iterator[Problem]:
    said = [entry for entry in entries if entry.archive_existing is not None]
    for entry in said[1:]:
        if entry.archive_existing != said[0].archive_existing:
            yield _problem(
                entry.where,
                f"archive_existing is {str(entry.archive_existing).lower()} here and "
                f"{str(said[0].archive_existing).lower()} at {said[0].where}, which this extends",
                "Leave it out here.",
            )


def _spelt_differently(own: Policy, layers: Sequence[Layer]) -> Iterator[Problem]:
    spelt: dict[str, tuple[str, str]] = {}
    for policy in (*(layer.policy for layer in layers), own):
        for entry in policy.promotions:
            for stage in filter(None, (entry.to_stage, entry.from_stage)):
                first, where = spelt.setdefault(stage.lower(), (stage, entry.where))
                if first != stage:
                    yield _problem(
                        entry.where,
                        f"the stage {stage!r} is spelt {first!r} at {where}, which this extends",
                        "Spell a stage the same everywhere: its alias has no case.",
                    )


def _problem(where: str, message: str, remedy: str) -> Problem:
    """A problem at the place of an entry, `file:line:column`."""
    path, line, column = where.rsplit(":", 2)
    return Problem(path, int(line), int(column), message, remedy, "extends")

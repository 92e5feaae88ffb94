"""What each gate entry of some policies demands, with what is needed to reason about it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

from hotpass.demands import Demand
from hotpass.errors import Problem
from hotpass.gates import Gate
from hotpass.policy.model import GateEntry, Policy, PromotionEntry
from hotpass.policy.words import shorten
from hotpass.verdicts import Enforcement


class Asked(NamedTuple):
    """One gate entry and what it demands. `promotion` is None for a gate of a rollback."""

    entry: GateEntry
    policy: Policy
    promotion: PromotionEntry | None
    demands: tuple[Demand, ...]
    #: Its number among all entries, in the order of the files.
    order: int

    @property
    def blocks(self) -> bool:
        return self.entry.enforcement is not Enforcement.ADVISORY

    @property
    def always_blocks(self) -> bool:
        """Whether nobody can override it."""
        return self.entry.enforcement is Enforcement.MANDATORY

    @property
    def inherited(self) -> bool:
        """Whether it stands in a shared policy that this one extends, to ask for more than that does."""
        return bool(self.policy.extends) and not self.entry.where.startswith(f"{self.policy.path}:")

    @property
    def from_stage(self) -> str | None:
        return None if self.promotion is None else self.promotion.from_stage

    def warn(self, rule: str, message: str, remedy: str = "") -> Problem:
        """A warning at the place of the entry, which names the gate."""
        return warning_at(self.entry.where, rule, f"{self.called} {message}", remedy)

    @property
    def called(self) -> str:
        """The gate, and its own name where it has one: `metric_threshold 'calibration'`."""
        entry = self.entry
        return entry.gate_name if entry.name == entry.gate_name else f"{entry.gate_name} {entry.name!r}"

    @property
    def there(self) -> str:
        """The gate and its place."""
        return f"{self.called} at {self.entry.where}"


def warning_at(where: str, rule: str, message: str, remedy: str = "") -> Problem:
    """A warning at `file:line:column`."""
    return Problem(*place_of(where), message, remedy, rule)


def place_of(where: str) -> tuple[str, int, int]:
    """The file, line and column of `file:line:column`; 0 and 0 for a policy that was made without a file."""
    path, *place = where.rsplit(":", 2)
    return (path, int(place[0]), int(place[1])) if len(place) == 2 else (where, 0, 0)


def asked_of(policies: Iterable[Policy], warnings: list[Problem]) -> list[list[Asked]]:
    """Every gate entry of each of `policies`, in the order of the files. A gate that cannot say what it
    demands is noted in `warnings` and stands without demands.
    """
    order = count()
    known: dict[tuple[type[Gate], str], tuple[Demand, ...]] = {}
    found = []
    for policy in policies:
        entries: list[tuple[PromotionEntry | None, GateEntry]] = [
            (promotion, entry) for promotion in policy.promotions for entry in promotion.gates
        ]
        entries += [(None, entry) for entry in policy.rollback or ()]
        found.append(
            [
                Asked(entry, policy, way, _demands(entry, known, warnings), next(order))
                for way, entry in entries
            ]
        )
    return found


def _demands(
    entry: GateEntry, known: dict[tuple[type[Gate], str], tuple[Demand, ...]], warnings: list[Problem]
) -> tuple[Demand, ...]:
    """What the gate demands; `known` has what those with the same parameters did."""
    same = type(entry.gate), repr(entry.parameters)
    if entry.parameters is not None and same in known:  # None where a policy was made without a file
        return known[same]
    try:
        demands = tuple(entry.gate.demands())
        wrong = next((one for one in demands if not isinstance(one, Demand)), None)
        if wrong is not None:
            raise TypeError(f"{wrong!r} is not a Demand")
    except (Exception, SystemExit) as error:
        # A plugin's code ran. That lint cannot reason about it makes no policy wrong.
        why = shorten(f"{type(error).__name__}: {error}", 200)
        message = f"{entry.gate_name} cannot say what it demands: {why}"
        remedy = "Tell its author: demands() must return Demand values."
        warnings.append(warning_at(entry.where, "gate-broke", message, remedy))
        return ()
    known[same] = demands
    return demands

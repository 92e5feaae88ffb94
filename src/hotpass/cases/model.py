"""A case once it is read, and what came of it: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from hotpass.excusing import NO_OVERRIDE, Override
from hotpass.policy.model import GateEntry, Policy
from hotpass.verdicts import Decision, Outcome, Verdict

#: Beside the outcomes of a decision: the policy is not about the model at all.
NOT_COVERED = "not_covered"

#: What a case may expect as outcome.
OUTCOMES = (*(outcome.value for outcome in Outcome), NOT_COVERED)


class Place(NamedTuple):
    """Where something stands in a cases file, from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What a case expects; the verdicts of gates that are not named are free. `places` are those of the
    outcome, of `message` and `passes_at`, and of each name under `verdicts:`.
    """

    outcome: str
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    #: Each must be contained in a reason: a remark of the decision, or the message of a gate that did not
    #: pass.
    messages: tuple[str, ...] = ()
    passes_at: datetime | None = None
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """A candidate as data, and what the policy beside it should say. `arguments` are those of
    `hotpass.testing.candidate`.
    """

    name: str
    path: str
    place: Place
    model: str
    now: datetime
    arguments: Mapping[str, Any]
    expected: Expected
    #: The gates that this move calls for.
    entries: tuple[GateEntry, ...] = ()
    override: Override = NO_OVERRIDE


@dataclass(frozen=True, slots=True)
class CasesFile:
    """A cases file, and the policy beside it."""

    path: str
    policy: Policy
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected. `what` is `outcome`, `message`, `passes_at` or a gate's name; `why`
    are the reasons, a line each.
    """

    what: str
    expected: str
    got: str
    place: Place
    why: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case. `decision` is None where the policy does not cover the model, or could not be
    asked.
    """

    case: Case
    decision: Decision | None
    differences: tuple[Difference, ...]
    seconds: float = 0.0

    @property
    def as_expected(self) -> bool:
        return not self.differences

"""What a gate says and what follows from it: frozen values without I/O.

A gate returns a GateResult. The engine pairs it with the policy entry that asked for it (Judgement) and folds
all judgements into one Decision.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from hotpass.texts import shown

Json = Any  # what json.dumps takes: str, int, float, bool, None, and lists and dicts of these

_PLAIN = frozenset({str, int, bool, type(None)})


class Verdict(StrEnum):
    """What one gate says."""

    PASSED = "passed"
    FAILED = "failed"
    PENDING = "pending"  # not yet: it can pass by waiting or by an approval
    INCONCLUSIVE = "inconclusive"  # the evidence does not settle it
    ERROR = "error"  # the gate itself broke


class Enforcement(StrEnum):
    """How a verdict counts."""

    MANDATORY = "mandatory"
    OVERRIDABLE = "overridable"  # those named under `by:` may override it, with a reason
    ADVISORY = "advisory"  # shown, never blocks


class Outcome(StrEnum):
    """What all verdicts of one promotion come to."""

    ALLOWED = "allowed"
    DENIED = "denied"
    PENDING = "pending"
    INCONCLUSIVE = "inconclusive"


EXIT_CODES: Mapping[Outcome, int] = {
    Outcome.ALLOWED: 0,
    Outcome.DENIED: 1,
    Outcome.PENDING: 3,
    Outcome.INCONCLUSIVE: 3,
}


class GateResult(NamedTuple):
    """What a gate returns: its verdict, one sentence that a person can act on, and the evidence behind it."""

    verdict: Verdict
    message: str
    #: The values that the verdict rests on; JSON types only.
    evidence: Mapping[str, Json] = {}
    #: For `pending`: when it will pass by itself (timezone-aware), where that is known.
    passes_at: datetime | None = None


def passed(message: str, **evidence: Json) -> GateResult:
    """The requirement is met."""
    return GateResult(Verdict.PASSED, message, evidence)


def failed(message: str, **evidence: Json) -> GateResult:
    """The requirement is not met, or the evidence for it is missing."""
    return GateResult(Verdict.FAILED, message, evidence)


def pending(message: str, *, passes_at: datetime | None = None, **evidence: Json) -> GateResult:
    """Not yet. `passes_at` is when it passes by itself (timezone-aware), where that is known."""
    return GateResult(Verdict.PENDING, message, evidence, passes_at)


def inconclusive(message: str, **evidence: Json) -> GateResult:
    """The evidence does not settle it either way."""
    return GateResult(Verdict.INCONCLUSIVE, message, evidence)


class EntryLike(Protocol):
    """What a Judgement needs to know of the policy entry that asked for the gate."""

    @property
    def gate_name(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def policy(self) -> str: ...
    @property
    def enforcement(self) -> Enforcement: ...
    @property
    def hint(self) -> str: ...
    @property
    def where(self) -> str: ...


class Judgement(NamedTuple):
    """One gate entry of a policy and what its gate said."""

    entry: EntryLike
    result: GateResult

    @property
    def blocks(self) -> bool:
        """Whether this verdict alone keeps the promotion from happening."""
        counts = self.entry.enforcement is not Enforcement.ADVISORY
        return counts and self.result.verdict is not Verdict.PASSED

    def as_json(self) -> dict[str, Json]:
        entry, result = self.entry, self.result
        out: dict[str, Json] = {
            "policy": entry.policy, "gate": entry.gate_name, "name": entry.name, "where": entry.where,
            "enforcement": str(entry.enforcement), "verdict": str(result.verdict), "message": result.message,
            "evidence": dict(result.evidence),
        }  # fmt: skip
        if entry.hint:
            out["hint"] = entry.hint
        if result.passes_at is not None:
            out["passes_at"] = result.passes_at.isoformat()
        return out


class PolicyRef(NamedTuple):
    """A policy that took part in a decision: its name, its file and the SHA-256 of that file."""

    name: str
    path: str
    digest: str


class Identity(NamedTuple):
    """Who a candidate is. A model deleted and created again starts at version 1 and must not inherit a
    history.

    `created_at` is the version's creation timestamp in milliseconds since the epoch, as MLflow gives it;
    `artifact_digest` is the SHA-256 over the sorted pairs of path and file hash, or "" where it was not asked
    for.
    """

    workspace: str
    model: str
    version: int
    created_at: int
    artifact_digest: str = ""

    def same_version(self, other: Identity) -> bool:
        """Whether both are the same registered version (its artifacts apart)."""
        return self[:4] == other[:4]


@dataclass(frozen=True)
class Decision:
    """All verdicts of one promotion, the outcome, and what they rest on."""

    identity: Identity
    from_stage: str
    to_stage: str
    outcome: Outcome
    judgements: tuple[Judgement, ...]
    policies: tuple[PolicyRef, ...]
    decided_at: datetime
    #: Why, where no gate says it: "no policy matches", "already there", a veto, an overtaking.
    notes: tuple[str, ...] = ()
    #: Every value that a gate read of the candidate and the champion, as it was then.
    evidence: Mapping[str, Json] | None = None
    rollback: bool = False
    reason: str = ""
    #: Set once the decision is in the ledger.
    id: str = ""
    #: Version number of the champion that was judged against (None where there was none, or none was asked
    #: for).
    champion: int | None = None
    already_there: bool = False
    #: Whether another promotion moved the champion between the judging and the moving of this one.
    overtaken: bool = False

    @property
    def allowed(self) -> bool:
        return self.outcome is Outcome.ALLOWED

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.outcome]

    @property
    def blocking(self) -> tuple[Judgement, ...]:
        """The judgements that keep the promotion from happening, in the order of the policy."""
        return tuple(judgement for judgement in self.judgements if judgement.blocks)

    @property
    def passes_at(self) -> datetime | None:
        """When all pending gates will have passed by themselves; None where one of them cannot say."""
        waits = [j.result.passes_at for j in self.blocking if j.result.verdict is Verdict.PENDING]
        if not waits or any(at is None for at in waits):
            return None
        return max(at for at in waits if at is not None)

    @cached_property
    def evidence_digest(self) -> str:
        """SHA-256 over the evidence snapshot, as canonical JSON."""
        return digest_of(self.evidence or {})

    @cached_property
    def policy_digest(self) -> str:
        """SHA-256 over the digests of all policies that took part, in the order of their names."""
        return digest_of(sorted([ref.name, ref.digest] for ref in self.policies))

    def as_overtaken(self, note: str) -> Decision:
        """The same decision, with `note`, as one that something got in the way of; a refusal stays one."""
        outcome = Outcome.INCONCLUSIVE if self.allowed else self.outcome
        return replace(self, outcome=outcome, notes=(*self.notes, note), overtaken=True)

    def as_json(self) -> dict[str, Json]:
        """The decision as plain JSON types; this is what `--json` prints and what the ledger records."""
        return {
            "id": self.id, "model": self.identity.model, "version": self.identity.version,
            "identity": self.identity._asdict(), "from": self.from_stage, "to": self.to_stage,
            "outcome": str(self.outcome), "decided_at": self.decided_at.isoformat(),
            "passes_at": self.passes_at.isoformat() if self.passes_at else None,
            "champion": self.champion, "rollback": self.rollback, "reason": self.reason,
            "already_there": self.already_there, "overtaken": self.overtaken, "notes": list(self.notes),
            "policies": [ref._asdict() for ref in self.policies], "policy_digest": self.policy_digest,
            "judgements": [judgement.as_json() for judgement in self.judgements],
            "evidence": dict(self.evidence or {}), "evidence_digest": self.evidence_digest,
        }  # fmt: skip

    def summary(self) -> str:
        """The decision in a few plain lines: the outcome, then every reason against it. A line break in a
        value shows as `\\n`, so that no value can pass for a line.
        """
        who = f"{self.identity.model} version {self.identity.version}"
        title = shown(f"{who}: {self.from_stage} -> {self.to_stage} {self.outcome}")
        lines = [title, *(f"  - {shown(note)}" for note in self.notes)]
        for judgement in self.blocking:
            entry, result = judgement.entry, judgement.result
            lines.append(shown(f"  - {entry.name} {result.verdict}: {result.message} ({entry.where})"))
            if entry.hint:
                lines.append(f"      {shown(entry.hint)}")
        if self.passes_at is not None:
            lines.append(f"  Try again after {self.passes_at.isoformat(timespec='seconds')}.")
        return "\n".join(lines)


def outcome_of(judgements: Iterable[Judgement], *, vetoed: bool = False) -> Outcome:
    """Failed or broken outweighs inconclusive, that outweighs pending, and only then it is allowed.

    Inconclusive outranks pending because waiting alone will not settle it.
    """
    verdicts = {j.result.verdict for j in judgements if j.entry.enforcement is not Enforcement.ADVISORY}
    if vetoed or Verdict.FAILED in verdicts or Verdict.ERROR in verdicts:
        return Outcome.DENIED
    if Verdict.INCONCLUSIVE in verdicts:
        return Outcome.INCONCLUSIVE
    return Outcome.PENDING if Verdict.PENDING in verdicts else Outcome.ALLOWED


def is_json(value: Json) -> bool:
    """Whether JSON can hold `value` as it is: no NaN, no infinity, only `str` keys, only JSON's types."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_json(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        for item in value:  # noqa: SIM110 - a generator expression takes twice the time
            if not is_json(item):
                return False
        return True
    return isinstance(value, str | int)


def canonical_json(value: Json) -> str:
    """JSON with sorted keys and no blanks: the same value always gives the same text.

    Raises ValueError on NaN and infinity, which JSON does not have.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Json) -> str:
    """SHA-256, as 64 hex digits, over the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()

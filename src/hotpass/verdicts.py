"""What a gate says and what follows from it: frozen values without I/O.

A gate returns a GateResult. The engine pairs it with the policy entry that asked for it (Judgement) and folds
all judgements into one Decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from hotpass.errors import RegistryError
from hotpass.excuses import Excuse as Excuse
from hotpass.excuses import ExcuseKind as ExcuseKind
from hotpass.identity import Identity as Identity
from hotpass.identity import PolicyRef as PolicyRef
from hotpass.identity import identity_from_json
from hotpass.json_values import Json as Json
from hotpass.json_values import as_number, as_text
from hotpass.json_values import canonical_json as canonical_json
from hotpass.json_values import digest_of as digest_of
from hotpass.json_values import is_json as is_json
from hotpass.texts import shown


class Verdict(StrEnum):
    """What one gate says."""

    PASSED = "passed"
    FAILED = "failed"
    PENDING = "pending"  # not yet: it can pass by waiting or by an approval
    INCONCLUSIVE = "inconclusive"  # the evidence does not settle it
    ERROR = "error"  # the gate itself broke


#: The verdicts that a waiver or an override can excuse.
EXCUSABLE = frozenset({Verdict.FAILED, Verdict.PENDING, Verdict.INCONCLUSIVE})


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
    #: What a report draws beside the message; not part of the record. See `hotpass.exhibits`.
    exhibits: Sequence[Mapping[str, Json]] = ()


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
    def by(self) -> tuple[str, ...]: ...
    @property
    def hint(self) -> str: ...
    @property
    def where(self) -> str: ...


class RecordedEntry(NamedTuple):
    """What a recorded decision says of a policy entry; the policy itself may be another one by now."""

    gate_name: str
    name: str
    policy: str
    enforcement: Enforcement
    hint: str
    where: str
    #: Who may override it; empty in records from before anything could be overridden.
    by: tuple[str, ...] = ()


class Judgement(NamedTuple):
    """One gate entry of a policy, what its gate said, and what excuses that."""

    entry: EntryLike
    result: GateResult
    excuse: Excuse | None = None

    @property
    def counts(self) -> bool:
        """Whether the verdict counts: the gate is not advisory, and nothing excuses what it says."""
        return self.entry.enforcement is not Enforcement.ADVISORY and not self.excused

    @property
    def blocks(self) -> bool:
        """Whether this verdict alone keeps the promotion from happening."""
        return self.counts and self.result.verdict is not Verdict.PASSED

    @property
    def excused(self) -> bool:
        """Whether a waiver or an override lets it pass. Nothing excuses a gate that broke: what it would have
        said nobody knows.
        """
        return self.excuse is not None and self.result.verdict in EXCUSABLE

    def as_json(self) -> dict[str, Json]:
        entry, result = self.entry, self.result
        out: dict[str, Json] = {
            "policy": entry.policy, "gate": entry.gate_name, "name": entry.name, "where": entry.where,
            "enforcement": str(entry.enforcement), "verdict": str(result.verdict), "message": result.message,
            "evidence": dict(result.evidence),
        }  # fmt: skip
        # Left out where there is none, so that older records read as they were written.
        if entry.hint:
            out["hint"] = entry.hint
        if entry.by:
            out["by"] = list(entry.by)
        if self.excuse is not None:
            out["excuse"] = self.excuse.as_json()
        if result.passes_at is not None:
            out["passes_at"] = result.passes_at.isoformat()
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Judgement:
        """What `as_json` gave. Raises KeyError, TypeError and ValueError for anything else."""
        passes_at = data.get("passes_at")
        entry = RecordedEntry(
            as_text(data["gate"]), as_text(data["name"]), as_text(data["policy"]),
            Enforcement(data["enforcement"]), as_text(data.get("hint", "")), as_text(data["where"]),
            tuple(map(as_text, data.get("by", ()))),
        )  # fmt: skip
        result = GateResult(
            Verdict(data["verdict"]), as_text(data["message"]), dict(data["evidence"]),
            None if passes_at is None else datetime.fromisoformat(passes_at),
        )  # fmt: skip
        excuse = data.get("excuse")
        return cls(entry, result, None if excuse is None else Excuse.from_json(excuse))


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
    def excused(self) -> tuple[Judgement, ...]:
        """The judgements that would have blocked, and that a waiver or an override let pass."""
        return tuple(judgement for judgement in self.judgements if judgement.excused)

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

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Decision:
        """The decision that `as_json` gave, from a ledger record's body (which has no `id`) or a guard's
        answer.

        Keys that a decision does not have are passed over. Raises RegistryError for what is not a decision,
        and for one that does not agree with itself: its digests are computed again.
        """
        try:
            decision = cls(
                identity=identity_from_json(**data["identity"]),
                from_stage=as_text(data["from"]),
                to_stage=as_text(data["to"]),
                outcome=Outcome(data["outcome"]),
                judgements=tuple(Judgement.from_json(one) for one in data["judgements"]),
                policies=tuple(
                    PolicyRef(**{k: as_text(v) for k, v in one.items()}) for one in data["policies"]
                ),
                decided_at=datetime.fromisoformat(data["decided_at"]),
                notes=tuple(map(as_text, data["notes"])),
                evidence=dict(data["evidence"]),
                rollback=data["rollback"] is True,
                reason=as_text(data["reason"]),
                id=as_text(data.get("id", "")),
                champion=None if data["champion"] is None else as_number(data["champion"]),
                already_there=data["already_there"] is True,
                overtaken=data["overtaken"] is True,
            )
            again = decision.as_json()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RegistryError(f"a decision cannot be read: {type(error).__name__}: {error}") from None
        damaged = [key for key, value in again.items() if key in data and data[key] != value]
        if damaged:
            raise RegistryError(f"a decision cannot be read: its {damaged[0]!r} does not agree with the rest")
        return decision

    def summary(self) -> str:
        """The decision in a few plain lines: the outcome, what was excused, then every reason against it. A
        line break in a value shows as `\\n`, so that no value can pass for a line.
        """
        who = f"{self.identity.model} version {self.identity.version}"
        title = shown(f"{who}: {self.from_stage} -> {self.to_stage} {self.outcome}")
        lines = [title, *(f"  - {shown(note)}" for note in self.notes)]
        for judgement in self.excused:
            entry, result, excuse = judgement
            why = excuse.in_words() if excuse else ""
            lines.append(shown(f"  - {entry.name} {result.verdict}: {result.message}; {why}"))
        for judgement in self.blocking:
            entry, result, _ = judgement
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
    verdicts = {j.result.verdict for j in judgements if j.counts}
    if vetoed or Verdict.FAILED in verdicts or Verdict.ERROR in verdicts:
        return Outcome.DENIED
    if Verdict.INCONCLUSIVE in verdicts:
        return Outcome.INCONCLUSIVE
    return Outcome.PENDING if Verdict.PENDING in verdicts else Outcome.ALLOWED

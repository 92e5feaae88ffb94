"""`approvals`: enough people have said that this version may go to the stage."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from hotpass.candidate import Approval, Candidate, Person
from hotpass.demands import Demand
from hotpass.gates import Gate, ParameterError
from hotpass.spoken import all_of, any_of
from hotpass.verdicts import GateResult, Json, Verdict, pending

_TRAINER, _REQUESTER = "trainer", "requester"
_REGISTRANT = "registrant"
#: Who each is, and what they do.
_WHO = {
    _TRAINER: ("the trainer", "trained this version"),
    _REGISTRANT: ("who registered it", "registered this version"),
    _REQUESTER: ("the requester", "asks for this promotion"),
}
#: How the policy in plain words calls those whose approval does not count.
_ROLES = {_TRAINER: "whoever trained or registered it", _REQUESTER: "whoever asks for the promotion"}
_NAMES = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string", "minLength": 1}}


class Approvals(Gate):
    """Enough people have approved this version for the stage.

        - approvals:
            at_least: 2
            by: [ana, ben, cleo]
            not_by: [trainer, requester]

    An approval is given with `hotpass approve MODEL VERSION --to Production --reason …` and taken back with
    `hotpass withdraw`. It is about this very version and the files it has: a copy, a version that was made
    again, and one whose files have changed since need their own. It may be given at any time before the
    promotion, and that promotion uses it: the next time the version goes there, it takes new ones.

    `by` are the names of those whose approval counts, spelt exactly; left out, everybody's does. Those under
    `not_by` never count: names, `trainer` for who made the run and for who registered the version, since
    they can be two, and `requester` for who asks for the promotion. Nobody counts twice. Only people who
    have authenticated count, which takes a server with `hotpass serve --auth`; elsewhere everybody is who
    they say they are, and `claimed: true` settles for that. Where `not_by` names a trainer or requester of
    whom that is not known, the verdict is `error`; so it is where nobody knows who registered the version,
    unless claims are enough.

    To pass: ask one of those whom the message names. Until enough have approved, the verdict is `pending`.
    """

    name = "approvals"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "How many people must have approved the version, and who.",
        "type": "object",
        "properties": {
            "at_least": {"description": "How many people.", "type": "integer", "minimum": 1, "examples": [2]},
            "by": {
                "description": "Whose approval counts, by name. Left out: everybody's.",
                **_NAMES, "examples": [["ana", "ben", "cleo"]],
            },
            "not_by": {
                "description": "Whose does not: names, `trainer` (who made the run, who registered it), "
                "`requester` (who asks).",
                **_NAMES, "examples": [["trainer", "requester"]],
            },
            "claimed": {
                "description": "Whether names that are only claimed count too.",
                "type": "boolean", "default": False,
            },
        },
        "required": ["at_least"],
        "additionalProperties": False,
        "examples": [{"at_least": 2, "not_by": ["trainer", "requester"]}],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__(parameters)
        self._at_least: int = parameters["at_least"]
        self._by: tuple[str, ...] | None = tuple(parameters["by"]) if "by" in parameters else None
        not_by = frozenset(parameters.get("not_by", ()))
        self._roles = tuple(role for role in (_TRAINER, _REQUESTER) if role in not_by)
        self._never = not_by - set(self._roles)
        self._claimed: bool = parameters.get("claimed", False)
        for place, name in enumerate(self._by or ()):
            if name in (_TRAINER, _REQUESTER):
                raise ParameterError(
                    f"`by` takes names, and {name} is whoever it happens to be",
                    ("by", place),
                    "Leave `by` out where anybody may approve.",
                )
        left = None if self._by is None else [name for name in self._by if name not in self._never]
        if left is not None and len(left) < self._at_least:
            raise ParameterError(
                f"it can never pass: at_least is {self._at_least}, and of those under `by` "
                f"{f'only {all_of(left)}' if left else 'nobody'} can approve",
                ("at_least",),
                "Name more people under `by`, or ask for fewer.",
            )

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        excluded = dict.fromkeys(self._never, "whom `not_by` names")
        for role, person in self._people(candidate):
            if person is None or not (person.authenticated or self._claimed):
                return self._nobody_knows(role, person)
            excluded.setdefault(person.name, _WHO[role][0])
        counted, left_out = self._count(candidate.approvals(), excluded)
        evidence: dict[str, Json] = {
            "approved_by": counted, "wanted": self._at_least, "not_counted": dict(left_out)
        }  # fmt: skip
        if len(counted) >= self._at_least:
            words = f"approved by {all_of(counted)}, {self._at_least} wanted"
            return GateResult(Verdict.PASSED, words, evidence)
        return self._wanting(candidate, counted, left_out, excluded, evidence)

    def explain(self) -> Sequence[str]:
        many = self._at_least > 1
        whom = f" of {all_of(self._by)}" if self._by else f" {'people' if many else 'person'}"
        what = f"{'have' if many else 'has'} approved this version for the stage"
        sentences = [f"At least {self._at_least}{whom} {what}."]
        never = [_ROLES[role] for role in self._roles] + sorted(self._never)
        if never:
            sentences.append(f"An approval does not count if it is from {any_of(never)}.")
        if self._claimed:
            sentences.append("A name counts even where nobody has checked it.")
        return sentences

    def demands(self) -> Iterator[Demand]:
        # Each kind of count is at most the one before, so what holds for it holds for that, too.
        for kind, all_that_is_asked in self._kinds():
            yield Demand(kind, low=self._at_least, exact=all_that_is_asked, name="approvals")

    def _kinds(self) -> list[tuple[str, bool]]:
        """Which approvals are counted, from the widest kind to the gate's own, and whether it is that."""
        kinds = ["approvals"]
        if not self._claimed:
            kinds.append("approvals.authenticated")
        if self._by is not None or self._roles or self._never:
            by = "anybody" if self._by is None else ", ".join(sorted(self._by))
            never = ", ".join([*self._roles, *sorted(self._never)])
            kinds.append(f"{kinds[-1]} by {by} but {never}")
        return [(kind, kind == kinds[-1]) for kind in kinds]

    def _people(self, candidate: Candidate) -> Iterator[tuple[str, Person | None]]:
        """Those whom the roles under `not_by` keep out."""
        if _TRAINER in self._roles:
            yield _TRAINER, candidate.trainer()
            registrant = candidate.registrant()
            # Without a server that authenticates nobody even claims to be one.
            if registrant is not None or not self._claimed:
                yield _REGISTRANT, registrant
        if _REQUESTER in self._roles:
            yield _REQUESTER, candidate.requester

    def _count(
        self, approvals: Iterable[Approval], excluded: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        """The names that count, and why others do not."""
        counted: dict[str, None] = {}
        left_out: dict[str, str] = {}
        for given in approvals:
            if given.name in excluded:
                left_out[given.name] = excluded[given.name]
            elif self._by is not None and given.name not in self._by:
                left_out[given.name] = "not under `by`"
            elif given.authenticated or self._claimed:
                counted[given.name] = None
            else:
                left_out[given.name] = "only claimed"
        return list(counted), {name: why for name, why in left_out.items() if name not in counted}

    def _wanting(
        self,
        candidate: Candidate,
        counted: Sequence[str],
        left_out: Mapping[str, str],
        excluded: Mapping[str, str],
        evidence: Mapping[str, Json],
    ) -> GateResult:
        have = f"{len(counted)} of {self._at_least} approvals" + (f" ({all_of(counted)})" if counted else "")
        missing = self._at_least - len(counted)
        roles = {name: f"{name} ({why})" for name, why in excluded.items() if name not in self._never}
        if self._by is None:
            who = "anybody" + (f" but {all_of(list(roles.values()))}" if roles else "")
        else:
            left = [name for name in self._by if name not in excluded and name not in counted]
            if len(left) < missing:
                cannot = all_of([role for name, role in roles.items() if name in self._by])
                return GateResult(
                    Verdict.FAILED,
                    f"{have}, and those under `by` cannot give {missing} more, since {cannot} may not. "
                    "Let somebody else ask for the promotion, or name more people in the policy",
                    evidence,
                )
            who = any_of(left)
        model, version, stage = candidate.model, candidate.version, candidate.to_stage
        command = shlex.join(["hotpass", "approve", model, str(version), "--to", stage, "--reason"])
        message = f"{have}; {missing} more from {who}: {command} …"
        if left_out:
            message += f"; not counted: {all_of([f'{name} ({why})' for name, why in left_out.items()])}"
        return pending(message, **evidence)

    def _nobody_knows(self, role: str, person: Person | None) -> GateResult:
        does = _WHO[role][1]
        kept = f"`not_by` keeps the {_TRAINER if role == _REGISTRANT else role} from approving"
        if person is not None:
            words = (
                f"{person.name} is said to be who {does}, and nobody has checked it; {kept}. A server with "
                "`hotpass serve --auth` checks; `claimed: true` goes without"
            )
        elif role == _REGISTRANT:
            words = (
                f"nobody knows who {does}, and {kept}: it came past a server with `hotpass serve --auth`, or "
                "before its policies covered the model. Register it anew; `claimed: true` goes without"
            )
        else:
            words = f"nobody knows who {does}, and {kept}: the run does not say"
        return GateResult(Verdict.ERROR, words, {role: person.name if person else None})

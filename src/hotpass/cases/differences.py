"""What a case expects beside what the policy said."""

from __future__ import annotations

from collections.abc import Iterator

from hotpass.cases.model import NOT_COVERED, Case, Difference, Place, Result
from hotpass.policy.model import Policy
from hotpass.policy.words import listed
from hotpass.texts import shown
from hotpass.verdicts import Decision, Judgement, Verdict

_NOWHERE = "at no time that is known"


def differences(
    case: Case, policy: Policy, decision: Decision | None, broke: str = ""
) -> tuple[Difference, ...]:
    """All differences, in the order of the file's keys. `broke` says why the policy could not be asked."""
    expected = case.expected
    if broke:
        at = expected.places.get("outcome", case.place)
        return (Difference("outcome", expected.outcome, "no decision", at, (broke,)),)
    if decision is None:
        return _not_covered(case, policy)
    return tuple(_all(case, decision))


def in_words(result: Result) -> list[str]:
    """The case and its differences, a line each; none of them has a line break or a control character."""
    case = result.case
    lines = [f"{case.path}:{case.place.line}:{case.place.column}: {case.name}"]
    for difference in result.differences:
        lines.append(f"    {difference}")
        lines += [f"        {why}" for why in difference.why]
    return [shown(line) for line in lines]


def _not_covered(case: Case, policy: Policy) -> tuple[Difference, ...]:
    if case.expected.outcome == NOT_COVERED:
        return ()
    why = f"the policy covers {listed(policy.models)}, and {case.model} is not among them"
    at = case.expected.places.get("outcome", case.place)
    return (Difference("outcome", case.expected.outcome, NOT_COVERED, at, (why,)),)


def _all(case: Case, decision: Decision) -> Iterator[Difference]:
    expected = case.expected
    wrong = [j for j in decision.judgements if _is_wrong(case, j)]
    if str(decision.outcome) != expected.outcome:
        told = {id(judgement) for judgement in wrong}
        why = [*decision.notes, *(_told(j) for j in decision.blocking if id(j) not in told)]
        yield _difference(case, "outcome", expected.outcome, str(decision.outcome), *why)
    for judgement in wrong:
        name, result = judgement.entry.name, judgement.result
        yield Difference(
            name, str(expected.verdicts[name]), str(result.verdict),
            expected.places.get(f"verdicts.{name}", case.place), (_said(judgement),),
        )  # fmt: skip
    if expected.messages:
        reasons = [*decision.notes, *map(_told, _against(decision))]
        again = reasons if str(decision.outcome) == expected.outcome else []  # else they are said already
        for text in expected.messages:
            if not any(text in reason for reason in reasons):
                yield _difference(case, "message", f"one with {text!r}", "none", *again)
    if expected.passes_at is not None and decision.passes_at != expected.passes_at:
        got = decision.passes_at.isoformat() if decision.passes_at else _NOWHERE
        yield _difference(case, "passes_at", expected.passes_at.isoformat(), got)


def _difference(case: Case, what: str, expected: str, got: str, *why: str) -> Difference:
    place: Place = case.expected.places.get(what, case.place)
    return Difference(what, expected, got, place, why)


def _is_wrong(case: Case, judgement: Judgement) -> bool:
    wanted = case.expected.verdicts.get(judgement.entry.name)
    return wanted is not None and judgement.result.verdict is not wanted


def _against(decision: Decision) -> list[Judgement]:
    return [judgement for judgement in decision.judgements if judgement.result.verdict is not Verdict.PASSED]


def _told(judgement: Judgement) -> str:
    return f"{judgement.entry.name} {judgement.result.verdict}: {_said(judgement)}"


def _said(judgement: Judgement) -> str:
    where = f" ({judgement.entry.where})" if judgement.entry.where else ""
    return f"{judgement.result.message}{where}"

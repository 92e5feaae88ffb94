"""A decision as a report: a check for each gate that was asked, at the line of the policy that asks it."""

from __future__ import annotations

from hotpass.reports.model import Check, Finding, Level, Report
from hotpass.verdicts import Decision, Enforcement, Judgement, Verdict, outcome_of

_RULES = {
    Verdict.FAILED: "gate-failed",
    Verdict.PENDING: "gate-pending",
    Verdict.INCONCLUSIVE: "gate-inconclusive",
    Verdict.ERROR: "gate-broke",
}


def report_of(decision: Decision, command: str) -> Report:
    """What keeps the promotion from happening is an error, an advisory gate's word against it a warning, and
    what is excused a note.
    """
    who = f"{decision.identity.model} version {decision.identity.version}"
    title = f"{who}: {decision.from_stage} -> {decision.to_stage} {decision.outcome}"
    if decision.passes_at is not None:
        title += f", by itself after {decision.passes_at.isoformat(timespec='seconds')}"
    return Report(command, title, checks_of(decision, who), decision.exit_code)


def checks_of(decision: Decision, suite: str) -> tuple[Check, ...]:
    """A check for each gate, and one for what no gate says, if there is any of that."""
    several = len({judgement.entry.policy for judgement in decision.judgements}) > 1
    checks = [_check(judgement, suite, several) for judgement in decision.judgements]
    if decision.notes:
        # Where the gates alone would have come to another outcome, it is what stands here that decided.
        decides = decision.outcome is not outcome_of(decision.judgements)
        level = Level.ERROR if decides else Level.NOTE
        path = next((ref.path for ref in decision.policies), "")
        notes = tuple(Finding("decision-note", level, note, path=path) for note in decision.notes)
        checks.append(Check(suite, "decision", notes))
    return tuple(checks)


def _check(judgement: Judgement, suite: str, several_policies: bool) -> Check:
    entry, result = judgement.entry, judgement.result
    name = f"{entry.policy}: {entry.name}" if several_policies else entry.name
    if result.verdict is Verdict.PASSED:
        return Check(suite, name)
    message, level = result.message, Level.ERROR
    if judgement.excused and judgement.excuse is not None:
        message, level = f"{message} ({judgement.excuse.in_words()})", Level.NOTE
    elif entry.enforcement is Enforcement.ADVISORY:
        level = Level.WARNING
    path, line, column = _place(entry.where)
    broke = result.verdict is Verdict.ERROR
    finding = Finding(
        _RULES[result.verdict], level, message, entry.hint, path, line, column, entry.gate_name, broke
    )
    return Check(suite, name, (finding,))


def _place(where: str) -> tuple[str, int, int]:
    """`file:line:column` in its parts."""
    path, *numbers = where.rsplit(":", 2)
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        return where, 0, 0
    return path, int(numbers[0]), int(numbers[1])

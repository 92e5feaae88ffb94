"""A backtest as Markdown, for a pull request. What comes from elsewhere is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hotpass.backtest.judging import Case
from hotpass.backtest.outcomes import EACH_BY_ITSELF, NOT_ASKED, Count, Summary
from hotpass.reports.markdown import code, escaped
from hotpass.verdicts import Outcome

#: Rows of a table; more are counted.
ROWS = 20


def backtest_markdown(summary: Summary, *, policies: str, against: str | None, level: int = 3) -> str:
    """The whole backtest under a heading of this level; ends with a line break."""
    found, changed = summary.of, summary.changed
    heading = "#" * level
    compared = f"those of {escaped(against)}" if against else "what was decided then"
    lines = [
        f"{heading} hotpass policy backtest: {len(changed):,} of {_judged(summary)} would go another way", "",
        f"By {escaped(policies)}, since {found.since:%Y-%m-%d}, compared with {compared}.", "",
    ]  # fmt: skip
    lines += effect(summary, against)
    return "\n".join(lines) + "\n"


def effect(summary: Summary, against: str | None, policies: str = "these policies") -> list[str]:
    """The tables of a backtest, without a heading."""
    lines = _counts(summary.counts, against, policies)
    if summary.changed:
        lines += [*_changed(summary.changed), ""]
    stopping = [gate for gate in summary.gates if gate.alone or gate.alone_before]
    if stopping:
        before = summary.of.compared
        lines += ["| gate | stops | stops alone |" + (" alone before |" if before else ""),
                  "| --- | ---: | ---: |" + (" ---: |" if before else "")]  # fmt: skip
        lines += [
            f"| {code(gate.policy)} {code(gate.name)} | {gate.stops:,} | {gate.alone:,} |"
            + (f" {gate.alone_before or 0:,} |" if before else "")
            for gate in stopping[:ROWS]
        ]
        lines += [*_more(len(stopping) - ROWS), ""]
    remarks = [*summary.remarks, *summary.of.notes[:ROWS]]
    lines += [f"- {escaped(remark)}" for remark in [*remarks, EACH_BY_ITSELF, NOT_ASKED]]
    return lines


def _judged(summary: Summary) -> str:
    return f"{summary.judged('decision'):,} decisions and {summary.judged('version'):,} versions"


def _counts(counts: Iterable[Count], against: str | None, policies: str) -> list[str]:
    lines = ["| | allowed | denied | pending | inconclusive |", "| --- | ---: | ---: | ---: | ---: |"]
    for count in counts:
        figures = " | ".join(f"{count.outcomes.get(outcome, 0):,}" for outcome in Outcome)
        lines.append(f"| {escaped(label(count, against, policies))} | {figures} |")
    return [*lines, ""]


def label(count: Count, against: str | None, policies: str) -> str:
    """`decisions, by origin/main`."""
    by = {"then": "as decided then", "base": f"by {against}", "now": f"by {policies}"}[count.by]
    return f"{count.kind}s, {by}"


def _changed(changed: Sequence[Case]) -> list[str]:
    lines = [
        "| model | version | move | when | was | is | why |",
        "| --- | ---: | --- | --- | --- | --- | --- |",
    ]
    for case in changed[:ROWS]:
        why = "<br>".join(escaped(reason) for reason in reasons(case)[:3])
        when = f"{case.at:%Y-%m-%d}" if case.kind == "decision" else "now"
        move = f"{code(case.from_stage)} → {code(case.to_stage)}" + (" (rollback)" if case.rollback else "")
        lines.append(
            f"| {code(case.model)} | {case.version} | {move} | {when} | {case.before} | {case.now.outcome} "
            f"| {why} |"
        )
    return [*lines, *_more(len(changed) - ROWS)]


def reasons(case: Case) -> Sequence[str]:
    """Why it is what it is now; for what is allowed now, what kept it out before."""
    if case.now.outcome is not Outcome.ALLOWED:
        return case.now.reasons
    if case.base is not None:
        return [f"was: {reason}" for reason in case.base.reasons]
    return ["nothing keeps it out any more"]


def _more(left: int) -> list[str]:
    return ["", f"… and {left:,} more; `--json` has all."] if left > 0 else []

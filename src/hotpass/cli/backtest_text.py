"""A backtest as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotpass.cli import output
from hotpass.texts import shown

if TYPE_CHECKING:
    from hotpass.backtest.outcomes import Summary

#: Rows of a table on the screen; `--json` has all.
ROWS = 20


def show(summary: Summary, policies: str, compared: str | None, against: str | None) -> None:
    """Prints the backtest: the figures, the gates, the models, then what changes.

    `policies` says by which it was judged, `compared` with which it is compared, and `against` the same in
    few words; both None where it is what was decided then.
    """
    from hotpass.backtest.outcomes import EACH_BY_ITSELF, NOT_ASKED

    found = summary.of
    decisions, versions = summary.judged("decision"), summary.judged("version")
    judged = f"{output.plural(decisions, 'decision')} and {output.plural(versions, 'version')}"
    output.say(shown(f"Since {found.since:%Y-%m-%d %H:%M} UTC: {judged} of "
                     f"{output.plural(found.models, 'model')}, judged by {policies}"))  # fmt: skip
    output.say(shown(f"and compared with {compared or 'what was decided then'}."))
    show_effect(summary, against)
    for remark in [*summary.remarks, *found.notes[:ROWS], EACH_BY_ITSELF, NOT_ASKED]:
        output.say(f"- {shown(remark)}")
    if len(found.notes) > ROWS:
        output.say(f"- and {len(found.notes) - ROWS:,} more that could not be read; --json has all")


def show_effect(summary: Summary, against: str | None, policies: str = "these policies") -> None:
    """The tables of a backtest."""
    from hotpass.backtest.markdown import label
    from hotpass.verdicts import Outcome

    if not summary.of.cases:
        output.say("There is nothing to judge: no decision and no version since then.")
        return
    table = _Table("", *(f"{outcome}>" for outcome in Outcome))
    for count in summary.counts:
        table.row(
            label(count, against, policies), *(f"{count.outcomes.get(outcome, 0):,}" for outcome in Outcome)
        )
    table.show(len(summary.counts))
    stopping = [gate for gate in summary.gates if gate.stops or gate.alone_before]
    before = [] if against is None else ["alone before>"]
    table = _Table("policy", "gate", "stops>", "stops alone>", *before)
    for gate in stopping:
        last = [] if against is None else [f"{gate.alone_before or 0:,}"]
        table.row(gate.policy, gate.name, f"{gate.stops:,}", f"{gate.alone:,}", *last)
    table.show(ROWS)
    changed = [count for count in summary.models if count.changed]
    if not any(case.before for case in summary.of.cases):
        output.say("There is no decision to compare with; --against REV compares with other policies.")
        return
    if not changed:
        output.say("Nothing would go another way.", style="green")
        return
    total = len(summary.changed)
    output.say(f"{total:,} would go another way:", style="bold yellow")
    for change in summary.changes:
        output.say(f"  {output.plural(change.number, change.kind)}: {change.before} -> {change.now}")
    table = _Table("model", "judged>", "allowed>", "changed>")
    for one in changed:
        table.row(one.model, f"{one.judged:,}", f"{one.allowed:,}", f"{one.changed:,}")
    table.show(ROWS)
    _show_changed(summary)


def _show_changed(summary: Summary) -> None:
    from hotpass.backtest.markdown import reasons

    table = _Table("version", "move", "when", "change", "why")
    for case in summary.changed:
        move = f"{case.from_stage} -> {case.to_stage}" + (" (rollback)" if case.rollback else "")
        when = f"{case.at:%Y-%m-%d}" if case.kind == "decision" else "now"
        change = f"{case.before} -> {case.now.outcome}"
        table.row(f"{case.model} {case.version}", move, when, change, "; ".join(reasons(case)))
    table.show(ROWS)


class _Table:
    """A plain table; a title that ends with `>` is that of figures."""

    def __init__(self, *titles: str) -> None:
        self._titles = titles
        self._rows: list[tuple[str, ...]] = []

    def row(self, *cells: str) -> None:
        self._rows.append(cells)

    def show(self, limit: int) -> None:
        """Prints the first rows, and how many more there are."""
        if not self._rows:
            return
        from rich import box
        from rich.table import Table
        from rich.text import Text

        made: Any = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for title in self._titles:
            figures = title.endswith(">")
            made.add_column(
                title.removesuffix(">"), justify="right" if figures else "left", overflow="fold",
                no_wrap=figures or title == "when", min_width=24 if title == "why" else None,
            )  # fmt: skip
        for cells in self._rows[:limit]:
            made.add_row(*(Text(shown(cell)) for cell in cells))
        output.console().print(made)
        left = len(self._rows) - limit
        if left > 0:
            output.say(f"and {left:,} more; --json has all")

"""Prints a decision: a table on a terminal, lines in a pipe; then what it comes to and what to do next."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hotpass.cli import output
from hotpass.cli.moments import from_now, moment
from hotpass.texts import shown
from hotpass.verdicts import Decision, Enforcement, Judgement, Outcome, Verdict

if TYPE_CHECKING:
    from rich.table import Table

#: Each verdict's sign, and the colour of both on a terminal. The word always stands beside the sign.
SIGNS = {
    Verdict.PASSED: ("✔", "green"),
    Verdict.FAILED: ("✘", "red"),
    Verdict.PENDING: ("…", "yellow"),
    Verdict.INCONCLUSIVE: ("?", "yellow"),
    Verdict.ERROR: ("!", "red"),
}
#: As SIGNS, for what a waiver or an override let pass.
EXCUSED = ("~", "yellow")
#: Columns of a terminal that show every gate's place; fewer show those of gates that have not passed.
ROOM_FOR_PLACES = 110
STYLES = {
    Outcome.ALLOWED: "bold green",
    Outcome.DENIED: "bold red",
    Outcome.PENDING: "bold yellow",
    Outcome.INCONCLUSIVE: "bold yellow",
}


def show_decision(decision: Decision, *, result: str, next_steps: Sequence[str]) -> None:
    """Prints `decision` on stdout, then `result`, the line that says what came of it, and `next_steps`."""
    output.say(_title(decision), style="bold")
    for note in decision.notes:
        output.say(f"  {shown(note)}")
    binding = [j for j in decision.judgements if j.entry.enforcement is not Enforcement.ADVISORY]
    advisory = [j for j in decision.judgements if j.entry.enforcement is Enforcement.ADVISORY]
    show_judgements(binding)
    if advisory:
        output.say("Advisory, shown and never in the way:")
        show_judgements(advisory)
    output.say(shown(result), style=STYLES[decision.outcome])
    for step in next_steps:
        output.say(shown(step))


def on_a_terminal() -> bool:
    """Whether a person reads stdout."""
    return sys.stdout.isatty()


def why_not(decision: Decision) -> str:
    """What keeps `decision` from being allowed, in a few words: `2 of 5 gates fail`."""
    asked = [j for j in decision.judgements if j.entry.enforcement is not Enforcement.ADVISORY]
    counts = [
        (sum(j.result.verdict is verdict for j in asked if not j.excused), words)
        for verdict, words in (
            (Verdict.FAILED, "failed"), (Verdict.ERROR, "broke"), (Verdict.INCONCLUSIVE, "inconclusive"),
            (Verdict.PENDING, "pending"),
        )
    ]  # fmt: skip
    said = [f"{count} {words}" for count, words in counts if count]
    if not said:
        return "see the reason above" if decision.notes else "no gate says why"
    return f"of {output.plural(len(asked), 'gate')}, {' and '.join(said)}"


def when_it_passes(decision: Decision) -> str:
    """`it passes by itself at … (in 23h 59m)`, or that nobody can say."""
    if decision.passes_at is None:
        return "it does not pass by waiting alone; see what the gates above ask for"
    at = decision.passes_at
    return f"it passes by itself at {moment(at)} ({from_now(at)}), if nothing else changes"


def _title(decision: Decision) -> str:
    kind = "rollback, " if decision.rollback else ""
    compared = decision.champion is not None and "champion" in (decision.evidence or {})
    against = f", against champion version {decision.champion}" if compared else ""
    who = f"{decision.identity.model} version {decision.identity.version}"
    return shown(f"{who}: {kind}{decision.from_stage} -> {decision.to_stage}{against}")


def show_judgements(judgements: Sequence[Judgement]) -> None:
    """Prints what each gate says: a table on a terminal, lines in a pipe."""
    if not judgements:
        return
    if on_a_terminal():
        console = output.console()
        console.print(_table(judgements, console.width))
        return
    widest = max(len(_gate(judgement)) for judgement in judgements)
    for judgement in judgements:
        message = shown(judgement.result.message)
        place = f"  [{shown(judgement.entry.where)}]" if judgement.entry.where else ""
        output.say(f"  {_verdict(judgement):<12}  {_gate(judgement):<{widest}}  {message}{place}")
        if _excuse(judgement):
            output.say(f"    {shown(_excuse(judgement))}")
        if _hint(judgement):
            output.say(f"    hint: {shown(_hint(judgement))}")


def _table(judgements: Sequence[Judgement], width: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    with_signs = (sys.stdout.encoding or "").lower().startswith("utf")
    with_places = width >= ROOM_FOR_PLACES
    table = Table(box=box.SIMPLE_HEAD if with_signs else box.ASCII2, pad_edge=False)
    for title in ("verdict", "gate", "what it says", *(["where"] if with_places else [])):
        table.add_column(title, overflow="fold", no_wrap=title in ("verdict", "where"))
    for judgement in judgements:
        verdict, where = judgement.result.verdict, shown(judgement.entry.where)
        sign, colour = SIGNS[verdict] if not judgement.excused else EXCUSED
        says = Text(shown(judgement.result.message))
        if _excuse(judgement):
            says.append(f"\n{shown(_excuse(judgement))}", style="bold")
        if _hint(judgement):
            says.append(f"\nhint: {shown(_hint(judgement))}", style="italic")
        if where and not with_places and verdict is not Verdict.PASSED:
            says.append(f"\n{where}", style="dim")
        word = f"{sign} {_verdict(judgement)}" if with_signs else _verdict(judgement)
        cells = [Text(word, style=colour), Text(_gate(judgement)), says]
        table.add_row(*cells, *([Text(where, style="dim")] if with_places else []))
    return table


def _verdict(judgement: Judgement) -> str:
    """The verdict, or what made it count for nothing: `waived`, `overridden`."""
    excuse = judgement.excuse if judgement.excused else None
    return excuse.verb if excuse else str(judgement.result.verdict)


def _excuse(judgement: Judgement) -> str:
    """`pending, waived by cleo until …: the fair  [policies/waivers/fair.yaml:1:1]`; "" without."""
    excuse = judgement.excuse if judgement.excused else None
    if excuse is None:
        return ""
    place = f"  [{excuse.where}]" if excuse.where else ""
    return f"{judgement.result.verdict}, {excuse.in_words()}{place}"


def _gate(judgement: Judgement) -> str:
    overridable = judgement.entry.enforcement is Enforcement.OVERRIDABLE
    return shown(judgement.entry.name) + (" (overridable)" if overridable else "")


def _hint(judgement: Judgement) -> str:
    """The policy's hint; it helps only where the gate has not passed, and is in the way."""
    waits = judgement.result.verdict is not Verdict.PASSED and not judgement.excused
    return judgement.entry.hint if waits else ""

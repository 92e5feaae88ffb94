"""`hotpass policy backtest`: who the policies would have let through, and who not."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from hotpass.cli import output
from hotpass.cli.options import (
    JsonOption,
    PluginsOption,
    PoliciesFromOption,
    PoliciesOption,
    RegistryUriOption,
    TrackingUriOption,
    named,
)
from hotpass.errors import CallError
from hotpass.texts import shown

if TYPE_CHECKING:
    from hotpass.backtest.judging import Backtest
    from hotpass.backtest.outcomes import Summary
    from hotpass.policy.model import PolicySet

#: Rows of a table on the screen; `--json` has all.
ROWS = 20


class TextForm(StrEnum):
    """In which form a result is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


TextFormOption = Annotated[
    TextForm | None,
    typer.Option("--format", help="As text, as Markdown for a pull request, or as JSON.", show_default=False),
]

SinceOption = Annotated[
    str, typer.Option("--since", metavar="WHEN", help="How far to look back: 90d, or a date (2026-05-01).")
]

WithFilesOption = Annotated[
    bool,
    typer.Option(
        "--with-files",
        help="Read the MLmodel file of a version where a gate asks for it: one download for each.",
    ),
]

ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="MODEL", help="Only this model.", show_default=False, callback=named),
]


def backtest(
    since: SinceOption = "90d",
    model: ModelOption = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="REV",
            help="Compare with the policies of this git revision. Default: with what was decided then.",
            show_default=False,
        ),
    ] = None,
    with_files: WithFilesOption = False,
    policies: PoliciesOption = None,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    form: TextFormOption = None,
    as_json: JsonOption = False,
) -> int:
    """Judge every promotion on record, and every version, by the policies as they are now.

    Says who would be let through and who stopped, and what changes: against what
    was decided then, or against the policies of a git revision (--against). Reads
    registry, runs and ledger in pages, and changes nothing.

    A decision is judged as of then, on the evidence that was recorded; a version
    that nobody has asked for, as of now, for the next stage that a policy names.

    Exit code 0, whatever the outcome.
    """
    from hotpass.backtest.markdown import backtest_markdown
    from hotpass.backtest.outcomes import as_json as json_of
    from hotpass.backtest.outcomes import summary_of

    form = form_of(form, as_json=as_json)
    now = datetime.now(UTC)
    start = moment_of(since, now)
    with contextlib.ExitStack() as copies:
        rules = judged_by(copies, policies_from, policies, plugins, judging=True)
        base = None if against is None else judged_by(copies, against, policies, plugins)
        found = run(
            rules.policies, since=start, now=now, base=base.policies if base else None, model=model,
            with_files=with_files, registry_uri=registry_uri, tracking_uri=tracking_uri,
        )  # fmt: skip
    summary = summary_of(found)
    if form is TextForm.JSON:
        output.print_json(json_of(summary, policies=rules.label, against=base.label if base else None))
    elif form is TextForm.MARKDOWN:
        print(backtest_markdown(summary, policies=rules.label, against=base.short if base else None), end="")
    else:
        show(summary, rules.label, base)
    return 0


class JudgedBy(NamedTuple):
    """A set of policies, and what to call it."""

    policies: PolicySet
    label: str
    short: str = ""


def form_of(form: TextForm | None, *, as_json: bool, default: TextForm = TextForm.TEXT) -> TextForm:
    """Raises CallError where the two options contradict each other."""
    if as_json and form not in (None, TextForm.JSON):
        raise CallError(f"--json and --format {form} contradict each other. Leave one out.")
    return TextForm.JSON if as_json else form or default


def moment_of(since: str, now: datetime) -> datetime:
    """Raises CallError for what is neither a duration nor a date in the past."""
    from hotpass.backtest.outcomes import since_of

    try:
        return since_of(since, now)
    except ValueError as error:
        raise CallError(f"--since: {error}") from None


def judged_by(
    copies: contextlib.ExitStack,
    revision: str | None,
    policies: Sequence[Path] | None,
    plugins: Sequence[Path] | None,
    *,
    judging: bool = False,
) -> JudgedBy:
    """The policies on disk, or those of a git revision, with the plugin folders that belong to them, for as
    long as `copies` are open. Raises PolicyError, PluginError, CallError.
    """
    from hotpass.policy.revision import materialized

    rules = copies.enter_context(materialized(revision, policies, plugins, judging=judging))
    found = rules.load(rules.manager())
    if not found.policies:
        raise CallError(
            f"there are no policies to judge by ({found.source or 'no policy folder was found'}). Name them "
            "with --policies."
        )
    where = str(rules.revision) if rules.revision else found.source
    count = output.plural(len(found.policies), "policy")
    if rules.revision:
        return JudgedBy(found, f"{count} of {where}", rules.revision.name)
    return JudgedBy(found, f"{count} on disk ({where})", "those on disk")


def run(
    policies: PolicySet,
    *,
    since: datetime,
    now: datetime,
    base: PolicySet | None,
    model: str | None,
    with_files: bool,
    registry_uri: str | None,
    tracking_uri: str | None,
) -> Backtest:
    """The backtest, with its progress on stderr in a terminal. Raises RegistryError, LedgerError, NotFound.
    """
    from hotpass.backtest.judging import backtest as judge
    from hotpass.cli.sessions import open_to_look
    from hotpass.settings import unmatched_rule

    with open_to_look(registry_uri, tracking_uri) as session, progress() as tell:
        return judge(
            session.library(), policies, since=since, now=now, base=base, model=model,
            unmatched=unmatched_rule() or "builtin", files=session.registry if with_files else None,
            progress=tell,
        )  # fmt: skip


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr while something lasts; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(), console=output.console(stderr=True), transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("Reading the registry", total=None, figures="")

        def tell(what: str, done: int, total: int) -> None:
            figures = f"{done:,} / {total:,}" if total else f"{done:,}"
            bar.update(task, description=what, completed=done, total=total or None, figures=figures)

        yield tell


# --- as text ------------------------------------------------------------------------------------------------


def show(summary: Summary, policies: str, against: JudgedBy | None) -> None:
    """Prints the backtest: the figures, the gates, the models, then what changes."""
    from hotpass.backtest.outcomes import EACH_BY_ITSELF, NOT_ASKED

    found = summary.of
    decisions, versions = summary.judged("decision"), summary.judged("version")
    judged = f"{output.plural(decisions, 'decision')} and {output.plural(versions, 'version')}"
    output.say(shown(f"Since {found.since:%Y-%m-%d %H:%M} UTC: {judged} of "
                     f"{output.plural(found.models, 'model')}, judged by {policies}"))  # fmt: skip
    output.say(shown(f"and compared with {against.label if against else 'what was decided then'}."))
    show_effect(summary, against.short if against else None)
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
                no_wrap=figures or title in ("when", "change"), min_width=24 if title == "why" else None,
            )  # fmt: skip
        for cells in self._rows[:limit]:
            made.add_row(*(Text(shown(cell)) for cell in cells))
        output.console().print(made)
        left = len(self._rows) - limit
        if left > 0:
            output.say(f"and {left:,} more; --json has all")

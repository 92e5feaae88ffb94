"""`hotpass policy backtest`: who the policies would have let through, and who not."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hotpass.cli import output
from hotpass.cli.options import (
    JsonOption,
    ModelOption,
    PluginsOption,
    PoliciesFromOption,
    PoliciesOption,
    RegistryUriOption,
    TrackingUriOption,
)
from hotpass.errors import CallError

if TYPE_CHECKING:
    from hotpass.backtest.judging import Backtest
    from hotpass.policy.model import PolicySet


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
        from hotpass.cli.backtest_text import show

        show(summary, rules.label, base.label if base else None, base.short if base else None)
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
    perhaps_none: bool = False,
) -> JudgedBy:
    """The policies on disk, or those of a git revision, with the plugin folders that belong to them, for as
    long as `copies` are open; an empty set where there are none and `perhaps_none`. Raises PolicyError,
    PluginError, CallError.
    """
    from hotpass.policy.model import PolicySet
    from hotpass.policy.revision import NoPolicies, materialized

    try:
        rules = copies.enter_context(materialized(revision, policies, plugins, judging=judging))
    except NoPolicies:
        if not perhaps_none:
            raise
        return JudgedBy(PolicySet(), f"no policy of {revision}", str(revision))
    found = rules.load(rules.manager())
    if not found.policies and not perhaps_none:
        raise CallError(
            f"there are no policies to judge by ({found.source or 'no policy folder was found'}). Name them "
            "with --policies."
        )
    count = output.plural(len(found.policies), "policy") if found.policies else "no policy"
    if rules.revision:
        return JudgedBy(found, f"{count} of {rules.revision}", rules.revision.name)
    place = found.source or "no policy folder was found"
    return JudgedBy(found, f"{count} on disk ({place})", "those on disk")


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

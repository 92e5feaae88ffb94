"""`hotpass policy diff`: what a change to the policies means."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from hotpass.cli import output
from hotpass.cli.options import (
    JsonOption,
    PluginsOption,
    PoliciesOption,
    RegistryUriOption,
    TrackingUriOption,
)
from hotpass.cli.policy_backtest import (
    JudgedBy,
    SinceOption,
    TextForm,
    TextFormOption,
    WithFilesOption,
    form_of,
    judged_by,
    moment_of,
    run,
)
from hotpass.errors import CallError, HotpassError
from hotpass.texts import shown

if TYPE_CHECKING:
    from hotpass.backtest.outcomes import Summary
    from hotpass.policy.differences import Difference

_STYLES = {"stricter": "yellow", "looser": "bold red"}


def diff(
    revision: Annotated[
        str,
        typer.Argument(
            metavar="REV",
            help="What to compare the policies on disk with: a git revision (origin/main). Or two of them: "
            "REV..REV2.",
            show_default=False,
        ),
    ],
    backtest: Annotated[
        bool,
        typer.Option(
            "--backtest/--no-backtest",
            help="Whether to judge what is on record by both. Only where MLflow's settings or --registry-uri "
            "name a registry.",
        ),
    ] = True,
    since: SinceOption = "90d",
    with_files: WithFilesOption = False,
    policies: PoliciesOption = None,
    plugins: PluginsOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    form: TextFormOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say what a change to the policies means, gate by gate, and what it would have done.

    Compares the policies of a git revision with those on disk: what was added and
    removed, which parameters changed, and whether that is stricter or looser where
    it can be told. Beside it stands whom the change would let through or stop, of
    all that is on record (see: hotpass policy backtest).

    Markdown in a pipe, for a comment on a pull request; text in a terminal.

    Exit code 0, also where there are differences; 4 where the registry could not
    be asked, which is then said in the place of the effect.
    """
    from hotpass.policy.differences import differences

    form = form_of(form, as_json=as_json, default=TextForm.TEXT if sys.stdout.isatty() else TextForm.MARKDOWN)
    now = datetime.now(UTC)
    start = moment_of(since, now)
    first, second = _two(revision)
    with contextlib.ExitStack() as copies:
        before = judged_by(copies, first, policies, plugins, perhaps_none=True)
        after = judged_by(copies, second, policies, plugins, perhaps_none=True)
        if not before.policies.policies and not after.policies.policies:
            raise CallError(f"there are no policies to compare: {before.label}, {after.label}")
        found = differences(before.policies, after.policies)
        effect: Summary | None = None
        why_not, code = "", 0
        if not backtest:
            why_not = "Whom the change would let through or stop was not looked at (--no-backtest)."
        elif not _names_a_registry(registry_uri, tracking_uri):
            why_not = (
                "Whom the change would let through or stop was not looked at: no registry is named. Set "
                "MLFLOW_TRACKING_URI, or give --registry-uri."
            )
        elif found:
            from hotpass.backtest.outcomes import summary_of

            try:
                effect = summary_of(run(
                    after.policies, since=start, now=now, base=before.policies, model=None,
                    with_files=with_files, registry_uri=registry_uri, tracking_uri=tracking_uri,
                ))  # fmt: skip
            except HotpassError as error:
                why_not, code = (
                    f"Whom the change would let through or stop is not known: {error}",
                    error.exit_code,
                )
    _print(form, found, before, after, effect, why_not)
    return code


def _two(revision: str) -> tuple[str, str | None]:
    """`main` and `main..HEAD`; None is what is on disk. Raises CallError."""
    first, dots, second = revision.partition("..")
    if not first.strip() or (dots and (not second.strip() or second.startswith("."))):
        raise CallError(f"{revision!r} is neither REV nor REV..REV2. For example: origin/main, or main..HEAD")
    return first, second if dots else None


def _names_a_registry(registry_uri: str | None, tracking_uri: str | None) -> bool:
    settings = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
    return any(uri is not None for uri in (registry_uri, tracking_uri)) or any(map(os.environ.get, settings))


def _print(
    form: TextForm,
    found: Sequence[Difference],
    before: JudgedBy,
    after: JudgedBy,
    effect: Summary | None,
    why_not: str,
) -> None:
    if form is TextForm.JSON:
        from hotpass.backtest.outcomes import as_json as json_of

        output.print_json({
            "before": before.label, "after": after.label, "differences": [one.as_json() for one in found],
            "backtest": None if effect is None
            else json_of(effect, policies=after.label, against=before.label),
            "no_backtest": why_not or None,
        })  # fmt: skip
    elif form is TextForm.MARKDOWN:
        print("\n".join(_markdown(found, before, after, effect, why_not)))
    else:
        _show(found, before, after, effect, why_not)


def _markdown(
    found: Sequence[Difference], before: JudgedBy, after: JudgedBy, effect: Summary | None, why_not: str
) -> list[str]:
    from hotpass.backtest.markdown import effect as effect_lines
    from hotpass.policy.diff_markdown import differences_markdown
    from hotpass.reports.markdown import escaped

    lines = differences_markdown(found, before.label, after.label)
    if effect is not None:
        changed = f"{len(effect.changed):,} of {len(effect.of.cases):,}"
        lines += [f"#### Effect: {changed} would go another way", ""]
        lines += [f"Decisions and versions since {effect.of.since:%Y-%m-%d}, judged by both.", ""]
        lines += effect_lines(effect, before.short, after.short)
    elif why_not:
        lines.append(escaped(why_not))
    return lines


def _show(
    found: Sequence[Difference], before: JudgedBy, after: JudgedBy, effect: Summary | None, why_not: str
) -> None:
    from hotpass.policy.diff_markdown import title, words_of

    output.say(shown(f"{before.label} -> {after.label}"))
    words = title(found)
    output.say(f"{words[0].upper()}{words[1:]}.", style="bold")
    for policy, some in groupby(found, key=lambda one: one.policy):
        output.say("")
        output.say(shown(f"policy {policy}"), style="bold")
        for one in some:
            place = f"{one.part}: " if one.part else ""
            verdict = f" ({one.effect})" if one.effect else ""
            where = f"  {one.where}" if one.where else ""
            output.say(shown(f"  {place}{one.name} {one.kind}{verdict}{where}"),
                       style=_STYLES.get(one.effect, ""))  # fmt: skip
            for setting in one.settings:
                output.say(shown(f"      {words_of(setting)}"))
            for sign, mine, other in (("-", one.before, one.after), ("+", one.after, one.before)):
                for sentence in mine:
                    if sentence not in other:
                        output.say(shown(f"    {sign} {sentence}"))
    if effect is not None:
        from hotpass.backtest.outcomes import EACH_BY_ITSELF, NOT_ASKED
        from hotpass.cli.backtest_text import show_effect

        output.say(f"\nEffect on what is on record since {effect.of.since:%Y-%m-%d}:", style="bold")
        show_effect(effect, before.short, after.short)
        for remark in [*effect.remarks, *effect.of.notes[:20], EACH_BY_ITSELF, NOT_ASKED]:
            output.say(f"- {shown(remark)}")
    elif why_not:
        output.say(f"\n{why_not}")

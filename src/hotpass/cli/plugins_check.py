"""`hotpass plugins check`: what a plugin's own tests forget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hotpass.cli import output
from hotpass.cli.options import JsonOption, PluginsOption
from hotpass.texts import shown

if TYPE_CHECKING:
    from hotpass.checking.checking import Checked

_FOUND = 1


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAMES", help="Plugins to check. Default: all.", show_default=False),
    ] = None,
    plugins: PluginsOption = None,
    time_limit: Annotated[
        str, typer.Option("--time-limit", metavar="TIME", help="How long one call may take: 1s, 30s.")
    ] = "1s",
    as_json: JsonOption = False,
) -> None:
    """Check plugins: schemas, docstrings, hook signatures, examples, and what gates say of bad candidates.

    Each gate is made with the examples of its schema and its docstring, and judges candidates of which
    nothing is known, which it must not pass, and others that are hostile, on which it must neither raise nor
    wait for ever. Vetoes and evidence are asked, too. Hooks that do something are not called.

    Exit code 0 if all is right, 1 if something was found, 2 if a plugin cannot be loaded.
    """
    from hotpass.checking.checking import check_plugins
    from hotpass.durations import parse_duration
    from hotpass.errors import CallError
    from hotpass.policy.discovery import plugin_folders

    try:
        seconds = parse_duration(time_limit).total_seconds()
    except ValueError as error:
        raise CallError(f"--time-limit: {error}") from None
    checked = check_plugins(names or (), plugin_folders(plugins), time_limit=seconds)
    if as_json:
        output.print_json(_as_json(checked))
    else:
        _show(checked)
    raise typer.Exit(_FOUND if checked.findings else 0)


def _show(checked: Checked) -> None:
    for plugin in checked.plugins:
        found = [finding for finding in checked.findings if finding.unit.plugin == plugin]
        tried = [unit for unit in checked.tried if unit.plugin == plugin]
        for unit, message, remedy in found:
            output.say(shown(f"{plugin}: {unit}: {message}"), style="red")
            if remedy:
                output.say(shown(f"    {remedy}"))
        if not found:
            what = [output.plural(sum(unit.kind == kind for unit in tried), kind) for kind in ("gate", "hook")
                    if any(unit.kind == kind for unit in tried)]  # fmt: skip
            output.say(shown(f"{plugin}: ok: {' and '.join(what) or 'loads; nothing in it can be tried'}"))
    if checked.findings:
        count = output.plural(len(checked.findings), "problem")
        output.say(f"{count} found", style="bold red", stderr=True)


def _as_json(checked: Checked) -> dict[str, object]:
    return {
        "ok": not checked.findings,
        "plugins": list(checked.plugins),
        "tried": [{"plugin": unit.plugin, "kind": unit.kind, "name": unit.name} for unit in checked.tried],
        "findings": [
            {
                "plugin": unit.plugin,
                "kind": unit.kind,
                "name": unit.name,
                "message": message,
                "remedy": remedy,
            }
            for unit, message, remedy in checked.findings
        ],
    }

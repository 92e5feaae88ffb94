"""`hotpass plugins new`: a plugin project to start from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from hotpass.cli import output
from hotpass.cli.options import JsonOption, place
from hotpass.texts import shown


def new(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Name of the package and of its gate: minimum_rows.", show_default=False
        ),
    ],
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="DIR", parser=place, help="Where its folder goes. Default: here."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a small plugin project: a gate with its tests, a policy with its cases, hooks for pre-commit.

    It passes its own tests as it is. Overwrites nothing.
    """
    from hotpass.scaffold import write_project

    written = write_project(name, into or Path())
    folder = (into or Path()) / name
    if as_json:
        output.print_json({"folder": folder, "files": written})
        return
    for file in written:
        output.say(shown(f"wrote {file}"))
    output.say("Next:")
    output.say(shown(f"  cd {shlex.quote(str(folder))}"))
    output.say("  pip install -e '.[test]'")
    output.say("  pytest")
    output.say(f"  hotpass plugins check {name}")
    output.say(f"then put your own check into src/{name}/gate.py. README.md has the rest.")

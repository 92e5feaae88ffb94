"""`hotpass init`: a policy folder to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hotpass.cli import output
from hotpass.cli.starter import DEFAULT_DWELL, DEFAULT_PATTERN, write_starter


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the policies go.", show_default=False)
    ] = Path("policies"),
    model: Annotated[
        str,
        typer.Option("--model", metavar="PATTERN", help="The models it covers; * stands for any letters."),
    ] = DEFAULT_PATTERN,
    dwell: Annotated[
        str,
        typer.Option("--dwell", metavar="TIME", help="How long in Staging before Production: 30s, 24h, 7d."),
    ] = DEFAULT_DWELL,
) -> int:
    """Write a starter policy folder.

    A commented policy for lead scoring, cases that test it, their schemas for
    your editor, and the reference of all gates. Overwrites nothing.
    """
    files = write_starter(folder, model, dwell)
    for file in files:
        output.say(f"wrote {file}")
    named = "" if folder == Path("policies") else f" {folder}"
    flag = "" if folder == Path("policies") else f" --policies {folder}"
    output.say(f"Covers models named {model}; {dwell} in Staging before Production.")
    output.say(f"Next: read {files[0]}, change what does not suit you, then")
    output.say(f"  hotpass policy lint{named}")
    output.say(f"  hotpass policy test{named}")
    output.say(f"  hotpass check MODEL latest --to Staging{flag}")
    output.say("and commit the folder: whoever may change it decides what goes to Production.")
    return 0

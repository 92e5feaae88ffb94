"""In which form a command tells what it found, and where to: `--format` and `--output`.

Without Typer and Rich, since `policy lint` uses it at every commit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hotpass.cli import output
from hotpass.errors import CallError, HotpassError
from hotpass.reports.errors import report_of
from hotpass.reports.forms import SUFFIXES, Form, render
from hotpass.reports.model import Report

#: How messages call a file of a git revision: its path in the repository, and the commit.
_OF_A_COMMIT = re.compile(r"(.+)@[0-9a-f]{12}")


@dataclass(frozen=True)
class Reporting:
    """What `--format`, `--json` and `--output` ask for. As a context it writes an error that ends the command
    in that form too, so that whoever waits for a report does not read the one of yesterday.
    """

    command: str
    form: Form = Form.TEXT
    file: Path | None = None

    @classmethod
    def of(
        cls, command: str, form: Form | None = None, file: Path | None = None, *, as_json: bool = False
    ) -> Reporting:
        """Raises CallError where the options contradict each other, and for a file that cannot be written."""
        if as_json and form not in (None, Form.JSON):
            raise CallError(f"--json and --format {form} contradict each other. Leave one out.")
        if as_json:
            form = Form.JSON
        if file is None:
            return cls(command, form or Form.TEXT)
        form = form or SUFFIXES.get(file.suffix.lower())
        if form is None or form is Form.TEXT:
            named = "; ".join(f"{suffix} for {known}" for suffix, known in SUFFIXES.items())
            raise CallError(
                f"--output {file} does not say in which form. Add --format junit, sarif, github, markdown or "
                f"json, or name the file by it ({named}). The text goes to stdout in any case."
            )
        try:
            if file.is_dir():
                raise CallError(f"--output {file} is a folder. Name a file in it.")
            if not file.absolute().parent.is_dir():
                raise CallError(f"--output {file} cannot be written: there is no folder {file.parent}.")
        except (OSError, ValueError) as error:  # too long a name, a NUL in it
            raise CallError(f"--output cannot be written: {_reason(error)}.") from error
        return cls(command, form, file)

    @property
    def tells_all(self) -> bool:
        """Whether nothing may be said beside the report: in GitHub's form every line is one of its commands,
        on stderr too.
        """
        return self.form is Form.GITHUB and self.file is None

    @property
    def on_screen(self) -> bool:
        """Whether stdout gets the text for people."""
        return self.form is Form.TEXT or self.file is not None

    def show(
        self, *, text: Callable[[], None], value: Callable[[], Any], report: Callable[[], Report]
    ) -> None:
        """Prints `text`, or gives `value` as JSON or `report` in its form; to the file, then text as well.

        What is not wanted is not asked for. Raises CallError for a file that cannot be written.
        """
        if self.form is Form.JSON:
            self._put(output.as_json(value()) + "\n")
        elif self.form is not Form.TEXT:
            self._put(render(rooted(report()), self.form))
        if self.on_screen:
            text()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.form is Form.TEXT or not isinstance(error, Exception | SystemExit) or _is_of_typer(error):
            return
        known = output.missing_dependency(error) if isinstance(error, ImportError) else None
        shown = known or error
        code = shown.exit_code if isinstance(shown, HotpassError) else output.BUG
        if self.form is Form.JSON:
            text = output.as_json(output.error_as_json(shown)) + "\n"
        else:
            text = render(rooted(report_of(self.command, shown, code)), self.form)
        with suppress(CallError):  # the error itself matters more than that the report of it has no place
            self._put(text)
        raise output.Told(error, code if self.tells_all else None) from error

    def _put(self, text: str) -> None:
        if self.file is None:
            print(text, end="")
            return
        try:
            _write(self.file, text)
        except OSError as error:
            raise CallError(f"--output {self.file} cannot be written: {_reason(error)}.") from error


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _is_of_typer(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in ("typer", "click") or isinstance(
        error, BrokenPipeError
    )


def _write(file: Path, text: str) -> None:
    """All of it or nothing, so that nobody reads half a report."""
    if file.exists() and not file.is_file():  # /dev/stdout, a named pipe
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
        return
    target = file.resolve()  # a link stays one
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def rooted(report: Report) -> Report:
    """`report` with every path as seen from the root of the repository around the working directory, which is
    what code scanning and annotations take a path for; as it is where there is none, or it lies outside.
    """
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
    checks = tuple(
        replace(
            check,
            findings=tuple(replace(found, path=_seen_from(root, found.path)) for found in check.findings),
        )
        for check in report.checks
    )
    return replace(report, checks=checks, anchor=_seen_from(root, report.anchor))


def _seen_from(root: Path, path: str) -> str:
    if not path:
        return ""
    copied = _OF_A_COMMIT.fullmatch(path)
    if copied is not None:  # as seen from the root already
        return copied[1]
    whole = os.path.abspath(path)
    inside = os.path.relpath(whole, root)
    return whole if inside.startswith("..") else inside


def split_words(
    args: Sequence[str], flags: Collection[str], valued: Collection[str]
) -> tuple[list[str], set[str], dict[str, str]] | None:
    """The paths, the flags and the options with their values on a command line that has nothing else; None
    for any other, which is Typer's to read.
    """
    words, paths, seen, named = iter(args), list[str](), set[str](), dict[str, str]()
    for word in words:
        option, equals, value = word.partition("=")
        if word in flags:
            seen.add(word)
        elif option in valued and (option.startswith("--") or not equals):
            given = value if equals else next(words, None)
            if given is None:
                return None
            named[option] = given
        elif word.startswith("-"):
            return None
        else:
            paths.append(word)
    return paths, seen, named


def forms_of(words: Mapping[str, str]) -> tuple[Form | None, Path | None] | None:
    """The form and the file that the options `words` name; None where Typer has to say what is wrong."""
    form, file = words.get("--format"), words.get("--output")
    if (form is not None and form not in list(Form)) or (file is not None and not file.strip()):
        return None
    return Form(form) if form is not None else None, Path(file) if file is not None else None

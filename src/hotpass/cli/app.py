"""The `hotpass` command: which commands there are, and what happens to their errors.

A command's module is imported when that command is asked for, and nothing else is: `hotpass policy lint` runs
at every commit and must not wait for MLflow. Commands of plugins (`hotpass_cli`) are looked for when the word
on the command line is not a built-in one, for `--help`, and for shell completion.

Exit codes: 0 allowed or done, 1 denied, 2 the policy or the call is wrong, 3 not yet, 4 the registry could
not be reached or did not do as told, 70 a bug in Hotpass or in a plugin, 130 interrupted, 141 nobody reads
the output any more. With `HOTPASS_DEBUG=1` every error comes with its traceback.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hotpass.cli import output
from hotpass.errors import HotpassError, mask

if TYPE_CHECKING:
    import typer

BUG, INTERRUPTED, CLOSED = output.BUG, 130, 141


class Command(NamedTuple):
    """A built-in command: `module:name` of a function or a Typer group, its line of help, and the panel it
    stands in.
    """

    target: str
    help: str
    panel: str
    is_group: bool = False


COMMANDS = {
    "demo": Command("hotpass.cli.demo:demo", "See the whole story on real data.", "Start"),
    "init": Command("hotpass.cli.init:init", "Write a starter policy folder.", "Start"),
    "serve": Command("hotpass.cli.serve:serve", "Run an MLflow server that nobody can walk around.", "Start"),
    "check": Command("hotpass.cli.decide:check", "Judge a promotion without doing it.", "Promote"),
    "promote": Command("hotpass.cli.decide:promote", "Judge a promotion, and do it if allowed.", "Promote"),
    "rollback": Command("hotpass.cli.decide:rollback", "Put an earlier version back.", "Promote"),
    "approve": Command("hotpass.cli.approve:approve", "Say that a version may go to a stage.", "Promote"),
    "withdraw": Command("hotpass.cli.approve:withdraw", "Take your own approval back.", "Promote"),
    "adopt": Command("hotpass.cli.decide:adopt", "Record what an existing registry holds.", "Promote"),
    "status": Command("hotpass.cli.look:status", "Models, stages, champions and waiting candidates.", "Look"),
    "history": Command("hotpass.cli.look:history", "The decisions on a model, newest first.", "Look"),
    "report": Command("hotpass.cli.report:report", "Write a decision as a page to read.", "Look"),
    "audit": Command("hotpass.cli.look:audit", "Prove that the ledger is unchanged.", "Look", is_group=True),
    "scan": Command("hotpass.cli.scan:scan", "Find what is unlike the record or would fail today.", "Look"),
    "train": Command("hotpass.cli.train:train", "Train a lead scoring model and register it.", "Models"),
    "score": Command("hotpass.cli.score:score", "Score leads with a registered model.", "Models"),
    "policy": Command("hotpass.cli.policy:app", "Check policy files.", "Policies", is_group=True),
    "plugins": Command(
        "hotpass.cli.plugins:app", "List, check and write plugins.", "Policies", is_group=True
    ),
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line (without the program's name; by default that of the process); returns its exit
    code.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file name that is not UTF-8 is shown escaped
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(args or ["--help"])
        sys.stdout.flush()
    except BrokenPipeError:
        return _closed()
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # Typer makes this of it
            return _closed()
        raise
    return code


def _run(args: list[str]) -> int:
    try:
        return _dispatch(args)
    except output.Told as told:
        return _failed(told.error, as_json=False) if told.exit_code is None else told.exit_code
    except BrokenPipeError:
        raise
    except BaseException as error:
        return _failed(error, as_json="--json" in args)


def _failed(error: BaseException, *, as_json: bool) -> int:
    """Says what ended the command; returns the exit code. Raises the error again where Typer ended the
    process.
    """
    if isinstance(error, HotpassError):
        return _report(error, as_json)
    if isinstance(error, KeyboardInterrupt):
        return _interrupted()
    missing = output.missing_dependency(error) if isinstance(error, ImportError) else None
    if missing is not None:
        return _report(missing, as_json, cause=error)
    if isinstance(error, SystemExit) and _is_of_typer(error):
        raise error
    # So is a plugin that ends the process: it has not done what was asked for, whatever code it gives.
    return _bug(error, as_json)


def _open_closed_streams() -> None:
    """Where the caller closed stdout or stderr (`>&-`), Python has None for it, and the next file opened
    would get its number and all that is printed to it.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))


def _is_of_typer(stop: SystemExit) -> bool:
    """Whether Typer or Rich ended the process: after completion, or because nobody reads the output."""
    place = stop.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    module = place.tb_frame.f_globals.get("__name__", "") if place is not None else ""
    return module.partition(".")[0] in ("typer", "click", "rich")


def _dispatch(args: list[str]) -> int:
    if "_HOTPASS_COMPLETE" not in os.environ:
        done = _plainly(args)
        if done is not None:
            return done
    import typer

    try:
        result = typer.main.get_command(build(args)).main(args, prog_name="hotpass", standalone_mode=False)
    except typer.TyperException as error:
        return _usage(error, as_json="--json" in args)
    except typer.Abort:
        return _interrupted()
    if result == INTERRUPTED:
        return _interrupted()
    return result if type(result) is int else 0


def _plainly(args: list[str]) -> int | None:
    """The exit code of a command that needs no Typer; None for any other, and for one with other options."""
    if args[:2] == ["policy", "lint"]:
        from hotpass.cli.lint import lint, plain_words

        plain = plain_words(args[2:])
        return None if plain is None else lint(plain[0], reporting=plain[1], strict=plain[2])
    if args[:2] == ["policy", "test"]:
        from hotpass.cli import policy_test

        asked = policy_test.plain_words(args[2:])
        return None if asked is None else policy_test.run_cases(asked[0], reporting=asked[1], wanted=asked[2])
    return None


def build(args: Sequence[str]) -> typer.Typer:
    """The Typer app for one command line: the command asked for is real, the others are names with a line
    of help.
    """
    import typer

    app = typer.Typer(
        name="hotpass", help="Decides whether a model may go to Production.", rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]}, pretty_exceptions_enable=False,
        no_args_is_help=True, epilog=_EPILOG,
    )  # fmt: skip

    @app.callback()
    def root(
        version: bool = typer.Option(
            False, "--version", help="Print the version.", is_eager=True, callback=_version
        ),
    ) -> None:
        pass

    words = [*_words_to_complete(), *args]
    asked = next((word for word in words if not word.startswith("-")), None)
    for name, command in COMMANDS.items():
        if name != asked:
            app.command(name, help=command.help, rich_help_panel=command.panel)(_unused)
        elif command.is_group:
            app.add_typer(_load(command), name=name, help=command.help, rich_help_panel=command.panel)
        else:
            app.command(name, rich_help_panel=command.panel)(_load(command))
    if asked not in COMMANDS and words != ["--version"]:
        from hotpass.cli.plugin_commands import add_plugin_commands

        add_plugin_commands(app, taken=COMMANDS, required=asked is not None)
    return app


_EPILOG = (
    "Exit codes: 0 allowed or done, 1 denied, 2 the policy or the call is wrong, 3 not yet, 4 the registry "
    "failed, 70 a bug. HOTPASS_DEBUG=1 shows tracebacks."
)


def _load(command: Command) -> Any:
    module, _, name = command.target.partition(":")
    return getattr(importlib.import_module(module), name)


def _unused() -> None:
    """Stands for a command that is not the one asked for."""


def _version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        import typer

        print(f"hotpass {importlib.metadata.version('hotpass')}")
        raise typer.Exit


def _words_to_complete() -> list[str]:
    """The words typed so far, where a shell asks for completion (bash sets the first, zsh and fish the
    second).
    """
    if "_HOTPASS_COMPLETE" not in os.environ:
        return []
    typed = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    return typed.split()[1:]


def _report(error: HotpassError, as_json: bool, cause: BaseException | None = None) -> int:
    _traceback_if_wanted(cause or error)
    if as_json:
        output.print_json(output.error_as_json(error))
    output.print_error(error)
    return error.exit_code


def _usage(error: Any, *, as_json: bool) -> int:
    """A wrong option or argument. Typer has already printed the help where a group was called without a
    command.
    """
    _traceback_if_wanted(error)
    if type(error).__name__ != "NoArgsIsHelpError":
        message = error.format_message()
        if as_json:
            output.print_json({"error": {"type": "UsageError", "message": message, "problems": []}})
        output.say(f"Error: {message}", style="bold red", stderr=True)
        context = getattr(error, "ctx", None)
        if context is not None:
            output.say(f"Try `{context.command_path} --help`.", stderr=True)
    return 2


def _bug(error: BaseException, as_json: bool) -> int:
    _traceback_if_wanted(error)
    message = (
        f"this is a bug in Hotpass or in a plugin: {type(error).__name__}: {mask(str(error))}\n"
        "Whether anything was promoted, `hotpass status` says. Run it again with HOTPASS_DEBUG=1 for "
        "the traceback, and report that."
    )
    if as_json:
        output.print_json(output.error_as_json(error))
    output.say(f"Error: {message}", style="bold red", stderr=True)
    return BUG


def _interrupted() -> int:
    output.say("Interrupted. Whether anything was moved: hotpass status", stderr=True)
    return INTERRUPTED


def _closed() -> int:
    # Python flushes stdout once more at exit, which would print a second error.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED


def _traceback_if_wanted(error: BaseException) -> None:
    if os.environ.get("HOTPASS_DEBUG", "") not in ("", "0"):
        import traceback

        output.say(mask("".join(traceback.format_exception(error))), stderr=True)


if __name__ == "__main__":
    sys.exit(main())

"""The command line itself: help, completion, plugins' commands, and what becomes of every kind of error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hotpass.cli import app, output
from hotpass.errors import HotpassError, NotFound, PromotionDenied, PromotionPending, RegistryError
from hotpass.verdicts import Decision, Identity, Outcome

HOTPASS = Path(sys.executable).with_name("hotpass")

COMMANDS = """\
import sys, time
import hotpass

@hotpass.hookimpl
def hotpass_cli(app):
    @app.command()
    def hello(name: str = "you"):
        "Say hello."
        print("hello", name)

    @app.command()
    def wait():
        "Wait for a signal."
        print("waiting", flush=True)
        time.sleep(60)

    @app.command()
    def shout():
        "Print for ever."
        while True:
            print("x" * 1000)

    @app.command()
    def crash():
        "Fail."
        raise RuntimeError("with postgresql://me:secret@host/db")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("extra").mkdir()
    Path("extra/commands.py").write_text(COMMANDS)
    monkeypatch.setenv("HOTPASS_PLUGINS", "extra")


def hotpass(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HOTPASS, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_lists_every_command_with_its_line(words: tuple[str, ...]) -> None:
    done = hotpass(*words, COLUMNS="150")
    assert done.returncode == 0
    assert done.stderr == ""
    for name, command in app.COMMANDS.items():
        assert any(f" {name} " in line and command.help in line for line in done.stdout.splitlines()), name


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from hotpass.cli.app import main; main(['--help']);"
        "print(sorted({'mlflow', 'pandas', *(c.target.split(':')[0] for c in __import__('hotpass.cli.app',"
        " fromlist=['x']).COMMANDS.values())} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version() -> None:
    import importlib.metadata

    done = hotpass("--version")
    assert (done.returncode, done.stdout) == (0, f"hotpass {importlib.metadata.version('hotpass')}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("lnit",), "No such command 'lnit'."),
        (("polcy",), "No such command 'polcy'. Did you mean 'policy'"),
        (("policy", "lnit"), "No such command 'lnit'. Did you mean 'lint'?"),
        (("--bad",), "No such option: --bad"),
        (("policy", "lint", "--jsn"), "No such option: --jsn"),
        (("policy", "lint", "--plugins", "gates", "--bad"), "No such option: --bad"),
    ],
)
def test_a_wrong_call(words: tuple[str, ...], message: str) -> None:
    done = hotpass(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"Error: {message}")
    assert "Try `hotpass" in done.stderr


def test_a_wrong_call_is_json_too() -> None:
    done = hotpass("policy", "lint", "--json", "--bad")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["type"] == "UsageError"


def test_a_group_without_a_command_shows_its_help() -> None:
    done = hotpass("policy")
    assert done.returncode == 2
    assert "lint" in done.stdout
    assert "Error" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("pol", "policy"), ("policy li", "lint"), ("policy lint --js", "--json"), ("he", "hello")],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.usefixtures("plugin")
def test_completion(shell: str, typed: str, expected: str) -> None:
    words = f"hotpass {typed}"
    done = hotpass(
        _HOTPASS_COMPLETE=f"complete_{shell}",
        COMP_WORDS=words if shell == "bash" else "",
        COMP_CWORD=str(len(typed.split())) if shell == "bash" else "",
        _TYPER_COMPLETE_ARGS=words,
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert expected in done.stdout


def test_the_completion_script_is_shown() -> None:
    done = hotpass("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.returncode == 0
    assert "_HOTPASS_COMPLETE" in done.stdout


@pytest.mark.usefixtures("plugin")
def test_a_plugins_commands() -> None:
    done = hotpass("hello", "--name", "Ann")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello Ann\n", "")
    shown = hotpass("--help").stdout
    assert "From plugins" in shown
    assert "Say hello." in shown
    assert hotpass("hello", "--nme", "Ann").returncode == 2


def test_a_plugin_cannot_take_a_name_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("extra").mkdir()
    Path("extra/taken.py").write_text(COMMANDS.replace("def hello", "def check"))
    monkeypatch.setenv("HOTPASS_PLUGINS", "extra")
    done = hotpass("hello")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "Error: plugin extra/taken.py: the command 'check' is one of Hotpass itself."
    )
    # Help is what one needs then, so it is shown all the same.
    shown = hotpass("--help")
    assert shown.returncode == 0
    assert "promote" in shown.stdout
    assert "extra/taken.py" in shown.stderr


def test_a_plugin_whose_commands_fail_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("extra").mkdir()
    Path("extra/broken.py").write_text(
        "import hotpass\n@hotpass.hookimpl\ndef hotpass_cli(app):\n    raise KeyError('no')\n"
    )
    monkeypatch.setenv("HOTPASS_PLUGINS", "extra")
    done = hotpass("hello")
    assert done.returncode == 2
    assert "Error: plugin extra/broken.py: hotpass_cli() raised KeyError: 'no'" in done.stderr


@pytest.mark.usefixtures("plugin")
def test_a_bug_is_called_one_and_hides_passwords() -> None:
    done = hotpass("crash")
    assert done.returncode == app.BUG
    assert done.stdout == ""
    assert (
        "this is a bug in Hotpass or in a plugin: RuntimeError: with postgresql://me:***@host/db"
        in done.stderr
    )
    assert "HOTPASS_DEBUG=1" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
    debug = hotpass("crash", HOTPASS_DEBUG="1")
    assert debug.returncode == app.BUG
    assert "Traceback" in debug.stderr


@pytest.mark.usefixtures("plugin")
def test_an_interruption_is_one_line() -> None:
    process = subprocess.Popen([HOTPASS, "wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    time.sleep(0.1)  # into the sleep itself
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == app.INTERRUPTED
    assert errors.strip() == "Interrupted. Whether anything was moved: hotpass status"


@pytest.mark.usefixtures("plugin")
def test_a_reader_that_leaves_is_no_error() -> None:
    process = subprocess.Popen([HOTPASS, "shout"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(timeout=30) == app.CLOSED
    process.stderr.close()
    assert errors == b""


def decision(outcome: Outcome) -> Decision:
    from datetime import UTC, datetime

    return Decision(
        Identity("default", "lead", 3, 1), "Staging", "Production", outcome, (), (),
        datetime(2026, 1, 31, tzinfo=UTC), notes=("because of the test",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (NotFound("no model 'led'; there is 'lead'"), 2, "Error: no model 'led'; there is 'lead'"),
        (RegistryError("sqlite:///x.db cannot be opened"), 4, "Error: sqlite:///x.db cannot be opened"),
        (PromotionDenied("no", decision(Outcome.DENIED)), 1, "lead version 3: Staging -> Production denied"),
        (PromotionPending("no", decision(Outcome.PENDING)), 3, "lead version 3: Staging -> Production pend"),
        (ModuleNotFoundError("No module named 'mlflow'", name="mlflow"), 2,
         "Error: mlflow is not installed. Install it with `pip install 'hotpass[ml_scoring]'` or, in a "
         "checkout, `uv sync --extra ml_scoring`."),
        (ModuleNotFoundError("No psycopg2", name="psycopg2.errors"), 2, "Error: psycopg2 is not"),
        (ModuleNotFoundError("No module named 'surprise'", name="surprise"), app.BUG, "Error: this is a bug"),
        (ZeroDivisionError("division by zero"), app.BUG, "Error: this is a bug"),
        (KeyboardInterrupt(), app.INTERRUPTED, "Interrupted."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)  # fmt: skip
@pytest.mark.parametrize("as_json", [False, True])
def test_every_error_has_its_code_and_its_words(
    error: BaseException, code: int, text: str, as_json: bool, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fail(args: list[str]) -> int:
        raise error

    monkeypatch.setattr(app, "_dispatch", fail)
    assert app.main(["promote", *(["--json"] if as_json else [])]) == code
    written = capsys.readouterr()
    assert written.err.startswith(text)
    assert "Traceback" not in written.err
    if not as_json or isinstance(error, KeyboardInterrupt):
        assert written.out == ""
        return
    body = json.loads(written.out)["error"]
    assert body["message"]
    assert body["problems"] == []
    assert ("decision" in body) == isinstance(error, PromotionDenied)
    expected = "MissingDependency" if code == 2 and isinstance(error, ImportError) else type(error).__name__
    assert body["type"] == expected


def test_an_error_is_an_error_of_its_own_also_with_debugging(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: list[str]) -> int:
        raise HotpassError("no")

    monkeypatch.setattr(app, "_dispatch", fail)
    monkeypatch.setenv("HOTPASS_DEBUG", "1")
    assert app.main(["promote"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        output.print_json({"a": float("nan")})


def test_a_console_in_a_pipe_is_plain_and_wide(capsys: pytest.CaptureFixture[str]) -> None:
    output.console().print("[red]" + "word " * 30 + "[/red]")
    assert capsys.readouterr().out == "word " * 29 + "word \n"


@pytest.mark.parametrize(
    ("count", "noun", "text"), [(1, "gate", "1 gate"), (2, "policy", "2 policies"), (0, "gate", "0 gates")]
)
def test_plurals(count: int, noun: str, text: str) -> None:
    assert output.plural(count, noun) == text


def test_the_command_is_a_module_too() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "hotpass", "history"], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 2
    assert "Missing argument 'MODEL'.\nTry `hotpass history --help`.\n" in ran.stderr

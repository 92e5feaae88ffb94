"""Plugins that end the process, values that would forge the output, settings and URIs that make no sense."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import Hotpass
from support.stores import Store
from support.versions import make_version

HOTPASS = Path(sys.executable).with_name("hotpass")
POLICY = """\
policy: leads
models: ["lead*"]
promotions:
  - to: Staging
    gates:
      - required_tags:
          owner: {equals: ada}
"""
EXITS = {
    "on import": "import sys\nsys.exit(0)\n",
    "in hotpass_gates": """\
import sys
import hotpass

@hotpass.hookimpl
def hotpass_gates():
    sys.exit(0)
""",
}
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]")


@pytest.fixture(autouse=True)
def policies(sqlite_store: Store) -> None:
    Path("policies").mkdir()
    Path("policies/leads.yaml").write_text(POLICY)


def plugin(text: str, folder: str = "extra", name: str = "mine.py") -> None:
    Path(folder).mkdir(parents=True)
    Path(folder, name).write_text(text)


@pytest.mark.parametrize("text", EXITS.values(), ids=EXITS)
@pytest.mark.parametrize(
    "words", [["policy", "lint", "policies"], ["plugins", "list"], ["check", "leads", "1", "--to", "Staging"]]
)
def test_a_plugin_that_ends_the_process_is_an_error(
    hotpass: Hotpass, monkeypatch: pytest.MonkeyPatch, words: list[str], text: str
) -> None:
    plugin(text)
    monkeypatch.setenv("HOTPASS_PLUGINS", "extra")

    ran = hotpass(*words)

    assert ran.code == 2
    assert "mine.py" in ran.err
    assert "SystemExit: 0" in ran.err


@pytest.mark.parametrize(("where", "code"), [("hotpass_cli", 2), ("the command", 70)])
def test_a_plugins_command_that_ends_the_process_never_exits_0(
    hotpass: Hotpass, monkeypatch: pytest.MonkeyPatch, where: str, code: int
) -> None:
    early = "    raise SystemExit(0)\n" if where == "hotpass_cli" else ""
    plugin(
        f"import hotpass\n\n@hotpass.hookimpl\ndef hotpass_cli(app):\n{early}    @app.command()\n"
        "    def hello():\n        raise SystemExit(0)\n"
    )
    monkeypatch.setenv("HOTPASS_PLUGINS", "extra")

    ran = hotpass("hello")

    assert (ran.code, "SystemExit: 0" in ran.err) == (code, True)


def test_two_plugin_folders_of_one_name(hotpass: Hotpass) -> None:
    for parent in ("a", "b"):
        plugin("", folder=f"{parent}/gates")

    ran = hotpass("plugins", "list", "--plugins", "a/gates", "--plugins", "b/gates")

    assert ran.code == 2
    assert ran.err.startswith("Error: plugin b/gates/mine.py has the name gates/mine.py, and so has ")
    assert "a/gates/mine.py. Rename one" in ran.err


@pytest.mark.parametrize("parameters", ["candidate=None", "candidate, now=None", "**kwargs", "*, now"])
def test_a_hook_with_a_parameter_that_gets_nothing_is_refused(hotpass: Hotpass, parameters: str) -> None:
    plugin(f"import hotpass\n\n@hotpass.hookimpl\ndef hotpass_veto({parameters}):\n    return None\n")

    ran = hotpass("plugins", "list", "--plugins", "extra")

    assert ran.code == 2
    assert "which nothing is passed to" in ran.err
    assert "hotpass_veto(candidate:" in ran.err.replace("'", "")


def test_no_value_of_the_registry_forges_a_line(
    hotpass: Hotpass, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = "lead\n  passed        required_tags"
    make_version(sqlite_store, model, tags={"owner": "\x1b[2J\r\nforged: all is well\u202e"})
    monkeypatch.setenv("HOTPASS_ACTOR", "ada\x1b[1A\nforged by ada")

    shown = []
    for words, code in (
        (["check", model, "1", "--to", "Staging"], 1),
        (["promote", model, "1", "--to", "Staging"], 1),
        (["history", model, "-v"], 0),
        (["status"], 0),
        (["audit", "verify"], 0),
        (["adopt", "--all", "--dry-run"], 0),
    ):
        ran = hotpass(*words)
        assert ran.code == code, ran
        shown.append(ran.out + ran.err)

    text = "\n".join(shown)
    assert not CONTROL.search(text), CONTROL.findall(text)
    assert not [line for line in text.splitlines() if line.lstrip().startswith(("forged", "passed"))], text
    assert "ada\\x1b[1A" in text
    assert "\\x1b[2J" in text


@pytest.mark.parametrize("level", ["", "  "])
def test_an_empty_logging_level_is_none(
    hotpass: Hotpass, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setenv("MLFLOW_LOGGING_LEVEL", level)

    assert hotpass("status").code == 0


def test_an_unknown_logging_level(hotpass: Hotpass, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_LOGGING_LEVEL", "verbose")

    ran = hotpass("status")

    assert ran.code == 2
    assert ran.err.startswith("Error: MLFLOW_LOGGING_LEVEL is 'verbose', which is no level.")


def test_a_uri_that_is_none(hotpass: Hotpass) -> None:
    ran = hotpass("status", "--registry-uri", "http://u:s3cret@[::1", "--tracking-uri", "http://u:s3cret@[::1")

    assert ran.code == 2
    assert ran.err.startswith("Error: http://u:***@[::1 is not a URI")


def test_a_closed_stdout() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" policy lint policies >&-', HOTPASS],
        stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_a_traceback_is_masked(hotpass: Hotpass, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin('raise RuntimeError("postgresql://me@corp:s3cret@host/db")\n')
    monkeypatch.setenv("HOTPASS_DEBUG", "1")

    ran = hotpass("plugins", "list", "--plugins", "extra")

    assert "Traceback" in ran.err
    assert "s3cret" not in ran.err

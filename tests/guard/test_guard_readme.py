"""What src/hotpass/guard/README.md shows works as it is written there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from hotpass.guard import serving
from support.commands import Hotpass
from support.guarded import Guarded
from support.pages import blocks
from support.servers import free_port
from support.versions import make_version

README = Path(__file__).resolve().parents[2] / "src" / "hotpass" / "guard" / "README.md"
LINES = [line for block in blocks(README) if block.language == "sh" for line in block.text.splitlines()]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The servers that `hotpass serve` was about to start."""
    found: list[list[str]] = []

    def run(command: list[str], environment: dict[str, str]) -> int:
        found.append(command)
        return 0

    monkeypatch.setattr(serving, "_run", run)
    return found


def test_every_way_to_serve_starts_a_server(
    started: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], postgres_server: Any,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_FLASK_SERVER_SECRET_KEY", "MLFLOW_AUTH_ADMIN_PASSWORD"):
        assert any(f"export {name}=" in line for line in LINES)
        monkeypatch.setenv(name, "as-long-as-openssl-makes-it")
    # MLflow reads its auth settings when the module is imported, which another test may have done.
    from mlflow.server import auth

    settings = auth.auth_config._replace(admin_password="as-long-as-openssl-makes-it")
    monkeypatch.setattr(auth, "auth_config", settings)
    hotpass = Hotpass(capsys)
    assert hotpass("init").code == 0
    serve = [shlex.split(line, comments=True)[1:] for line in LINES if line.startswith("hotpass serve")]
    with postgres_server.database(tmp_path) as store:
        for words in serve:
            port = str(free_port())
            monkeypatch.setenv("MLFLOW_PORT", port)
            instead = {"5000": port, **{word: store.uri for word in words if word.startswith("postgresql")}}
            ran = hotpass(*[instead.get(word, word) for word in words])
            assert ran.code == 0, ran.err

    assert len(started) == len(serve) == 4


def test_a_refusal_looks_as_it_says(guarded_sqlite: Guarded, capsys: pytest.CaptureFixture[str]) -> None:
    name = guarded_sqlite.name()
    make_version(guarded_sqlite, name, metrics={"roc_auc": 0.1})
    (block,) = [block for block in blocks(README) if block.language == "python"]
    capsys.readouterr()

    exec(compile(block.text.replace('"lead_scoring"', f'"{name}"'), README.name, "exec"), {})

    printed = capsys.readouterr().out
    assert printed.startswith("PERMISSION_DENIED\n")
    assert "roc_auc is 0.1" in printed


def test_the_other_commands_do_what_it_says(
    guarded_sqlite: Guarded, capsys: pytest.CaptureFixture[str]
) -> None:
    hotpass = Hotpass(capsys)
    others = [line for line in LINES if re.match("hotpass (?!serve|init)", line)]
    commands = [shlex.split(line) for line in others]
    assert [" ".join(words) for words in commands] == [
        "hotpass adopt --all", "hotpass scan --drift", "hotpass audit verify",
    ]  # fmt: skip
    make_version(guarded_sqlite, guarded_sqlite.name(), metrics={"roc_auc": 0.9})

    assert hotpass(*commands[0][1:]).code == 0
    for words in commands[1:]:
        policies = ["--policies", guarded_sqlite.policies] if words[1] == "scan" else []
        ran = hotpass(*words[1:], *policies)
        assert ran.code in (0, 1), ran.err  # other tests may have left something to find
        assert "Error" not in ran.err

    (health,) = [line for line in LINES if line.startswith("curl")]
    path = health.split("127.0.0.1:5000", 1)[1]
    assert guarded_sqlite.get(path).json["status"] == "green"


def test_it_names_the_variables_and_the_app_as_they_are() -> None:
    text = README.read_text()
    direct = next(line for line in LINES if line.startswith("mlflow server"))
    assert "--app-name hotpass" in direct
    source = (README.parent / "guard_settings.py").read_text()
    for name in re.findall(r"export (HOTPASS_\w+)", text):
        assert name in source or name == "HOTPASS_POLICIES"


def test_its_table_of_contents_leads_to_its_headings() -> None:
    text = README.read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    listed = re.findall(r"^- \[(.+)\]\(#(.+)\)$", text, re.MULTILINE)
    assert [title for title, _ in listed] == headings
    for title, anchor in listed:
        assert anchor == re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")

"""`hotpass serve` before anything serves: what it says about itself, and about everybody's mistakes.

That it serves is in tests/guard/test_serve.py.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from hotpass.guard import serving
from support.commands import Hotpass
from support.guarded import POLICY


@pytest.fixture(autouse=True)
def policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `policies` in the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "guarded.yaml").write_text(POLICY)
    return folder


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the server was to be started with, in the place of starting it."""
    found: dict[str, Any] = {}

    def run(command: list[str], environment: dict[str, str]) -> int:
        found.update(command=command, environment=environment)
        return 0

    monkeypatch.setattr(serving, "_run", run)
    return found


def test_it_says_what_it_guards_and_how(hotpass: Hotpass, started: dict[str, Any], tmp_path: Path) -> None:
    ran = hotpass(
        "serve", "--port", _free(), "--key-file", "key", "--observe", "--", "--static-prefix", "/ml"
    )

    assert ran.code == 0, ran.err
    assert "guards sqlite:///mlflow.db" in ran.out
    assert "guarded: guarded_*  (policies/guarded.yaml)" in ran.out
    assert f"{tmp_path / 'key'}  (made just now; " in ran.out
    assert "nothing is refused" in ran.out
    assert "http://127.0.0.1:" in ran.out
    assert (tmp_path / "key").read_text().strip() not in ran.out + ran.err
    assert started["command"][1:6] == ["-m", "mlflow", "server", "--app-name", "hotpass"]
    assert started["command"][-2:] == ["--static-prefix", "/ml"]
    assert started["environment"]["HOTPASS_GUARD_OBSERVE"] == "true"
    assert started["environment"]["HOTPASS_POLICIES"] == str(tmp_path / "policies")


def test_a_password_is_neither_shown_nor_in_the_command(
    hotpass: Hotpass, started: dict[str, Any], postgres_server: Any, tmp_path: Path
) -> None:
    with postgres_server.database(tmp_path) as store:
        ran = hotpass("serve", "--port", _free(), "--backend-store-uri", f"hotpass+{store.uri}")

    assert ran.code == 0, ran.err
    assert "not-for-logs" in store.uri
    assert "not-for-logs" not in ran.out + ran.err + " ".join(started["command"])
    assert started["environment"]["MLFLOW_BACKEND_STORE_URI"] == store.uri, "without the guard's prefix"


def test_mlflows_own_settings_reach_the_server_as_they_were(
    hotpass: Hotpass, started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command of Hotpass' quietens MLflow in its own process only."""
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")

    assert hotpass("serve", "--port", _free()).code == 0

    assert started["environment"]["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
    assert started["environment"]["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert "MLFLOW_LOGGING_LEVEL" not in started["environment"]


def test_the_variables_of_mlflow_and_hotpass_count(
    hotpass: Hotpass, started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = _free()
    monkeypatch.setenv("MLFLOW_PORT", str(port))
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "sqlite:///other.db")
    monkeypatch.setenv("HOTPASS_GUARD_OBSERVE", "true")

    ran = hotpass("serve")

    assert f":{port}" in ran.out
    assert "guards sqlite:///other.db" in ran.out
    assert started["environment"]["HOTPASS_GUARD_OBSERVE"] == "true"


MISTAKES = {
    "missing policies": (["--policies", "nowhere"], 2, ["nowhere: it does not exist"]),
    "an empty place": (["--policies", ""], 2, ["it names an empty place"]),
    "a broken policy": (["--policies", "broken.yaml"], 2, ["broken.yaml:1:1:", "problems found"]),
    "a folder of files": (["--backend-store-uri", "./mlruns"], 2, ["cannot be guarded", "migrate-filestore"]),
    "another server": (["--backend-store-uri", "http://127.0.0.1:5000"], 2, ["cannot be guarded"]),
    "a database that is away": (
        ["--backend-store-uri", "postgresql+psycopg2://ada:secret-word@127.0.0.1:1/x"], 4,
        ["cannot connect to postgresql+psycopg2://ada:***@127.0.0.1:1/x"],
    ),
    "no database": (["--backend-store-uri", "sqlite:///broken.yaml"], 2, ["is not a SQLite database"]),
    "a key for everybody": (["--key-file", "open.key"], 2, ["Run: chmod 600"]),
    "a key that is none": (["--key-file", "short.key"], 2, ["it takes at least 32"]),
    "a key in a file": (["--key-file", "broken.yaml/key"], 2, ["--key-file"]),
    "a port in use": (["--port", "TAKEN"], 2, ["Address already in use", "--port"]),
    "somebody else's address": (["--host", "203.0.113.7"], 2, ["nobody can listen on 203.0.113.7"]),
    "a host that is none": (["--host", "no.such.host.invalid"], 2, ["nobody can listen on no.such.host"]),
    "another app": (["--", "--app-name", "basic-auth"], 2, ["--app-name cannot be among"]),
    "an option on the wrong side": (["--", "--port=5001"], 2, ["write it in full before the --"]),
    "no workers": (["--workers", "0"], 2, ["--workers"]),
    "auth without its secrets": (
        ["--auth"], 2, ["MLFLOW_FLASK_SERVER_SECRET_KEY", "MLFLOW_AUTH_ADMIN_PASSWORD"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("options", "code", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_clear_error(
    hotpass: Hotpass, started: dict[str, Any], options: list[str], code: int, said: list[str], tmp_path: Path
) -> None:
    (tmp_path / "broken.yaml").write_text("policy: x")
    (tmp_path / "open.key").write_text("x" * 64)
    (tmp_path / "open.key").chmod(0o644)
    (tmp_path / "short.key").write_text("x")
    (tmp_path / "short.key").chmod(0o600)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = hotpass("serve", *[port if word == "TAKEN" else word for word in options])

    assert ran.code == code, ran.err
    for words in said:
        assert words in ran.err
    assert "Traceback" not in ran.err
    assert "secret-word" not in ran.out + ran.err
    assert not started, "nothing was started"


def test_an_unknown_word_in_a_variable_is_refused(
    hotpass: Hotpass, started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTPASS_GUARD_OBSERVE", "perhaps")

    ran = hotpass("serve")

    assert (ran.code, "it can be 'true' or 'false'" in ran.err, started) == (2, True, {})


def test_policies_in_a_folder_that_a_path_list_cannot_name(
    hotpass: Hotpass, started: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / f"a{os.pathsep}b"
    folder.mkdir()
    (folder / "guarded.yaml").write_text(POLICY)

    ran = hotpass("serve", "--policies", folder)

    assert (ran.code, "a server cannot be told of it" in ran.err) == (2, True)


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

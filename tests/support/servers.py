"""Starts real MLflow servers on the loopback interface."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
STARTUP_SECONDS = 120.0


@dataclass(frozen=True)
class Server:
    """A running server: its URI, the folder with its database, artifacts and log."""

    uri: str
    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def clear(self) -> None:
        """Sets every table back to what it held when the server had just started."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=30)) as db, db:
            db.execute("ATTACH DATABASE ? AS template", (str(self.folder / "template.db"),))
            tables = db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                # table_info leaves out generated columns, which cannot be written to.
                names = ", ".join(f'"{row[1]}"' for row in db.execute(f'PRAGMA main.table_info("{table}")'))
                db.execute(f'DELETE FROM main."{table}"')
                db.execute(f'INSERT INTO main."{table}" ({names}) SELECT {names} FROM template."{table}"')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def mlflow_server(
    folder: Path, template: Path, *, workers: int = 2, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """`mlflow server` as a user starts it, on a copy of the migrated SQLite database `template`.

    `env` is added to its environment. Raises RuntimeError with the end of its log if it does not come up.
    """
    database = folder / "mlflow.db"
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", str(workers),
        "--backend-store-uri", f"sqlite:///{database}", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    with _serving(command, folder, template, env or {}) as server:
        yield server


@contextlib.contextmanager
def alias_only_server(folder: Path, template: Path) -> Iterator[Server]:
    """MLflow's own app behind `alias_only_app.py`: a registry that has aliases but no stages."""
    command = [
        sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--app-dir", str(HERE), "alias_only_app:app",
    ]  # fmt: skip
    env = {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder / 'mlflow.db'}",
        "_MLFLOW_SERVER_REGISTRY_STORE": f"sqlite:///{folder / 'mlflow.db'}",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }
    with _serving(command, folder, template, env) as server:
        yield server


@contextlib.contextmanager
def _serving(command: list[str], folder: Path, template: Path, env: Mapping[str, str]) -> Iterator[Server]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("mlflow.db", "template.db"):
        shutil.copyfile(template, folder / name)
        with contextlib.closing(sqlite3.connect(folder / name)) as db, db:
            db.execute("UPDATE experiments SET artifact_location = 'mlflow-artifacts:/0'")
    port = free_port()
    server = Server(f"http://127.0.0.1:{port}", folder)
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "leash.py"), *command, "--port", str(port)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
            # Its job runner starts several more processes, and nothing here needs it.
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **env},
        )
    try:
        _wait_until_healthy(server, process)
        yield server
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


def _wait_until_healthy(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{server.uri}/health", timeout=5).close()
            return
        time.sleep(0.1)
    tail = server.log.read_text(errors="replace")[-4000:]
    raise RuntimeError(f"the MLflow server did not come up; its log ends with:\n{tail}")

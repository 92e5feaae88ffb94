"""Guarded servers: `hotpass serve` as people start it, on a database of its own, with policies that a test
can edit and with methods to kill it and start it again.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .servers import free_port
from .stores import Postgres

HERE = Path(__file__).resolve().parent

#: Three times MLflow has to be imported, on a machine that may have much else to do.
STARTUP_SECONDS = 240.0

ADMIN, ADMIN_PASSWORD = "admin", "the-password-of-admin"

#: Covers `guarded_*`; what every guarded server begins with. A rollback to Production needs nothing besides.
POLICY = """\
policy: guarded
models: ["guarded_*"]
aliases: [live]
promotions:
  - to: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.70}
  - to: Production
    from: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.75}
  - to: Archived
    gates:
      - required_tags:
          archive_reason: present
"""


@dataclass(frozen=True)
class Answer:
    """What a server answered to one request."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class How:
    """How a guarded server is started. `kind` is the database: "sqlite" or "postgres".

    With `direct` it is `mlflow server --app-name hotpass`, without `hotpass serve` around it. `options` go to
    the command, `env` is added to the environment (pairs, so that it can be a key).
    """

    kind: str = "sqlite"
    auth: bool = False
    observe: bool = False
    workspaces: bool = False
    workers: int = 1
    policies: str = POLICY
    direct: bool = False
    jobs: bool = False
    options: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


@dataclass
class Guarded:
    """A guarded server. As a `Store` has, it has `kind`, `uri`, `client`, `artifacts`, `has_stages`, `log`.
    """

    how: How
    folder: Path
    database_uri: str
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    kind = "guarded"
    has_stages = True

    @property
    def policies(self) -> Path:
        """The folder of its policies, for tests that edit them: `guarded.yaml` is there."""
        return self.folder / "policies"

    @property
    def key_file(self) -> Path:
        return self.folder / "guard.key"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def artifacts(self) -> Path:
        """The folder above all artifacts, as the server's artifact proxy has it."""
        return self.folder / "artifacts"

    @cached_property
    def client(self) -> Any:
        """An MlflowClient for the server. With auth, its user is whoever `as_user` says; the fixtures say
        the admin.
        """
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def name(self, stem: str = "m") -> str:
        """A model's name that no other test uses, in reach of `POLICY`."""
        return f"guarded_{stem}_{uuid.uuid4().hex[:8]}"

    def free_name(self, stem: str = "m") -> str:
        """A model's name that no other test uses, out of reach of `POLICY`."""
        return f"free_{stem}_{uuid.uuid4().hex[:8]}"

    # --- its life -------------------------------------------------------------------------------------------

    def command(self) -> list[str]:
        how = self.how
        mlflow = ["--artifacts-destination", str(self.artifacts)]
        if how.workspaces:
            mlflow.append("--enable-workspaces")
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", str(how.workers)]
        if how.direct:
            return [
                sys.executable, "-m", "mlflow", "server", "--app-name", "hotpass",
                "--backend-store-uri", self.database_uri, *where, *mlflow, *how.options,
            ]  # fmt: skip
        flags = ["--auth"] * how.auth + ["--observe"] * how.observe
        return [
            sys.executable, "-m", "hotpass.cli.app", "serve", "--policies", str(self.policies),
            "--backend-store-uri", self.database_uri, "--key-file", str(self.key_file),
            *where, *flags, *how.options, "--", *mlflow,
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        how = self.how
        env = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_TRACKING_")}
        # Its job runner starts several more processes.
        env |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": str(how.jobs).lower()}
        if how.auth:
            env |= {
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "the-secret-of-the-forms",
                "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN_PASSWORD,
            }
        if how.direct:
            env |= {
                "HOTPASS_POLICIES": str(self.policies),
                "HOTPASS_GUARD_AUTH": str(how.auth).lower(),
                "HOTPASS_GUARD_OBSERVE": str(how.observe).lower(),
            }
            if self.key_file.exists():
                env["HOTPASS_GUARD_KEY_FILE"] = str(self.key_file)
        return env | dict(how.env)

    def start(self) -> None:
        """Starts it and waits until it answers. Raises RuntimeError with the end of its log where it ends
        before.
        """
        assert self._process is None
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "leash.py"), *self.command()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
                env=self.environment(),
            )
        deadline = time.monotonic() + STARTUP_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
                return
            time.sleep(0.1)
        self.kill()
        tail = self.log.read_text(errors="replace")[-4000:]
        raise RuntimeError(f"the guarded server did not come up; its log ends with:\n{tail}")

    def kill(self) -> None:
        """SIGKILL to all of its processes at once, as a crash of the machine."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
        assert process.stdin is not None
        process.stdin.close()

    stop = kill

    def restart(self) -> None:
        """Starts it again on the same port, after `kill` or instead of it."""
        self.kill()
        self.start()

    # --- asking it ------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One HTTP request with a JSON body (bytes are sent as they are), anonymous unless `user` says whose;
        never repeated. The answer may be an error.
        """
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.uri}{path}", data=data, method=method)
        if body is not None and not isinstance(body, bytes):
            request.add_header("Content-Type", "application/json")
        if user is not None:
            word = base64.b64encode(f"{user}:{password_of(user)}".encode()).decode()
            request.add_header("Authorization", f"Basic {word}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.read().decode(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode(errors="replace"), dict(error.headers))

    def post(self, path: str, body: Any, *, user: str | None = None) -> Answer:
        return self.request("POST", path, body, user=user)

    def get(self, path: str, *, user: str | None = None) -> Answer:
        return self.request("GET", path, user=user)

    # --- users, with auth -----------------------------------------------------------------------------------

    def add_user(self, name: str) -> str:
        """A user with READ on everything, MLflow's default. Returns the name."""
        answer = self.post(
            "/api/2.0/mlflow/users/create", {"username": name, "password": password_of(name)}, user=ADMIN
        )
        assert answer.status == 200 or "RESOURCE_ALREADY_EXISTS" in answer.text, answer.text
        return name

    def grant(self, user: str, model: str, permission: str) -> None:
        """`permission` on `model`: READ, USE, EDIT, MANAGE or NO_PERMISSIONS."""
        body = {"resource_type": "registered_model", "resource_id": model, "permission": permission}
        answer = self.post("/api/3.0/mlflow/users/permissions/grant", {**body, "username": user}, user=ADMIN)
        assert answer.status == 200, answer.text

    @contextlib.contextmanager
    def as_user(self, name: str) -> Iterator[Any]:
        """Inside, MLflow's clients in this process and in those that it starts are `name`'s; yields `client`.
        """
        mine = {"MLFLOW_TRACKING_USERNAME": name, "MLFLOW_TRACKING_PASSWORD": password_of(name)}
        before = {key: os.environ.get(key) for key in mine}
        os.environ.update(mine)
        try:
            yield self.client
        finally:
            for key, value in before.items():
                if value is None:
                    os.environ.pop(key, None)
                else:
                    os.environ[key] = value


def password_of(user: str) -> str:
    return ADMIN_PASSWORD if user == ADMIN else f"the-password-of-{user}"


@contextlib.contextmanager
def guarded_server(
    folder: Path, how: How, *, template: Path, postgres: Postgres | None = None, started: bool = True
) -> Iterator[Guarded]:
    """A guarded server on an empty database in `folder`; a `template` of a SQLite database saves the time to
    migrate one. `postgres` is for `kind` "postgres".
    """
    (folder / "policies").mkdir(parents=True, exist_ok=True)
    (folder / "policies" / "guarded.yaml").write_text(how.policies)
    with contextlib.ExitStack() as stack:
        if how.kind == "postgres":
            assert postgres is not None
            database = stack.enter_context(postgres.database(folder, "mlflow-artifacts:")).uri
        else:
            file = folder / "mlflow.db"
            shutil.copyfile(template, file)
            with contextlib.closing(sqlite3.connect(file)) as db, db:
                db.execute("UPDATE experiments SET artifact_location = 'mlflow-artifacts:/0'")
            database = f"sqlite:///{file}"
        server = Guarded(how, folder, database)
        stack.callback(server.kill)
        if started:
            server.start()
        yield server

"""Runs the table of attacks against one server and says what went wrong."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine

from hotpass.ledger.record import TAG_SEQ
from hotpass.ledger.seal import Seal
from support.bypass.attack import Attack, Caller, Wire
from support.bypass.setting import Ledger, Setting
from support.bypass.view import Camera, Reader
from support.bypass.watch import Watch
from support.guarded import ADMIN, Guarded

MALLORY, ANA = "mallory", "ana"
WORKSPACE = "team"


@dataclass(frozen=True)
class Outcome:
    """What came of one attack: answers that were not expected, and what changed that must not."""

    attack: Attack
    unexpected: Sequence[str]
    breaches: Sequence[str]

    @property
    def text(self) -> str:
        return "\n    ".join([f"{self.attack.name}:", *self.unexpected, *self.breaches[:8]])


class Matrix:
    """One server, its setting, and the accounts that attack it."""

    def __init__(
        self, uri: str, engine: Engine, artifacts: Path, setting: Setting, *,
        key_file: Path | None, auth: bool, second: str | None = None,
    ) -> None:  # fmt: skip
        seal = Seal(key_file.read_bytes().strip()) if key_file is not None else None
        users = [MALLORY, ADMIN] if auth else [None]
        self.engine = engine
        self.setting = setting
        self.has = {"auth" if auth else "no auth"}
        self.has |= {"workspaces"} if setting.workspace else set()
        self.has |= {"guard"} if key_file is not None else set()
        self.has |= {"two servers"} if second else set()
        known = frozenset({MALLORY, ADMIN}) if auth else frozenset[str]()
        self.camera = Camera(engine, artifacts, setting, known)
        self.watch = Watch(seal)
        other = Wire(second) if second else None
        self.callers = [Caller(Wire(uri), setting, user, setting.workspace, other) for user in users]

    def run(self, attacks: Iterable[Attack]) -> Iterator[Outcome]:
        """Each attack by every account, and then a look at what it did."""
        before = self.camera.look()
        for attack in attacks:
            if not self.has >= set(attack.only):
                continue
            unexpected = [text for caller in self.callers for text in _sent(attack, caller)]
            after = self.camera.look()
            yield Outcome(attack, unexpected, self.watch.breaches(before, after))
            before = after


def _sent(attack: Attack, caller: Caller) -> Iterator[str]:
    """What `caller` was answered that was not expected."""
    caller.sent.clear()
    try:
        answers = attack.send(caller)
    except Exception as error:  # one broken attack must not hide what the others find
        yield f"by {caller.user}: {type(error).__name__}: {error}; sent: {caller.sent[-4:]}"
        return
    for answer in answers:
        if not attack.expect(answer):
            yield f"by {caller.user}, not {attack.expect.__name__}: {answer.status} {answer.text[:300]}"


def find_ledgers(engine: Engine, setting: Setting) -> None:
    """Where the records are, by the database, since their addresses are no secret."""
    with engine.connect() as connection:
        read = Reader(connection)
        setting.root_experiment = str(
            read.rows("SELECT experiment_id FROM experiments WHERE name = 'hotpass-ledger'")[0][0]
        )
        for experiment, name, genesis in read.rows(
            "SELECT e.experiment_id, e.name, t.value FROM experiments e JOIN experiment_tags t"
            " ON t.experiment_id = e.experiment_id"
            " WHERE e.name LIKE 'hotpass-ledger/%' AND t.key = 'hotpass.genesis'"
        ):
            runs = read.rows(
                "SELECT t.run_uuid FROM tags t JOIN runs r ON r.run_uuid = t.run_uuid"
                f" WHERE r.experiment_id = {int(experiment)} AND t.key = '{TAG_SEQ}' ORDER BY t.value"
            )
            found = Ledger(str(experiment), str(genesis), [str(run) for (run,) in runs])
            setting.ledgers[name.partition("/")[2]] = found


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def prepare_accounts(server: Guarded, workspace: str | None) -> None:
    """Mallory, who may do everything in MLflow but be its admin, and ana, who approves."""
    if workspace:
        made = server.post(
            "/api/3.0/mlflow/workspaces", {"name": workspace}, user=ADMIN if server.how.auth else None
        )
        assert made.status in (200, 201), made.text
    if not server.how.auth:
        return
    for name in (MALLORY, ANA):
        server.add_user(name)
    if workspace:
        role = server.post(
            "/api/3.0/mlflow/roles/create", {"name": "members", "workspace": workspace}, user=ADMIN
        )
        role_id = role.json["role"]["id"]
        body: dict[str, Any] = {"role_id": role_id, "resource_type": "workspace", "resource_pattern": "*"}
        added = server.post(
            "/api/3.0/mlflow/roles/permissions/add", {**body, "permission": "MANAGE"}, user=ADMIN
        )
        assert added.status == 200, added.text
        for name in (MALLORY, ANA):
            given = server.post(
                "/api/3.0/mlflow/roles/assign", {"username": name, "role_id": role_id}, user=ADMIN
            )
            assert given.status == 200, given.text


def auth_settings(folder: Path) -> tuple[tuple[str, str], ...]:
    """The environment of a server whose users may do everything by default, so that only the guard refuses.
    """
    file = folder / "auth.ini"
    file.write_text(
        "[mlflow]\n"
        "default_permission = MANAGE\n"
        f"database_uri = sqlite:///{folder / 'auth.db'}\n"
        "admin_username = admin\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "grant_default_workspace_access = true\n"
        "auth_cache_ttl_seconds = 600\n"  # 600,000 rounds of PBKDF2 for every request otherwise
    )
    return (("MLFLOW_AUTH_CONFIG_PATH", str(file)),)


class Restored:
    """A SQLite database and the artifacts beside it, set back to what they were after every attack."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as db:
            db.execute("VACUUM INTO ?", (str(folder / "before.db"),))
        shutil.copytree(folder / "artifacts", folder / "artifacts-before")

    def restore(self) -> None:
        with contextlib.closing(sqlite3.connect(self._folder / "mlflow.db", timeout=30)) as db, db:
            db.execute("ATTACH DATABASE ? AS template", (str(self._folder / "before.db"),))
            tables = db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                # table_info leaves out generated columns, which cannot be written to.
                names = ", ".join(f'"{row[1]}"' for row in db.execute(f'PRAGMA main.table_info("{table}")'))
                db.execute(f'DELETE FROM main."{table}"')
                db.execute(f'INSERT INTO main."{table}" ({names}) SELECT {names} FROM template."{table}"')
        shutil.rmtree(self._folder / "artifacts", ignore_errors=True)
        shutil.copytree(self._folder / "artifacts-before", self._folder / "artifacts")


def engine_of(uri: str) -> Engine:
    return create_engine(uri)

"""The stores that tests run against, each real and each empty at the start of a test."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

PASSWORD = "not-for-logs"


@dataclass(frozen=True)
class Store:
    """An MLflow store: `uri` is both its tracking and its registry URI.

    `kind` is "sqlite", "postgres", "http" or "alias-only". `artifacts` is the folder above all
    artifacts. `log` is the server's log, where there is a server.
    """

    kind: str
    uri: str
    artifacts: Path
    has_stages: bool = True
    log: Path | None = None

    @cached_property
    def client(self) -> Any:
        """An MlflowClient for the store."""
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)


@contextlib.contextmanager
def only_one(root: Path, name: str) -> Iterator[None]:
    """Lets one test process at a time through, of all that share `root`."""
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sqlite_template(root: Path) -> Path:
    """A migrated, empty SQLite database below `root`; made by the first test process that asks."""
    template = root / "template.db"
    with only_one(root, "template"):
        if not template.exists():
            made = root / "template.making.db"
            made.unlink(missing_ok=True)
            _migrate(f"sqlite:///{made}")
            made.rename(template)
    return template


def sqlite_copy(template: Path, folder: Path) -> Store:
    """An empty SQLite store in `folder`, which must be the working directory of whoever uses it."""
    database, artifacts = folder / "mlflow.db", folder / "mlruns"
    shutil.copyfile(template, database)
    with contextlib.closing(sqlite3.connect(database)) as db, db:
        db.execute("UPDATE experiments SET artifact_location = ?", (f"{artifacts}/0",))
    return Store("sqlite", f"sqlite:///{database}", artifacts)


class Postgres:
    """A real PostgreSQL server, shared by all test processes below `root`; the last one to leave stops it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with only_one(root, "postgres"):
            place = root / "postgres.place"
            if not place.exists():
                # Not below pytest's folders: root alone may enter those, and a socket's path must be short.
                place.write_text(tempfile.mkdtemp(prefix="hotpass-pg-"))
            self.folder = Path(place.read_text())
            self.folder.mkdir(exist_ok=True)
            locks = root / "postgres-locks"
            (locks / "python_PostgresServer").mkdir(parents=True, exist_ok=True)
            locks.chmod(0o700)
            self._holder = subprocess.Popen(
                [sys.executable, str(Path(__file__).parent / "postgres.py"), str(self.folder / "data")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
                env={**os.environ, "XDG_RUNTIME_DIR": str(locks)},
            )
            assert self._holder.stdout is not None
            if not self._holder.stdout.readline():
                raise RuntimeError("PostgreSQL did not start; what it wrote is above")
            if not self._rows("SELECT 1 FROM pg_database WHERE datname = 'template_mlflow'"):
                # Nothing has to survive a crash of the machine.
                for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                    self._run(f"ALTER SYSTEM SET {setting} = off")
                self._run("SELECT pg_reload_conf()")
                self._run("DROP DATABASE IF EXISTS template_making")
                self._run("CREATE DATABASE template_making")
                _migrate(self.uri("template_making"))
                self._run("ALTER DATABASE template_making RENAME TO template_mlflow")

    def uri(self, database: str) -> str:
        """The database's URI. The server trusts everybody; the password is there to be masked.

        The driver is named because SQLAlchemy 2.1 takes another one for plain `postgresql://` than 2.0 did.
        """
        return f"postgresql+psycopg2://postgres:{PASSWORD}@/{database}?host={self.folder / 'data'}"

    @contextlib.contextmanager
    def database(self, folder: Path, artifact_root: str | None = None) -> Iterator[Store]:
        """An empty store of its own in `folder`, which must be the working directory of whoever uses it.
        `artifact_root` is where its first experiment keeps artifacts, if not in the folder.
        """
        name, artifacts = f"test_{uuid.uuid4().hex[:12]}", folder / "mlruns"
        self._run(f"CREATE DATABASE {name} TEMPLATE template_mlflow STRATEGY FILE_COPY")
        uri = self.uri(name)
        try:
            root = artifact_root or artifacts
            self._run(f"UPDATE experiments SET artifact_location = '{root}/0'", name)
            yield Store("postgres", uri, artifacts)
        finally:
            forget_engines(uri)
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        """Lets go of the server."""
        with only_one(self.root, "postgres"):
            self._holder.communicate(timeout=60)

    def _run(self, statement: str, database: str = "postgres") -> None:
        with self._cursor(database) as cursor:
            cursor.execute(statement)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with self._cursor("postgres") as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    @contextlib.contextmanager
    def _cursor(self, database: str) -> Iterator[Any]:
        import psycopg2

        place = str(self.folder / "data")
        with contextlib.closing(psycopg2.connect(dbname=database, user="postgres", host=place)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor


def forget_engines(uri: str) -> None:
    """Closes the pooled connections that MLflow's stores in this process keep to the database at `uri`."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Tracking

    for store in (Tracking, Registry):
        engine = getattr(store, "_engine_map", {}).pop(uri, None)
        if engine is not None:
            engine.dispose()


def forget_stores(uri: str) -> None:
    """Makes this process open `uri` anew, if it has it open: for one that means another place now."""
    stores = sys.modules.get("mlflow.store.tracking.sqlalchemy_store")
    if stores is None or uri not in stores.SqlAlchemyStore._engine_map:
        return
    from mlflow.tracking._model_registry.registry import ModelRegistryStoreRegistry
    from mlflow.tracking._tracking_service.registry import TrackingStoreRegistry

    forget_engines(uri)
    TrackingStoreRegistry._get_store_with_resolved_uri.cache_clear()
    ModelRegistryStoreRegistry._get_store_with_resolved_uri.cache_clear()


def _migrate(uri: str) -> None:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Tracking

    Tracking(uri, "replaced-in-every-copy")
    Registry(uri)
    forget_engines(uri)

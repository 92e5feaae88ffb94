"""The SQL database that holds a registry and its ledger, and transactions in it.

MLflow's store methods each open a session of their own: inside a lock that is held here they would wait for
it until they give up. So what has to happen at once is done with the store's session maker and MLflow's ORM
classes, one transaction for all of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from hotpass.errors import HotpassError
from hotpass.registry.calls import call

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

T = TypeVar("T")

#: Databases that lock rows, or themselves, as is needed here; MLflow's fourth, SQL Server, has no
#: SELECT … FOR UPDATE.
DIALECTS = frozenset({"sqlite", "postgresql", "mysql"})


class Database:
    """Where a registry's store of MLflow keeps its tables."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self._dialect: str = store.engine.dialect.name
        # MLflow takes `read_only` since 3.13.
        takes = inspect.signature(store.ManagedSessionMaker).parameters
        self._how: dict[str, bool] = {"read_only": False} if "read_only" in takes else {}

    @classmethod
    def shared_by(cls, registry_store: Any, ledger_store: Any) -> Database | None:
        """The database of both; None where they are no SQL stores, or not in the same one."""
        uri = _uri_of(registry_store)
        if uri is None or uri != _uri_of(ledger_store) or registry_store.engine.dialect.name not in DIALECTS:
            return None
        return cls(registry_store)

    def holds(self, store: Any) -> bool:
        """Whether `store` keeps its tables here too."""
        return _uri_of(store) == _uri_of(self.store)

    @property
    def workspace(self) -> str:
        """The workspace that the caller works in now."""
        return str(self.store._get_active_workspace())

    def write(self, what: str, work: Callable[[Session], T]) -> T:
        """What `work` returns, after all that it wrote was committed at once.

        `work` is called again where the database was busy or chose this transaction to end a deadlock. Where
        it raises, nothing is written. `what` says in a few words what is being done. Raises RegistryError.
        """

        def attempt() -> T:
            with self._transaction() as session:
                return work(session)

        return call(what, attempt)

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        from sqlalchemy import text

        ours: HotpassError | None = None
        with self.store.ManagedSessionMaker(**self._how) as session:
            if self._dialect == "sqlite":
                # Python's driver begins a transaction at the first write, and SQLite refuses to make a writer
                # of a reader that is behind by then.
                session.execute(text("BEGIN IMMEDIATE"))
            else:
                # Each read sees what was committed before it, also what its lock had to wait for; MySQL's
                # own default is the state at the first read.
                session.connection(execution_options={"isolation_level": "READ COMMITTED"})
            try:
                yield session
            except HotpassError as error:  # MLflow would make an internal error of it
                session.rollback()
                ours = error
        if ours is not None:
            raise ours


def _uri_of(store: Any) -> str | None:
    """Of an SQL store of MLflow's, plain, aware of workspaces or guarded; None for all others.

    By what it has, since importing MLflow's classes to ask would load SQLAlchemy for clients of a server.
    """
    uri = getattr(store, "db_uri", None)
    if not isinstance(uri, str) or not hasattr(store, "ManagedSessionMaker"):
        return None
    # Each store has its own engine, and so its own database in memory.
    return None if uri.startswith("sqlite") and (":memory:" in uri or uri.endswith("//")) else uri

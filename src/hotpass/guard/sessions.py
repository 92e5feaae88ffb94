"""Checking and writing in one transaction, with MLflow's own store methods.

Each method of MLflow's SQL store opens a session of its own, so what was checked before it could be otherwise
when it writes. Here a thread opens a session, takes the model's lock, checks, and calls MLflow's method,
which joins that session; nothing is committed before the end.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Query, Session


class JoinedSessions:
    """Takes the place of a store's `ManagedSessionMaker`."""

    def __init__(self, maker: Callable[..., contextlib.AbstractContextManager[Session]]) -> None:
        self._maker = maker
        # MLflow 3.12 has no replicas to read from, and no such argument.
        known = inspect.signature(maker).parameters
        self._for_writing = {"read_only": False} if "read_only" in known else {}
        self._local = threading.local()

    @contextlib.contextmanager
    def __call__(self, **kwargs: Any) -> Iterator[Session]:
        joined: Session | None = getattr(self._local, "session", None)
        if joined is not None:
            yield joined
            return
        with self._maker(**kwargs) as session:
            yield session

    @contextlib.contextmanager
    def joined(self) -> Iterator[Session]:
        """Inside, whatever this thread does with the store happens in the session that is given, on the
        primary database.
        """
        already: Session | None = getattr(self._local, "session", None)
        if already is not None:
            yield already
            return
        with self._maker(**self._for_writing) as session:
            self._local.session = session
            try:
                yield session
            finally:
                self._local.session = None

    @contextlib.contextmanager
    def locked(self, row: Callable[[Session], Query[Any]]) -> Iterator[Session]:
        """As `joined`, and no other process changes `row` in the meantime: under a row lock, or in SQLite,
        which has none, as the one writer of the database.
        """
        with self.joined() as session:
            if session.get_bind().dialect.name == "sqlite":
                session.execute(text("BEGIN IMMEDIATE"))
            else:
                row(session).with_for_update().all()
            yield session

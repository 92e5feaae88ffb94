"""Watches and disturbs what a session sends to its database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hotpass.session import Session


class Injected(Exception):
    """A failure that a test put in."""


@contextmanager
def before_each_statement(session: Session, act: Callable[[int, str], None]) -> Iterator[list[str]]:
    """Calls `act` with number and text before each statement that the session's transactions send, and before
    each commit; yields the list that the statements are written down in.
    """
    from sqlalchemy import event

    engine = session.registry.store.engine
    inside: list[bool] = []
    seen: list[str] = []

    def note(text: str) -> None:
        seen.append(text)
        act(len(seen) - 1, text)

    def on_statement(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if inside:
            note(statement)

    def on_commit(connection: Any) -> None:
        if inside:
            note("COMMIT")

    database: Any = session._database
    write = database.write

    def watched(what: str, work: Callable[[Any], Any]) -> Any:
        inside.append(True)
        try:
            return write(what, work)
        finally:
            inside.pop()

    database.write = watched
    event.listen(engine, "before_cursor_execute", on_statement)
    event.listen(engine, "commit", on_commit)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", on_statement)
        event.remove(engine, "commit", on_commit)
        del database.write


def contents(session: Session) -> dict[str, list[Any]]:
    """Every row of every table of MLflow's, by table."""
    from mlflow.store.db.base_sql_model import Base

    with session.registry.store.engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(table.select())))
            for table in Base.metadata.sorted_tables
        }

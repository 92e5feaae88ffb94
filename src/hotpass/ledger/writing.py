"""Puts records into the ledger: by MLflow's methods, a request each, or in one transaction where its database
is at hand.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from hotpass.errors import LedgerError, NotFound, RegistryError
from hotpass.ledger.draft import Draft, Sheet
from hotpass.ledger.home import Home
from hotpass.ledger.record import Entry
from hotpass.ledger.rows import PlaceTaken, Rows
from hotpass.ledger.runs import entry_of
from hotpass.ledger.seal import Seal
from hotpass.registry.calls import as_ledger_error
from hotpass.registry.database import Database

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

T = TypeVar("T")


class Slot:
    """The free place behind a record, in a transaction that holds the model's lock."""

    def __init__(self, session: Session, fill: Callable[[Draft, bool], Entry]) -> None:
        self.session = session
        self._fill = fill

    def fill(self, draft: Draft, *, with_its_move: bool = False) -> Entry:
        """Writes the record. `with_its_move` says in it that its move is committed with it, or not at all."""
        return self._fill(draft, with_its_move)


class Writer:
    """Writes the records of one model. Methods raise LedgerError."""

    def __init__(self, home: Home, lease: float, seal: Seal | None, database: Database | None) -> None:
        self._home = home
        self._lease = lease
        self._seal = seal
        self._database = database

    def append(self, draft: Draft, after: Entry | None) -> Entry | None:
        """The record behind `after`, open if it moves something; None where another one got there first."""
        if after is None:
            self._home.create()
        sheet = self._sheet(draft, after)
        run_id = self._home.write(sheet.title, sheet.tags, draft.actor.name, sheet.record.time_ms)
        if sheet.chunks > 1:  # MLflow cuts what is too long on some stores without a word
            entry_of(self._home.run(run_id))
        if not self._home.link(self._place(after), run_id):
            self._home.delete(run_id)
            return None
        if not draft.moves:
            self._home.finish(run_id, sheet.record.time_ms)
        return sheet.entry(run_id)

    def in_one_transaction(self, after: Entry | None, work: Callable[[Slot], Entry | T]) -> Entry | T | None:
        """As `Chain.in_one_transaction`."""
        assert self._database is not None
        if after is None:
            self._home.create()
        rows, run_id = Rows(self._database, self._home), uuid.uuid4().hex

        def attempt(session: Session) -> Entry | T | None:
            exists = rows.lock_model(session)
            place = rows.place(session, self._place(after), run_id)
            if place == "taken":
                raise PlaceTaken("another record got there first")
            if place == "mine":
                return None

            def fill(draft: Draft, atomic: bool) -> Entry:
                sheet = self._sheet(draft, after, atomic=atomic)
                entry = rows.insert(session, sheet, self._place(after), run_id)
                if exists:
                    rows.set_head(session, entry, self._seal)
                return entry

            return work(Slot(session, fill))

        try:
            done = self._database.write(f"append to the ledger of {self._home.model}", attempt)
        except PlaceTaken:
            return None
        except (NotFound, RegistryError) as error:
            if isinstance(error, LedgerError):
                raise
            raise as_ledger_error(error) from None
        # None: it was committed the first time, and only the answer was lost.
        return entry_of(self._home.run(run_id)) if done is None else done

    def _sheet(self, draft: Draft, after: Entry | None, *, atomic: bool = False) -> Sheet:
        return draft.written(self._home.model, after, lease=self._lease, seal=self._seal, atomic=atomic)

    def _place(self, after: Entry | None) -> str:
        return after.id if after else self._home.genesis

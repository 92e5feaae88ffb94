"""What the guarded registry store asks of the engine, in the name of whoever sent the request."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hotpass.errors import HotpassError, LedgerError, NotFound, PromotionDenied
from hotpass.guard.refusals import told_to_mlflow
from hotpass.guard.who import actor_of_request
from hotpass.ledger.record import Entry
from hotpass.verdicts import Decision

if TYPE_CHECKING:
    from hotpass.guard.core import Guard
    from hotpass.session import Session

log = logging.getLogger("hotpass")


class EngineCalls:
    """Each call makes a session of its own; safe to use from several threads."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def promoted(
        self, model: str, version: int, to: str, archive: bool | None, call: str, announced: str
    ) -> bool:
        """Promotes. False where the guard only observes and would have refused.

        `announced` is the alias whose setting MLflow's handler tells the webhooks of, once the call is over.
        Raises MlflowException for a refusal and for every other error.
        """
        if not self._guard.settings.observe:
            with told_to_mlflow():
                self._session().promote(model, version, to, archive_existing=archive, announced=announced)
            return True
        decision: Decision | None = None
        try:
            session = self._session()
            # Looked at first, since a refusal would go on record as one.
            decision = session.check(model, version, to, archive_existing=archive)
            if decision.allowed:
                session.promote(model, version, to, archive_existing=archive, announced=announced)
                return True
            reasons = reasons_of(decision)
        except PromotionDenied as error:
            decision, reasons = error.decision, reasons_of(error.decision)
        except HotpassError as error:
            reasons = [str(error)]
        self.observe(model, call, reasons, decision)
        return False

    def history(self, model: str) -> Sequence[Entry]:
        """The model's ledger, oldest record first; empty where there is none. Raises MlflowException."""
        with told_to_mlflow():
            session = self._session()
            try:
                return session.history(model)
            except NotFound:
                return []

    def observe(
        self, model: str, call: str, reasons: Sequence[str], decision: Decision | None = None
    ) -> None:
        """Records that a guard that does not only observe would have refused. Raises nothing."""
        try:
            self._guard.observe(model, call, reasons, actor_of_request(), decision)
        except HotpassError as error:
            log.warning(
                "%s of %s would have been refused, which could not be recorded: %s", call, model, error
            )

    def _session(self) -> Session:
        """Raises LedgerError where the ledger is not where it should be, which is no answer about a model."""
        try:
            return self._guard.session(actor_of_request())
        except NotFound as error:
            raise LedgerError(str(error)) from None


def reasons_of(decision: Decision) -> list[str]:
    """Why the decision does not allow, a sentence each."""
    blocking = [
        f"{judgement.entry.name} {judgement.result.verdict}: {judgement.result.message}"
        for judgement in decision.blocking
    ]
    return [*decision.notes, *blocking]

"""Records as rows of MLflow's tables, for a ledger whose database is at hand.

What is written is what MLflow's `create_run`, `log_param` and `update_run_info` would write one after the
other, so that a process which has only a server reads it, and takes its turn, as ever: the primary key of
`params` is the compare-and-set for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from hotpass.errors import LedgerDamaged, LedgerError
from hotpass.ledger.draft import Sheet
from hotpass.ledger.head import TAG_HEAD, Head
from hotpass.ledger.home import Home
from hotpass.ledger.linking import removed
from hotpass.ledger.record import PARAM_NEXT, Entry
from hotpass.ledger.seal import Seal
from hotpass.registry.database import Database

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

#: MLflow's columns are so wide, in characters.
_NAME, _USER = 250, 256


class PlaceTaken(LedgerError):
    """Another record got there first. Never leaves the ledger: the caller is told by a value."""


class Rows:
    """One model's records in a session that somebody else commits."""

    def __init__(self, database: Database, home: Home) -> None:
        self._database = database
        self._home = home

    def lock_model(self, session: Session) -> bool:
        """Takes the lock that all take who write about the model; False where the registry has it no longer.
        """
        from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModel
        from sqlalchemy import select

        found = session.execute(
            select(SqlRegisteredModel.name)
            .where(
                SqlRegisteredModel.workspace == self._database.workspace,
                SqlRegisteredModel.name == self._home.model,
            )
            .with_for_update()
        )
        return found.first() is not None

    def place(self, session: Session, previous: str, run_id: str) -> Literal["free", "taken", "mine"]:
        """Whether the place behind the record `previous` is free. It is "mine" where the transaction that
        wrote `run_id` was committed, and only the answer was lost.

        Raises LedgerError where `previous` was removed.
        """
        from mlflow.store.tracking.dbmodels.models import SqlParam, SqlRun
        from sqlalchemy import and_, select

        is_next = and_(SqlParam.run_uuid == SqlRun.run_uuid, SqlParam.key == PARAM_NEXT)
        found = session.execute(
            select(SqlRun.lifecycle_stage, SqlParam.value)
            .outerjoin(SqlParam, is_next)
            .where(SqlRun.run_uuid == previous)
        ).first()
        if found is None or found.lifecycle_stage != "active":
            raise removed(self._home.model, previous)
        if found.value is None:
            return "free"
        return "mine" if found.value == run_id else "taken"

    def insert(self, session: Session, sheet: Sheet, previous: str, run_id: str) -> Entry:
        """Writes the record and links it. Raises PlaceTaken, and LedgerError where the ledger was deleted."""
        from mlflow.entities import RunStatus, SourceType
        from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlParam, SqlRun, SqlTag
        from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
        from mlflow.utils.uri import append_to_uri_path
        from sqlalchemy import insert, select
        from sqlalchemy.exc import IntegrityError

        entry = sheet.entry(run_id)
        experiment_id = int(self._home.experiment)
        experiment = session.execute(
            select(SqlExperiment.artifact_location, SqlExperiment.lifecycle_stage).where(
                SqlExperiment.experiment_id == experiment_id
            )
        ).first()
        if experiment is None or experiment.lifecycle_stage != "active":
            raise LedgerDamaged(
                f"experiment {self._home.name!r} of the ledger was deleted. Restore it: "
                f"mlflow experiments restore --experiment-id {experiment_id}"
            )
        title = sheet.title[:_NAME]
        session.execute(
            insert(SqlRun).values(
                run_uuid=run_id,
                name=title,
                artifact_uri=append_to_uri_path(experiment.artifact_location, run_id, "artifacts"),
                experiment_id=experiment_id,
                source_type=SourceType.to_string(SourceType.UNKNOWN),
                source_name="",
                source_version="",
                entry_point_name="",
                user_id=sheet.record.actor.name[:_USER],
                status=RunStatus.to_string(RunStatus.RUNNING if entry.is_open else RunStatus.FINISHED),
                start_time=entry.opened_at_ms,
                end_time=None if entry.is_open else entry.opened_at_ms,
                deleted_time=None,
                lifecycle_stage="active",
            )
        )
        tags = {MLFLOW_RUN_NAME: title, **sheet.tags}
        rows = [{"run_uuid": run_id, "key": key, "value": value} for key, value in tags.items()]
        session.execute(insert(SqlTag), rows)
        try:
            session.execute(insert(SqlParam).values(run_uuid=previous, key=PARAM_NEXT, value=run_id))
        except IntegrityError as error:
            raise PlaceTaken("another record got there first") from error
        return entry

    def set_head(self, session: Session, entry: Entry, seal: Seal | None) -> None:
        """Writes down on the registered model, which is locked, how far its chain reaches."""
        from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModelTag

        where = {"workspace": self._database.workspace, "name": self._home.model, "key": TAG_HEAD}
        upsert(session, SqlRegisteredModelTag, where, {"value": str(Head.of(entry, seal))})


def upsert(session: Session, table: Any, where: dict[str, Any], values: dict[str, Any]) -> None:
    """Sets `values` in the row with the key `where`, or makes the row. The row's parent must be locked."""
    from sqlalchemy import insert, update

    key = [getattr(table, column) == value for column, value in where.items()]
    if session.execute(update(table).where(*key).values(**values)).rowcount == 0:  # type: ignore[attr-defined]
        session.execute(insert(table).values(**where, **values))

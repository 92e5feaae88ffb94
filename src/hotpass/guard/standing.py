"""What is frozen: versions that stand in a guarded stage or once did, and what stands behind them.

The databases themselves are asked, in one statement each, since every write on the server asks first; the
primary database too where there are replicas, which lag behind.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hotpass.guard.spelling import folded
from hotpass.registry.convert import DECISION_TAG, STAGE_TAG

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from hotpass.guard.core import Guard

_RESTS_ON = "models:/"  # + the id of a LoggedModel, as the registry keeps it in a version's source
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_IDS_A_QUERY = 500


class FrozenVersion(NamedTuple):
    """A version in reach that may not change any more."""

    workspace: str
    name: str
    version: int
    run_id: str
    source: str
    storage_location: str
    where: str  # it stands: "in Production", "behind the alias production", "in the ledger"

    @property
    def model_id(self) -> str:
        """The LoggedModel that it rests on; "" where its source names none."""
        model_id = self.source.removeprefix(_RESTS_ON)
        return model_id if _MODEL_ID.fullmatch(model_id) else ""

    @property
    def stands(self) -> str:
        """What the version says of itself."""
        return f"it stands {self.where}"

    @property
    def backed(self) -> str:
        """What stands behind the version says this of itself."""
        return f"it stands behind {self.name} version {self.version} {self.where}"


class Standing:
    """Remembers nothing; safe to use from several threads.

    The methods take the connection of a transaction that is open on the registry's database, so that a writer
    can ask again right before it commits; without one they open their own.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def frozen_version(
        self, name: str, version: int | str, connection: Connection | None = None
    ) -> str | None:
        """Why this version of the active workspace may not change; None where it may."""
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion as Version

        if not str(version).isdecimal():
            return None  # MLflow has its own answer to that
        workspace = self._guard.registry.store._get_active_workspace()
        found = self._frozen(
            connection,
            Version.workspace == workspace,
            Version.name == name,
            Version.version == int(version),
        )
        return found[0].stands if found else None

    def frozen_run(self, run_id: str, connection: Connection | None = None) -> str | None:
        """Why this run may not change; None where it may."""
        found = self.behind_run(run_id, connection)
        return found.backed if found else None

    def frozen_logged_model(self, model_id: str, connection: Connection | None = None) -> str | None:
        """Why this LoggedModel may not change; None where it may."""
        found = self.behind_logged_model(model_id, connection)
        return found.backed if found else None

    def behind_run(self, run_id: str, connection: Connection | None = None) -> FrozenVersion | None:
        """The first frozen version that the run stands behind: one that names it, or one that rests on a
        LoggedModel that it logged. In whichever workspace that is.
        """
        found = self._frozen(connection, self._rests_on_run(run_id)) if run_id else None
        return found[0] if found else None

    def behind_logged_model(
        self, model_id: str, connection: Connection | None = None
    ) -> FrozenVersion | None:
        """The first frozen version that the LoggedModel stands behind: one that names it as its source, a
        copy of such a one, or one that names its folder.
        """
        if not _MODEL_ID.fullmatch(model_id or ""):
            return None
        found = self._frozen(connection, self._rests_on_logged_model(model_id))
        return found[0] if found else None

    def behind_experiment(
        self, experiment_id: int, connection: Connection | None = None
    ) -> FrozenVersion | None:
        """The first frozen version with its run or its LoggedModel in the experiment."""
        from mlflow.store.tracking.dbmodels.models import SqlLoggedModel as LoggedModel
        from mlflow.store.tracking.dbmodels.models import SqlRun as Run
        from sqlalchemy import select

        frozen = self._frozen(connection)
        runs = {found.run_id: found for found in frozen if found.run_id}
        models = {found.model_id: found for found in frozen if found.model_id}
        with self._connected(self._guard.registry.tracking, connection) as connected:
            for column, experiment, known in (
                (Run.run_uuid, Run.experiment_id, runs),
                (LoggedModel.model_id, LoggedModel.experiment_id, models),
                (LoggedModel.model_id, None, models),
            ):
                for ids in batches(list(known)):
                    statement = select(column).where(column.in_(ids))
                    if experiment is not None:
                        statement = statement.where(experiment == experiment_id)
                    else:  # the run that logged the LoggedModel, where the version names another
                        statement = statement.join(Run, Run.run_uuid == LoggedModel.source_run_id).where(
                            Run.experiment_id == experiment_id
                        )
                    first = connected.execute(statement.limit(1)).scalar()
                    if first is not None:
                        return known[first]
        return None

    def behind_zero(self, run_id: str, names: Sequence[str]) -> FrozenVersion | None:
        """The first frozen version with a LoggedModel on which the run logged one of these metrics as 0.

        MLflow keeps a NaN of a LoggedModel as 0, and only the run's own metric still tells (see
        `hotpass.registry.convert.with_nans`).
        """
        from mlflow.store.tracking.dbmodels.models import SqlLoggedModelMetric as Logged
        from sqlalchemy import select

        models = {found.model_id: found for found in self._frozen(None) if found.model_id}
        with self._connected(self._guard.registry.tracking, None) as connected:
            for ids in batches(list(models)):
                statement = select(Logged.model_id).where(
                    Logged.model_id.in_(ids),
                    Logged.run_id == run_id,
                    Logged.metric_name.in_(names),
                    Logged.metric_value == 0,
                )
                first = connected.execute(statement.limit(1)).scalar()
                if first is not None:
                    return models[first]
        return None

    def frozen_versions(self) -> list[FrozenVersion]:
        """All frozen versions, of all workspaces."""
        return self._frozen(None)

    def hold(self, run_ids: Sequence[str], model_ids: Sequence[str], connection: Connection) -> None:
        """Waits for promotions that rest on these runs and LoggedModels, and keeps others from reading them
        until the transaction of `connection` ends.

        A promotion locks their rows when it looks at its evidence for the last time. In SQLite the writer of
        the transaction is the only one anyway.
        """
        from mlflow.store.tracking.dbmodels.models import SqlLoggedModel as LoggedModel
        from mlflow.store.tracking.dbmodels.models import SqlRun as Run
        from sqlalchemy import select

        if connection.dialect.name == "sqlite":
            return
        for column, ids in ((Run.run_uuid, run_ids), (LoggedModel.model_id, model_ids)):
            if ids:
                statement = select(column).where(column.in_(ids)).order_by(column)
                connection.execute(statement.with_for_update(read=True, key_share=True)).all()

    @property
    def in_one_database(self) -> bool:
        """Whether a connection to the tracking store's database is one to the registry's."""
        return self._guard.settings.registry_uri == self._guard.settings.tracking_uri

    # --- the registry's database ----------------------------------------------------------------------------

    def _frozen(self, connection: Connection | None, *conditions: ColumnElement[bool]) -> list[FrozenVersion]:
        from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL, STAGE_NONE
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion as Version
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersionTag as Tag
        from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModelAlias as Alias
        from sqlalchemy import and_, func, or_, select

        stage = func.coalesce(Version.current_stage, STAGE_NONE)
        same_alias = and_(
            Alias.workspace == Version.workspace, Alias.name == Version.name, Alias.version == Version.version
        )
        same_tag = and_(
            Tag.workspace == Version.workspace,
            Tag.name == Version.name,
            Tag.version == Version.version,
            Tag.key.in_((DECISION_TAG, STAGE_TAG)),
        )
        statement = (
            select(
                Version.workspace, Version.name, Version.version, Version.run_id, Version.source,
                Version.storage_location, stage.label("stage"), Alias.alias, Tag.key,
            )
            .outerjoin(Alias, same_alias)
            .outerjoin(Tag, same_tag)
            .where(
                *conditions,
                stage != STAGE_DELETED_INTERNAL,
                or_(stage != STAGE_NONE, Alias.alias.is_not(None), Tag.key.is_not(None)),
            )
            .order_by(Version.workspace, Version.name, Version.version, Alias.alias)
        )  # fmt: skip
        with self._connected(self._guard.registry.store, connection) as connected:
            if connection is not None and connected.dialect.name in ("mysql", "mariadb"):
                # A plain SELECT would see the database as it was when the transaction began.
                statement = statement.with_for_update(read=True)
            rows = connected.execute(statement).all()
        found: dict[tuple[str, str, int], FrozenVersion] = {}
        guarded: dict[str, frozenset[str] | None] = {}
        for row in rows:
            # As the database spells the name: MySQL finds it by other spellings too.
            if row.name not in guarded:
                covered = self._guard.covers(row.name)
                aliases = self._guard.guarded_aliases(row.name) if covered else ()
                guarded[row.name] = frozenset(map(folded, aliases)) if covered else None
            where = _where(row, guarded[row.name])
            if where:
                key = (row.workspace, row.name, row.version)
                found.setdefault(key, FrozenVersion(
                    *key, row.run_id or "", row.source or "", row.storage_location or "", where
                ))  # fmt: skip
        return list(found.values())

    def _rests_on_run(self, run_id: str) -> ColumnElement[bool]:
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion as Version
        from mlflow.store.tracking.dbmodels.models import SqlLoggedModel as LoggedModel
        from sqlalchemy import exists, func, or_, select

        if self.in_one_database:
            # By the key of each version's LoggedModel: there is no index on LoggedModels' runs.
            logged: ColumnElement[bool] = exists(
                select(LoggedModel.model_id).where(
                    LoggedModel.model_id == func.substr(Version.source, len(_RESTS_ON) + 1),
                    LoggedModel.source_run_id == run_id,
                )
            )
        else:
            statement = select(LoggedModel.model_id).where(LoggedModel.source_run_id == run_id)
            with self._connected(self._guard.registry.tracking, None) as connected:
                models = list(connected.execute(statement).scalars())
            logged = Version.source.in_([f"{_RESTS_ON}{model_id}" for model_id in models])
        return or_(Version.run_id == run_id, logged)

    def _rests_on_logged_model(self, model_id: str) -> ColumnElement[bool]:
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion as Version
        from sqlalchemy import or_

        return or_(
            Version.source.contains(model_id, autoescape=True),
            Version.storage_location.contains(model_id, autoescape=True),
        )

    @contextlib.contextmanager
    def _connected(self, store: Any, connection: Connection | None) -> Iterator[Connection]:
        if connection is not None:
            yield connection
            return
        with store.engine.connect() as opened:
            yield opened


def _where(row: Any, guarded_aliases: frozenset[str] | None) -> str:
    """Where the version of this row stands, in words; "" where it may change. `guarded_aliases` is None for a
    model that is out of reach.
    """
    if guarded_aliases is None:
        return ""
    if row.stage != "None":
        return f"in {row.stage}"
    if row.alias is not None and folded(row.alias) in guarded_aliases:
        return f"behind the alias {row.alias}"
    return "in the ledger" if row.key is not None else ""


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """`ids`, as many at a time as a statement takes."""
    for start in range(0, len(ids), _IDS_A_QUERY):
        yield ids[start : start + _IDS_A_QUERY]

"""What a promotion rests on, read in a transaction and locked until its end.

Locked are the model, the versions looked at, and the runs and LoggedModels behind them (a new metric, param
or tag needs a lock on the row that its foreign key names), and the tags that can be changed in place. What a
lock cannot hold: a data set added to a run, since MLflow's table of inputs has no foreign key. SQLite locks
the whole database instead.

Rows are taken in the same order everywhere: the model, its versions, runs, LoggedModels, each by its key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hotpass.errors import NotFound
from hotpass.facts import LoggedModelFacts, RunFacts, VersionFacts
from hotpass.registry import convert
from hotpass.registry.database import Database
from hotpass.registry.port import Evidence, ModelFacts
from hotpass.stages import is_native

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class SqlReader:
    """Reads as the registry's adapter does, to the same facts; see `hotpass.registry.port.Reader`."""

    def __init__(
        self, session: Session, database: Database, *, by_workspace: bool, elsewhere: Evidence | None = None
    ) -> None:
        """`by_workspace` leaves out runs and LoggedModels of other workspaces, as a store that is aware of
        them does. `elsewhere` reads evidence that is not in this database, and so cannot be locked.
        """
        self._session = session
        self._workspace = database.workspace
        self._by_workspace = by_workspace
        self._elsewhere = elsewhere

    # --- the registry ---------------------------------------------------------------------------------------

    def model(self, name: str) -> ModelFacts:
        from mlflow.store.model_registry.dbmodels.models import (
            SqlModelVersion,
            SqlRegisteredModel,
            SqlRegisteredModelAlias,
            SqlRegisteredModelTag,
        )
        from sqlalchemy import func, select

        where = (SqlRegisteredModel.workspace == self._workspace, SqlRegisteredModel.name == name)
        if not self._all(select(SqlRegisteredModel.name).where(*where).with_for_update()):
            raise NotFound(f"there is no model {name!r} any more")
        alias, tag = SqlRegisteredModelAlias, SqlRegisteredModelTag
        aliases = {
            spelt: int(version)
            for spelt, version in self._all(
                select(alias.alias, alias.version)
                .where(alias.workspace == self._workspace, alias.name == name)
                .with_for_update()
            )
        }
        tags = self._all(
            select(tag.key, tag.value)
            .where(tag.workspace == self._workspace, tag.name == name)
            .with_for_update(read=True)
        )
        version = SqlModelVersion
        newest_in_each_stage = (
            select(func.max(version.version))
            .where(version.workspace == self._workspace, version.name == name, self._exists())
            .group_by(version.current_stage)
        )
        newest = self._versions(name, version.version.in_(newest_in_each_stage), aliases=aliases)
        return ModelFacts(name, {row.key: row.value for row in tags}, aliases, tuple(newest), self._workspace)

    def version(self, model: str, version: int) -> VersionFacts:
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion

        for facts in self._versions(model, SqlModelVersion.version == version):
            return facts
        raise NotFound(f"model {model!r} has no version {version} any more")

    def holder(self, facts: ModelFacts, stage: str) -> VersionFacts | None:
        pointed = facts.alias(stage.lower())
        if pointed is not None:
            return facts.find(pointed) or self.version(facts.name, pointed)
        found = facts.newest if is_native(stage) else self.in_stage(facts.name, stage)
        return max((f for f in found if f.stage == stage), key=lambda f: f.version, default=None)

    def in_stage(self, model: str, stage: str) -> list[VersionFacts]:
        """All versions in a stage of a team's own, which is a tag."""
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlModelVersionTag
        from sqlalchemy import select

        tag = SqlModelVersionTag
        tagged = select(tag.version).where(
            tag.workspace == self._workspace,
            tag.name == model,
            tag.key == convert.STAGE_TAG,
            tag.value == stage,
        )
        found = self._versions(model, SqlModelVersion.version.in_(tagged))
        return [facts for facts in found if facts.stage == stage]

    def _versions(
        self, model: str, condition: Any, aliases: Mapping[str, int] | None = None
    ) -> list[VersionFacts]:
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlModelVersionTag
        from sqlalchemy import select

        v, t = SqlModelVersion, SqlModelVersionTag
        rows = self._all(
            select(
                v.name, v.version, v.creation_time.label("creation_timestamp"), v.current_stage, v.source,
                v.last_updated_time.label("last_updated_timestamp"), v.description, v.run_id, v.workspace,
            )
            .where(v.workspace == self._workspace, v.name == model, self._exists(), condition)
            .order_by(v.version)
            .with_for_update()
        )  # fmt: skip
        tags: dict[int, dict[str, str]] = defaultdict(dict)
        if rows:
            for number, key, value in self._all(
                select(t.version, t.key, t.value)
                .where(
                    t.workspace == self._workspace, t.name == model, t.version.in_([r.version for r in rows])
                )
                .with_for_update(read=True)
            ):
                tags[number][key] = value
        return [
            convert.version_facts(
                SimpleNamespace(**row._mapping, tags=tags[row.version]),
                tuple(sorted(a for a, number in (aliases or {}).items() if number == row.version)),
            )
            for row in rows
        ]

    @staticmethod
    def _exists() -> Any:
        from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion

        return SqlModelVersion.current_stage != STAGE_DELETED_INTERNAL

    # --- the evidence ---------------------------------------------------------------------------------------

    def runs(self, run_ids: Sequence[str]) -> Mapping[str, RunFacts]:
        from mlflow.store.tracking.dbmodels.models import (
            SqlDataset,
            SqlInput,
            SqlInputTag,
            SqlLatestMetric,
            SqlParam,
            SqlRun,
            SqlTag,
        )
        from sqlalchemy import select

        if self._elsewhere is not None:
            return self._elsewhere.runs(run_ids)
        wanted = sorted({run_id for run_id in run_ids if run_id})
        if not wanted:
            return {}
        rows = self._all(
            self._here(select(SqlRun.run_uuid, SqlRun.experiment_id, SqlRun.start_time), SqlRun)
            .where(SqlRun.run_uuid.in_(wanted))
            .order_by(SqlRun.run_uuid)
            .with_for_update(of=SqlRun if self._by_workspace else None)
        )
        metrics, params, tags = (defaultdict[str, dict[str, Any]](dict) for _ in range(3))
        m, p, t = SqlLatestMetric, SqlParam, SqlTag
        for run_id, key, value, is_nan in self._all(
            select(m.run_uuid, m.key, m.value, m.is_nan).where(m.run_uuid.in_(wanted))
        ):
            metrics[run_id][key] = float("nan") if is_nan else value
        for run_id, key, value in self._all(select(p.run_uuid, p.key, p.value).where(p.run_uuid.in_(wanted))):
            params[run_id][key] = value
        for run_id, key, value in self._all(
            select(t.run_uuid, t.key, t.value).where(t.run_uuid.in_(wanted)).with_for_update(read=True)
        ):
            tags[run_id][key] = value
        datasets: dict[str, dict[str, SimpleNamespace]] = defaultdict(dict)
        i, d, it = SqlInput, SqlDataset, SqlInputTag
        for run_id, dataset_id, name, digest, key, value in self._all(
            select(i.destination_id, d.dataset_uuid, d.name, d.digest, it.name, it.value)
            .join(d, i.source_id == d.dataset_uuid)
            .outerjoin(it, it.input_uuid == i.input_uuid)
            .where(i.destination_type == "RUN", i.destination_id.in_(wanted))
        ):
            empty = SimpleNamespace(dataset=SimpleNamespace(name=name, digest=digest), tags=[])
            found = datasets[run_id].setdefault(dataset_id, empty)
            if key is not None:
                found.tags.append(SimpleNamespace(key=key, value=value))
        return {
            run_id: convert.run_facts(
                SimpleNamespace(
                    info=SimpleNamespace(
                        run_id=run_id, experiment_id=str(experiment_id), start_time=start_time
                    ),
                    data=SimpleNamespace(metrics=metrics[run_id], params=params[run_id], tags=tags[run_id]),
                    inputs=SimpleNamespace(dataset_inputs=list(datasets[run_id].values())),
                )
            )
            for run_id, experiment_id, start_time in rows
        }

    def logged_models(self, model_ids: Sequence[str]) -> Mapping[str, LoggedModelFacts]:
        from mlflow.entities.lifecycle_stage import LifecycleStage
        from mlflow.store.tracking.dbmodels.models import (
            SqlLoggedModel,
            SqlLoggedModelMetric,
            SqlLoggedModelParam,
            SqlLoggedModelTag,
        )
        from sqlalchemy import select

        if self._elsewhere is not None:
            return self._elsewhere.logged_models(model_ids)
        wanted = sorted({model_id for model_id in model_ids if model_id})
        if not wanted:
            return {}
        lm, m, p, t = SqlLoggedModel, SqlLoggedModelMetric, SqlLoggedModelParam, SqlLoggedModelTag
        rows = self._all(
            self._here(select(lm.model_id, lm.experiment_id, lm.artifact_location), lm)
            .where(lm.model_id.in_(wanted), lm.lifecycle_stage != LifecycleStage.DELETED)
            .order_by(lm.model_id)
            .with_for_update(of=lm if self._by_workspace else None)
        )
        metrics: dict[str, list[Any]] = defaultdict(list)
        params, tags = (defaultdict[str, dict[str, str]](dict) for _ in range(2))
        for row in self._all(
            select(
                m.model_id, m.metric_name.label("key"), m.metric_value.label("value"), m.run_id,
                m.metric_timestamp_ms.label("timestamp"), m.metric_step.label("step"), m.dataset_name,
                m.dataset_digest,
            ).where(m.model_id.in_(wanted))
        ):  # fmt: skip
            metrics[row.model_id].append(row)
        for model_id, key, value in self._all(
            select(p.model_id, p.param_key, p.param_value).where(p.model_id.in_(wanted))
        ):
            params[model_id][key] = value
        for model_id, key, value in self._all(
            select(t.model_id, t.tag_key, t.tag_value)
            .where(t.model_id.in_(wanted))
            .with_for_update(read=True)
        ):
            tags[model_id][key] = value
        return {
            row.model_id: convert.with_nans(
                SimpleNamespace(
                    model_id=row.model_id, experiment_id=str(row.experiment_id),
                    metrics=metrics[row.model_id], params=params[row.model_id], tags=tags[row.model_id],
                    artifact_location=row.artifact_location,
                ),
                self.runs,
            )
            for row in rows
        }  # fmt: skip

    def _here(self, statement: Any, table: Any) -> Any:
        """`statement`, for rows of the caller's workspace alone."""
        from mlflow.store.tracking.dbmodels.models import SqlExperiment

        if not self._by_workspace:
            return statement
        return statement.join(SqlExperiment, SqlExperiment.experiment_id == table.experiment_id).where(
            SqlExperiment.workspace == self._workspace
        )

    def _all(self, statement: Any) -> Sequence[Any]:
        return self._session.execute(statement).all()

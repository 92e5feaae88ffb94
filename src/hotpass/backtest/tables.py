"""The searches of a store whose database is at hand: MLflow's tables, read column by column.

MLflow's own searches make an object of every row, and keep track of each: that takes ten times as long. No
lock is taken, and nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from hotpass.backtest.pages import Searches, chunks
from hotpass.registry.calls import call


def searches_of(store: Any) -> Searches:
    """The fastest searches of `store`."""
    plain = type(store).__module__ in (
        "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store",
    )  # fmt: skip
    return Tables(store) if plain else Searches(store)


class Tables(Searches):
    """A plain SQL store of MLflow's, not one that is aware of workspaces."""

    def _versions(self, model: str | None) -> Iterator[Any]:
        from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlModelVersionTag
        from sqlalchemy import select

        v, t = SqlModelVersion, SqlModelVersionTag
        workspace = self._store._get_active_workspace()
        tags: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
        of_tags = select(t.name, t.version, t.key, t.value).where(t.workspace == workspace)
        of_versions = select(
            v.name, v.version, v.creation_time.label("creation_timestamp"), v.current_stage, v.source,
            v.last_updated_time.label("last_updated_timestamp"), v.description, v.run_id, v.workspace,
        ).where(v.workspace == workspace, v.current_stage != STAGE_DELETED_INTERNAL)  # fmt: skip
        if model is not None:
            of_tags, of_versions = of_tags.where(t.name == model), of_versions.where(v.name == model)
        rows, tag_rows = self._all("list versions", of_versions, of_tags)
        for name, version, key, value in tag_rows:
            tags[name, version][key] = value
        for row in rows:
            yield SimpleNamespace(**row._mapping, tags=tags[row.name, row.version], aliases=())

    def records(self, experiments: Sequence[str]) -> Iterator[Any]:
        from mlflow.store.tracking.dbmodels.models import SqlRun
        from sqlalchemy import select

        numbers = [int(experiment) for experiment in experiments]
        for start in range(0, len(numbers), 100):
            wanted = (
                SqlRun.experiment_id.in_(numbers[start : start + 100]), SqlRun.lifecycle_stage == "active",
            )  # fmt: skip
            ids = select(SqlRun.run_uuid).where(*wanted)
            yield from self._runs_where(wanted, ids, evidence=False)

    def runs(self, experiments: Sequence[str], ids: Sequence[str]) -> Iterator[list[Any]]:
        from mlflow.store.tracking.dbmodels.models import SqlRun

        for some in chunks(ids):
            yield self._runs_where((SqlRun.run_uuid.in_(some),), some, evidence=True)

    def _runs_where(self, wanted: Iterable[Any], ids: Any, *, evidence: bool) -> list[Any]:
        """The runs that are `wanted`, which have these `ids` (a list, or a query for them). Without
        `evidence`, metrics and inputs are left out.
        """
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

        r, m, p, t = SqlRun, SqlLatestMetric, SqlParam, SqlTag
        i, d, it = SqlInput, SqlDataset, SqlInputTag
        statements = [
            select(r.run_uuid, r.experiment_id, r.start_time, r.end_time, r.status, r.lifecycle_stage).where(
                *wanted
            ),
            select(p.run_uuid, p.key, p.value).where(p.run_uuid.in_(ids)),
            select(t.run_uuid, t.key, t.value).where(t.run_uuid.in_(ids)),
        ]
        if evidence:
            statements += [
                select(m.run_uuid, m.key, m.value, m.is_nan).where(m.run_uuid.in_(ids)),
                select(i.destination_id, d.dataset_uuid, d.name, d.digest, it.name, it.value)
                .join(d, i.source_id == d.dataset_uuid)
                .outerjoin(it, it.input_uuid == i.input_uuid)
                .where(i.destination_type == "RUN", i.destination_id.in_(ids)),
            ]
        runs, param_rows, tag_rows, *rest = self._all("read runs", *statements)
        metric_rows, input_rows = rest or ((), ())
        params, tags = _by_owner(param_rows), _by_owner(tag_rows)
        metrics: dict[str, dict[str, float]] = defaultdict(dict)
        for run_id, key, value, is_nan in metric_rows:
            metrics[run_id][key] = float("nan") if is_nan else value
        datasets: dict[str, dict[str, Any]] = defaultdict(dict)
        for run_id, dataset_id, name, digest, key, value in input_rows:
            dataset = SimpleNamespace(name=name, digest=digest)
            found = datasets[run_id].setdefault(dataset_id, SimpleNamespace(dataset=dataset, tags=[]))
            if key is not None:
                found.tags.append(SimpleNamespace(key=key, value=value))
        return [
            SimpleNamespace(
                info=SimpleNamespace(
                    run_id=row.run_uuid, experiment_id=str(row.experiment_id), start_time=row.start_time,
                    end_time=row.end_time, status=row.status, lifecycle_stage=row.lifecycle_stage,
                ),
                data=SimpleNamespace(
                    metrics=metrics.get(row.run_uuid, {}), params=params.get(row.run_uuid, {}),
                    tags=tags.get(row.run_uuid, {}),
                ),
                inputs=SimpleNamespace(dataset_inputs=list(datasets.get(row.run_uuid, {}).values())),
            )
            for row in runs
        ]  # fmt: skip

    def logged_models(self, experiments: Sequence[str], ids: Sequence[str]) -> Iterator[list[Any]]:
        from mlflow.store.tracking.dbmodels.models import (
            SqlLoggedModel,
            SqlLoggedModelMetric,
            SqlLoggedModelParam,
            SqlLoggedModelTag,
        )
        from sqlalchemy import select

        lm, m, p, t = SqlLoggedModel, SqlLoggedModelMetric, SqlLoggedModelParam, SqlLoggedModelTag
        for some in chunks(ids):
            models, metric_rows, param_rows, tag_rows = self._all(
                "read logged models",
                select(lm.model_id, lm.experiment_id, lm.artifact_location).where(
                    lm.model_id.in_(some), lm.lifecycle_stage != "deleted"
                ),
                select(
                    m.model_id, m.metric_name.label("key"), m.metric_value.label("value"), m.run_id,
                    m.metric_timestamp_ms.label("timestamp"), m.metric_step.label("step"), m.dataset_name,
                    m.dataset_digest,
                ).where(m.model_id.in_(some)),
                select(p.model_id, p.param_key, p.param_value).where(p.model_id.in_(some)),
                select(t.model_id, t.tag_key, t.tag_value).where(t.model_id.in_(some)),
            )  # fmt: skip
            metrics: dict[str, list[Any]] = defaultdict(list)
            for row in metric_rows:
                metrics[row.model_id].append(row)
            params, tags = _by_owner(param_rows), _by_owner(tag_rows)
            yield [
                SimpleNamespace(
                    model_id=row.model_id, experiment_id=str(row.experiment_id),
                    metrics=metrics.get(row.model_id, []), params=params.get(row.model_id, {}),
                    tags=tags.get(row.model_id, {}), artifact_location=row.artifact_location,
                )
                for row in models
            ]  # fmt: skip

    def _all(self, what: str, *statements: Any) -> list[Sequence[Any]]:
        """All rows of each statement, as of one moment where the database can."""

        def read() -> list[Sequence[Any]]:
            with self._store.ManagedSessionMaker() as session:
                return [session.execute(statement).all() for statement in statements]

        return call(what, read)


def _by_owner(rows: Iterable[Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for owner, key, value in rows:
        found[owner][key] = value
    return found

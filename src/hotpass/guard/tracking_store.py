"""MLflow's SQL tracking store, with the ledger closed and the evidence behind guarded versions frozen.

Reading passes, and so does every write on what stands behind nothing. The engine itself writes the ledger
through MLflow's plain store, never through this one.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mlflow.entities import LoggedModelTag, RunTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.tracking.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore

from hotpass.guard.evidence import Evidence, Touched
from hotpass.guard.evidence_rules import against_tags, is_ledger, may_be_claimed
from hotpass.guard.known_methods import check_known
from hotpass.guard.known_tracking_methods import GUARDED, TRACKING_METHODS, Touches
from hotpass.guard.refusals import refusal
from hotpass.guard.who import actor_of_request
from hotpass.people import CREATED_BY_SEAL_TAG, CREATED_BY_TAG, created_by

if TYPE_CHECKING:
    from hotpass.guard.core import Guard

#: How a server tells its workers of a replica to read from.
_REPLICA = "_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE"
#: MLflow's own note on a LoggedModel of the versions made of it; `create_model_version` writes it.
_VERSIONS_TAG = "mlflow.modelVersions"


class GuardedTrackingStore(SqlAlchemyStore):  # type: ignore[misc]
    """The guarded tracking store of a server without workspaces."""

    def __init__(
        self, guard: Guard, db_uri: str, default_artifact_root: str | None, read_db_uri: str | None = None
    ) -> None:
        """`db_uri` is plain. Raises CallError where MLflow's store has methods that Hotpass does not know."""
        check_known(type(self), TRACKING_METHODS)
        self._guard = guard
        self._evidence = Evidence(guard, self)
        # MLflow 3.12 has no replicas to read from, and no such argument.
        super().__init__(
            db_uri, default_artifact_root, **({"read_db_uri": read_db_uri} if read_db_uri else {})
        )
        self.ManagedSessionMaker: Any = self._evidence.sessions(self.ManagedSessionMaker)

    # --- experiments ----------------------------------------------------------------------------------------

    def create_experiment(self, name: Any, artifact_location: Any = None, tags: Any = None) -> Any:
        self._refuse_ledger_name(name)
        return super().create_experiment(name, artifact_location, tags)

    def rename_experiment(self, experiment_id: Any, new_name: Any) -> None:
        self._refuse_ledger_name(new_name)

        def plainly() -> None:
            super(GuardedTrackingStore, self).rename_experiment(experiment_id, new_name)

        return self._evidence.unless(Touched(experiments=[experiment_id]), "rename_experiment", plainly)

    def delete_experiment(self, experiment_id: Any) -> None:
        """Deleting an experiment hides its runs, so it is refused where a run or a LoggedModel in it stands
        behind a guarded version.
        """

        def plainly() -> None:
            super(GuardedTrackingStore, self).delete_experiment(experiment_id)

        touched = Touched(experiments=[experiment_id], hidden_experiments=[experiment_id])
        return self._evidence.unless(touched, "delete_experiment", plainly)

    def _refuse_ledger_name(self, name: Any) -> None:
        if isinstance(name, str) and is_ledger(name):
            raise refusal(
                f"no experiment may be called {name}", ["experiments of that name are the ledger, which "
                "Hotpass alone writes"],
            )  # fmt: skip

    # --- runs -----------------------------------------------------------------------------------------------

    def create_run(self, experiment_id: Any, user_id: Any, start_time: Any, tags: Any, run_name: Any) -> Any:
        """With MLflow's auth, the run says who made it, in a tag that nobody else can write, under the
        guard's seal if it has a key.
        """
        tags = [tag for tag in tags or () if may_be_claimed(tag.key)]
        actor = actor_of_request()
        if actor.authenticated:
            tags.append(RunTag(CREATED_BY_TAG, actor.name))

        def plainly() -> Any:
            run = super(GuardedTrackingStore, self).create_run(
                experiment_id, user_id, start_time, tags, run_name
            )
            if actor.authenticated and self._guard.seal is not None:
                run_id = run.info.run_id
                tag = RunTag(CREATED_BY_SEAL_TAG, self._guard.seal.of(created_by(run_id, actor.name)))
                super(GuardedTrackingStore, self).set_tag(run_id, tag)
                run.data._add_tag(tag)
            return run

        return self._evidence.unless(Touched(experiments=[experiment_id]), "create_run", plainly)

    def update_run_info(self, run_id: Any, run_status: Any, end_time: Any, run_name: Any) -> Any:
        """A frozen run may still end; its name is a tag, and stays."""

        def plainly() -> Any:
            return super(GuardedTrackingStore, self).update_run_info(run_id, run_status, end_time, run_name)

        renames = bool(run_name) and self._evidence.name_of_run(run_id) not in (None, run_name)
        touched = Touched(runs=[run_id]) if renames else Touched(bystanders=[run_id])
        return self._evidence.unless(touched, "update_run_info", plainly)

    def set_tag(self, run_id: Any, tag: Any) -> None:
        def plainly() -> None:
            super(GuardedTrackingStore, self).set_tag(run_id, tag)

        if self._refuse_tags(f"run {run_id}", [tag.key]):
            return None
        return self._evidence.unless(Touched(runs=[run_id]), "set_tag", plainly)

    def delete_tag(self, run_id: Any, key: Any) -> None:
        def plainly() -> None:
            super(GuardedTrackingStore, self).delete_tag(run_id, key)

        if self._refuse_tags(f"run {run_id}", [key]):
            return None
        return self._evidence.unless(Touched(runs=[run_id]), "delete_tag", plainly)

    def log_metric(self, run_id: Any, metric: Any) -> None:
        def plainly() -> None:
            super(GuardedTrackingStore, self).log_metric(run_id, metric)

        touched = Touched(runs=[run_id], logged_models=_measured([metric]), zeros=_zeros([metric]))
        return self._evidence.unless(touched, "log_metric", plainly)

    def log_batch(self, run_id: Any, metrics: Any, params: Any, tags: Any) -> None:
        if self._refuse_tags(f"run {run_id}", [tag.key for tag in tags or ()]):
            tags = [tag for tag in tags if may_be_claimed(tag.key)]

        def plainly() -> None:
            super(GuardedTrackingStore, self).log_batch(run_id, metrics, params, tags)

        logged = metrics or ()
        touched = Touched(runs=[run_id], logged_models=_measured(logged), zeros=_zeros(logged))
        return self._evidence.unless(touched, "log_batch", plainly)

    # --- LoggedModels ---------------------------------------------------------------------------------------

    def create_logged_model(
        self,
        experiment_id: Any,
        name: Any = None,
        source_run_id: Any = None,
        tags: Any = None,
        params: Any = None,
        model_type: Any = None,
    ) -> Any:
        tags = [tag for tag in tags if may_be_claimed(tag.key)] if tags else tags

        def plainly() -> Any:
            return super(GuardedTrackingStore, self).create_logged_model(
                experiment_id, name, source_run_id, tags, params, model_type
            )

        touched = Touched(experiments=[experiment_id], bystanders=[source_run_id] if source_run_id else [])
        return self._evidence.unless(touched, "create_logged_model", plainly)

    def set_logged_model_tags(self, model_id: Any, tags: list[LoggedModelTag]) -> None:
        """MLflow's note of the versions made of it is not evidence: a frozen LoggedModel may become another
        version.
        """
        if self._refuse_tags(f"LoggedModel {model_id}", [tag.key for tag in tags]):
            tags = [tag for tag in tags if may_be_claimed(tag.key)]

        def plainly() -> None:
            super(GuardedTrackingStore, self).set_logged_model_tags(model_id, tags)

        evidence = any(tag.key != _VERSIONS_TAG for tag in tags)
        touched = Touched(logged_models=[model_id] if evidence else [])
        return self._evidence.unless(touched, "set_logged_model_tags", plainly)

    # --- traces ---------------------------------------------------------------------------------------------

    def start_trace(self, trace_info: Any) -> Any:
        def plainly() -> Any:
            return super(GuardedTrackingStore, self).start_trace(trace_info)

        return self._evidence.unless(Touched(experiments=[trace_info.experiment_id]), "start_trace", plainly)

    def _refuse_tags(self, of: str, keys: Iterable[str]) -> bool:
        """Whether some of the tags are to be left out, since the guard only observes: nobody may have written
        them once it guards. Raises MlflowException where it guards.
        """
        reasons = against_tags(keys)
        if reasons and not self._guard.settings.observe:
            raise refusal(f"the tags of {of} may not be written like this", reasons)
        return bool(reasons)


def _measured(metrics: Iterable[Any]) -> list[str]:
    """The LoggedModels that the metrics are written to as well."""
    return list({metric.model_id: None for metric in metrics if getattr(metric, "model_id", None)})


def _zeros(metrics: Iterable[Any]) -> list[str]:
    return list({metric.key: None for metric in metrics if metric.value == 0})


def _guarded(name: str, touches: Touches, signature: inspect.Signature) -> Callable[..., Any]:
    """The method `name`, refused by what it is called with."""

    def method(self: GuardedTrackingStore, *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(self, *args, **kwargs).arguments

        def plainly() -> Any:
            return getattr(super(GuardedTrackingStore, self), name)(*args, **kwargs)

        touched = Touched(
            experiments=_ids(given, touches.experiments),
            runs=_ids(given, touches.runs),
            logged_models=_ids(given, touches.logged_models),
            bystanders=_ids(given, touches.bystanders),
        )
        return self._evidence.unless(touched, name, plainly)

    method.__name__, method.__qualname__ = name, f"GuardedTrackingStore.{name}"
    method.__signature__ = signature  # type: ignore[attr-defined]
    return method


def _ids(given: Mapping[str, Any], parameters: Iterable[str]) -> list[Any]:
    found: list[Any] = []
    for parameter in parameters:
        value = given.get(parameter)
        found += value if isinstance(value, (list, tuple)) else [] if value is None else [value]
    return found


for _name, _touches in GUARDED.items():
    if hasattr(SqlAlchemyStore, _name) and _name not in vars(GuardedTrackingStore):
        _method = _guarded(_name, _touches, inspect.signature(getattr(SqlAlchemyStore, _name)))
        setattr(GuardedTrackingStore, _name, _method)


class GuardedWorkspaceTrackingStore(GuardedTrackingStore, WorkspaceAwareSqlAlchemyStore):  # type: ignore[misc]
    """The guarded tracking store of a server with workspaces."""


def tracking_builder(guard: Guard) -> Callable[..., Any]:
    """A builder for MLflow's registry of store builders that makes the guarded store for a plain URI."""
    from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES

    def build(store_uri: str, artifact_uri: str | None = None) -> Any:
        kind = GuardedWorkspaceTrackingStore if MLFLOW_ENABLE_WORKSPACES.get() else GuardedTrackingStore
        return kind(guard, store_uri, artifact_uri, os.environ.get(_REPLICA))

    return build

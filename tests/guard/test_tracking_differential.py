"""MLflow behaves as before for runs that nothing freezes: the same calls on the plain and on the guarded
store give the same answers and errors.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    IssueStatus,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
    TraceInfo,
    TraceLocation,
    TraceState,
    ViewType,
)
from mlflow.models import Model

from hotpass.guard.known_tracking_methods import GUARDED, GUARDED_BY_HAND
from support.guarded_runs import guarded_runs
from support.stores import forget_engines, sqlite_copy

_ID = re.compile(
    r"m-[0-9a-f]{32}|[a-z]{1,3}-[0-9a-f]{32}|[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_MOMENT = re.compile(r"\b1[0-9]{12}\b|\b\d{4}-\d\d-\d\d[T ][\d:.]+\S*|0x[0-9a-f]{6,}")
_NAME = re.compile(r"\b[a-z]+-[a-z]+-\d{1,3}\b")  # MLflow makes up names for runs and models


@dataclass
class Side:
    """One of two stores on databases of their own; ids are called by the order in which they came."""

    store: Any
    folder: Path
    ids: dict[str, str] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)

    def call(self, method: str, *args: Any, **kwargs: Any) -> str:
        """What came of it, in words without ids, moments and places."""
        try:
            answer = getattr(self.store, method)(*args, **kwargs)
        except Exception as error:
            code = getattr(error, "error_code", "")
            return self.plain(f"{type(error).__name__} {code}: {error}")
        self.saved["last"] = answer
        return self.plain(_told(answer))

    def plain(self, text: str) -> str:
        text = _ID.sub(lambda m: self.ids.setdefault(m[0], f"<id {len(self.ids)}>"), text)
        text = text.replace(str(self.folder), "<folder>").replace(type(self.store).__name__, "<store>")
        return _NAME.sub("<name>", _MOMENT.sub("<moment>", text))


def _told(answer: Any, depth: int = 4) -> str:
    if isinstance(answer, (list, tuple)):
        return f"{[_told(one, depth) for one in answer]} then {bool(getattr(answer, 'token', None))}"
    if hasattr(answer, "to_dictionary"):
        return json.dumps(answer.to_dictionary(), sort_keys=True, default=_told)
    # An evaluation data set reads its records from wherever MLflow's globals point; its digest is of the
    # time.
    known = {
        key: value
        for key, value in getattr(answer, "__dict__", {}).items()
        if "record" not in key and key not in ("_digest", "_tracking_store")
    }
    if known and depth and not isinstance(answer, Enum):
        return f"{type(answer).__name__} {sorted((k, _told(v, depth - 1)) for k, v in known.items())}"
    return repr(answer)


Step = tuple[str, Callable[[dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]]


def given(*args: Any, **kwargs: Any) -> Callable[[dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]:
    """Arguments; functions among them are called with what the steps before saved."""

    def made(saved: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        def value(one: Any) -> Any:
            return one(saved) if callable(one) and not isinstance(one, type) else one

        return tuple(map(value, args)), {key: value(one) for key, one in kwargs.items()}

    return made


def run(saved: dict[str, Any]) -> str:
    return str(saved["run"])


def model(saved: dict[str, Any]) -> str:
    return str(saved["model"])


def experiment(saved: dict[str, Any]) -> str:
    return str(saved["experiment"])


def metric(key: str, value: float, *, of_model: bool = False) -> Callable[[dict[str, Any]], Metric]:
    return lambda saved: Metric(key, value, 1_700_000_000_000, 1, model_id=model(saved) if of_model else None)


def trace(saved: dict[str, Any]) -> TraceInfo:
    return TraceInfo(
        trace_id="tr-1",
        trace_location=TraceLocation.from_experiment_id(experiment(saved)),
        request_time=1,
        state=TraceState.OK,
    )


DATA = DatasetInput(Dataset("data", "digest", "local", "{}"), [InputTag("mlflow.data.context", "training")])
NOBODY = "0" * 32
NO_MODEL = f"m-{NOBODY}"

#: In this order, since later ones build on earlier ones. Some succeed, some must not.
STEPS: list[Step] = [
    ("create_experiment", given("mine", None, [ExperimentTag("a", "b")])),
    ("create_experiment", given("mine")),
    ("create_experiment", given(None)),
    ("create_experiment", given("")),
    ("create_experiment", given("ledger/hotpass-ledger")),
    ("get_experiment_by_name", given("mine")),
    ("set_experiment_tag", given(experiment, ExperimentTag("k", "v"))),
    ("set_experiment_tag", given("999", ExperimentTag("k", "v"))),
    ("set_experiment_tag", given("x", ExperimentTag("k", "v"))),
    ("delete_experiment_tag", given(experiment, "k")),
    ("delete_experiment_tag", given(experiment, "k")),
    ("rename_experiment", given(experiment, "ours")),
    ("rename_experiment", given(experiment, None)),
    ("rename_experiment", given("999", "theirs")),
    ("create_run", given(experiment, "ada", 5, [RunTag("a", "b")], "first")),
    ("create_run", given("999", "ada", 5, [], None)),
    ("create_run", given(experiment, "ada", 5, [RunTag("mlflow.runName", "one")], "two")),
    ("create_run", given(experiment, "ada", 5, None, None)),
    ("create_run", given(experiment_id=experiment, user_id="u", start_time=1, tags=[], run_name="by name")),
    ("log_metric", given(run, metric("roc_auc", 0.8))),
    ("log_metric", given(run, metric("roc_auc", 0.8))),
    ("log_metric", given(run, metric("roc_auc", float("nan")))),
    ("log_metric", given(run, metric("", 1))),
    ("log_metric", given(NOBODY, metric("roc_auc", 1))),
    ("log_metric", given(None, metric("roc_auc", 1))),
    ("log_param", given(run, Param("p", "1"))),
    ("log_param", given(run, Param("p", "2"))),
    ("log_param", given(NOBODY, Param("p", "2"))),
    ("set_tag", given(run, RunTag("t", "1"))),
    ("set_tag", given(run, RunTag("mlflow.runName", "renamed"))),
    ("set_tag", given(run, RunTag("", "1"))),
    ("set_tag", given(run, RunTag("long", "v" * 9000))),
    ("delete_tag", given(run, "t")),
    ("delete_tag", given(run, "t")),
    ("log_batch", given(run, [], [], [])),
    ("log_batch", given(run, [Metric("m", 1.0, 5, 0)] * 3, [Param("q", "1")], [RunTag("x", "y")])),
    ("log_batch", given(run, [Metric("m", 1.0, 5, 0)], [Param("q", "2")], [RunTag("x", "z")])),
    ("log_batch", given(run, [Metric("m", "x", 5, 0)], [], [])),
    ("log_batch", given(run, [], [], [RunTag("mlflow.runName", "again"), RunTag("x", "w")])),
    ("log_batch", given(NOBODY, [], [Param("q", "2")], [])),
    ("log_inputs", given(run, [DATA])),
    ("log_inputs", given(run, [DATA, DATA])),
    ("log_inputs", given(run, "no list")),
    ("log_inputs", given(NOBODY, [DATA])),
    ("log_inputs", given(run, models=lambda saved: [LoggedModelInput(model(saved))])),
    ("log_outputs", given(run, [])),
    (
        "record_logged_model",
        given(run, lambda saved: Model(artifact_path="m", run_id=run(saved), model_uuid="1")),
    ),
    ("record_logged_model", given(run, "no model")),
    ("create_logged_model", given(experiment, "tree", run, [LoggedModelTag("k", "v")], [])),
    ("create_logged_model", given(experiment, "a/b")),
    ("create_logged_model", given("999")),
    ("create_logged_model", given(experiment, params=[LoggedModelParameter("depth", "3")], model_type="t")),
    ("log_metric", given(run, metric("of_model", 0.9, of_model=True))),
    ("log_metric", given(run, Metric("of_model", 0.9, 5, 0, model_id=NO_MODEL))),
    ("log_batch", given(run, lambda saved: [metric("of_model", 0.7, of_model=True)(saved)], [], [])),
    ("log_outputs", given(run, lambda saved: [LoggedModelOutput(model(saved), 1)])),
    ("log_outputs", given(run, lambda saved: [LoggedModelOutput(model(saved), 1)])),
    ("log_logged_model_params", given(model, [LoggedModelParameter("a", "1")])),
    ("log_logged_model_params", given(model, [LoggedModelParameter("a", "1")])),
    ("log_logged_model_params", given(NO_MODEL, [])),
    ("set_logged_model_tags", given(model, [LoggedModelTag("x", "1"), LoggedModelTag("x", "2")])),
    ("set_logged_model_tags", given(NO_MODEL, [LoggedModelTag("x", "1")])),
    ("set_logged_model_tags", given(model, [])),
    ("set_model_versions_tags", given("free_m", "1", model)),
    ("delete_logged_model_tag", given(model, "x")),
    ("delete_logged_model_tag", given(model, "x")),
    ("finalize_logged_model", given(model, LoggedModelStatus.READY)),
    ("finalize_logged_model", given(NO_MODEL, LoggedModelStatus.READY)),
    ("get_run", given(run)),
    ("get_run", given(NOBODY)),
    ("get_logged_model", given(model)),
    ("get_metric_history", given(run, "roc_auc")),
    ("get_metric_history_bulk", given(lambda saved: [run(saved)], "roc_auc", 10)),
    ("get_max_step_for_metric", given(run, "roc_auc")),
    ("search_runs", given(lambda saved: [experiment(saved)], "params.p = '1'", ViewType.ALL)),
    ("search_runs", given(lambda saved: [experiment(saved)], "nonsense", ViewType.ALL)),
    ("search_logged_models", given(lambda saved: [experiment(saved)])),
    ("search_experiments", given()),
    ("update_run_info", given(run, RunStatus.FINISHED, 77, "done")),
    ("update_run_info", given(run, None, None, None)),
    ("update_run_info", given(NOBODY, RunStatus.FINISHED, 77, None)),
    ("start_trace", given(trace)),
    ("link_traces_to_run", given(["tr-1"], run)),
    ("link_traces_to_run", given(["tr-1"], NOBODY)),
    ("unlink_traces_from_run", given(["tr-1"], run)),
    ("set_trace_tag", given("tr-1", "k", "v")),
    ("get_trace_info", given("tr-1")),
    ("log_spans", given(experiment, [])),
    ("delete_traces", given(experiment, trace_ids=["tr-1"])),
    ("delete_traces", given(experiment)),
    ("deprecated_start_trace_v2", given(experiment, 1, {}, {})),
    ("create_dataset", given("rows", {"k": "v"}, lambda saved: [experiment(saved)])),
    ("create_dataset", given("other rows", experiment_ids=["999"])),
    ("add_dataset_to_experiments", given("d-nothing", lambda saved: [experiment(saved)])),
    ("remove_dataset_from_experiments", given("d-nothing", ["999"])),
    ("register_scorer", given(experiment, "judge", '{"name": "judge"}')),
    ("upsert_online_scoring_config", given(experiment, "judge", 2.0)),
    ("delete_scorer", given(experiment, "judge")),
    ("delete_scorer", given(experiment, "judge")),
    ("create_issue", given(experiment, "name", "text", IssueStatus.PENDING)),
    ("create_issue", given("999", "name", "text", source_run_id=NOBODY)),
    ("create_label_schema", given(experiment, name="s", type="nonsense", input=None)),
    ("create_review_queue", given(experiment, name="q", queue_type="nonsense")),
    ("get_or_create_user_queue", given(experiment, user="ada")),
    ("create_gateway_endpoint", given("endpoint", [])),
    ("update_gateway_endpoint", given("e-nothing", name="x")),
    ("delete_run", given(run)),
    ("log_metric", given(run, metric("roc_auc", 0.9))),
    ("set_tag", given(run, RunTag("t", "1"))),
    ("restore_run", given(run)),
    ("restore_run", given(NOBODY)),
    ("delete_run", given(NOBODY)),
    ("delete_logged_model", given(model)),
    ("get_logged_model", given(model)),
    ("delete_logged_model", given(NO_MODEL)),
    ("delete_experiment", given(experiment)),
    ("delete_experiment", given(experiment)),
    ("delete_experiment", given("x")),
    ("create_run", given(experiment, "ada", 5, [], None)),
    ("restore_experiment", given(experiment)),
    ("restore_experiment", given(experiment)),
    ("get_run", given(run)),
]

#: What the first answer of a method gives the steps after it.
SAVES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "create_experiment": ("experiment", str),
    "create_run": ("run", lambda made: str(made.info.run_id)),
    "create_logged_model": ("model", lambda made: str(made.model_id)),
}


def play(side: Side) -> list[str]:
    answers = []
    for method, arguments in STEPS:
        if not hasattr(side.store, method):
            continue
        args, kwargs = arguments({"model": NO_MODEL, **side.saved})
        side.saved["last"] = None
        answers.append(f"{method}: {side.call(method, *args, **kwargs)}")
        key, value = SAVES.get(method, ("", str))
        if key and key not in side.saved and side.saved["last"] is not None:
            side.saved[key] = value(side.saved["last"])
    return answers


@pytest.mark.parametrize("kind", ["sqlite", "sqlite-workspaces", "postgres", "postgres-workspaces"])
def test_the_same_calls_give_the_same_answers(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.store.tracking.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore

    database, _, workspaces = kind.partition("-")
    guarded = guarded_runs(
        request.getfixturevalue(f"{database}_store"), tmp_path, workspaces=bool(workspaces)
    )
    ours = play(Side(guarded.store, tmp_path))
    folder = tmp_path / "plain"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        if database == "sqlite":
            store = sqlite_copy(request.getfixturevalue("_template"), folder)
        else:
            store = stack.enter_context(request.getfixturevalue("postgres_server").database(folder))
        stack.callback(forget_engines, store.uri)
        kept = WorkspaceAwareSqlAlchemyStore if workspaces else SqlAlchemyStore
        plain = play(Side(kept(store.uri, str(store.artifacts)), folder))
    assert guarded.standing.frozen_versions() == []
    assert [(a, b) for a, b in zip(ours, plain, strict=True) if a != b] == []
    failed = [answer for answer in plain if "Exception" in answer or "Error" in answer]
    assert 30 < len(failed) < len(STEPS) - 30


def test_every_guarded_method_is_called() -> None:
    assert GUARDED_BY_HAND | set(GUARDED) <= {method for method, _ in STEPS}

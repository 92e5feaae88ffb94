"""The guarded tracking store: the ledger is closed, the evidence frozen, and all else is MLflow's."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.guarded_runs import GuardedRuns, model_id_of

M = "guarded_m"


def refused(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The message of the PERMISSION_DENIED that the call is answered."""
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        call(*args, **kwargs)
    assert caught.value.error_code == "PERMISSION_DENIED", caught.value
    return str(caught.value.message)


def writes(store: Any, run_id: str, model_id: str, other_run: str) -> dict[str, Callable[[], Any]]:
    """Every way to change a run or a LoggedModel."""
    from mlflow.entities import (
        Dataset,
        DatasetInput,
        LoggedModelInput,
        LoggedModelOutput,
        LoggedModelParameter,
        LoggedModelStatus,
        LoggedModelTag,
        Metric,
        Param,
        RunTag,
    )
    from mlflow.models import Model

    later = int(time.time() * 1000) + 1000
    metric = Metric("roc_auc", 0.99, later, 1)
    of_model = Metric("roc_auc", 0.99, later, 1, model_id=model_id)
    batched = Metric("roc_auc", 0.97, later, 2, model_id=model_id)
    others = Metric("roc_auc", 0.98, later, 2)
    data = DatasetInput(Dataset("better", "1", "local", "{}"), [])
    return {
        "log_metric": lambda: store.log_metric(run_id, metric),
        "log_metric of the model": lambda: store.log_metric(other_run, of_model),
        "log_batch of metrics": lambda: store.log_batch(run_id, [others], [], []),
        "log_batch of params": lambda: store.log_batch(run_id, [], [Param("trees", "3")], []),
        "log_batch of tags": lambda: store.log_batch(run_id, [], [], [RunTag("dataset", "eve")]),
        "log_batch of the model": lambda: store.log_batch(other_run, [others, batched], [], []),
        "log_param": lambda: store.log_param(run_id, Param("depth", "3")),
        "set_tag": lambda: store.set_tag(run_id, RunTag("owner", "eve")),
        "set_tag that renames": lambda: store.set_tag(run_id, RunTag("mlflow.runName", "best")),
        "delete_tag": lambda: store.delete_tag(run_id, "team"),
        "update_run_info that renames": lambda: store.update_run_info(run_id, None, None, "better"),
        "log_inputs": lambda: store.log_inputs(run_id, [data]),
        "log_inputs of models": lambda: store.log_inputs(run_id, models=[LoggedModelInput(model_id)]),
        "log_outputs": lambda: store.log_outputs(run_id, [LoggedModelOutput(f"m-{'0' * 32}", 1)]),
        "record_logged_model": lambda: store.record_logged_model(run_id, Model(run_id=run_id)),
        "delete_run": lambda: store.delete_run(run_id),
        "set_logged_model_tags": lambda: store.set_logged_model_tags(model_id, [LoggedModelTag("a", "b")]),
        "set_logged_model_tags of versions too": lambda: store.set_logged_model_tags(
            model_id, [LoggedModelTag("mlflow.modelVersions", "[]"), LoggedModelTag("a", "c")]
        ),
        "delete_logged_model_tag": lambda: store.delete_logged_model_tag(model_id, "kind"),
        "log_logged_model_params": lambda: store.log_logged_model_params(
            model_id, [LoggedModelParameter("depth", "3")]
        ),
        "finalize_logged_model": lambda: store.finalize_logged_model(model_id, LoggedModelStatus.FAILED),
        "delete_logged_model": lambda: store.delete_logged_model(model_id),
        "delete_experiment": lambda: store.delete_experiment(store.get_run(run_id).info.experiment_id),
    }


WRITES = sorted(writes(None, "", "", ""))


def state_of(runs: GuardedRuns, run_id: str, model_id: str) -> Any:
    run, model = runs.plain.get_run(run_id), runs.plain.get_logged_model(model_id)
    experiment = runs.plain.get_experiment(run.info.experiment_id)
    return run.to_dictionary(), model.to_dictionary(), experiment.lifecycle_stage


def a_run(runs: GuardedRuns, name: str = "elsewhere") -> str:
    """A run that stands behind nothing, in an experiment of its own."""
    found = runs.plain.get_experiment_by_name(name)
    experiment = found.experiment_id if found else runs.plain.create_experiment(name)
    return str(runs.plain.create_run(experiment, "somebody", 1, [], None).info.run_id)


def prepared(runs: GuardedRuns, model: str, *stages: str) -> tuple[str, str]:
    """A version's run and LoggedModel, with a tag each that can be deleted."""
    from mlflow.entities import LoggedModelTag

    version = runs.version(model, run_tags={"team": "a"})
    runs.plain.set_logged_model_tags(model_id_of(version), [LoggedModelTag("kind", "tree")])
    for stage in stages:
        runs.registry.client.transition_model_version_stage(model, version.version, stage)
    return version.run_id, model_id_of(version)


# --- what is frozen -----------------------------------------------------------------------------------------


def test_evidence_behind_a_guarded_version_is_frozen(runs: GuardedRuns) -> None:
    run_id, model_id = prepared(runs, M, "Staging")
    before = state_of(runs, run_id, model_id)
    for name, write in writes(runs.store, run_id, model_id, a_run(runs)).items():
        told = refused(write)
        assert "is frozen" in told, name
        assert f"behind {M} version 1 in Staging" in told, name
        assert state_of(runs, run_id, model_id) == before, name


def test_what_stands_behind_nothing_can_be_written(runs: GuardedRuns) -> None:
    run_id, model_id = prepared(runs, "free_m", "Staging", "Production")
    for name, write in writes(runs.store, run_id, model_id, a_run(runs)).items():
        if name in ("delete_run", "delete_logged_model", "delete_experiment"):
            continue
        before = state_of(runs, run_id, model_id)
        write()
        assert state_of(runs, run_id, model_id) != before, name


def test_nothing_is_done_by_half(lite_runs: GuardedRuns) -> None:
    # `log_metric` and `log_batch` of MLflow write to the LoggedModel and to the run, in transactions of
    # their own.
    from mlflow.entities import Metric, Param, RunTag

    _, model_id = prepared(lite_runs, M, "Staging")
    other = a_run(lite_runs)
    metric = Metric("roc_auc", 0.99, 1, 0, model_id=model_id)
    refused(lite_runs.store.log_metric, other, metric)
    refused(lite_runs.store.log_batch, other, [metric], [Param("a", "b")], [RunTag("c", "d")])
    data = lite_runs.plain.get_run(other).data
    assert (data.metrics, data.params, "c" in data.tags) == ({}, {}, False)


def test_a_nan_stays_one(lite_runs: GuardedRuns) -> None:
    """MLflow keeps a NaN of a LoggedModel as 0, and the metric of the run that logged it tells them apart;
    that run need not be the one that the version names.
    """
    from mlflow.entities import Metric

    version, evaluation = lite_runs.version(M), a_run(lite_runs)
    nan = Metric("loss", float("nan"), 1, 0, model_id=model_id_of(version))
    lite_runs.store.log_metric(evaluation, nan)
    lite_runs.registry.client.transition_model_version_stage(M, "1", "Staging")
    lite_runs.store.log_metric(evaluation, Metric("loss", 0.1, 2, 1))
    lite_runs.store.log_metric(evaluation, Metric("other", 0.0, 2, 1))
    zero = Metric("loss", 0.0, 3, 2)
    assert f"behind {M} version 1" in refused(lite_runs.store.log_metric, evaluation, zero)
    assert f"behind {M} version 1" in refused(lite_runs.store.log_batch, evaluation, [zero], [], [])


def test_a_frozen_run_may_end_and_be_seen_again(lite_runs: GuardedRuns) -> None:
    from mlflow.entities import RunStatus

    run_id, _ = prepared(lite_runs, M, "Staging")
    name = lite_runs.plain.get_run(run_id).info.run_name
    lite_runs.store.update_run_info(run_id, RunStatus.FINISHED, 12345, None)
    lite_runs.store.update_run_info(run_id, RunStatus.FINISHED, 12346, name)
    lite_runs.plain.delete_run(run_id)
    lite_runs.store.restore_run(run_id)
    info = lite_runs.plain.get_run(run_id).info
    assert (info.end_time, info.lifecycle_stage, info.run_name) == (12346, "active", name)


def test_a_frozen_logged_model_may_become_another_version(lite_runs: GuardedRuns) -> None:
    # The handler of `create_model_version` notes the version on the LoggedModel, by
    # `set_model_versions_tags`.
    _, model_id = prepared(lite_runs, M, "Staging")
    lite_runs.store.set_model_versions_tags(M, "2", model_id)
    assert '"version": "2"' in lite_runs.plain.get_logged_model(model_id).tags["mlflow.modelVersions"]


def test_the_run_is_as_frozen_as_its_logged_models_version(lite_runs: GuardedRuns) -> None:
    """An experiment is not deleted from under the run that logged the model, whichever run the version
    says.
    """
    first = lite_runs.version("free_m", experiment="first")
    second = lite_runs.version("free_m", experiment="second")
    plain = lite_runs.registry.plain.client
    plain.create_registered_model(M)
    plain.create_model_version(M, first.source, second.run_id)
    experiments = {
        name: lite_runs.plain.get_experiment_by_name(name).experiment_id for name in ("first", "second")
    }
    lite_runs.store.delete_experiment(experiments["second"])
    lite_runs.store.restore_experiment(experiments["second"])
    lite_runs.registry.client.transition_model_version_stage(M, "1", "Staging")
    for experiment_id in experiments.values():
        assert f"behind {M} version 1" in refused(lite_runs.store.delete_experiment, experiment_id)


# --- the ledger ---------------------------------------------------------------------------------------------


def ledger_writes(store: Any, experiment: str, run_id: str) -> dict[str, Callable[[], Any]]:
    """Every way to write to an experiment and to a run that are the ledger's."""
    from mlflow.entities import ExperimentTag, RunTag, TraceInfo, TraceLocation, TraceState

    info = TraceInfo(
        trace_id="tr-1",
        trace_location=TraceLocation.from_experiment_id(experiment),
        request_time=1,
        state=TraceState.OK,
    )
    tag = ExperimentTag("a", "b")
    return {
        "rename_experiment": lambda: store.rename_experiment(experiment, "mine"),
        "delete_experiment": lambda: store.delete_experiment(experiment),
        "restore_experiment": lambda: store.restore_experiment(experiment),
        "set_experiment_tag": lambda: store.set_experiment_tag(experiment, tag),
        "delete_experiment_tag": lambda: store.delete_experiment_tag(experiment, "hotpass.genesis"),
        "create_run": lambda: store.create_run(experiment, "eve", 1, [RunTag("a", "b")], None),
        "create_run by a number": lambda: store.create_run(int(experiment), "eve", 1, [], None),
        "create_logged_model": lambda: store.create_logged_model(experiment),
        "create_logged_model of a run": lambda: store.create_logged_model("0", source_run_id=run_id),
        "restore_run": lambda: store.restore_run(run_id),
        "update_run_info": lambda: store.update_run_info(run_id, None, 1, None),
        "start_trace": lambda: store.start_trace(info),
        "log_spans": lambda: store.log_spans(experiment, []),
        "delete_traces": lambda: store.delete_traces(experiment, max_timestamp_millis=1),
        "link_traces_to_run": lambda: store.link_traces_to_run(["tr-1"], run_id),
        "create_dataset": lambda: store.create_dataset("data", experiment_ids=["0", experiment]),
        "register_scorer": lambda: store.register_scorer(experiment, "judge", "{}"),
        "create_issue": lambda: store.create_issue(experiment, "name", "text"),
    }


def test_the_ledger_is_closed(runs: GuardedRuns) -> None:
    run_id, model_id = prepared(runs, M, "Staging")
    experiment = runs.plain.get_experiment_by_name(f"hotpass-ledger/{M}")
    (record,) = runs.plain.search_runs([experiment.experiment_id], "", 3)
    before = runs.plain.get_run(record.info.run_id).to_dictionary()
    ways = ledger_writes(runs.store, experiment.experiment_id, record.info.run_id)
    more = writes(runs.store, record.info.run_id, model_id, run_id)
    for name, write in {**ways, **more}.items():
        told = refused(write)
        assert "ledger" in told or "frozen" in told or "Hotpass" in told, (name, told)
    assert runs.plain.get_run(record.info.run_id).to_dictionary() == before
    assert len(runs.plain.search_runs([experiment.experiment_id], "", 3)) == 1
    # Reading passes.
    assert runs.store.get_run(record.info.run_id).info.run_id == record.info.run_id


@pytest.mark.parametrize(
    "name",
    ["hotpass-ledger", f"hotpass-ledger/{M}", f"Hotpass-Ledger/{M}", "hotpass-ledger/ ", "hotpàss-ledger"],
)
def test_nobody_makes_a_ledger(lite_runs: GuardedRuns, name: str) -> None:
    other = lite_runs.plain.create_experiment("other")
    assert "ledger" in refused(lite_runs.store.create_experiment, name)
    assert "ledger" in refused(lite_runs.store.rename_experiment, other, name)


def test_other_experiments_may_have_such_names(lite_runs: GuardedRuns) -> None:
    assert lite_runs.store.create_experiment("hotpass-ledgers")
    assert lite_runs.store.create_experiment("my/hotpass-ledger")


# --- tags of Hotpass' own -----------------------------------------------------------------------------------


def test_hotpass_tags_cannot_be_written(lite_runs: GuardedRuns) -> None:
    from mlflow.entities import LoggedModelTag, RunTag

    store, run_id = lite_runs.store, a_run(lite_runs)
    model = store.create_logged_model("0", tags=[LoggedModelTag("hotpass.x", "1"), LoggedModelTag("a", "b")])
    assert model.tags == {"a": "b"}
    for key in ("hotpass.created_by", "Hotpass.created_by", "hotpass.hash", "hotpass.anything"):
        assert key in refused(store.set_tag, run_id, RunTag(key, "ada"))
        assert key in refused(store.log_batch, run_id, [], [], [RunTag("a", "b"), RunTag(key, "ada")])
        assert key in refused(store.delete_tag, run_id, key)
        assert key in refused(store.set_logged_model_tags, model.model_id, [LoggedModelTag(key, "ada")])
    made = store.create_run("0", "eve", 1, [RunTag("hotpass.created_by", "ada"), RunTag("a", "b")], "name")
    assert made.data.tags == {"a": "b", "mlflow.runName": "name"}
    assert "a" not in lite_runs.plain.get_run(run_id).data.tags


def test_what_a_trainer_claims_can_be_written(lite_runs: GuardedRuns) -> None:
    from mlflow.entities import LoggedModelTag, RunTag

    from hotpass.guard.evidence_rules import CLAIMS
    from hotpass.ml import lineage, runs, serialization
    from hotpass.registry.convert import MODEL_FILE_TAG

    written = {lineage.VERSIONS_TAG, runs.REJECTED_TAG, serialization.SERIALIZATION_TAG, MODEL_FILE_TAG}
    assert not written ^ CLAIMS
    store, tags = lite_runs.store, [RunTag(key, "said") for key in CLAIMS]
    run_id = store.create_run("0", "ada", 1, tags, None).info.run_id
    store.log_batch(run_id, [], [], tags)
    model = store.create_logged_model("0", source_run_id=run_id)
    store.set_logged_model_tags(model.model_id, [LoggedModelTag(key, "said") for key in CLAIMS])
    assert not CLAIMS - set(lite_runs.plain.get_run(run_id).data.tags)


def test_an_authenticated_user_is_written_on_the_run(lite_runs: GuardedRuns) -> None:
    from flask import Flask, g
    from mlflow.entities import RunTag

    store = lite_runs.store
    with Flask("test").test_request_context():
        claimed = store.create_run("0", "eve", 1, [], None)
        g.mlflow_authenticated_user = "ada"
        made = store.create_run("0", "eve", 1, [RunTag("hotpass.created_by", "eve")], None)
    assert "hotpass.created_by" not in claimed.data.tags
    assert made.data.tags["hotpass.created_by"] == "ada"
    assert lite_runs.plain.get_run(made.info.run_id).data.tags["hotpass.created_by"] == "ada"


def test_with_a_key_who_made_a_run_is_sealed(
    lite_runs: GuardedRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flask import Flask, g

    from hotpass.candidate import Person
    from hotpass.ledger.seal import Seal
    from hotpass.people import trainer_of
    from hotpass.registry.convert import run_facts

    key = tmp_path / "guard.key"
    key.write_text("k" * 64)
    key.chmod(0o600)
    monkeypatch.setenv("HOTPASS_GUARD_KEY_FILE", str(key))
    store, seal = lite_runs.store, Seal(b"k" * 64)
    with Flask("test").test_request_context():
        claimed = store.create_run("0", "eve", 1, [], None)
        g.mlflow_authenticated_user = "ada"
        made = store.create_run("0", "eve", 1, [], None)
    found = lite_runs.plain.get_run(made.info.run_id)
    assert found.data.tags == made.data.tags
    assert trainer_of(run_facts(found), seal.proves) == Person("ada", authenticated=True)
    assert trainer_of(run_facts(claimed), seal.proves) is None


# --- MLflow as before ---------------------------------------------------------------------------------------


def test_an_unknown_method_stops_the_start(lite_runs: GuardedRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.store.tracking.abstract_store import AbstractStore

    from hotpass.errors import CallError

    monkeypatch.setattr(AbstractStore, "rewrite_history", lambda self: None, raising=False)
    with pytest.raises(CallError, match=r"tracking store.*rewrite_history"):
        _ = lite_runs.store


def test_every_listed_parameter_is_mlflows(lite_runs: GuardedRuns) -> None:
    """A parameter that MLflow spelt otherwise would be looked for and never found."""
    import inspect

    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    from hotpass.guard.known_tracking_methods import GUARDED

    for name, touches in GUARDED.items():
        known = inspect.signature(getattr(SqlAlchemyStore, name)).parameters
        named = [*touches.experiments, *touches.runs, *touches.logged_models, *touches.bystanders]
        assert named, name
        assert set(named) <= set(known), name


def test_observing_refuses_nothing_but_the_ledger(
    lite_runs: GuardedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTPASS_GUARD_OBSERVE", "true")
    run_id, model_id = prepared(lite_runs, M)
    plain = lite_runs.registry.plain.client
    plain.transition_model_version_stage(M, "1", "Staging")
    assert lite_runs.guard.settings.observe
    for name, write in writes(lite_runs.store, run_id, model_id, a_run(lite_runs)).items():
        if not name.startswith("delete_"):
            write()
    ledger = lite_runs.plain.get_experiment_by_name(f"hotpass-ledger/{M}")
    assert "ledger" in refused(lite_runs.store.create_run, ledger.experiment_id, "eve", 1, [], None)
    assert lite_runs.plain.get_run(run_id).data.metrics["roc_auc"] in (0.98, 0.99)

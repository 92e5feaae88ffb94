"""`train_lead_scoring_model`: what is logged, registered, written and refused."""

from __future__ import annotations

import json

import mlflow
import pandas as pd
import pytest

import hotpass
from hotpass.errors import CallError, PluginError, TrainingRejected
from hotpass.ml import MLflowConfig, get_model_metadata, init_mlflow, load_model
from hotpass.ml.lineage import frame_digest
from hotpass.plugins import create_manager, register
from hotpass.requests import TrainingResult
from hotpass.transform.scoring import train_lead_scoring_model
from support.leads import FOUR_ROWS, made_up


def artifacts(run_id: str, tmp_path):
    return mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=str(tmp_path / "run"))


def test_without_mlflow_nothing_is_logged(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = train_lead_scoring_model(made_up())
    assert result.run_id is None
    assert result.model_version is None
    assert list(tmp_path.iterdir()) == []


def test_a_run_a_version_and_the_rows_it_was_judged_by(sqlite_store, tmp_path):
    result = train_lead_scoring_model(
        made_up(), enable_mlflow=True, run_name="first", tags={"owner": "ada"},
        metadata={"dataset": "made_up"},
        dataset_name="made_up",
    )  # fmt: skip
    (version,) = get_model_metadata("lead_scoring_model")
    assert (result.model_name, result.model_version) == ("lead_scoring_model", 1)
    assert version["run_id"] == result.run_id
    run = sqlite_store.client.get_run(result.run_id)
    assert sqlite_store.client.get_experiment(run.info.experiment_id).name == "lead_scoring"
    assert run.data.metrics == pytest.approx(dict(result.metrics))
    assert run.data.params["validation_method"] == "holdout"
    assert (run.data.params["train_rows"], run.data.params["validation_rows"]) == ("320", "80")
    assert int(run.data.params["validation_positives"]) == result.rows["validation_positives"]
    assert run.data.tags["dataset"] == "made_up"
    assert json.loads(run.data.tags["features"]) == ["calls", "income", "branch"]

    folder = artifacts(result.run_id, tmp_path)
    kept = pd.read_parquet(f"{folder}/validation/validation.parquet")
    learnt = pd.read_parquet(f"{folder}/training/training.parquet")
    pd.testing.assert_frame_equal(learnt, result.train_frame, check_dtype=False)
    assert sorted([*learnt.index, *kept.index]) == list(range(400)), "the index says which rows they are"
    inputs = {i.dataset.name: i.dataset.digest for i in run.inputs.dataset_inputs}
    assert set(inputs) == {"made_up-training", "made_up-validation"}
    assert inputs["made_up-validation"] == frame_digest(result.validation_frame)
    assert {name for name in ("roc", "precision_recall",
    "calibration") if (tmp_path / "run" / "plots" / f"{name}.png").exists()} == {
        "roc", "precision_recall", "calibration",
    }  # fmt: skip

    # A later gate can judge again on the same rows, and comes to the same.
    from sklearn.metrics import roc_auc_score

    model = load_model("lead_scoring_model", version=1).model
    scores = model.predict_proba(kept[list(result.feature_columns)])[:, 1]
    assert roc_auc_score(kept["won"], scores) == pytest.approx(result.metrics["roc_auc"])


def test_rows_that_the_model_has_seen_are_not_kept_as_validation(sqlite_store, tmp_path):
    result = train_lead_scoring_model(FOUR_ROWS, enable_mlflow=True)
    folder = artifacts(result.run_id, tmp_path)
    assert not (tmp_path / "run" / "validation" / "validation.parquet").exists()
    kept = pd.read_parquet(f"{folder}/validation/out_of_fold.parquet")
    assert kept["score"].tolist() == list(result.validation_scores)
    run = sqlite_store.client.get_run(result.run_id)
    assert run.data.params["validation_method"] == "out_of_fold"
    assert [i.dataset.name for i in run.inputs.dataset_inputs] == ["training"]


def test_no_training_rows_are_kept_where_the_caller_says_so(sqlite_store, tmp_path):
    result = train_lead_scoring_model(FOUR_ROWS, enable_mlflow=True, keep_training_rows=False)
    artifacts(result.run_id, tmp_path)
    assert not (tmp_path / "run" / "training").exists()
    assert (tmp_path / "run" / "plots").exists()
    run = sqlite_store.client.get_run(result.run_id)
    assert [i.dataset.name for i in run.inputs.dataset_inputs] == ["training"], "their digest stays"


def test_the_experiment_that_was_chosen_is_kept(sqlite_store):
    chosen = init_mlflow(MLflowConfig(experiment_name="mine"))
    result = train_lead_scoring_model(FOUR_ROWS, enable_mlflow=True, mlflow_model_name=None)
    assert sqlite_store.client.get_run(result.run_id).info.experiment_id == chosen
    assert result.model_version is None


def test_a_model_that_misses_a_threshold_is_logged_and_not_registered(sqlite_store, tmp_path):
    with pytest.raises(TrainingRejected, match=r"wanted at least 0\.999") as caught:
        train_lead_scoring_model(
            made_up(), enable_mlflow=True, metric_thresholds={"roc_auc": 0.999, "log_loss": 5},
            metrics_path=tmp_path / "metrics.json",
        )  # fmt: skip
    assert isinstance(caught.value, RuntimeError)
    assert caught.value.exit_code == 1
    (run,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert run.data.tags["hotpass.rejected"].startswith("roc_auc is 0.")
    assert "log_loss" not in run.data.tags["hotpass.rejected"]
    assert list(sqlite_store.client.search_registered_models()) == []
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"]["roc_auc"] > 0.5


def test_thresholds_hold_without_mlflow_too():
    with pytest.raises(TrainingRejected, match="lead_joy was not measured"):
        train_lead_scoring_model(made_up(), metric_thresholds={"lead_joy": {"at_least": 1}})


def test_a_threshold_that_makes_no_sense_is_refused_before_training():
    with pytest.raises(CallError, match="is not known"):
        train_lead_scoring_model(None, metric_thresholds={"lead_joy": 1})


def test_metrics_are_written_as_json(tmp_path):
    result = train_lead_scoring_model(made_up(), metrics_path=tmp_path / "deep" / "metrics.json")
    body = json.loads((tmp_path / "deep" / "metrics.json").read_text())
    assert body["metrics"] == pytest.approx(dict(result.metrics))
    assert body["rows"] == dict(result.rows)
    assert body["features"] == ["calls", "income", "branch"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["metrics.json"]


def test_a_metric_that_is_nan_is_null(tmp_path):
    manager = create_manager()
    register(manager, Trainer(TrainingResult(None, {"precision": float("nan")}, ("a",), "won")), "ours")
    train_lead_scoring_model(made_up(), metrics_path=tmp_path / "m.json", manager=manager)
    assert json.loads((tmp_path / "m.json").read_text())["metrics"] == {"precision": None}


class Trainer:
    def __init__(self, answer):
        self.answer = answer

    @hotpass.hookimpl
    def hotpass_train(self, request):
        return self.answer


def test_a_plugin_that_returns_something_else_is_caught():
    manager = create_manager()
    register(manager, Trainer({"model": 1}), "ours")
    with pytest.raises(PluginError, match="returned a dict; it must return a TrainingResult"):
        train_lead_scoring_model(made_up(), manager=manager)


def test_without_any_trainer_that_is_said():
    with pytest.raises(CallError, match="no plugin trains 'logistic_regression'"):
        train_lead_scoring_model(made_up(), manager=create_manager(entry_points=False))


def test_a_trainer_in_a_plugin_folder_is_asked_first(tmp_path, monkeypatch):
    (tmp_path / "ours.py").write_text(
        "import hotpass\nfrom hotpass.requests import TrainingResult\n\n@hotpass.hookimpl\ndef "
        "hotpass_train(request):\n"
        "    if request.estimator == 'ours':\n        return TrainingResult('ours', {}, ('a',), 'won')\n"
    )
    monkeypatch.setenv("HOTPASS_PLUGINS", str(tmp_path))
    assert train_lead_scoring_model(made_up(), estimator="ours").model == "ours"
    assert train_lead_scoring_model(made_up()).rows["train"] == 320

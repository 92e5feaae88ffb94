"""What a logged training run holds, and what is refused before anything is logged."""

from __future__ import annotations

import json
import math
import os
import subprocess

import mlflow
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from hotpass.artifacts import digest_of_folder
from hotpass.errors import CallError, RegistryError, TrainingRejected
from hotpass.ml import get_model_metadata, init_mlflow, log_run, log_training_run
from hotpass.ml.lineage import frame_digest

ROWS = pd.DataFrame({"calls": [1, 2, 3, 4], "income": [3.5, 1.0, 2.0, 9.0], "won": [0, 0, 1, 1]})
FEATURES = ROWS[["calls", "income"]]


@pytest.fixture
def model():
    return LogisticRegression().fit(FEATURES.astype(float), ROWS["won"])


@pytest.fixture
def tracked(sqlite_store):
    init_mlflow()
    return sqlite_store


def runs(store):
    return store.client.search_runs([e.experiment_id for e in store.client.search_experiments()])


def test_a_run_holds_what_was_given(model, tracked, tmp_path):
    (tmp_path / "notes.txt").write_text("by hand")
    done = log_run(
        model, {"C": 1.0, "solver": "lbfgs"}, {"roc_auc": 0.8, "lead joy": 0.5},
        metadata={"dataset": "contacts_2025", "features": ["calls", "income"]}, model_name="lead_scoring",
        input_example=FEATURES.head(2), run_name="first", tags={"owner": "ada"}, training_frame=ROWS,
        validation_frame=ROWS.head(2), target_column="won", dataset_name="contacts", artifacts=["notes.txt"],
    )  # fmt: skip
    run = tracked.client.get_run(done.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "first"
    assert run.data.params == {"C": "1.0", "solver": "lbfgs"}
    assert run.data.metrics == {"roc_auc": 0.8, "lead joy": 0.5}
    assert run.data.tags["owner"] == "ada"
    assert run.data.tags["dataset"] == "contacts_2025"
    assert json.loads(run.data.tags["features"]) == ["calls", "income"]
    assert json.loads(run.data.tags["hotpass.versions"])["scikit-learn"]
    assert {f.path for f in tracked.client.list_artifacts(done.run_id)} >= {"metadata.json", "notes.txt"}

    inputs = {i.dataset.name: (i.tags[0].value, i.dataset.digest) for i in run.inputs.dataset_inputs}
    assert inputs == {
        "contacts-training": ("training", frame_digest(ROWS)),
        "contacts-validation": ("validation", frame_digest(ROWS.head(2))),
    }
    logged = tracked.client.get_logged_model(done.model_id)
    measured = {m.key: (m.value, m.dataset_name, m.dataset_digest) for m in logged.metrics}
    assert measured["roc_auc"] == (0.8, "contacts-validation", frame_digest(ROWS.head(2)))

    info = mlflow.models.get_model_info(f"models:/{done.model_id}")
    assert [(c.name, c.type.name) for c in info.signature.inputs] == [
        ("calls", "double"),
        ("income", "double"),
    ]
    assert info.saved_input_example_info is not None
    assert info.flavors["sklearn"]["serialization_format"] == "skops"

    (version,) = get_model_metadata("lead_scoring")
    assert version["version"] == done.version == 1
    assert version["run_id"] == done.run_id
    assert version["tags"] == {
        "owner": "ada", "hotpass.artifact_digest": done.artifact_digest, "hotpass.serialization": "skops",
    }  # fmt: skip
    files = mlflow.artifacts.download_artifacts(f"models:/{done.model_id}", dst_path=str(tmp_path / "copy"))
    assert digest_of_folder(files) == done.artifact_digest


def test_on_every_store_the_model_can_be_read_back(model, store, tmp_path):
    init_mlflow()
    done = log_run(model, {}, {"roc_auc": 0.8}, model_name="lead_scoring", input_example=FEATURES)
    files = mlflow.artifacts.download_artifacts(f"models:/{done.model_id}", dst_path=str(tmp_path / "copy"))
    assert digest_of_folder(files) == done.artifact_digest
    assert mlflow.sklearn.load_model("models:/lead_scoring/1").classes_.tolist() == [0, 1]


def test_the_public_call_returns_the_id_of_the_run(model, tracked):
    run_id = log_training_run(model=model, params={"a": 1}, metrics={"accuracy": 0.9}, input_example=FEATURES)
    assert tracked.client.get_run(run_id).data.params == {"a": "1"}
    assert list(tracked.client.search_registered_models()) == []


def test_a_metric_that_is_nan_is_no_measurement_of_the_model(model, tracked):
    """MLflow would keep it as 0.0 there, and 0.0 is a fine log loss."""
    done = log_run(model, {}, {"log_loss": math.nan, "recall": math.inf, "roc_auc": 0.8})
    assert [m.key for m in tracked.client.get_logged_model(done.model_id).metrics] == ["roc_auc"]
    assert math.isnan(tracked.client.get_run(done.run_id).data.metrics["log_loss"])


def test_a_model_that_misses_a_threshold_is_logged_and_not_registered(model, tracked):
    with pytest.raises(TrainingRejected, match=r"roc_auc is 0\.6, wanted at least 0\.7") as caught:
        log_run(
            model, {}, {"roc_auc": 0.6}, model_name="lead_scoring", metric_thresholds={"roc_auc": 0.7},
            input_example=FEATURES,
        )  # fmt: skip
    assert isinstance(caught.value, RuntimeError)
    (run,) = runs(tracked)
    assert run.info.run_id in str(caught.value)
    assert run.info.status == "FINISHED"
    assert run.data.tags["hotpass.rejected"] == "roc_auc is 0.6, wanted at least 0.7"
    assert run.outputs.model_outputs
    assert list(tracked.client.search_registered_models()) == []


def test_a_second_run_is_the_next_version(model, tracked):
    for expected in (1, 2):
        assert log_run(model, {}, {}, model_name="lead_scoring").version == expected


def test_inside_a_run_of_the_callers_own_it_is_a_child(model, tracked):
    with mlflow.start_run() as outer:
        run_id = log_training_run(model, {"a": 1}, {})
        mlflow.log_param("outer", 1)
    assert tracked.client.get_run(run_id).data.tags["mlflow.parentRunId"] == outer.info.run_id
    assert tracked.client.get_run(outer.info.run_id).data.params == {"outer": "1"}


def test_the_commit_of_the_working_directory_is_on_record(model, tracked, tmp_path):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    run_id = log_training_run(model, {}, {})
    assert tracked.client.get_run(run_id).data.tags["mlflow.source.git.commit"] == head


def test_cloudpickle_is_opted_in_to_and_recorded(tracked):
    model = make_pipeline(FunctionTransformer(os.getcwd), LogisticRegression())
    model.steps[0][1].set_params(func=None)
    model.fit(FEATURES, ROWS["won"])
    model.steps[0][1].set_params(func=_same)
    with pytest.raises(CallError, match="allow_cloudpickle=True"):
        log_run(model, {}, {}, model_name="lead_scoring")
    assert runs(tracked) == []
    done = log_run(model, {}, {}, model_name="lead_scoring", allow_cloudpickle=True)
    assert tracked.client.get_run(done.run_id).data.tags["hotpass.serialization"] == "cloudpickle"
    assert get_model_metadata("lead_scoring")[0]["tags"]["hotpass.serialization"] == "cloudpickle"


def _same(rows):
    return rows


def test_artifacts_are_files_folders_tables_figures_and_json(model, tracked, tmp_path):
    from matplotlib.figure import Figure

    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "one.txt").write_text("1")
    run_id = log_training_run(model, {}, {}, artifacts={
        "data/rows.parquet": ROWS, "plots/empty.png": Figure(), "more/reports": folder,
        "facts.json": {"a": [1]},
    })  # fmt: skip
    copy = mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=str(tmp_path / "copy"))
    pd.testing.assert_frame_equal(pd.read_parquet(f"{copy}/data/rows.parquet"), ROWS)
    assert (tmp_path / "copy" / "more" / "reports" / "one.txt").read_text() == "1"
    assert json.loads((tmp_path / "copy" / "facts.json").read_text()) == {"a": [1]}
    assert (tmp_path / "copy" / "plots" / "empty.png").read_bytes().startswith(b"\x89PNG")


def test_training_rows_are_kept_where_the_caller_says_so(model, tracked, tmp_path):
    done = [log_run(model, {}, {}, training_frame=ROWS, keep_training_rows=keep) for keep in (False, True)]
    paths = [{file.path for file in tracked.client.list_artifacts(run.run_id)} for run in done]
    assert paths[1] - paths[0] == {"training"}
    copy = mlflow.artifacts.download_artifacts(
        run_id=done[1].run_id, artifact_path="training/training.parquet", dst_path=str(tmp_path / "copy")
    )
    pd.testing.assert_frame_equal(pd.read_parquet(copy), ROWS)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"metrics": {"roc_auc": "high"}}, "not a number"),
        ({"metrics": {"roc_auc": None}}, "not a number"),
        ({"model_name": "a/b"}, "not a name for a model"),
        ({"model_name": " "}, "not a name for a model"),
        ({"tags": {"hotpass.decision": "mine"}}, "are taken"),
        ({"metadata": {"mlflow.runName": "x"}}, "are taken"),
        ({"artifacts": ["nowhere.txt"]}, "does not exist"),
        ({"artifacts": {"../up.json": {}}}, "not a name inside the run"),
        ({"metric_thresholds": {"joy": 1}}, "is not known"),
        ({"keep_training_rows": True}, "give them as training_frame"),
        (
            {"keep_training_rows": True, "training_frame": pd.DataFrame({"a": [1, "x"]})},
            "cannot be kept as Parquet.*keep_training_rows=False",
        ),
    ],
)
def test_a_call_that_makes_no_sense_logs_nothing(model, tracked, options, says):
    call = {"params": {}, "metrics": {}, **options}
    with pytest.raises(CallError, match=says):
        log_run(model, **call)
    assert runs(tracked) == []


def test_an_input_example_that_the_model_cannot_read_is_said(model, tracked):
    with pytest.raises(CallError, match="cannot predict its own input_example"):
        log_run(model, {}, {}, input_example=pd.DataFrame({"other": [1.0]}))
    (run,) = runs(tracked)
    assert run.info.status == "FAILED"


def test_many_params_and_long_values_are_kept(model, tracked):
    params = {f"p{n}": n for n in range(250)}
    run_id = log_training_run(model, params, {}, metadata={"features": [f"column_{n}" for n in range(900)]})
    run = tracked.client.get_run(run_id)
    assert len(run.data.params) == 250
    assert run.data.tags["features"].endswith("characters: see metadata.json")


def test_a_registration_that_fails_says_that_the_run_is_there(model, tracked, monkeypatch):
    def refuse(*args, **kwargs):
        raise mlflow.exceptions.MlflowException("the registry is closed")

    monkeypatch.setattr(mlflow.MlflowClient, "create_model_version", refuse)
    with pytest.raises(RegistryError, match=r"the registry is closed\nThe run is logged") as caught:
        log_run(model, {}, {}, model_name="lead_scoring")
    (run,) = runs(tracked)
    assert run.info.run_id in str(caught.value)


def test_the_digest_of_a_frame_sees_every_cell_name_and_type():
    frames = [
        ROWS,
        ROWS.rename(columns={"calls": "mails"}),
        ROWS.astype({"calls": float}),
        ROWS.iloc[::-1],
        ROWS.assign(won=[0, 0, 1, 0]),
        ROWS[["income", "calls", "won"]],
        ROWS.assign(lists=[[1], [2], [3], [4]]),
    ]
    assert len({frame_digest(frame) for frame in frames}) == len(frames)
    assert frame_digest(ROWS) == frame_digest(ROWS.copy().set_index(pd.Index([5, 6, 7, 8])))
    long = pd.DataFrame({"n": range(20_000)})
    changed = long.copy()
    changed.loc[15_000, "n"] = -1
    assert frame_digest(long) != frame_digest(changed)

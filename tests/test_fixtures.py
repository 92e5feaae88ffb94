"""The fixtures give what they promise: real stores, empty at the start, nothing of one test in the next."""

from __future__ import annotations

import os
import urllib.request

import pytest
from mlflow.exceptions import MlflowException

from support.versions import make_version


@pytest.mark.parametrize("turn", ["first", "second"])
def test_every_test_starts_with_an_empty_store(any_store, turn):
    client = any_store.client
    assert client.search_registered_models() == []
    assert [experiment.name for experiment in client.search_experiments()] == ["Default"]
    assert make_version(any_store, "lead_scoring", metrics={"roc_auc": 0.8}) == 1
    assert make_version(any_store, "lead_scoring", metrics={"roc_auc": 0.9}) == 2


def test_a_version_has_all_that_a_training_run_leaves(any_store, tmp_path):
    number = make_version(
        any_store,
        "lead_scoring",
        metrics={"roc_auc": 0.8},
        run_metrics={"loss": 0.1},
        tags={"owner": "ada"},
        run_tags={"team": "risk"},
        params={"C": 1.0},
    )
    client = any_store.client
    version = client.get_model_version("lead_scoring", str(number))
    assert version.tags == {"owner": "ada"}
    logged = client.get_logged_model(version.source.removeprefix("models:/"))
    assert [(m.key, m.value, m.dataset_name) for m in logged.metrics] == [("roc_auc", 0.8, "validation")]
    run = client.get_run(version.run_id)
    assert run.data.metrics == {"roc_auc": 0.8, "loss": 0.1}
    assert run.data.tags["team"] == "risk"
    assert run.data.params == {"C": "1.0"}
    assert [entry.dataset.name for entry in run.inputs.dataset_inputs] == ["validation"]

    from mlflow.models import get_model_info

    info = get_model_info(f"models:/lead_scoring/{number}")
    assert info.signature.inputs.input_names() == ["age", "income"]
    assert any(any_store.artifacts.rglob("MLmodel"))
    assert (tmp_path / "mlruns").exists() == (any_store.kind in {"sqlite", "postgres"})


def test_stages_exist_where_the_store_says_so(any_store):
    make_version(any_store, "lead_scoring")
    client = any_store.client
    if any_store.has_stages:
        moved = client.transition_model_version_stage("lead_scoring", "1", "Staging")
        assert moved.current_stage == "Staging"
        return
    assert not client.get_model_version("lead_scoring", "1").current_stage
    assert not client.search_model_versions("name = 'lead_scoring'")[0].current_stage
    assert not client.get_registered_model("lead_scoring").latest_versions[0].current_stage
    with pytest.raises(MlflowException, match="No API found") as raised:
        client.transition_model_version_stage("lead_scoring", "1", "Staging")
    assert raised.value.error_code == "ENDPOINT_NOT_FOUND"
    client.set_registered_model_alias("lead_scoring", "production", "1")
    assert int(client.get_model_version_by_alias("lead_scoring", "production").version) == 1


def test_the_proxy_counts_and_misbehaves(http_store, through_proxy):
    with through_proxy(http_store) as (store, proxy):
        store.client.create_registered_model("lead_scoring")
        assert proxy.requests == [("POST", "/api/2.0/mlflow/registered-models/create")]
        proxy.clear()
        proxy.refuse(1)
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"{proxy.uri}/health")
        proxy.lose_answers(1)
        with pytest.raises(ConnectionError):
            urllib.request.urlopen(f"{proxy.uri}/health")
        assert urllib.request.urlopen(f"{proxy.uri}/health").status == 200
        assert proxy.requests == [("GET", "/health")] * 3


def test_the_environment_is_the_stores_and_nobody_elses(sqlite_store):
    assert os.environ["MLFLOW_TRACKING_URI"] == sqlite_store.uri
    assert os.environ["MLFLOW_REGISTRY_URI"] == sqlite_store.uri
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert not [name for name in os.environ if name.startswith("HOTPASS_")]


def test_nothing_of_it_stays_behind():
    import mlflow

    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert "MLFLOW_REGISTRY_URI" not in os.environ
    assert mlflow.active_run() is None

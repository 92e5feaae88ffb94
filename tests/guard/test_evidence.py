"""Evidence over HTTP: training against a guarded server works from end to end, and what was judged stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from support.guarded import ADMIN, Guarded
from support.versions import make_version

PREFIXES = ("/api/2.0", "/ajax-api/2.0")
BYTES = {"Content-Type": "application/octet-stream"}


def trained(server: Guarded, model: str, roc_auc: float = 0.8) -> str:
    """The id of the run."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from hotpass.ml import log_training_run

    features = np.array([[0.0], [1.0], [2.0], [3.0]])
    return log_training_run(
        LogisticRegression().fit(features, [0, 0, 1, 1]),
        {"C": 1.0},
        {"roc_auc": roc_auc},
        {"owner": "ada"},
        model,
        input_example=features,
    )


def test_training_promoting_and_loading(guarded_sqlite: Guarded) -> None:
    """Tags of Hotpass' own that training writes are claims: the guard keeps those of the run, takes those of
    the version away, and reads the files itself.
    """
    import hotpass
    from hotpass.artifacts import DIGEST_TAG
    from hotpass.ml import load_production_model

    server, model = guarded_sqlite, guarded_sqlite.name("trained")
    run_id = trained(server, model)
    tags = server.client.get_run(run_id).data.tags
    assert {"hotpass.serialization", "hotpass.versions", "owner"} <= set(tags)
    assert "hotpass.created_by" not in tags  # nobody was authenticated
    assert server.client.get_model_version(model, "1").tags == {}

    for stage in ("Staging", "Production"):
        assert hotpass.promote(model, 1, stage).allowed
    version = server.client.get_model_version(model, "1")
    assert len(version.tags[DIGEST_TAG]) == 64
    assert load_production_model(model) is not None


def test_the_user_who_trained_is_on_the_run(guarded_auth: Guarded) -> None:
    server, model = guarded_auth, guarded_auth.name("trained")
    run_id = trained(server, model)
    assert server.client.get_run(run_id).data.tags["hotpass.created_by"] == ADMIN
    told = refused(server.client.set_tag, run_id, "hotpass.created_by", "eve")
    assert "written by Hotpass alone" in told


def refused(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The message of the PERMISSION_DENIED that the call is answered."""
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        call(*args, **kwargs)
    assert caught.value.error_code == "PERMISSION_DENIED", caught.value
    return str(caught.value.message)


def in_staging(server: Guarded) -> tuple[Any, str]:
    """A version in Staging, and the path of its LoggedModel behind the proxy."""
    model = server.name("files")
    number = str(make_version(server, model, metrics={"roc_auc": 0.8}))
    server.client.transition_model_version_stage(model, number, "Staging")
    version = server.client.get_model_version(model, number)
    location = server.client.get_logged_model(version.source.removeprefix("models:/")).artifact_location
    return version, location.removeprefix("mlflow-artifacts:/")


def contents(server: Guarded, path: str) -> dict[str, bytes]:
    folder = server.artifacts / path
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_files_through_the_proxy(guarded: Guarded) -> None:
    version, path = in_staging(guarded)
    before = contents(guarded, path)
    assert "MLmodel" in before
    for prefix in PREFIXES:
        proxy = f"{prefix}/mlflow-artifacts/artifacts"
        for spelt in (path, path.replace("models", "%6dodels"), quote(quote(path, safe=""), safe="")):
            for method, below in (
                ("PUT", "/MLmodel"),
                ("PUT", "/new"),
                ("DELETE", "/MLmodel"),
                ("DELETE", ""),
            ):
                answer = guarded.request(method, f"{proxy}/{spelt}{below}", b"better")
                assert answer.status == 403, (method, spelt, below, answer.text)
                assert f"behind {version.name} version 1 in Staging" in answer.text
        assert guarded.request("DELETE", f"{proxy}/{path.partition('/')[0]}").status == 403
        for step in ("create", "complete"):
            body = {"path": "MLmodel", "num_parts": 1, "upload_id": "1", "parts": [{"part_number": 1}]}
            answer = guarded.post(f"{prefix}/mlflow-artifacts/mpu/{step}/{path}", body)
            assert answer.status >= 400  # a folder takes no uploads in parts
    assert contents(guarded, path) == before
    assert guarded.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}0/new", b"x").status == 200


def test_files_by_the_upload_of_the_ui(guarded_sqlite: Guarded) -> None:
    version, _ = in_staging(guarded_sqlite)
    way = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={version.run_id}&path=notes/a.txt"
    answer = guarded_sqlite.request("POST", way, b"better", headers=BYTES)
    assert answer.status == 403, answer.text
    assert "it stands behind" in answer.text


def test_an_experiment_in_the_folder_of_a_model(guarded_sqlite: Guarded) -> None:
    """The files of its runs would be the model's, whoever writes them."""
    server = guarded_sqlite
    _, path = in_staging(server)
    before = contents(server, path)
    experiment = server.client.create_experiment(server.name("below"), f"mlflow-artifacts:/{path}")
    run = server.client.create_run(experiment)
    below = f"{path}/{run.info.run_id}/artifacts"
    assert run.info.artifact_uri == f"mlflow-artifacts:/{below}"
    answer = server.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{below}/a.txt", b"better")
    assert answer.status == 403
    # MLflow's own handler writes elsewhere: below the experiment's id, whatever its location says.
    way = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run.info.run_id}&path=a.txt"
    assert server.request("POST", way, b"better", headers=BYTES).status == 200
    assert contents(server, path) == before


def test_metrics_and_the_ledger(guarded: Guarded) -> None:
    version, _ = in_staging(guarded)
    assert "is frozen" in refused(guarded.client.log_metric, version.run_id, "roc_auc", 0.99)
    assert "is frozen" in refused(guarded.client.delete_run, version.run_id)
    ledger = guarded.client.get_experiment_by_name(f"hotpass-ledger/{version.name}")
    assert "ledger" in refused(guarded.client.create_run, ledger.experiment_id)
    (record,) = guarded.client.search_runs([ledger.experiment_id])
    assert "ledger" in refused(guarded.client.set_tag, record.info.run_id, "a", "b")
    assert "ledger" in refused(guarded.client.delete_run, record.info.run_id)

"""Makes model versions as a training run leaves them, without training."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from .stores import Store

COLUMNS = ("age", "income")


def make_version(
    store: Store,
    model: str,
    *,
    metrics: Mapping[str, float] | None = None,
    run_metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
    run_tags: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    dataset: bool | str = True,
    artifacts: bool | Path = True,
    signature: bool = True,
    input_example: bool = True,
    started: datetime | None = None,
    experiment: str = "training",
) -> int:
    """Registers the next version of `model` with a run and a LoggedModel behind it, and returns its number.

    `metrics` are logged for the LoggedModel (MLflow shows them on the run too), `run_metrics` on the run
    alone. `dataset` is the name of the data set that the run took as input (True: "validation"; False: none);
    metrics are logged as measured on it. `artifacts` True writes an MLmodel file with a signature and an
    input example, different for every version, but nothing that could be loaded; a folder is logged as it is;
    False logs no file at all. `started` is when the run began.
    """
    from mlflow.entities import (
        Dataset,
        DatasetInput,
        InputTag,
        LoggedModelOutput,
        Metric,
        Param,
        RunTag,
    )

    client = store.client
    now_ms = int(time.time() * 1000)
    found = client.get_experiment_by_name(experiment)
    experiment_id = found.experiment_id if found else client.create_experiment(experiment)
    start_ms = int(started.timestamp() * 1000) if started else None
    run_id = client.create_run(experiment_id, start_time=start_ms).info.run_id
    logged = client.create_logged_model(experiment_id, name="model", source_run_id=run_id)
    measured_on: dict[str, str] = {}
    if dataset:
        name = "validation" if dataset is True else dataset
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        measured_on = {"dataset_name": name, "dataset_digest": digest}
        source = json.dumps({"uri": f"{name}.csv"})
        entry = DatasetInput(Dataset(name, digest, "local", source), [InputTag("mlflow.data.context", name)])
        client.log_inputs(run_id, [entry])
    points = [
        Metric(key, value, now_ms, 0, model_id=logged.model_id, run_id=run_id, **measured_on)
        for key, value in (metrics or {}).items()
    ] + [Metric(key, value, now_ms, 0, run_id=run_id) for key, value in (run_metrics or {}).items()]
    client.log_batch(
        run_id,
        metrics=points,
        params=[Param(key, str(value)) for key, value in (params or {}).items()],
        tags=[RunTag(key, value) for key, value in (run_tags or {}).items()],
    )
    if artifacts is True:
        with tempfile.TemporaryDirectory() as folder:
            write_model_files(Path(folder), run_id, logged.model_id, signature, input_example)
            client.log_model_artifacts(logged.model_id, folder)
    elif artifacts:
        client.log_model_artifacts(logged.model_id, str(artifacts))
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)])
    client.finalize_logged_model(logged.model_id, "READY")
    client.set_terminated(run_id)
    _ensure_model(client, model)
    version = client.create_model_version(
        model,
        f"models:/{logged.model_id}",
        run_id,
        tags=dict(tags or {}),
        await_creation_for=0,
        model_id=logged.model_id,
    )
    return int(version.version)


def write_model_files(
    folder: Path, run_id: str, model_id: str, signature: bool = True, input_example: bool = True
) -> None:
    """Writes into `folder` what MLflow writes for a scikit-learn model, a placeholder as the model itself."""
    content: dict[str, Any] = {
        "artifact_path": "model",
        "flavors": {
            "python_function": {"loader_module": "mlflow.sklearn", "model_path": "model.skops"},
            "sklearn": {"pickled_model": "model.skops", "serialization_format": "skops"},
        },
        "model_id": model_id,
        "model_uuid": uuid.uuid4().hex,
        "run_id": run_id,
        "utc_time_created": "2026-01-01 00:00:00.000000",
    }
    if signature:
        inputs = [{"type": "double", "name": column, "required": True} for column in COLUMNS]
        output = [{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]
        content["signature"] = {"inputs": json.dumps(inputs), "outputs": json.dumps(output), "params": None}
    if input_example:
        content["saved_input_example_info"] = {
            "artifact_path": "input_example.json", "pandas_orient": "split", "type": "dataframe",
        }  # fmt: skip
        example = {"columns": list(COLUMNS), "data": [[41.0, 52000.0]]}
        (folder / "input_example.json").write_text(json.dumps(example))
    (folder / "MLmodel").write_text(yaml.safe_dump(content))
    (folder / "model.skops").write_bytes(b"not a model")


def _ensure_model(client: Any, model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise

"""Logs a training run: what went in, what came out, and the model itself, registered if it is good enough."""

from __future__ import annotations

import contextlib
import json
import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotpass.decimals import is_finite
from hotpass.errors import CallError, RegistryError, TrainingRejected, mask
from hotpass.ml import lineage
from hotpass.ml.registration import check_name, register
from hotpass.ml.run_artifacts import TRAINING_ROWS, staged
from hotpass.ml.serialization import SERIALIZATION_TAG, Format, choose_format
from hotpass.ml.thresholds import missed, read_thresholds
from hotpass.registry.calls import call, require_mlflow

if TYPE_CHECKING:
    import pandas as pd

REJECTED_TAG = "hotpass.rejected"

#: Tags and metadata longer than this stand in `metadata.json` alone: PostgreSQL refuses a run tag over 8,000
#: characters, and SQLite cuts it silently.
LONGEST_TAG = 5000
_PARAMS_A_REQUEST = 100
_OURS = ("hotpass.", "mlflow.")


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """A finished run. `version` and `artifact_digest` are set where the model was registered."""

    run_id: str
    model_id: str
    serialization: str
    model_name: str | None = None
    version: int | None = None
    artifact_digest: str = ""


def log_training_run(
    model: Any,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    metadata: Mapping[str, Any] | None = None,
    model_name: str | None = None,
    input_example: Any = None,
    **options: Any,
) -> str:
    """Logs a fitted scikit-learn model and everything around it; returns the id of the run.

    `metadata` goes into `metadata.json` and, key by key, into tags of the run, where the gate `required_tags`
    finds it. With `model_name` the model is registered. All further keyword arguments are those of `log_run`,
    and so is what is raised.
    """
    return log_run(
        model,
        params,
        metrics,
        metadata=metadata,
        model_name=model_name,
        input_example=input_example,
        **options,
    ).run_id


def log_run(
    model: Any,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    *,
    metadata: Mapping[str, Any] | None = None,
    model_name: str | None = None,
    input_example: Any = None,
    signature: Any = None,
    artifacts: Mapping[str, Any] | Sequence[str | Path] | None = None,
    run_name: str | None = None,
    tags: Mapping[str, Any] | None = None,
    training_frame: pd.DataFrame | None = None,
    keep_training_rows: bool = False,
    validation_frame: pd.DataFrame | None = None,
    target_column: str | None = None,
    dataset_name: str | None = None,
    dataset_source: str | None = None,
    metric_thresholds: Mapping[str, Any] | None = None,
    trusted_types: Sequence[str] = (),
    allow_cloudpickle: bool = False,
) -> LoggedRun:
    """As `log_training_run`, and says what came of it.

    The model is stored in MLflow's safe format (skops); `trusted_types` names types beyond the reviewed list,
    and `allow_cloudpickle` opts in to the unsafe one. The tag `hotpass.serialization` says which it is;
    whoever loads the model has to opt in as well.
    `artifacts` are paths of files and folders, or a mapping from the name in the run to a path, a matplotlib
    figure, a data frame (kept as Parquet), or anything that JSON holds. `training_frame` and
    `validation_frame` are logged as data sets, named `training` and `validation` after `dataset_name`, with a
    digest of all rows; metrics count as measured on the validation frame where there is one.
    With `keep_training_rows` the rows of `training_frame` themselves become the artifact
    `training/training.parquet`, which gates need to see that a model is judged on rows that it has not learnt
    from, and that the data has not drifted. What is personal in them then lies with the run, for all who may
    read it and until the run is deleted, so this is for the caller to say. `tags` go to the run and to the
    version. `metric_thresholds` are least values (most values for losses), or `{"at_least": …,
    "at_most": …}`.

    The signature, unless `signature` gives one (False: none), is inferred from `input_example`, with integers
    as floats since only those can be missing.

    Raises TrainingRejected where a threshold is missed: the run and the model are logged with the reason,
    nothing is registered. Raises CallError for a call that makes no sense, before anything is logged, and
    RegistryError.
    """
    require_mlflow()
    import mlflow

    check_name(model_name)
    numbers = _numbers(metrics)
    limits = read_thresholds(metric_thresholds)
    run_tags = {**_as_tags("metadata", metadata), **_as_tags("tags", tags)}
    stored_as = choose_format(model, trusted_types, allow_cloudpickle=allow_cloudpickle)
    reasons = missed(numbers, limits)
    own: dict[str, Any] = {"metadata.json": metadata} if metadata else {}
    if keep_training_rows:
        if training_frame is None:
            raise CallError("keep_training_rows needs the rows: give them as training_frame.")
        own[TRAINING_ROWS] = training_frame

    # Log into a run of its own, even where the caller has one open.
    nested = mlflow.active_run() is not None
    with (
        staged(own, artifacts) as files,
        call("create the run", mlflow.start_run, run_name=run_name, nested=nested) as run,
        _as_registry_error(run),
        _quiet(),
    ):
        client, run_id = mlflow.MlflowClient(), run.info.run_id
        _log_params(client, run_id, params)
        _log_tags(run, {
            **run_tags, SERIALIZATION_TAG: stored_as.name,
            lineage.VERSIONS_TAG: json.dumps(lineage.library_versions()),
            **({REJECTED_TAG: _shortened("; ".join(reasons), "the error")} if reasons else {}),
        })  # fmt: skip
        if files is not None:
            call("log artifacts", mlflow.log_artifacts, str(files))
        measured_on = None
        for frame, context in ((training_frame, "training"), (validation_frame, "validation")):
            if frame is not None:
                name = f"{dataset_name}-{context}" if dataset_name else context
                measured_on = lineage.dataset_of(frame, name, target_column, dataset_source)
                mlflow.log_input(measured_on, context=context)
        example = _as_floats(input_example)
        info = _log_model(model, stored_as, _signature(model, example, signature), example)
        _log_metrics(
            client, run_id, info.model_id, numbers, measured_on if validation_frame is not None else None
        )
    if reasons:
        raise TrainingRejected(
            f"the model misses its thresholds, so it was not registered: {'; '.join(reasons)}. It is logged "
            f"as run {run_id}."
        )
    if model_name is None:
        return LoggedRun(run_id, info.model_id, stored_as.name)
    version, digest = register(info, model_name, stored_as, _as_tags("tags", tags), run_id)
    return LoggedRun(run_id, info.model_id, stored_as.name, model_name, version, digest)


def _numbers(metrics: Mapping[str, float]) -> dict[str, float]:
    out = {}
    for name, value in metrics.items():
        try:
            out[str(name)] = float(value)
        except (TypeError, ValueError):
            raise CallError(f"metrics: {name} is {value!r}, not a number.") from None
    return out


def _as_tags(what: str, values: Mapping[str, Any] | None) -> dict[str, str]:
    out = {}
    for key, value in (values or {}).items():
        if not isinstance(key, str) or not key:
            raise CallError(f"{what}: {key!r} is not a name.")
        if key.startswith(_OURS):
            raise CallError(f"{what}: names that begin with {' or '.join(_OURS)} are taken; rename {key!r}.")
        text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
        out[key] = _shortened(text, "metadata.json" if what == "metadata" else "the call")
    return out


def _shortened(text: str, where: str) -> str:
    return text if len(text) <= LONGEST_TAG else f"{len(text)} characters: see {where}"


def _log_params(client: Any, run_id: str, params: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    all_of_them = [Param(str(key), str(value)) for key, value in params.items()]
    for start in range(0, len(all_of_them), _PARAMS_A_REQUEST):
        call("log params", client.log_batch, run_id, params=all_of_them[start : start + _PARAMS_A_REQUEST])


def _log_tags(run: Any, tags: Mapping[str, str]) -> None:
    import mlflow

    commit = None if lineage.COMMIT_TAG in run.data.tags else lineage.source_commit()
    call("tag the run", mlflow.set_tags, {**tags, **({lineage.COMMIT_TAG: commit} if commit else {})})


def _log_metrics(client: Any, run_id: str, model_id: str, metrics: Mapping[str, float], dataset: Any) -> None:
    """MLflow keeps a NaN of a LoggedModel as 0.0, which a gate would take for a measurement; so that goes to
    the run alone.
    """
    from mlflow.entities import Metric

    now_ms = int(time.time() * 1000)
    of_dataset = (
        {"dataset_name": dataset.name, "dataset_digest": dataset.digest} if dataset is not None else {}
    )
    points = [
        Metric(name, value, now_ms, 0, model_id=model_id, run_id=run_id, **of_dataset)
        if is_finite(value)
        else Metric(name, value, now_ms, 0)
        for name, value in metrics.items()
    ]
    if points:
        call("log metrics", client.log_batch, run_id, metrics=points)


def _log_model(model: Any, stored_as: Format, signature: Any, example: Any) -> Any:
    import mlflow

    skops = stored_as.name == "skops"
    return call(
        "log the model", mlflow.sklearn.log_model, model, name="model", signature=signature,
        input_example=example,
        serialization_format=stored_as.name,
        skops_trusted_types=list(stored_as.trusted_types) if skops else None,
        # MLflow would find these out by loading the model in another process, which takes seconds.
        pip_requirements=_requirements() if skops and _only_known_packages(model) else None,
    )  # fmt: skip


def _requirements() -> list[str]:
    return [f"{name}=={version}" for name, version in lineage.library_versions().items() if name != "python"]


def _only_known_packages(model: Any) -> bool:
    return type(model).__module__.partition(".")[0] == "sklearn"


def _as_floats(example: Any) -> Any:
    import pandas as pd

    if not isinstance(example, pd.DataFrame):
        return example
    integers = example.select_dtypes(include=["integer"]).columns
    return example.astype(dict.fromkeys(integers, "float64"))


def _signature(model: Any, example: Any, signature: Any) -> Any:
    import pandas as pd
    from mlflow.models import infer_signature

    if signature is not None or not isinstance(example, pd.DataFrame) or not hasattr(model, "predict"):
        return signature
    try:
        return infer_signature(example, model.predict(example))
    except (ValueError, TypeError) as error:
        raise CallError(f"the model cannot predict its own input_example: {error}") from error


@contextlib.contextmanager
def _as_registry_error(run: Any) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise RegistryError(f"cannot log run {run.info.run_id}: {mask(str(error.message))}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps back what MLflow says about things that are as they should be: that there is no pip, which an
    environment made by uv does not have, and that integers cannot be missing, which is why inputs are logged
    as floats.
    """
    loggers = [logging.getLogger(name) for name in ("mlflow.utils.environment", "mlflow.models.model")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="Hint: Inferred schema contains integer", category=UserWarning
            )
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

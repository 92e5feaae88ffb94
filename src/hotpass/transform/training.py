"""Trains through the hook `hotpass_train` and, where wanted, logs the run and registers the model."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotpass.errors import CallError, PluginError, TrainingRejected
from hotpass.ml.registration import check_name
from hotpass.ml.thresholds import missed, read_thresholds
from hotpass.ml.writable import check_writable
from hotpass.plugins import create_manager
from hotpass.policy.discovery import plugin_folders
from hotpass.requests import TrainingRequest, TrainingResult

if TYPE_CHECKING:
    import pandas as pd
    import pluggy

_EXAMPLE_ROWS = 5


def train_lead_scoring_model(
    dataset: pd.DataFrame,
    target_column: str = "won",
    enable_mlflow: bool = False,
    mlflow_model_name: str | None = "lead_scoring_model",
    metric_thresholds: Mapping[str, Any] | None = None,
    feature_columns: Sequence[str] | None = None,
    validation_size: float = 0.2,
    random_state: int = 42,
    metrics_path: str | Path | None = None,
    estimator: Any = "logistic_regression",
    run_name: str | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    dataset_name: str | None = None,
    dataset_source: str | None = None,
    trusted_types: Sequence[str] = (),
    allow_cloudpickle: bool = False,
    keep_training_rows: bool = True,
    manager: pluggy.PluginManager | None = None,
) -> TrainingResult:
    """Trains a model that gives each lead its chance of being won, and measures it on other rows.

    `dataset` has a row for each lead; `target_column` says 1 or 0 (yes or no) for those whose end is known;
    all other columns, or `feature_columns`, are learnt from: numbers, text and missing values alike.
    `estimator` is `logistic_regression`, `gradient_boosting`, a name that a plugin knows, or a scikit-learn
    classifier.

    The metrics `roc_auc`, `average_precision`, `precision`, `recall`, `brier_score` and `log_loss` rest on
    `validation_size` of the rows, held out with the classes in the same shares. Where that would leave fewer
    than 5 leads of the rarer class to judge by, they rest on all rows instead, each judged by a model fitted
    without it; a warning and the parameter `validation_method` say so. Precision and recall hold at the
    parameter `decision_threshold`, chosen for the best F1 on rows that they are not measured on.
    `result.rows` has the counts. `metrics_path` gets all of this as JSON.

    With `enable_mlflow` the run is logged where MLflow points (`init_mlflow()` is called if no experiment was
    chosen) and the model is registered as `mlflow_model_name` (None: not registered); `metric_thresholds`,
    `metadata`, `tags`, `dataset_name`, `dataset_source`, `trusted_types` and `allow_cloudpickle` are those of
    `hotpass.ml.log_run`. Plots, the validation rows and the training rows (`training/training.parquet`) are
    kept with the run: gates judge the model again by the former, and see from the latter that it has not
    learnt from what it is judged by. What is personal in the rows then lies with the run;
    `keep_training_rows=False` keeps no training rows.

    Raises CallError for data that nothing can be learnt from; TrainingRejected, which is a RuntimeError, for
    a model that misses a threshold (logged, not registered); RegistryError.
    """
    limits = read_thresholds(metric_thresholds)
    if enable_mlflow:
        check_name(mlflow_model_name)
    if metrics_path is not None:
        check_writable(Path(metrics_path))
    request = TrainingRequest(
        dataset, target_column, feature_columns, estimator, validation_size, random_state
    )
    result = _train(manager or create_manager(plugin_folders()), request)
    if metrics_path is not None:
        write_metrics(result, Path(metrics_path))
    if not enable_mlflow:
        reasons = missed(result.metrics, limits)
        if reasons:
            raise TrainingRejected(f"the model misses its thresholds: {'; '.join(reasons)}.")
        return result
    return _log(
        result, model_name=mlflow_model_name, metric_thresholds=metric_thresholds, run_name=run_name,
        metadata=metadata, tags=tags, dataset_name=dataset_name, dataset_source=dataset_source,
        trusted_types=trusted_types, allow_cloudpickle=allow_cloudpickle,
        keep_training_rows=keep_training_rows,
    )  # fmt: skip


def _train(manager: pluggy.PluginManager, request: TrainingRequest) -> TrainingResult:
    result = manager.hook.hotpass_train(request=request)
    if result is None:
        raise CallError(f"no plugin trains {request.estimator!r}; is the plugin that does installed?")
    if not isinstance(result, TrainingResult):
        raise PluginError(
            f"a plugin's hotpass_train returned a {type(result).__name__}; it must return a TrainingResult, "
            "or None."
        )
    return result


def write_metrics(result: TrainingResult, path: Path) -> None:
    """Writes metrics, row counts, parameters and features as JSON; a metric that is NaN is null."""
    body = {
        "metrics": {name: value if math.isfinite(value) else None for name, value in result.metrics.items()},
        "rows": dict(result.rows),
        "params": dict(result.params),
        "features": list(result.feature_columns),
        "target": result.target_column,
        "warnings": list(result.warnings),
    }
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(body, indent=2, default=str) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise CallError(f"{path} cannot be written: {error.strerror}.") from None


def _log(
    result: TrainingResult, *, metadata: Mapping[str, Any] | None, keep_training_rows: bool, **options: Any
) -> TrainingResult:
    from hotpass.ml import init_mlflow, log_run

    # MLflow keeps the experiment that was chosen, by whomever, in this variable.
    if not os.environ.get("MLFLOW_EXPERIMENT_ID"):
        init_mlflow()
    rows = {f"{name}_rows" if "_" not in name else name: count for name, count in result.rows.items()}
    logged = log_run(
        result.model,
        {**result.params, **rows, "target_column": result.target_column},
        result.metrics,
        metadata={"features": list(result.feature_columns), **(metadata or {})},
        input_example=_example(result),
        artifacts=_artifacts(result),
        training_frame=result.train_frame,
        # A plugin's trainer need not say what it learnt from.
        keep_training_rows=keep_training_rows and result.train_frame is not None,
        validation_frame=result.validation_frame if result.held_out else None,
        target_column=result.target_column,
        **options,
    )
    return replace(result, run_id=logged.run_id, model_version=logged.version, model_name=logged.model_name)


def _example(result: TrainingResult) -> pd.DataFrame | None:
    if result.train_frame is None:
        return None
    return result.train_frame[list(result.feature_columns)].head(_EXAMPLE_ROWS)


def _artifacts(result: TrainingResult) -> dict[str, Any]:
    """Plots, and the rows that the metrics rest on. Rows that the model has seen go under another name, so
    that nobody judges it by them again.
    """
    if result.validation_frame is None or result.validation_scores is None:
        return {}
    from hotpass.transform.plots import validation_plots

    frame = result.validation_frame
    method = "held-out rows" if result.held_out else "rows, each judged by a model fitted without it"
    plots = validation_plots(
        frame[result.target_column], result.validation_scores, f"{len(frame):,} {method}"
    )
    if result.held_out:
        return {**plots, "validation/validation.parquet": frame}
    return {**plots, "validation/out_of_fold.parquet": frame.assign(score=list(result.validation_scores))}

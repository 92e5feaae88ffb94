"""`hotpass train`: from a file of leads to a registered model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hotpass.cli import output
from hotpass.cli.options import JsonOption, PluginsOption, RegistryUriOption, TrackingUriOption
from hotpass.cli.quiet import quiet
from hotpass.errors import CallError

if TYPE_CHECKING:
    import pandas as pd

    from hotpass.requests import TrainingResult


def train(
    source: Annotated[
        Path,
        typer.Option(
            "--input", "-i", metavar="FILE", help="Leads with a known end: .csv, .parquet or .xlsx."
        ),
    ],
    target: Annotated[
        str,
        typer.Option(
            "--target", metavar="COLUMN", help="Says of each lead whether it was won: 1 or 0, yes or no."
        ),
    ],
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="Registers the model under this name.")
    ] = "lead_scoring_model",
    estimator: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="logistic_regression, gradient_boosting, or one that a plugin knows."
        ),
    ] = "logistic_regression",
    drop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="Leaves a column out, such as one known only after the call. Repeatable."
        ),
    ] = None,
    feature: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Learns from these columns only. Repeatable.")
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=NUMBER",
            help="Registers the model only if it reaches this: at least, or at most for losses. Repeatable.",
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A tag of the run and of the version. Repeatable."),
    ] = None,
    run_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the run is called in MLflow.")
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Default: MLFLOW_EXPERIMENT_NAME, then lead_scoring.", show_default=False
        ),
    ] = None,
    validation_size: Annotated[float, typer.Option(help="The share of the leads to judge by.")] = 0.2,
    seed: Annotated[int, typer.Option(help="The same seed on the same leads gives the same model.")] = 42,
    metrics_path: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also writes metrics, row counts and parameters there, as JSON."),
    ] = None,
    training_rows: Annotated[
        bool,
        typer.Option(
            "--training-rows/--no-training-rows",
            help="Keeps the leads learnt from with the run, personal data and all, for gates that need them: "
            "overlap, leakage, drift.",
        ),
    ] = True,
    encoding: Annotated[str, typer.Option(help="Of a CSV file; cp1252 for many from Excel.")] = "utf-8",
    plugins: PluginsOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    as_json: JsonOption = False,
) -> int:
    """Train a lead scoring model and register it.

    The separator of a CSV file is found out. Plots, the validation leads and the leads learnt from
    are kept with the run.

    Exits 0 where the model was registered, 1 where it misses a threshold: then it is logged, and not
    registered.
    """
    quiet()
    thresholds = {name: _number(name, value) for name, value in _pairs("--threshold", threshold).items()}
    tags = _pairs("--tag", tag)
    if not 0 < validation_size < 1:
        raise CallError(
            f"--validation-size is {validation_size:g}; give the share to judge by, for example 0.2."
        )
    # Before MLflow, which takes seconds, and long before a model is trained for nothing.
    from hotpass.ml.registration import check_name
    from hotpass.ml.thresholds import read_thresholds
    from hotpass.ml.writable import check_writable
    from hotpass.transform.tables import check_readable

    read_thresholds(thresholds, "--threshold")
    check_name(model)
    check_readable(source)
    if metrics_path is not None:
        check_writable(metrics_path)
    with output.console(stderr=True).status(f"Training {estimator} on {source} …"):
        from hotpass.ml import MLflowConfig, init_mlflow
        from hotpass.plugins import create_manager
        from hotpass.policy.discovery import plugin_folders
        from hotpass.transform.scoring import train_lead_scoring_model
        from hotpass.transform.tables import read_table

        manager = create_manager(plugin_folders(plugins))
        dataset = _without(read_table(source, encoding), drop or (), source)
        init_mlflow(MLflowConfig(tracking_uri, experiment, registry_uri))
        result = train_lead_scoring_model(
            dataset, target, enable_mlflow=True, mlflow_model_name=model, metric_thresholds=thresholds,
            feature_columns=feature or None, validation_size=validation_size, random_state=seed,
            metrics_path=metrics_path, estimator=estimator, run_name=run_name, tags=tags,
            dataset_name=source.stem,
            dataset_source=str(source), keep_training_rows=training_rows, manager=manager,
        )  # fmt: skip
    _show(result, as_json)
    return 0


def _show(result: TrainingResult, as_json: bool) -> None:
    for warning in result.warnings:
        output.say(f"Note: {warning}", style="yellow", stderr=True)
    if as_json:
        output.print_json({
            "model": result.model_name, "version": result.model_version, "run_id": result.run_id,
            "metrics": {name: value if math.isfinite(value) else None for name,
            value in result.metrics.items()},
            "rows": dict(result.rows), "features": list(result.feature_columns),
            "warnings": list(result.warnings),
            "decision_threshold": result.params.get("decision_threshold"),
            "validation_method": result.params.get("validation_method"),
        })  # fmt: skip
        return
    from rich.table import Table

    table = Table("Metric", box=None, pad_edge=False)
    table.add_column("Value", justify="right")
    for name, value in result.metrics.items():
        table.add_row(name, f"{value:.4f}")
    output.console().print(table)
    rows = result.rows
    output.say(
        f"Learnt from {rows.get('train', 0):,} leads; judged by {rows.get('validation', 0):,}, of which "
        f"{rows.get('validation_positives', 0):,} were won."
    )
    output.say(
        f"Registered {result.model_name} version {result.model_version} (run {result.run_id})",
        style="bold green",
    )
    output.say(f"Next: hotpass check {result.model_name} {result.model_version} --to Staging")


def _pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    out: dict[str, str] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise CallError(f"{option} {text!r} is not NAME=VALUE.")
        if name.strip() in out:
            raise CallError(f"{option} names {name.strip()!r} twice.")
        out[name.strip()] = value.strip()
    return out


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CallError(f"--threshold {name}={text}: {text!r} is not a number.") from None


def _without(dataset: pd.DataFrame, drop: Sequence[str], source: Path) -> Any:
    unknown = [name for name in drop if name not in dataset.columns]
    if unknown:
        raise CallError(
            f"{source} has no column {', '.join(map(repr, unknown))} to drop. It has: "
            f"{', '.join(map(str, dataset.columns))}"
        )
    return dataset.drop(columns=list(drop))

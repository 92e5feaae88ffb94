"""MLflow's entities as Hotpass's facts."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import yaml

from hotpass.facts import Dataset, LoggedModelFacts, Metric, ModelFile, RunFacts, VersionFacts
from hotpass.stages import ModelStage

#: The version tag that holds the stage where MLflow has none for it.
STAGE_TAG = "hotpass.stage"
#: The version tag with the id of the decision that moved it last.
DECISION_TAG = "hotpass.decision"
#: The LoggedModel tag that says what the MLmodel file says, so that it need not be downloaded to be judged.
#: Whoever logs a model writes both, so the tag is worth what the file is worth; the artifact digest ties a
#: decision to the file.
MODEL_FILE_TAG = "hotpass.model_file"
_TAG_LIMIT = 5000


def when(ms: int | None) -> datetime | None:
    """Milliseconds since the epoch as a UTC time."""
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def model_id_of(version: Any) -> str:
    """The LoggedModel's id. MLflow 3.17 answers `ModelVersion.model_id` None over every store: the id is in
    `source`.
    """
    source = version.source or ""
    if source.startswith("models:/m-"):
        return source.removeprefix("models:/").split("/")[0]
    return getattr(version, "model_id", None) or ""


def version_facts(version: Any, aliases: tuple[str, ...] | None = None) -> VersionFacts:
    """A ModelVersion. `aliases` replaces its own, which MLflow leaves empty inside a RegisteredModel."""
    tags = dict(version.tags or {})
    pointing = tuple(version.aliases or ()) if aliases is None else aliases
    stage = version.current_stage or "None"
    # A team's own stage, and every stage on a server without stages, is kept as a tag.
    if tags.get(STAGE_TAG) and stage == "None":
        stage = tags[STAGE_TAG]
    elif not version.current_stage:
        stage = _stage_of_alias(pointing)
    return VersionFacts(
        model=version.name,
        version=int(version.version),
        created_at_ms=int(version.creation_timestamp or 0),
        stage=stage,
        source=version.source or "",
        run_id=version.run_id or "",
        model_id=model_id_of(version),
        aliases=pointing,
        tags=tags,
        description=version.description or "",
        updated_at_ms=int(version.last_updated_timestamp or 0),
        workspace=getattr(version, "workspace", None) or "default",
    )


def _stage_of_alias(aliases: tuple[str, ...]) -> str:
    """The stage of a version that Hotpass has not moved yet, on a server without stages: the one its alias
    names.
    """
    for stage in (ModelStage.PRODUCTION, ModelStage.STAGING):
        if any(alias.lower() == stage.lower() for alias in aliases):
            return stage.value
    return ModelStage.NONE.value


def run_facts(run: Any) -> RunFacts:
    """A Run, with its dataset inputs; `mlflow.data.context` says what each was used for."""
    inputs = run.inputs.dataset_inputs if run.inputs else []
    datasets = []
    for item in inputs:
        context = next((tag.value for tag in item.tags if tag.key == "mlflow.data.context"), "")
        datasets.append(Dataset(item.dataset.name, item.dataset.digest, context))
    return RunFacts(
        run_id=run.info.run_id,
        experiment_id=run.info.experiment_id,
        started_at=when(run.info.start_time),
        metrics={name: _infinite(value) for name, value in run.data.metrics.items()},
        params=dict(run.data.params),
        tags=dict(run.data.tags),
        datasets=tuple(sorted(datasets)),  # in no order as they come, and what is read twice is compared
    )


def logged_model_facts(model: Any) -> LoggedModelFacts:
    """A LoggedModel, its metrics in the order they were logged, newest last."""
    metrics = sorted(
        model.metrics or (), key=lambda m: (m.timestamp or 0, m.step or 0, m.key, m.run_id or "")
    )  # the last two only so that what is read twice compares equal
    return LoggedModelFacts(
        model_id=model.model_id,
        experiment_id=model.experiment_id,
        metrics=tuple(
            Metric(m.key, _infinite(m.value), "logged model", m.dataset_name or "", m.dataset_digest or "")
            for m in metrics
        ),
        params=dict(model.params or {}),
        tags=dict(model.tags or {}),
        artifact_location=model.artifact_location,
    )


def with_nans(model: Any, runs: Callable[[Sequence[str]], Mapping[str, RunFacts]]) -> LoggedModelFacts:
    """A LoggedModel, with NaN again where MLflow made it 0; also where nobody can tell any more: another
    LoggedModel of the same run has logged a metric of that name since.

    MLflow's SQL store keeps a NaN of a LoggedModel as 0 (`sanitize_metric_value`), and only the run still
    knows.
    """
    facts = logged_model_facts(model)
    suspects = [(metric.key, metric.run_id or "") for metric in model.metrics or () if metric.value == 0]
    if not suspects:
        return facts
    found = runs([run_id for _, run_id in suspects])
    doubtful = {
        name for name, run_id in suspects if run_id not in found or found[run_id].metrics.get(name) != 0
    }
    metrics = tuple(
        m._replace(value=math.nan) if m.value == 0 and m.name in doubtful else m for m in facts.metrics
    )
    return replace(facts, metrics=metrics)


def _infinite(value: float) -> float:
    """MLflow's SQL store keeps infinities as the largest float (`sanitize_metric_value`)."""
    if math.isnan(value):
        return math.nan  # the one object, so that what was read twice compares equal
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value


def model_file(text: str) -> ModelFile:
    """An MLmodel file. Raises ValueError where it is not one."""
    content = yaml.safe_load(text)
    if not isinstance(content, dict):
        raise ValueError("the MLmodel file is not a mapping")
    signature = content.get("signature") or {}
    flavors = content.get("flavors") or {}
    serialization = {
        name: str(config["serialization_format"])
        for name, config in flavors.items()
        if isinstance(config, dict) and config.get("serialization_format")
    }
    return ModelFile(
        inputs=_columns(signature.get("inputs")),
        outputs=_columns(signature.get("outputs")),
        has_input_example=bool(content.get("saved_input_example_info")),
        flavors=tuple(sorted(flavors)),
        serialization=serialization,
    )


def model_file_tag(file: ModelFile) -> str | None:
    """The value of MODEL_FILE_TAG for `file`; None where it is too long for a tag (some hundred columns)."""
    said = {name: value for name, value in asdict(file).items() if name != "source"}
    text = json.dumps(said, separators=(",", ":"))
    return text if len(text) <= _TAG_LIMIT else None


def model_file_of_tag(text: str) -> ModelFile:
    """What `model_file_tag` wrote. Raises ValueError for anything else."""
    try:
        said = json.loads(text)
        return ModelFile(
            inputs=_pairs(said["inputs"]),
            outputs=_pairs(said["outputs"]),
            has_input_example=said["has_input_example"] is True,
            flavors=tuple(str(flavor) for flavor in said["flavors"]),
            serialization={str(flavor): str(kind) for flavor, kind in said["serialization"].items()},
            source="tag",
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"tag {MODEL_FILE_TAG} is not what Hotpass writes: {error}") from None


def _pairs(columns: Any) -> tuple[tuple[str, str], ...] | None:
    return None if columns is None else tuple((str(name), str(kind)) for name, kind in columns)


def _columns(text: str | None) -> tuple[tuple[str, str], ...] | None:
    """`[{"name": "age", "type": "long"}, …]`, or tensors, as pairs of name and type; None where there is
    none.
    """
    if not text:
        return None
    columns = []
    for position, column in enumerate(json.loads(text)):
        kind = column.get("type", "")
        if kind == "tensor":
            spec = column.get("tensor-spec", {})
            kind = f"tensor {spec.get('dtype', '')}{spec.get('shape', '')}"
        columns.append((str(column.get("name", position)), str(kind)))
    return tuple(columns)

"""The task `latency`: times requests to the challenger and, in turn with it, to the champion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import yaml

from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.asking import Asked, asked, limit_threads
from hotpass_evaluation.work.table import ROWS, Table
from hotpass_evaluation.work.timing import curve, more_needed, percentile

_SHARES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
#: Rows of timed requests that are asked for again, all at once.
_AGAIN = 50
_RTOL, _ATOL = 1e-5, 1e-6  # single precision


def run(job: Mapping[str, Any]) -> dict[str, Any]:
    """For each of the `kinds`: percentiles with bounds in milliseconds, the median ratio to the champion's
    times, curves, and how many requests would settle what is not settled.
    """
    limit_threads(job["threads"])
    with ExitStack() as stack:
        models = {
            role: stack.enter_context(asked(job[role], job))
            for role in ("challenger", "champion")
            if job.get(role)
        }
        tables = {role: _rows(job, model) for role, model in models.items()}
        kinds = {kind: _measured(models, tables, wanted, job) for kind, wanted in job["kinds"].items()}
    return {"kinds": kinds, "distinct_rows": _distinct(tables["challenger"])}


def _rows(job: Mapping[str, Any], model: Asked) -> pa.RecordBatch:
    """The first rows of the data, or the challenger's input example, as `model` takes them."""
    if job["data"] is not None:
        said = job["data"]
        table = Table(Path(said["path"]), delimiter=said["delimiter"], name=said["name"])
        table.require(model.columns)
        first = next(iter(table.batches(model.columns, ROWS)), None)
        if first is None or not first.num_rows:
            raise Unusable(f"{said['name']} has no row")
        return first
    example = _example(Path(job["challenger"]["files"]))
    missing = [column for column in model.columns if column not in example]
    if missing:
        raise Unusable(
            f"the challenger's input example has no {', '.join(missing)}, which {model.name} takes. "
            "Name the rows "
            "to ask about: data: holdout.csv"
        )
    try:
        return pa.RecordBatch.from_arrays(
            [_array(example[column], kind) for column, kind in model.columns.items()],
            names=list(model.columns),
        )
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise Unusable(f"the challenger's input example cannot be read: {error}") from None


def _array(values: list[Any], kind: str) -> pa.Array:
    if kind == "number":
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if kind == "text":
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array(values)


def _example(folder: Path) -> dict[str, list[Any]]:
    """Columns of the input example, as MLflow keeps a data frame."""
    try:
        described = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
        path = (folder / str(described["saved_input_example_info"]["artifact_path"])).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ValueError(f"{path.name} lies outside the model")
        said = json.loads(path.read_text(encoding="utf-8"))
        columns = zip(*said["data"], strict=True)
        return {str(name): list(values) for name, values in zip(said["columns"], columns, strict=True)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        raise Unusable(
            "there are no rows to ask about: the run kept no validation/validation.parquet, and the "
            "model has no "
            "input example with named columns. Name a file: data: holdout.csv"
        ) from None


def _distinct(rows: pa.RecordBatch) -> int:
    return len(rows.to_pandas().drop_duplicates())


def _measured(
    models: Mapping[str, Asked],
    tables: Mapping[str, pa.RecordBatch],
    wanted: Mapping[str, Any],
    job: Mapping[str, Any],
) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    count = min(table.num_rows for table in tables.values())
    size, requests = wanted["rows"], job["requests"]
    times: dict[str, list[float]] = {role: [] for role in models}
    seen: dict[str, list[tuple[int, float]]] = {role: [] for role in models}
    order = list(models)
    for number in range(-job["warm_up"], requests):
        picked = draw.choice(count, size, replace=size > count)
        for role in order:
            took, scores = models[role].ask(tables[role].take(pa.array(picked)))
            if number >= 0:
                times[role].append(took)
                seen[role].append((int(picked[0]), float(scores[0])))
        # Whoever comes first has the colder cache; each does so half of the time.
        order.reverse()
    for role, model in models.items():
        _ask_again(model, tables[role], seen[role][-_AGAIN:])
    challenger = {
        name: percentile(times["challenger"], share, job["confidence"]) for name, share in _SHARES.items()
    }
    found: dict[str, Any] = {
        "challenger": {name: _rounded(one) for name, one in challenger.items()},
        "champion": None, "ratio": None,
        "settled_by": {
            name: more_needed(requests, challenger[name], limit) for name, limit in wanted["limits"].items()
        },
        "curves": {role: curve(of_role) for role, of_role in times.items()},
    }  # fmt: skip
    if "champion" in models:
        found["champion"] = {
            name: _rounded(percentile(times["champion"], share, job["confidence"]))
            for name, share in _SHARES.items()
        }
        ratios = np.divide(times["challenger"], times["champion"])
        found["ratio"] = _rounded(percentile(ratios.tolist(), 0.5, job["confidence"]))
    return found


def _ask_again(model: Asked, table: pa.RecordBatch, seen: list[tuple[int, float]]) -> None:
    """Raises Unusable where rows get other scores in other company than when the clock ran."""
    rows = pa.array([row for row, _ in seen])
    before: npt.NDArray[np.float64] = np.array([score for _, score in seen])
    _, again = model.ask(table.take(rows))
    different = int((~np.isclose(again, before, rtol=_RTOL, atol=_ATOL)).sum())
    if different:
        raise Unusable(
            f"{model.name} gave other scores to {different} of {len(seen)} rows when they were asked "
            "about again "
            "together, so that its times say nothing"
        )


def _rounded(values: Any) -> list[float | None]:
    return [None if value is None else float(f"{value:.4g}") for value in values]

"""The task `latency`: times requests to the challenger and, in turn with it, to the champion."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import yaml

from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.asking import Asked, asked, limit_threads
from hotpass_evaluation.work.table import ROWS, Table
from hotpass_evaluation.work.timing import curve, more_needed, percentile

_SHARES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
#: Rows that are asked for at once, untimed.
_MANY = 1000
_RTOL, _ATOL = 1e-5, 1e-6  # single precision


def run(job: Mapping[str, Any]) -> dict[str, Any]:
    """For each of the `kinds`: percentiles with bounds in milliseconds, the median ratio to the champion's
    times, curves, and how many requests would settle what is not settled.
    """
    limit_threads(job["threads"])
    # The champion first: it has answered before anything of the challenger's runs.
    roles = [role for role in ("champion", "challenger") if job.get(role)]
    known = {role: _known(job, role) for role in roles}
    with ExitStack() as stack:
        models: dict[str, Asked] = {}
        for role in roles:
            models[role] = stack.enter_context(asked(job[role], job))
            if len(roles) > 1:
                models[role].pause()
        tables = {role: _rows(job, model) for role, model in models.items()}
        for role in roles:
            if not tables[role].schema.equals(known[role].schema):
                raise _Otherwise(models[role].name, "takes other columns")
        kinds = {kind: _measured(models, tables, known, wanted, job) for kind, wanted in job["kinds"].items()}
    return {"kinds": kinds, "distinct_rows": _distinct(tables["challenger"])}


class _Known(NamedTuple):
    """What a model says of each row where nobody looks at the clock: `scores` is NaN for rows that it was not
    asked about.
    """

    schema: pa.Schema
    scores: npt.NDArray[np.float64]


def _known(job: Mapping[str, Any], role: str) -> _Known:
    """Asks a process of its own, many rows at a time, before there is one whose answers are timed: it cannot
    know what that one is going to say.
    """
    with asked(job[role], job) as model:
        table = _rows(job, model)
        wanted = np.flatnonzero(_picked(job, table.num_rows))
        scores = np.full(table.num_rows, np.nan)
        for start in range(0, len(wanted), _MANY):
            some = wanted[start : start + _MANY]
            _, scores[some] = model.ask(table.take(pa.array(some)))
    return _Known(table.schema, scores)


def _picked(job: Mapping[str, Any], count: int) -> npt.NDArray[np.bool_]:
    """Which of `count` rows some request has."""
    picked = np.zeros(count, bool)
    for wanted in job["kinds"].values():
        for rows in _draws(count, wanted["rows"], job):
            picked[rows] = True
            if picked.all():
                return picked
    return picked


def _draws(count: int, size: int, job: Mapping[str, Any]) -> Iterator[npt.NDArray[np.int64]]:
    """The rows of each request, those of the warm-up first."""
    draw = np.random.default_rng(0)
    for _ in range(job["warm_up"] + job["requests"]):
        yield draw.choice(count, size, replace=size > count)


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
    known: Mapping[str, _Known],
    wanted: Mapping[str, Any],
    job: Mapping[str, Any],
) -> dict[str, Any]:
    count = min(table.num_rows for table in tables.values())
    times: dict[str, list[float]] = {role: [] for role in models}
    wrong, asked_for = dict.fromkeys(models, 0), 0
    order = list(models)
    for number, picked in enumerate(_draws(count, wanted["rows"], job)):
        asked_for += len(picked)
        for role in order:
            model = models[role]
            with model.awake():
                took, scores = model.ask(tables[role].take(pa.array(picked)))
            same = np.isclose(scores, known[role].scores[picked], rtol=_RTOL, atol=_ATOL)
            wrong[role] += int((~same).sum())
            if number >= job["warm_up"]:
                times[role].append(took)
        # Whoever comes first has the colder cache; each does so half of the time.
        order.reverse()
    for role, count in wrong.items():
        if count:
            raise _Otherwise(models[role].name, f"gave other scores to {count:,} of {asked_for:,} rows")
    challenger = {
        name: percentile(times["challenger"], share, job["confidence"]) for name, share in _SHARES.items()
    }
    found: dict[str, Any] = {
        "challenger": {name: _rounded(one) for name, one in challenger.items()},
        "champion": None, "ratio": None,
        "settled_by": {
            name: more_needed(job["requests"], challenger[name], limit)
            for name, limit in wanted["limits"].items()
        },
        "curves": {role: curve(times[role]) for role in ("challenger", "champion") if role in times},
    }  # fmt: skip
    if "champion" in models:
        found["champion"] = {
            name: _rounded(percentile(times["champion"], share, job["confidence"]))
            for name, share in _SHARES.items()
        }
        ratios = np.divide(times["challenger"], times["champion"])
        found["ratio"] = _rounded(percentile(ratios.tolist(), 0.5, job["confidence"]))
    return found


class _Otherwise(Unusable):
    """A model does not say while the clock runs what it says elsewhere."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(
            f"{name} {what} while it was timed than in another process that was asked about the same rows "
            "together, so that its times say nothing"
        )


def _rounded(values: Any) -> list[float | None]:
    return [None if value is None else float(f"{value:.4g}") for value in values]

"""The task `drift`: how far the columns of recent data are from those that the model was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import stats

from hotpass_evaluation.statistics.bins import codes
from hotpass_evaluation.statistics.shifts import Shift, of_categories, of_numbers, share_shift
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.drawing import Column, Drawing, column, most_rows
from hotpass_evaluation.work.table import Table

#: Columns that are drawn, the bars of each, and the new categories that are told by name.
_DRAWN, _BARS, _NAMED = 4, 20, 5
#: As pandas calls an index in a Parquet file: no column that anybody chose.
INDEX = "__index_level_"


def run(job: Mapping[str, Any]) -> dict[str, Any]:
    """`columns`: of each its kind, its figures ([value, low, high, raw]) and its new categories; `training`
    and `recent`: their rows, how many of them were drawn, and their digests; `drawings` of those that moved
    most.

    `columns` of the job are the names to look at (None: all that the training data has, but for `target`),
    less those in `ignore`; `figures` is how many figures of each are held against a limit, for bounds that
    hold at `confidence` together.
    """
    training = Table(Path(job["training"]), name="the training data")
    recent = Table(Path(job["data"]["path"]), delimiter=job["data"]["delimiter"], name=job["data"]["name"])
    names = _names(job, training)
    training.require(names)
    recent.require(names)
    before, seen_before = _drawn(training, names)
    # Read the same way, so that codes which are text in the one are not numbers in the other.
    after, seen_after = _drawn(
        recent, {name: "text" if _is_text(training.types[name]) else "number" for name in names}
    )
    z = float(stats.norm.isf((1 - job["confidence"]) / max(1, len(names) * job["figures"])))
    found: dict[str, Any] = {}
    pairs: dict[str, tuple[Column, Column]] = {}
    for name in names:
        pairs[name] = pair = column(before.column(name)), _alike(after.column(name), before, name)
        found[name] = _figures(*pair, z)
    worst = sorted(names, key=lambda name: -found[name]["psi"][0])[:_DRAWN]
    return {
        "columns": found,
        "training": {"rows": seen_before, "drawn": before.num_rows, "digest": training.digest},
        "recent": {"rows": seen_after, "drawn": after.num_rows, "digest": recent.digest},
        "drawings": {name: _drawing(*pairs[name]) for name in worst},
    }


def _names(job: Mapping[str, Any], training: Table) -> list[str]:
    names: Sequence[str] = job["columns"] or [
        name for name in training.columns if name != job["target"] and not name.startswith(INDEX)
    ]
    kept = [name for name in names if name not in job["ignore"]]
    if not kept:
        raise Unusable("every column is ignored, so that there is nothing to compare")
    return kept


def _drawn(table: Table, columns: Mapping[str, str] | Sequence[str]) -> tuple[pa.Table, int]:
    drawing = Drawing(most_rows(len(columns)))
    for batch in table.batches(columns):
        drawing.add(pa.Table.from_batches([batch]))
    rows = drawing.rows()
    if rows is None or not rows.num_rows:
        raise Unusable(f"{table.name} has no rows")
    return rows, drawing.seen


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _alike(recent: pa.ChunkedArray, training: pa.Table, name: str) -> Column:
    text, now = _is_text(training.schema.field(name).type), _is_text(recent.type)
    if text and not now:
        recent = recent.cast(pa.string())
    elif now and not text:
        raise Unusable(
            f"{name} holds text in the recent data, and numbers in the training data: write it as it was, or "
            f"ignore: [{name}]"
        )
    return column(recent)


def _figures(before: Column, after: Column, z: float) -> dict[str, Any]:
    rows = len(before.values), len(after.values)
    missing = rows[0] - len(before.there), rows[1] - len(after.there)
    new: dict[str, int] = {}
    if before.texts is None:
        figures = of_numbers(before.there, after.there, z, missing=missing)
    else:
        figures, new = of_categories(before.counts(), after.counts(), z, missing=missing)
    figures["missing"] = share_shift(missing[0], rows[0], missing[1], rows[1], z)
    said: dict[str, Any] = {name: _listed(shift) for name, shift in figures.items()}
    said["kind"] = "numbers" if before.texts is None else "texts"
    said["missing_shares"] = [missing[0] / rows[0], missing[1] / rows[1]]
    if before.texts is None and len(before.there) and len(after.there):
        said["medians"] = [float(np.median(before.there)), float(np.median(after.there))]
    if new:
        said["new"] = len(new)
        said["new_named"] = [[str(text)[:60], count] for text, count in list(new.items())[:_NAMED]]
    return said


def _listed(shift: Shift) -> list[float]:
    # Six digits: what the last ones are depends on how a library adds up.
    return [float(f"{value:.6g}") for value in shift]


def _drawing(before: Column, after: Column) -> dict[str, Any]:
    """Edges and shares for numbers, names and shares for texts."""
    if before.texts is None:
        every = np.concatenate([before.there, after.there])
        if not len(every):
            return {"edges": [0.0, 1.0], "training": [0.0], "recent": [0.0]}
        low, high = (float(end) for end in np.quantile(every, [0.005, 0.995]))
        edges = np.linspace(low, high if high > low else low + 1, _BARS + 1)
        # What lies beyond is in the first and the last bar.
        shares = [
            np.bincount(codes(one.there, edges[1:-1]), minlength=_BARS) / max(1, len(one.there))
            for one in (before, after)
        ]
        return {"edges": edges.tolist(), "training": shares[0].tolist(), "recent": shares[1].tolist()}
    counts = before.counts(), after.counts()
    names = sorted({*counts[0], *counts[1]}, key=lambda name: (-counts[0].get(name, 0), name))[:_BARS]
    return {
        "names": [name[:60] for name in names],
        "training": [counts[0].get(name, 0) / max(1, len(before.there)) for name in names],
        "recent": [counts[1].get(name, 0) / max(1, len(after.there)) for name in names],
    }

"""Scores a file of leads of any size into another: read a chunk, score it, write it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from hotpass.errors import CallError
from hotpass.plugins import create_manager
from hotpass.policy.discovery import plugin_folders
from hotpass.transform.features import as_numbers
from hotpass.transform.lead_scorer import LeadScorer
from hotpass.transform.model_inputs import column_names, columns_by_kind
from hotpass.transform.scoring import score_frame
from hotpass.transform.sinks import open_sink
from hotpass.transform.sources import Source, open_source
from hotpass.transform.tables import MISSING, format_of

if TYPE_CHECKING:
    import pluggy

CHUNK_ROWS = 50_000
_MISSING = pa.array(MISSING)


class Scored(NamedTuple):
    """What came of it. `mean_score` is NaN where there was no row."""

    rows: int
    mean_score: float
    seconds: float


def score_file(
    model: Any,
    source: Path,
    target: Path,
    *,
    force: bool = False,
    chunk_rows: int = CHUNK_ROWS,
    encoding: str = "utf-8",
    score_column: str = "score",
    manager: pluggy.PluginManager | None = None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Scored:
    """Writes the leads of `source` into `target`, each with its score in a last column.

    Formats go by the ends of the names: CSV, Parquet, XLSX, in any combination. A CSV file comes out with the
    separator and the cells that it came with. Memory does not grow with the rows: it holds `chunk_rows` of
    them. `progress` is told the rows done and how many there are, where known.

    Raises CallError, and leaves no file behind, where `target` exists (unless `force`), where columns are
    missing, and where a cell cannot be read.
    """
    started = time.monotonic()
    manager = manager or create_manager(plugin_folders())
    wanted, kinds = _columns_of(model), columns_by_kind(model)
    rows, total_score = 0, 0.0
    with open_source(source, chunk_rows, encoding) as opened:
        if score_column in opened.columns:
            raise CallError(f"{source} has a column {score_column!r} already. Name another for the scores.")
        same_text = opened.is_text and format_of(target) == "csv"
        with open_sink(target, force=force, separator=opened.separator if same_text else ",") as write:
            for table in opened.chunks:
                frame, numbers = _as_frame(table, wanted or opened.columns, kinds, opened)
                scores = score_frame(model, frame, manager=manager)
                if not same_text:  # text is all that CSV can say of a number; the others can say more
                    for name, values in numbers.items():
                        table = table.set_column(table.column_names.index(name), name, values)
                write(table.append_column(score_column, pa.array(scores)))
                rows += table.num_rows
                total_score += math.fsum(scores)
                progress(rows, opened.rows)
            if not rows:
                empty = pa.table({name: pa.array([], pa.string()) for name in opened.columns})
                write(empty.append_column(score_column, pa.array([], pa.float64())))
    return Scored(rows, total_score / rows if rows else math.nan, time.monotonic() - started)


def _columns_of(model: Any) -> tuple[str, ...]:
    return tuple(model.weights) if isinstance(model, LeadScorer) else column_names(model)


def _as_frame(
    table: pa.Table, wanted: Iterable[str], kinds: tuple[frozenset[str], frozenset[str]], source: Source
) -> tuple[pd.DataFrame, dict[str, pa.Array]]:
    """The wanted columns that are there, as pandas has them, and those of a CSV file that the model reads as
    numbers.
    """
    numeric, text = kinds
    numbers: dict[str, pa.Array] = {}
    columns: dict[str, Any] = {}
    for name in wanted:
        if name not in table.column_names:
            continue  # all that are missing are named together, by the scorer
        column = table.column(name)
        if source.words_for_missing and _is_text(column):
            # Not `if_else` with a null: before Arrow 24 it makes invalid arrays of strings from slices.
            column = pc.case_when(pc.make_struct(pc.invert(pc.is_in(column, _MISSING))), column)
        if source.is_text and name not in text:
            parsed = _as_numbers(column)
            if parsed is None and name in numeric:
                parsed = pa.array(as_numbers(pd.Series(_as_objects(column), name=name)), from_pandas=True)
            if name in numeric:
                numbers[name] = parsed
            column = column if parsed is None else parsed
        columns[name] = _as_objects(column) if _is_text(column) else column.to_pandas()
    return pd.DataFrame(columns, index=range(table.num_rows)), numbers


def _is_text(column: pa.ChunkedArray | pa.Array) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _as_numbers(column: pa.ChunkedArray) -> pa.Array | None:
    """Text as float64; None where a cell is no number."""
    try:
        return pc.cast(column, pa.float64()).combine_chunks()
    except pa.ArrowInvalid:
        return None


def _as_objects(column: pa.ChunkedArray) -> np.ndarray:
    """Text as Python objects, one for each different value, with NaN for what is missing."""
    encoded = pc.dictionary_encode(column.combine_chunks())
    different: np.ndarray = np.array([*encoded.dictionary.to_pylist(), np.nan], dtype=object)
    places: np.ndarray = pc.fill_null(encoded.indices, len(different) - 1).to_numpy(zero_copy_only=False)
    return different.take(places)

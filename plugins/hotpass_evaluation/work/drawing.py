"""Rows drawn at random from data that is read once, in batches, and is too large to be kept."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hotpass_evaluation.statistics.arrays import Floats

#: What is kept at most: rows, and cells (some 8 bytes each, or a short text).
MOST_ROWS, MOST_CELLS = 200_000, 20_000_000


def most_rows(columns: int) -> int:
    return max(1000, min(MOST_ROWS, MOST_CELLS // max(columns, 1)))


class Drawing:
    """Keeps at most `most` rows of all that are added, each with the same chance, in their order. The same
    rows and `seed` draw the same ones, however they come in batches.
    """

    def __init__(self, most: int, seed: int = 0) -> None:
        self.seen = 0
        self._most = most
        self._rng = np.random.default_rng(seed)
        self._below = np.inf
        self._kept: list[tuple[pa.Table, Floats]] = []
        self._rows = 0

    def add(self, batch: pa.Table) -> None:
        lots = self._rng.random(batch.num_rows)
        self.seen += batch.num_rows
        mine = lots < self._below
        kept = batch if mine.all() else batch.filter(pa.array(mine))
        if kept.num_rows:
            self._kept.append((kept, lots[mine]))
            self._rows += kept.num_rows
        if self._rows > 2 * self._most:
            self._cut()

    def rows(self) -> pa.Table | None:
        """What was drawn; None where nothing was added."""
        if self._rows > self._most:
            self._cut()
        return pa.concat_tables([table for table, _ in self._kept]) if self._kept else None

    def _cut(self) -> None:
        lots = np.concatenate([lots for _, lots in self._kept])
        self._below = float(np.partition(lots, self._most)[self._most])
        mine = lots < self._below
        # `take` copies, so that what is not kept can go.
        table = pa.concat_tables([table for table, _ in self._kept]).take(pa.array(np.flatnonzero(mine)))
        self._kept = [(table, lots[mine])]
        self._rows = table.num_rows


class Column:
    """A column as numbers. `texts` are its distinct values in alphabetical order where it holds text, and the
    numbers are their places; None for numbers. NaN is missing, and infinities count as missing.
    """

    def __init__(self, values: Floats, texts: list[str] | None) -> None:
        self.values = values
        self.texts = texts

    @property
    def there(self) -> Floats:
        """What is not missing."""
        return self.values[np.isfinite(self.values)]

    def counts(self) -> dict[str, int]:
        """Rows by text."""
        assert self.texts is not None
        found = np.bincount(self.there.astype(np.int64), minlength=len(self.texts))
        return {text: int(rows) for text, rows in zip(self.texts, found, strict=True) if rows}


def column(array: pa.ChunkedArray) -> Column:
    """Numbers, booleans, dates and times are numbers; lists and the like are taken as text."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = array.cast(kind.value_type)
        kind = array.type
    if pa.types.is_null(kind):
        return Column(np.full(len(array), np.nan), None)
    if pa.types.is_temporal(kind) or pa.types.is_boolean(kind):
        wide = pa.types.is_date32(kind) or pa.types.is_time32(kind) or pa.types.is_boolean(kind)
        array = (array.cast(pa.int32()) if wide else array.cast(pa.int64())).cast(pa.float64(), safe=False)
        kind = array.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = array.cast(pa.float64(), safe=False).to_numpy().astype(float)
        return Column(np.where(np.isfinite(values), values, np.nan), None)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        array = pa.chunked_array(
            [pa.array([None if v is None else str(v) for v in array.to_pylist()], pa.string())]
        )
    distinct = pc.unique(array).drop_null()
    texts = sorted(distinct.to_pylist())
    places = pc.index_in(array, pa.array(texts, array.type)).cast(pa.float64())
    return Column(places.to_numpy().astype(float), texts)

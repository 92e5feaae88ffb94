"""Rows as 64 bits each, the same for the same row of a CSV and of a Parquet file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from hotpass_evaluation.work.table import Kind, Table

Bits = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

#: Values of a column that is a code, such as 0 and 1, in so many rows or more.
_CODES, _CODED = 20, 100
#: Whole numbers, each another one, among at most so many in a row are row numbers; for so many rows or more.
_SPAN, _NUMBERED = 3, 20
#: Whole numbers below it have no more digits than are compared.
_WHOLE = 1e6


def readings(
    data: Table, training: Table, names: Sequence[str], *, exact: bool = False
) -> dict[str, tuple[Kind, Kind]]:
    """How each of the columns is read in the two tables so that they agree. Unless `exact`, leaves out row
    numbers, and columns that are coded in two ways: their values, in the first rows, have none in common,
    though they are few or of two types.
    """
    kinds = {
        name: "number" if _is_number(data.types[name]) and _is_number(training.types[name]) else "text"
        for name in names
    }
    found = {name: (_read(data, name, kind), _read(training, name, kind)) for name, kind in kinds.items()}
    if exact or not found:
        return found
    ours = next(data.batches({name: one for name, (one, _) in found.items()}), None)
    theirs = next(training.batches({name: other for name, (_, other) in found.items()}), None)
    if ours is None or theirs is None:
        return found
    kept = {}
    for place, (name, reading) in enumerate(found.items()):
        columns = ours.column(place), theirs.column(place)
        mine, other = (np.unique(_hashed(column, kinds[name], False)) for column in columns)
        few = min(len(mine), len(other)) <= _CODES and min(ours.num_rows, theirs.num_rows) >= _CODED
        mixed = _is_number(data.types[name]) != _is_number(training.types[name])
        coded_otherwise = (few or mixed) and not len(np.intersect1d(mine, other))
        if not coded_otherwise and not (kinds[name] == "number" and all(map(_are_row_numbers, columns))):
            kept[name] = reading
    return kept


def hashes(table: Table, read: Mapping[str, tuple[Kind, Kind]], *, exact: bool = False) -> Bits:
    """(rows,) for the columns and readings of `readings`. Numbers are rounded to 6 digits unless `exact`."""
    parts = []
    wanted = {
        name: _read(table, name, "text" if "text" in kinds else "number") for name, kinds in read.items()
    }
    for batch in table.batches(wanted):
        total = np.zeros(batch.num_rows, np.uint64)
        for place, kinds in enumerate(read.values()):
            kind = "text" if "text" in kinds else "number"
            # Wraps: order counts.
            total = total * np.uint64(0x9E3779B97F4A7C15) + _hashed(batch.column(place), kind, exact)
            total ^= total >> np.uint64(29)
        parts.append(total)
    return np.concatenate(parts) if parts else np.empty(0, np.uint64)


def six_digits(values: Floats) -> Floats:
    """`values` rounded to 6 significant digits of what single precision keeps of them."""
    with np.errstate(all="ignore"):
        single = values.astype(np.float32).astype(np.float64)
        single = np.where(np.isfinite(single), single, values)  # too large for it
        whole = (np.abs(single) < _WHOLE) & (single == np.rint(single))
        if whole.all():
            return single
        digits = np.floor(np.log10(np.abs(single))) - 5
        # Powers of ten above 1 are exact, and so the nearest double to the rounded number results.
        power = 10.0 ** np.abs(digits)
        down = digits < 0
        rounded = np.rint(np.where(down, single * power, single / power))
        rounded = np.where(down, rounded / power, rounded * power)
    return np.where(whole | ~np.isfinite(rounded), single, rounded)


def _read(table: Table, name: str, kind: Kind) -> Kind:
    # A column that is true and false in a CSV file is read as such: "number" would not parse it.
    return "any" if kind == "number" and pa.types.is_boolean(table.types[name]) else kind


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )  # fmt: skip


def _are_row_numbers(column: pa.Array) -> bool:
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if len(values) < _NUMBERED or not np.isfinite(values).all() or (values != np.rint(values)).any():
        return False
    return bool(np.ptp(values) < _SPAN * len(values) and len(np.unique(values)) == len(values))


def _hashed(column: pa.Array, kind: Kind, exact: bool) -> Bits:
    return _numbers(column, exact) if kind == "number" else _texts(column)


def _numbers(column: pa.Array, exact: bool) -> Bits:
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    values = values if exact else six_digits(values)
    values = np.where(np.isnan(values), np.nan, values) + 0.0  # one NaN, and no -0.0
    hashed: Bits = pd.util.hash_array(values, categorize=False)
    return hashed


def _texts(column: pa.Array) -> Bits:
    """By what a CSV file would say: a missing value and an empty text are the same there."""
    if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int8())
        column = column.cast(pa.string())
    coded = column.dictionary_encode()
    words = np.array([*(coded.dictionary.to_pylist()), ""], dtype=object)
    indices = coded.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
    hashed: Bits = pd.util.hash_array(words, categorize=False)[indices]
    return hashed

"""Rows by the columns that a policy names: values, bins, and both crossed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from hotpass_evaluation.statistics.arrays import Codes
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.drawing import column
from hotpass_evaluation.work.table import Table

#: More values of one column, or segments in all, are no slices.
_MOST_VALUES, _MOST_SEGMENTS = 300, 2000
_MISSING = "missing"


class Coded(NamedTuple):
    """The segment of each row, and what the segments are called."""

    codes: Codes
    names: list[str]


def coded(table: Table, columns: Mapping[str, Mapping[str, Any]], rows: int) -> dict[str, Coded]:
    """Each of the `columns`, cut as it says: `{"bins": […]}`, `{"quantiles": n}` or `{}` for its values.

    Raises Unusable where there are not `rows` rows, and for columns that cannot be cut like that.
    """
    kinds = {name: "number" if how else "any" for name, how in columns.items()}
    table.require(kinds, "column to slice by:")
    parts = [pa.Table.from_batches([batch]) for batch in table.batches(kinds)]
    found = pa.concat_tables(parts)
    if found.num_rows != rows:
        raise Unusable(f"{table.name} changed while it was read. Judge by a file that nobody writes to")
    return {name: _coded(name, found.column(name), how) for name, how in columns.items()}


def crossed(parts: Sequence[Coded]) -> Coded:
    """The segments that rows are in, by all of `parts` at once."""
    code = parts[0].codes
    for part in parts[1:]:
        code = code * len(part.names) + part.codes
    distinct, codes = np.unique(code, return_inverse=True)
    if len(distinct) > _MOST_SEGMENTS:
        raise Unusable(
            f"there are {len(distinct):,} segments, and {_MOST_SEGMENTS:,} at most are judged: name fewer "
            "columns under by:, or cut them into fewer bins"
        )
    names = []
    for one in distinct:
        said, rest = [], int(one)
        for part in reversed(parts):
            rest, place = divmod(rest, len(part.names))
            said.append(part.names[place])
        names.append(" & ".join(reversed(said)))
    return Coded(codes.astype(np.int64), names)


def _coded(name: str, array: pa.ChunkedArray, how: Mapping[str, Any]) -> Coded:
    told = column(array)
    missing = ~np.isfinite(told.values)
    if how:
        return _binned(name, told.values, missing, how)
    distinct, codes = np.unique(told.values[~missing], return_inverse=True)
    if len(distinct) > _MOST_VALUES:
        raise Unusable(
            f"{name} has {len(distinct):,} values: cut it into bins, for example {{{name}: {{quantiles: 4}}}}"
            if told.texts is None
            else f"{name} has {len(distinct):,} values, and {_MOST_VALUES} at most are judged"
        )
    texts = [told.texts[int(place)] if told.texts is not None else f"{place:.12g}" for place in distinct]
    return _with_missing(name, codes, missing, [f"{name} = {text[:60]}" for text in texts])


def _binned(name: str, values: Any, missing: Any, how: Mapping[str, Any]) -> Coded:
    there = values[~missing]
    if "bins" in how:
        edges = np.array(how["bins"], dtype=float)
    else:
        shares = np.linspace(0, 1, how["quantiles"] + 1)[1:-1]
        edges = np.unique(np.quantile(there, shares)) if len(there) else np.empty(0)
    said = [f"{edge:.6g}" for edge in edges]
    names = [f"{name} below {said[0]}"] if said else [f"{name}, any value"]
    names += [f"{name} {low} to {high}" for low, high in pairwise(said)]
    if said:
        names.append(f"{name} from {said[-1]}")
    return _with_missing(name, np.searchsorted(edges, there, side="right"), missing, names)


def _with_missing(name: str, codes: Any, missing: Any, names: list[str]) -> Coded:
    found = np.full(len(missing), len(names), dtype=np.int64)
    found[~missing] = codes
    return Coded(found, [*names, f"{name} {_MISSING}"] if missing.any() else names)

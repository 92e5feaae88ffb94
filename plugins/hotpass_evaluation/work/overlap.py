"""Rows of the data that a model was trained on, told from rows that are naturally alike.

Rows are compared by 64 bits over the columns that both have (8 bytes a row in memory; two different rows of
10 million are taken for the same with probability 3e-6). Where no key says which row is which, real data has
twins, so what is found is held against what the training rows are among themselves: p is the share of
training rows with another one equal to them, s the share of the data's rows with one, and of rows that come
from the same source and were kept apart, s is about p. Beyond that, (s - p) / (1 - p) of the rows were
trained on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.table import Kind, Table

#: Standard errors beyond chance.
Z = 3.0


class Overlap(NamedTuple):
    """`alike` of `rows` rows have a twin among `training` rows, of which `twins` have one among themselves;
    `shared` are the columns compared. `by_key`: a key says which row is which.
    """

    rows: int
    alike: int
    training: int
    twins: int
    shared: tuple[str, ...]
    by_key: bool

    @property
    def excess(self) -> float:
        """The share of rows trained on, beyond what twins explain; not below 0."""
        share = self.alike / self.rows
        if self.by_key:
            return share
        natural = self.twins / self.training
        return 1.0 if natural == 1 else max(0.0, (share - natural) / (1 - natural))

    def is_above(self, at_most: float) -> bool:
        """Whether more than that share were trained on, beyond chance (one-sided, z = 3)."""
        share = self.alike / self.rows
        if self.by_key:
            return share > at_most
        natural = self.twins / self.training
        expected = natural + at_most * (1 - natural)
        # Agresti's: what was seen of few is not certain.
        guess = (expected * self.training + 2) / (self.training + 4)
        error = math.sqrt(guess * (1 - guess) * (1 / self.rows + 1 / self.training))
        return share > expected + Z * error

    def as_json(self) -> dict[str, Any]:
        """For the record and for messages."""
        return {
            "rows": self.rows, "alike": self.alike, "training_rows": self.training, "twins": self.twins,
            "share": self.alike / self.rows, "natural": self.twins / self.training, "excess": self.excess,
            "columns": len(self.shared), "by_key": self.by_key,
        }  # fmt: skip


def between(data: Table, training: Table, key: Sequence[str] = ()) -> Overlap:
    """Compares two tables by the columns that both have, or by `key`. Raises Unusable."""
    if key:
        data.require(key, "key column")
        training.require(key, "key column")
        shared = tuple(key)
    else:
        shared = tuple(one for one in data.columns if one in training.columns)
        if not shared:
            raise Unusable(
                f"{data.name} and {training.name} have no column in common, so that nobody can tell "
                "whether the "
                "model was trained on these rows"
            )
    kinds = [_kind(data.types[one], training.types[one]) for one in shared]
    theirs = _hashes(training, shared, kinds)
    ours = _hashes(data, shared, kinds)
    if not len(theirs) or not len(ours):
        raise Unusable(f"{(data if len(theirs) else training).name} has no row")
    distinct, counts = np.unique(theirs, return_counts=True)
    places = np.minimum(np.searchsorted(distinct, ours), len(distinct) - 1)
    alike = int((distinct[places] == ours).sum())
    twins = int(counts[counts > 1].sum())
    return Overlap(len(ours), alike, len(theirs), twins, shared, bool(key))


def checked(job: Mapping[str, Any], data: Table) -> dict[str, Any]:
    """What the job asks about overlap, for the challenger and the champion. Raises Unusable where the
    challenger's is refused.
    """
    asked = job.get("overlap", "unchecked")
    if asked == "unchecked":
        return {}
    if not job.get("training"):
        raise Unusable(
            "nobody knows which rows the challenger was trained on, so that nobody can tell whether "
            "it is judged "
            "by them. Log them with the run, at training/training.parquet (hotpass train does), or as a data "
            "set with the context training; or say overlap: unchecked"
        )
    key = asked.get("key") or ()
    found = between(data, Table(Path(job["training"]), name="the training rows"), key)
    if found.is_above(asked.get("at_most", 0.0)):
        raise Unusable(refusal(found, data.name, asked.get("at_most", 0.0)))
    seen = {"challenger": found.as_json()}
    if job.get("champion_training"):
        try:
            other = Table(Path(job["champion_training"]), name="the champion's training rows")
            seen["champion"] = between(data, other, key).as_json()
        except Unusable as error:
            seen["champion"] = {"unknown": str(error)}
    return seen


def refusal(found: Overlap, name: str, at_most: float) -> str:
    """Why the data is refused, with both figures."""
    share = f"{found.alike:,} of the {found.rows:,} rows of {name}"
    rest = f"{at_most:.2%} are tolerated. Judge by rows that were kept apart"
    if found.by_key:
        return f"the challenger was trained on {share} ({found.alike / found.rows:.2%}); {rest}"
    return (
        f"the challenger was trained on rows that it is judged by: {share} "
        f"({found.alike / found.rows:.2%}) equal a training row in all {len(found.shared)} columns "
        "that both have, "
        f"and among the training rows {found.twins / found.training:.2%} equal another; so about "
        f"{found.excess:.2%} were trained on, and {rest}"
    )


def _kind(one: pa.DataType, other: pa.DataType) -> Kind:
    """How both are read so that a CSV file and a Parquet file agree."""
    return "number" if _is_number(one) and _is_number(other) else "text"


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )  # fmt: skip


def _hashes(table: Table, names: Sequence[str], kinds: Sequence[Kind]) -> np.ndarray:
    # A column that is true and false in a CSV file is read as such: "number" would not parse it.
    wanted = {
        name: "any" if kind == "number" and pa.types.is_boolean(table.types[name]) else kind
        for name, kind in zip(names, kinds, strict=True)
    }
    parts = []
    for batch in table.batches(wanted):
        total = np.zeros(batch.num_rows, np.uint64)
        for place, kind in enumerate(kinds):
            one = _numbers(batch.column(place)) if kind == "number" else _texts(batch.column(place))
            total = total * np.uint64(0x9E3779B97F4A7C15) + one  # wraps: order counts
            total ^= total >> np.uint64(29)
        parts.append(total)
    return np.concatenate(parts) if parts else np.empty(0, np.uint64)


def _numbers(column: pa.Array) -> np.ndarray:
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    values = np.where(np.isnan(values), np.nan, values) + 0.0  # one NaN, and no -0.0
    hashes: np.ndarray = pd.util.hash_array(values, categorize=False)
    return hashes


def _texts(column: pa.Array) -> np.ndarray:
    """By what a CSV file would say: a missing value and an empty text are the same there."""
    if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int8())
        column = column.cast(pa.string())
    coded = column.dictionary_encode()
    words = np.array([*(coded.dictionary.to_pylist()), ""], dtype=object)
    indices = coded.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
    hashes: np.ndarray = pd.util.hash_array(words, categorize=False)[indices]
    return hashes

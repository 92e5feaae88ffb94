"""Rows that say nothing new: the same as an earlier one in every column of the data.

A row that stands there ten times is one observation, and counted as ten it makes intervals too narrow. Two
rows that are equal in what a model takes may still be two customers, so all columns of the file count: one
that says which row it is tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from hotpass_evaluation.work.scoring import Scored
from hotpass_evaluation.work.table import Table

#: Below that share nobody needs to look at the rows themselves.
MANY = 0.2


class Repeats(NamedTuple):
    """How many of the rows, and of those of the positive class (0 for a regressor), are different. `repeated`
    are the others, at most: where scores and target tell most rows apart, nobody reads the rows again.
    """

    rows: int
    positives: int
    repeated: int

    @classmethod
    def of(cls, codes: np.ndarray, scores: Scored) -> Repeats:
        """By one code for each row (rows,), the same for equal rows."""
        rows = len(np.unique(codes))
        positives = len(np.unique(codes[scores.target == 1])) if scores.kind == "classifier" else 0
        return cls(rows, positives, len(codes) - rows)


def repeats(job: Mapping[str, Any], scores: Scored) -> Repeats:
    """Of the job's data, which is read again only if the scores leave open whether many rows repeat, or
    whether fewer than `job["least"]` (rows, rows of each class) are different.
    """
    parts = [scores.target, scores.challenger] + ([] if scores.champion is None else [scores.champion])
    by_scores = Repeats.of(_together([pd.util.hash_array(twelve_digits(part)) for part in parts]), scores)
    rows, positives = job.get("least", (0, 0))
    few = by_scores.repeated <= MANY * len(scores.target) and by_scores.rows >= rows
    if scores.kind == "classifier":
        few &= min(by_scores.positives, by_scores.rows - by_scores.positives) >= positives
    if few:
        return by_scores
    data = job["data"]
    table = Table(Path(data["path"]), delimiter=data.get("delimiter"), name=str(data.get("name") or ""))
    kinds: dict[str, Any] = {
        name: "text" for name, kind in table.types.items() if not pa.types.is_nested(kind)
    }
    codes = [
        pd.util.hash_pandas_object(batch.to_pandas(), index=False, categorize=True).to_numpy()
        for batch in table.batches(kinds)
    ]
    return Repeats.of(np.concatenate(codes), scores)


def twelve_digits(scores: np.ndarray) -> np.ndarray:
    """`scores` (rows,) float64 without their last digits, which are not the model's but the machine's."""
    with np.errstate(all="ignore"):
        scale = 10.0 ** (11 - np.floor(np.log10(np.abs(scores))))
        rounded = np.round(scores * scale) / scale
    # Of 0 and of numbers at the ends of what a float holds there is nothing to round.
    return np.asarray(np.where(np.isfinite(rounded), rounded, scores) + 0.0, dtype=np.float64)


def _together(parts: list[np.ndarray]) -> np.ndarray:
    total = np.zeros(len(parts[0]), np.uint64)
    for part in parts:
        total = total * np.uint64(0x9E3779B97F4A7C15) + part  # wraps: order counts
        total ^= total >> np.uint64(29)
    return total

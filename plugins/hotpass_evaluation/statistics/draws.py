"""How often each unit is drawn in each bootstrap resample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hotpass_evaluation.statistics.arrays import Codes
from hotpass_evaluation.statistics.figures import Sample

#: Above so many rows times resamples, rows are drawn in random blocks: a few seconds of work lie beneath.
_ROW_BY_ROW = 500_000_000
_BLOCKS = 1000
#: Numbers in an array of one chunk: what the processor's nearest memory holds.
_CHUNK = 200_000


class Units(NamedTuple):
    """What is drawn: `number` units; `of_row` says which one a row belongs to, None where each row is its
    own.

    `independent` are the rows or groups behind blocks of them.
    """

    number: int
    of_row: Codes | None
    independent: int
    words: str

    @classmethod
    def of(cls, sample: Sample, resamples: int, seed: int) -> Units:
        """Rows, or groups where the sample has them; random blocks of either where the rows are many.

        The sums of a random block are sums of independent rows, so blocks have the spread that rows have,
        known from 1,000 of them to about 2% (1 / sqrt(2 * 1,000)).
        """
        rows = len(sample.target)
        count = rows if sample.group is None else int(sample.group.max()) + 1
        of_row, words = sample.group, "rows" if sample.group is None else "groups"
        if rows * resamples <= _ROW_BY_ROW or count <= _BLOCKS:
            return cls(count, of_row, count, words)
        block = np.random.default_rng((seed, 1)).permutation(count) % _BLOCKS
        of_row = block if of_row is None else block[of_row]
        return cls(_BLOCKS, of_row, count, f"{_BLOCKS:,} random blocks of {words}")

    @property
    def in_blocks(self) -> bool:
        return self.number != self.independent


def draws(units: int, resamples: int, seed: int, columns: int | None = None) -> Iterator[Codes]:
    """Chunks of shape (some resamples, units): how often each unit is drawn, with replacement.

    `columns` are the widest arrays that will be made of a chunk, if wider than the units.
    """
    random = np.random.default_rng(seed)
    at_once = max(1, _CHUNK // max(units, columns or 0))
    for start in range(0, resamples, at_once):
        some = min(at_once, resamples - start)
        drawn = random.integers(0, units, (some, units))
        drawn += np.arange(some)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=some * units)
        yield counts.reshape(some, units)

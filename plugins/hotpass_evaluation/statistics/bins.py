"""Cuts a column of numbers into bins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hotpass_evaluation.statistics.arrays import Codes, Floats


def cuts(values: Floats, bins: int) -> Floats:
    """Where at most about `bins` bins of equal numbers of `values` begin, but the first: shape (bins - 1,),
    ascending.

    A value that alone fills a bin (the 999 of those never called) has one of its own, so that a change in how
    many have it shows. With no more than `bins` distinct values, each has its own. `values` are finite.
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= bins:
        return np.asarray(distinct[1:], dtype=float)
    heavy = distinct[counts >= len(values) / bins]
    light = values[~np.isin(values, heavy)]
    between = max(1, bins - len(heavy))
    begins = [heavy, np.nextafter(heavy, np.inf)]
    if len(light) and between > 1:
        begins.append(np.quantile(light, np.linspace(0, 1, between + 1)[1:-1]))
    # Each begins with a value that there is, so that none is empty.
    places = np.unique(np.searchsorted(distinct, np.concatenate(begins)))
    return np.asarray(distinct[places[(places > 0) & (places < len(distinct))]], dtype=float)


def codes(values: Floats, begins: Floats) -> Codes:
    """The bin of each of `values`, 0 to len(begins); NaN is in the last."""
    return np.searchsorted(begins, values, side="right").astype(np.int64)

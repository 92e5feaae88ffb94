"""How well a single column tells the target, each row judged by the others.

Texts come as numbers in their alphabetical order, since order gives ids and dates away; NaN is missing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hotpass_evaluation.statistics.arrays import Codes, Floats
from hotpass_evaluation.statistics.bins import codes, cuts
from hotpass_evaluation.statistics.delong import area, placements

FOLDS = 5
_MOST_BINS, _PER_BIN = 100, 10
#: Rows of the others that a value's own mean is pulled towards theirs by.
_PULL = 10.0
#: A value gives the answer away where so many rows have it, and of them this share is of the rarer class.
_SURE_ROWS, _SURE = 20, 0.99


class Alone(NamedTuple):
    """`value` is the area under the ROC curve, or R squared for a regressor, with a one-sided bound on either
    side. `how`: by its `order`, by its `values`, or by whether it is `missing`.

    `gives_away` is the share of the rarer class in rows whose value alone settles the answer; 0 for
    regressors.
    """

    value: float
    low: float
    high: float
    how: str
    gives_away: float


def folds(target: Floats, classes: bool, seed: int = 0) -> Codes:
    """The fold of each row, at random; with each class in all in the same shares."""
    rng = np.random.default_rng(seed)
    found = np.empty(len(target), dtype=np.int64)
    for one in np.unique(target) if classes else [None]:
        rows = np.flatnonzero(target == one) if classes else np.arange(len(target))
        found[rng.permutation(rows)] = np.arange(len(rows)) % FOLDS
    return found


def cells(values: Floats, target: Floats, *, classes: bool, texts: bool) -> Codes:
    """The bin of each row: every text has its own, and so has what is missing."""
    there = np.isfinite(values)
    found = np.zeros(len(values), dtype=np.int64)
    if not there.any():
        return found
    if texts:
        found[there] = values[there].astype(np.int64) + 1
        return found
    rows = min(target.sum(), len(target) - target.sum()) if classes else len(target) / _PER_BIN
    bins = int(np.clip(rows // _PER_BIN, 5, _MOST_BINS))
    found[there] = codes(values[there], cuts(values[there], bins)) + 1
    return found


def out_of_fold(cell: Codes, target: Floats, fold: Codes) -> Floats:
    """For each row the mean target of the other folds' rows in its cell, pulled towards the mean of all of
    those where they are few.

    D. Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes, SIGKDD Explorations
    3/1, 2001. (scikit-learn's TargetEncoder does the same a column at a time and from values, not counts.)
    """
    width = int(cell.max()) + 1
    place = fold * width + cell
    rows = np.bincount(place, minlength=FOLDS * width).reshape(FOLDS, width)
    sums = np.bincount(place, target, minlength=FOLDS * width).reshape(FOLDS, width)
    rows, sums = rows.sum(axis=0) - rows, sums.sum(axis=0) - sums
    mean = sums.sum(axis=1, keepdims=True) / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    return np.asarray(((sums + mean * _PULL) / (rows + _PULL))[fold, cell], dtype=float)


def of_classes(values: Floats, target: Floats, fold: Codes, *, texts: bool, alpha: float) -> Alone:
    """`target` is 0 or 1, with two rows of each at least. Raises Undefined for fewer."""
    cell = cells(values, target, classes=True, texts=texts)
    missing = ~np.isfinite(values)
    scores = {"values": out_of_fold(cell, target, fold)}
    # What is missing belongs on neither end, so both are tried, and both directions.
    low, high = np.where(missing, -np.inf, values), np.where(missing, np.inf, values)
    for name, score in (("low", low), ("high", high)) if missing.any() else (("low", low),):
        scores[f"order {name}"], scores[f"order {name} down"] = score, -score
    if missing.any():
        scores["missing"], scores["missing not"] = missing.astype(float), -missing.astype(float)
    best, where = None, ""
    for name, score in scores.items():
        placed = placements(target, score)
        if best is None or placed.area > best.area:
            best, where = placed, name
    assert best is not None
    found = area(best, alpha)
    return Alone(found.value, found.low, found.high, where.split()[0], _gives_away(cell, target))


def of_numbers(values: Floats, target: Floats, fold: Codes, *, texts: bool, z: float) -> Alone:
    """R squared of the cells' means. The bounds are normal: the standard error of R squared is about 2 R (1 -
    R^2) / sqrt(n) (I. Olkin, J. Finn, Correlations redux, Psychological Bulletin 118/1, 1995).
    """
    cell = cells(values, target, classes=False, texts=texts)
    found = r_squared(target, out_of_fold(cell, target, fold))
    share = max(found, 0.0)
    away = z * 2 * share**0.5 * (1 - share) / len(target) ** 0.5
    return Alone(found, found - away, found + away, "values", 0.0)


def r_squared(target: Floats, predicted: Floats) -> float:
    """1 less the mean squared error in units of the target's variance; 0 for a constant target."""
    variance = float(target.var())
    return 1 - float(((target - predicted) ** 2).mean()) / variance if variance else 0.0


def _gives_away(cell: Codes, target: Floats) -> float:
    rarer = target if 2 * target.sum() <= len(target) else 1 - target
    rows = np.bincount(cell)
    hits = np.bincount(cell, rarer)
    sure = (rows >= _SURE_ROWS) & (hits >= _SURE * rows)
    return float(hits[sure].sum() / rarer.sum())

"""What a report draws of scores: few points, from as many rows as there are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Points = dict[str, list[float]]

#: Points of a curve.
MOST = 200
_BINS = 10
_BARS = 30
_DIGITS = 6


class _Ranked(NamedTuple):
    """Rows above each distinct score, from the highest down: their weight, and that of the positives."""

    above: Floats
    positives: Floats


def classifier_curves(target: Floats, score: Floats, weight: Floats | None) -> dict[str, Points]:
    """`roc`, `precision_recall` and `calibration` of one model, each with `x` and `y` of at most 200 points.

    `target` (0 or 1), `score` and `weight` are of shape (rows,). A curve that does not exist, since there is
    only one class, has no points.
    """
    ranked = _ranked(target, score, weight)
    positives, rows = ranked.positives[-1], ranked.above[-1]
    curves: dict[str, Points] = {"calibration": calibration(target, score, weight)}
    if not 0 < positives < rows:
        return {**curves, "roc": _points([], []), "precision_recall": _points([], [])}
    false = (ranked.above - ranked.positives) / (rows - positives)
    found = ranked.positives / positives
    roc = _spread(false, found)
    curves["roc"] = _points([0.0, *false[roc]], [0.0, *found[roc]])
    precision = ranked.positives / ranked.above
    drawn = _spread(found, precision)
    curves["precision_recall"] = _points(found[drawn], precision[drawn])
    return curves


def calibration(target: Floats, score: Floats, weight: Floats | None) -> Points:
    """What came of the rows against what the model said of them: the means of both, over ten groups of rows
    alike in number from the lowest scores to the highest. Equal scores are never parted.
    """
    order = np.argsort(score, kind="stable")
    ends = np.linspace(0, len(score), _BINS + 1).astype(np.int64)[1:-1]
    starts = np.searchsorted(score[order], score[order][np.minimum(ends, len(score) - 1)], side="left")
    weighed = np.ones(len(score)) if weight is None else weight
    x, y = [], []
    for part in np.split(order, np.unique(starts)):
        total = weighed[part].sum()
        if total > 0:
            x.append(float(np.dot(score[part], weighed[part]) / total))
            y.append(float(np.dot(target[part], weighed[part]) / total))
    return _points(x, y)


def bars(values: dict[str, Floats], weight: Floats | None) -> list[dict[str, Any]]:
    """The distribution of each of `values` (shape (rows,)) over the same edges, as shares that sum to 1."""
    low = min(float(one.min()) for one in values.values())
    high = max(float(one.max()) for one in values.values())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    edges = np.linspace(low, high if high > low else low + 1, _BARS + 1)
    drawn = []
    for name, one in values.items():
        heights, _ = np.histogram(one, edges, weights=weight)
        total = heights.sum()
        shares = heights / total if total > 0 else np.zeros(_BARS)
        drawn.append({"name": name, "edges": _rounded(edges), "heights": _rounded(shares)})
    return drawn


def _ranked(target: Floats, score: Floats, weight: Floats | None) -> _Ranked:
    order = np.argsort(-score, kind="stable")
    weighed = np.ones(len(score)) if weight is None else weight[order]
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    above = np.cumsum(weighed)[last]
    positives = np.cumsum(weighed * target[order])[last]
    kept = above > 0
    if not kept.any():
        return _Ranked(np.ones(1), np.zeros(1))
    return _Ranked(above[kept], positives[kept])


def _spread(x: Floats, y: Floats) -> npt.NDArray[np.int64]:
    """The places of at most 199 points, evenly along the curve rather than along the rows; both ends are in.
    """
    if len(x) < MOST:
        return np.arange(len(x))
    way = np.append(0.0, np.cumsum(np.hypot(np.diff(x), np.diff(y))))
    places = np.searchsorted(way, np.linspace(0, way[-1], MOST - 1))
    return np.unique(np.minimum(places, len(x) - 1))


def _points(x: Any, y: Any) -> Points:
    return {"x": _rounded(x), "y": _rounded(y)}


def _rounded(numbers: Any) -> list[float]:
    return [round(float(number), _DIGITS) for number in numbers]

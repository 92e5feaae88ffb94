"""Figures of an order of scores, for many weightings of the same rows at once.

The scores are sorted once; a resample is a weighting of the sorted rows, and a figure a few cumulative sums
over it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hotpass_evaluation.statistics.arrays import Codes, Floats, Places
from hotpass_evaluation.statistics.known import Metric


class Ranked(NamedTuple):
    """Positives and negatives by falling score, and where each positive stands.

    For each positive in that order: how many negatives lie `above` it, or above or equal (`reached`); how
    many positives lie above it (`first`), or above or equal (`last`).
    """

    above: Places
    reached: Places
    first: Places
    last: Places

    @classmethod
    def of(cls, positives: Floats, negatives: Floats) -> Ranked:
        """Of two arrays of scores that each fall."""
        above, reached = (np.searchsorted(-negatives, -positives, side) for side in ("left", "right"))
        first, last = (np.searchsorted(-positives, -positives, side) for side in ("left", "right"))
        tied = not np.array_equal(above, reached)
        return cls(above, reached if tied else above, first, last)

    @classmethod
    def binned(cls, bins: int) -> Ranked:
        """Of `bins` that each hold positives and negatives of (as good as) one score."""
        before, after = np.arange(bins), np.arange(1, bins + 1)
        return cls(before, after, before, after)


def figures(
    ranked: Ranked, positives: Floats | Codes, negatives: Floats | Codes, metrics: list[Metric]
) -> list[Floats]:
    """Each of `metrics` for each weighting: `positives` are of shape (weightings, positives) and `negatives`
    of (weightings, negatives), in the order of `ranked`. NaN where a weighting leaves a class without weight.

    roc_auc, average_precision, capture and lift are scikit-learn's and the sales team's: ties count half in
    the first, as one step in the second, and where the cut of the top falls among ties, a random pick of them
    is expected.
    """
    lost, won = _running(negatives), _running(positives)
    all_lost, all_won = lost[:, -1], won[:, -1]
    above = np.take(lost, ranked.above, axis=1)
    reached = above if ranked.reached is ranked.above else np.take(lost, ranked.reached, axis=1)
    found: list[Floats] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for metric in metrics:
            if metric.name == "roc_auc":
                pairs = np.einsum("ij,ij->i", positives, above + reached) / 2
                found.append(1 - pairs / all_won / all_lost)
                continue
            last = np.take(won, ranked.last, axis=1)
            called = last + reached
            if metric.name == "average_precision":
                precision = np.divide(last, called, out=np.zeros(last.shape), where=called > 0)
                found.append(np.einsum("ij,ij->i", positives, precision) / all_won)
                continue
            top = metric.parameters["top"] / 100
            start = np.take(won, ranked.first, axis=1) + above
            cut = (top * (all_won + all_lost))[:, None]
            inside = np.divide(cut - start, called - start, out=np.zeros(last.shape), where=called > start)
            captured = np.einsum("ij,ij->i", positives, np.clip(inside, 0, 1)) / all_won
            found.append(captured / top if metric.name == "lift" else captured)
    return found


def _running(weights: Floats | Codes) -> Floats | Codes:
    total = np.zeros((len(weights), weights.shape[1] + 1), dtype=weights.dtype)
    np.cumsum(weights, axis=1, out=total[:, 1:])
    return total


def inside_top(positives: Floats, negatives: Floats, top: float) -> Floats:
    """Whether each positive is in the top share of all rows (its chance where the cut falls among ties)."""
    scores = np.concatenate([positives, negatives])
    cut = top * len(scores)
    falling = np.sort(-scores)
    above = np.searchsorted(falling, -positives, side="left")
    width = np.searchsorted(falling, -positives, side="right") - above
    return np.clip((cut - above) / width, 0.0, 1.0)

"""The paired bootstrap of figures of an order: roc_auc, average_precision, lift, capture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from hotpass_evaluation.statistics.arrays import Codes, Floats, Places
from hotpass_evaluation.statistics.draws import Units, draws
from hotpass_evaluation.statistics.figures import Sample
from hotpass_evaluation.statistics.known import Metric
from hotpass_evaluation.statistics.ranks import Ranked, figures

#: Of so many quantiles of the positives and of all rows the bins' edges are made where rows are drawn in
#: blocks.
_QUANTILES = 1000


class Resampled(NamedTuple):
    """`value` of the rows themselves, and `resampled` of shape (resamples,), of one metric and one model."""

    value: float
    resampled: Floats


#: Of a chunk of draws: the weights of positives and of negatives, in the order of a model's scores.
_Weigh = Callable[[Codes], tuple[Floats | Codes, Floats | Codes]]


def bootstrap(
    sample: Sample, metrics: list[Metric], units: Units, resamples: int, seed: int
) -> list[list[Resampled]]:
    """For each model (the challenger, then the champion if there is one) each of `metrics`.

    Both models see the same draws: the difference of their resampled figures is that of the same rows.
    """
    models = [_row_by_row(sample, scores, units) for scores in _scores(sample)]
    values = [
        [
            float(of_one[0])
            for of_one in figures(ranked, *weigh(np.ones((1, units.number), dtype=np.int64)), metrics)
        ]
        for ranked, weigh in models
    ]
    drifts = [[0.0] * len(metrics) for _ in models]
    width = len(sample.target)
    if units.in_blocks:
        models = [_in_blocks(sample, scores, units) for scores in _scores(sample)]
        width = 4 * _QUANTILES
        whole = np.ones((1, units.number), dtype=np.int64)
        for drift, (ranked, weigh), exact in zip(drifts, models, values, strict=True):
            binned = figures(ranked, *weigh(whole), metrics)
            drift[:] = [value - float(of_one[0]) for value, of_one in zip(exact, binned, strict=True)]
    found: list[list[Floats]] = [[np.empty(resamples) for _ in metrics] for _ in models]
    start = 0
    for counts in draws(units.number, resamples, seed, width):
        for of_model, (ranked, weigh), drift in zip(found, models, drifts, strict=True):
            chunk = figures(ranked, *weigh(counts), metrics)
            for array, of_one, shift in zip(of_model, chunk, drift, strict=True):
                array[start : start + len(counts)] = of_one + shift
        start += len(counts)
    return [
        [Resampled(*pair) for pair in zip(*of_model, strict=True)]
        for of_model in zip(values, found, strict=True)
    ]


def _scores(sample: Sample) -> Iterator[Floats]:
    yield sample.challenger
    if sample.champion is not None:
        yield sample.champion


def _row_by_row(sample: Sample, scores: Floats, units: Units) -> tuple[Ranked, _Weigh]:
    won = np.flatnonzero(sample.target == 1)
    lost = np.flatnonzero(sample.target == 0)
    won = won[np.argsort(-scores[won], kind="stable")]
    lost = lost[np.argsort(-scores[lost], kind="stable")]
    ranked = Ranked.of(scores[won], scores[lost])

    def weigher(rows: Places) -> Callable[[Codes], Floats | Codes]:
        unit = rows if units.of_row is None else units.of_row[rows]
        weight = None if sample.weight is None else sample.weight[rows]
        if weight is None:
            return lambda counts: np.take(counts, unit, axis=1)
        return lambda counts: np.take(counts, unit, axis=1) * weight

    of_won, of_lost = weigher(won), weigher(lost)
    return ranked, lambda counts: (of_won(counts), of_lost(counts))


def _in_blocks(sample: Sample, scores: Floats, units: Units) -> tuple[Ranked, _Weigh]:
    """Scores in some thousand bins, finest where the positives are; of each block, the weights in each bin.
    """
    assert units.of_row is not None
    steps = np.linspace(0, 1, _QUANTILES + 1)
    won = sample.target == 1
    edges = np.unique(
        np.concatenate(
            [
                np.quantile(scores, steps, method="lower"),
                np.quantile(scores[won], steps, method="lower"),
            ]
        )
    )
    bins = len(edges)
    cell = bins - np.searchsorted(edges, scores, side="right")
    cell += units.of_row * bins
    tables = []
    for rows in (won, ~won):
        weight = None if sample.weight is None else sample.weight[rows]
        table = np.bincount(cell[rows], weights=weight, minlength=units.number * bins)
        tables.append(table.reshape(units.number, bins).astype(np.float64))
    return Ranked.binned(bins), lambda counts: (counts @ tables[0], counts @ tables[1])

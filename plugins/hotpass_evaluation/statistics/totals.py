"""The paired bootstrap of figures that are functions of a few sums over rows: rmse, r2, and what decisions
are worth where rows have weights or groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from hotpass_evaluation.statistics.arrays import Codes, Floats
from hotpass_evaluation.statistics.decisions import outcomes
from hotpass_evaluation.statistics.draws import Units, draws
from hotpass_evaluation.statistics.figures import Sample

#: Of sums, of shape (…, sums), to the figure, of shape (…,).
Figure = Callable[[Floats], Floats]


def by_unit(columns: Iterable[Floats], units: Units) -> Floats:
    """The sums of each of `columns`, of shape (rows,), over each unit: of shape (units, columns)."""
    if units.of_row is None:
        return np.column_stack(list(columns))
    sums = [np.bincount(units.of_row, weights=column, minlength=units.number) for column in columns]
    return np.column_stack(sums)


def resampled(tables: list[Floats], units: Units, resamples: int, seed: int) -> list[Floats]:
    """Of each table of `by_unit` the sums of each resample, of shape (resamples, sums); the same draws for
    all.
    """
    found = [np.empty((resamples, table.shape[1])) for table in tables]
    start = 0
    for counts in draws(units.number, resamples, seed):
        for sums, table in zip(found, tables, strict=True):
            # Not `@`: for so few columns the threads of BLAS wait for each other longer than they work.
            sums[start : start + len(counts)] = np.einsum("ij,jk->ik", counts, table)
        start += len(counts)
    return found


def of_errors(target: Floats, scores: Floats, weight: Floats | None) -> Iterable[Floats]:
    """Weight, weighed target (from its mean, so that squares lose no digits), its square, the squared error.
    """
    ones = np.ones(len(target)) if weight is None else weight
    centred = target - target.mean()
    yield ones
    yield ones * centred
    yield ones * centred**2
    yield ones * (target - scores) ** 2


def rmse(sums: Floats) -> Floats:
    """scikit-learn's root_mean_squared_error, of the sums of `of_errors`."""
    return np.asarray(np.sqrt(sums[..., 3] / sums[..., 0]))


def r2(sums: Floats) -> Floats:
    """scikit-learn's r2_score, of the sums of `of_errors`; NaN where the target is constant."""
    spread = sums[..., 2] - sums[..., 1] ** 2 / sums[..., 0]
    varies = spread > 1e-12 * sums[..., 2]
    unexplained: Floats = np.divide(sums[..., 3], spread, out=np.full(spread.shape, np.nan), where=varies)
    return 1 - unexplained


def of_outcomes(found: Codes, weight: Floats | None) -> Iterable[Floats]:
    """The weight of each row under its outcome, 0 under the three others."""
    for place in range(4):
        here = (found == place).astype(np.float64)
        yield here if weight is None else here * weight


def cells(sample: Sample, threshold: float, of_champion: float) -> Floats:
    """Rows by outcome of the challenger (4) and of the champion (4); champion's are the challenger's without
    one.
    """
    first = outcomes(sample.target, sample.challenger, threshold)
    second = first if sample.champion is None else outcomes(sample.target, sample.champion, of_champion)
    return np.bincount(first * 4 + second, minlength=16).reshape(4, 4).astype(np.float64)


def redrawn(counted: Floats, resamples: int, seed: int, *, eased: bool) -> tuple[Floats, Floats]:
    """The outcomes of both models in each resample of the rows behind `cells`: each of shape (resamples, 4).

    Rows that fall in one cell are alike, so drawing rows is drawing cells from a multinomial distribution.
    `eased` adds half a row to each of the cells where the models differ, as A. Agresti & Y. Min (2005),
    Statistics in Medicine 24, 729-740, do: three differences that all point one way would leave no doubt
    otherwise.
    """
    chances = counted.copy()
    if eased:
        won, lost = counted[[0, 2]].sum() > 0, counted[[1, 3]].sum() > 0
        chances[0, 2] += won / 2
        chances[2, 0] += won / 2
        chances[1, 3] += lost / 2
        chances[3, 1] += lost / 2
    random = np.random.default_rng(seed)
    drawn = random.multinomial(round(counted.sum()), (chances / chances.sum()).ravel(), size=resamples)
    table = drawn.reshape(resamples, 4, 4).astype(np.float64)
    return table.sum(axis=2), table.sum(axis=1)

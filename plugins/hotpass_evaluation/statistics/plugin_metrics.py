"""Metrics that a plugin computes: any function of target, scores and weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from hotpass_evaluation.statistics.arrays import Floats, Places
from hotpass_evaluation.statistics.draws import Units
from hotpass_evaluation.statistics.figures import Sample, Undefined

Compute = Callable[[Floats, Floats, Floats | None], float]

#: Above so many rows times resamples, the function is called for 100 subsets in place of thousands of
#: resamples.
_AFFORDABLE = 200_000_000
_PARTS = 100


class Spread(NamedTuple):
    """`figures` of the resamples; or, of so many rows that resampling takes too long, the standard `error`
    from `parts` of them.
    """

    value: float
    figures: Floats | None
    error: float = 0.0
    parts: int = 0


def spreads(sample: Sample, compute: Compute, units: Units, resamples: int, seed: int) -> list[Spread]:
    """Of the challenger, the champion and the challenger's lead (challenger - champion), as far as there are
    such.

    Raises Undefined where the function raises or gives no finite number on the rows themselves.
    """
    models = [sample.challenger] + ([] if sample.champion is None else [sample.champion])
    try:
        values = [float(compute(sample.target, scores, sample.weight)) for scores in models]
    except Exception as error:
        raise Undefined(f"it could not be computed: {type(error).__name__}: {error}") from error
    if not np.isfinite(values).all():
        raise Undefined(f"it came out as {next(value for value in values if not np.isfinite(value))}")
    jackknife = len(sample.target) * resamples > _AFFORDABLE
    picks = (
        list(_without_parts(sample, units, seed)) if jackknife else _redrawn(sample, units, resamples, seed)
    )
    found = np.array([[_or_nan(compute, sample, scores, rows) for scores in models] for rows in picks])
    columns = [found[:, 0]] if len(models) == 1 else [found[:, 0], found[:, 1], found[:, 0] - found[:, 1]]
    if len(models) == 2:
        values.append(values[0] - values[1])
    if not jackknife:
        return [Spread(value, column) for value, column in zip(values, columns, strict=True)]
    parts = len(found)
    return [
        Spread(
            value, None, float(np.sqrt((parts - 1) / parts * ((column - column.mean()) ** 2).sum())), parts
        )
        for value, column in zip(values, columns, strict=True)
    ]


def _or_nan(compute: Compute, sample: Sample, scores: Floats, rows: Places) -> float:
    weight = None if sample.weight is None else sample.weight[rows]
    try:
        return float(compute(sample.target[rows], scores[rows], weight))
    except Exception:
        return float("nan")


def _redrawn(sample: Sample, units: Units, resamples: int, seed: int) -> Iterator[Places]:
    """Rows as they are drawn, so that a function that takes no weights is bootstrapped as well."""
    random = np.random.default_rng(seed)
    by_unit = _rows_by_unit(units)
    for _ in range(resamples):
        drawn = random.integers(0, units.number, units.number)
        yield drawn if by_unit is None else np.concatenate([by_unit[unit] for unit in drawn])


def _without_parts(sample: Sample, units: Units, seed: int) -> Iterator[Places]:
    """The rows without one of 100 random parts: the jackknife of groups of rows, M. H. Quenouille (1956),
    Biometrika 43, 353-360.
    """
    part = np.random.default_rng((seed, 2)).permutation(units.number) % min(_PARTS, units.number)
    of_row = part if units.of_row is None else part[units.of_row]
    for one in range(min(_PARTS, units.number)):
        yield np.flatnonzero(of_row != one)


def _rows_by_unit(units: Units) -> list[Places] | None:
    if units.of_row is None:
        return None
    order = np.argsort(units.of_row, kind="stable")
    return np.split(order, np.searchsorted(units.of_row[order], np.arange(1, units.number)))

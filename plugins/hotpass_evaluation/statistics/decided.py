"""accuracy, precision, recall, f_beta and expected_value, with their intervals."""

from __future__ import annotations

import numpy as np

from hotpass_evaluation.statistics import decisions, proportions, totals
from hotpass_evaluation.statistics.arrays import Codes, Floats
from hotpass_evaluation.statistics.averaged import of_values
from hotpass_evaluation.statistics.bounds import SHARE
from hotpass_evaluation.statistics.figures import Interval, Measured
from hotpass_evaluation.statistics.known import Metric
from hotpass_evaluation.statistics.rows import SAME, Rows

NAMES = ("accuracy", "precision", "recall", "f_beta", "expected_value")

#: Of which outcomes a metric is a share (hits, of which) where it is one.
_SHARES = {"accuracy": ((0, 3), (0, 1, 2, 3)), "recall": ((0,), (0, 2)), "precision": ((0,), (0, 1))}


def measure(rows: Rows, metric: Metric, alpha: float) -> Measured:
    sample = rows.sample
    pairs = [("challenger", sample.challenger), ("champion", sample.champion)]
    found: list[Codes] = []
    for (whose, scores), threshold in zip(pairs, decisions.thresholds(metric), strict=True):
        if scores is not None:
            found.append(decisions.outcomes(sample.target, scores, threshold))
            decisions.defined(metric, whose, threshold, found[-1])
    first, second = decisions.thresholds(metric)
    alike = rows.alike and first == second
    if metric.name == "expected_value":
        values, within = decisions.worth(metric.parameters["values"])
        return of_values(rows, metric, alpha, [values[outcome] for outcome in found], within, alike=alike)
    if rows.plain:
        return _plain(rows, metric, alpha, alike=alike)
    tables = [totals.by_unit(totals.of_outcomes(outcome, sample.weight), rows.units) for outcome in found]
    exact = [decisions.figure(metric, table.sum(axis=0)) for table in tables]
    sums = totals.resampled(tables, rows.units, rows.resamples, rows.seed)
    drawn = [decisions.figure(metric, of_model) for of_model in sums]
    differing = 0 if len(found) == 1 else rows.independent(found[0] != found[1])
    return _of_draws(rows, metric, alpha, exact, drawn, differing, alike=alike)


def _of_draws(
    rows: Rows,
    metric: Metric,
    alpha: float,
    exact: list[Floats],
    drawn: list[Floats],
    differing: int,
    *,
    alike: bool,
) -> Measured:
    units = rows.units.independent
    intervals = [
        rows.bounded(float(value), figures, alpha, units, SHARE)
        for value, figures in zip(exact, drawn, strict=True)
    ]
    if len(drawn) == 1:
        return rows.judged(metric, intervals[0], resamples=rows.resamples)
    gain = SAME
    if not alike:
        lead = drawn[0] - drawn[1]
        gain = rows.bounded(float(exact[0] - exact[1]), lead, alpha, differing, SHARE.gain(), gain=True)
    return rows.judged(metric, intervals[0], intervals[1], gain, resamples=rows.resamples)


def _plain(rows: Rows, metric: Metric, alpha: float, *, alike: bool) -> Measured:
    """Rows without weights and groups, which are but counts of outcomes."""
    sample = rows.sample
    table = totals.cells(sample, *decisions.thresholds(metric))
    sides = [table.sum(axis=1)] + ([] if sample.champion is None else [table.sum(axis=0)])
    if metric.name == "f_beta":
        return _by_cells(rows, metric, alpha, table, sides, alike=alike)
    hits, of = _SHARES[metric.name]
    intervals = [
        proportions.share(round(side[list(hits)].sum()), round(side[list(of)].sum()), alpha) for side in sides
    ]
    if sample.champion is None:
        return rows.judged(metric, intervals[0])
    if metric.name == "precision":
        by_cells = _by_cells(rows, metric, alpha, table, sides, alike=alike)
        return by_cells._replace(challenger=intervals[0], champion=intervals[1])
    hit = np.isin(np.arange(4), hits)
    counted = np.isin(np.arange(4), of)
    judged = table[np.ix_(counted, counted)]
    gained, lost = (
        round(table[np.ix_(one & counted, other & counted)].sum())
        for one, other in ((hit, ~hit), (~hit, hit))
    )
    gain, p_value = proportions.paired_gain(gained, lost, round(judged.sum()), alpha)
    return rows.judged(metric, intervals[0], intervals[1], SAME if alike else gain, p_value=p_value)


def _by_cells(
    rows: Rows, metric: Metric, alpha: float, table: Floats, sides: list[Floats], *, alike: bool
) -> Measured:
    exact = [decisions.figure(metric, side) for side in sides]
    drawn = totals.redrawn(table, rows.resamples, rows.seed, eased=False)
    singles = [decisions.figure(metric, side) for side in drawn[: len(sides)]]
    units = rows.units.independent
    differing = round(table.sum() - np.trace(table))
    judged = _of_draws(rows, metric, alpha, exact, singles, differing, alike=alike)
    if len(sides) == 1 or alike:
        return judged
    eased = totals.redrawn(table, rows.resamples, rows.seed, eased=True)
    lead = decisions.figure(metric, eased[0]) - decisions.figure(metric, eased[1])
    value = float(exact[0] - exact[1])
    gain: Interval = rows.bounded(
        value, lead, alpha, max(differing, 2) if units > 1 else 0, SHARE.gain(), gain=True
    )
    return judged._replace(gain=gain)

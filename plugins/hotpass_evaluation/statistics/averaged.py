"""log_loss, brier, mae and expected_value, with their intervals; rmse and r2."""

from __future__ import annotations

import math

import numpy as np

from hotpass_evaluation.statistics import means, totals
from hotpass_evaluation.statistics.arrays import Floats
from hotpass_evaluation.statistics.bounds import Range
from hotpass_evaluation.statistics.checks import probabilities
from hotpass_evaluation.statistics.figures import Measured, Undefined
from hotpass_evaluation.statistics.known import KNOWN, Metric
from hotpass_evaluation.statistics.rows import SAME, Rows

NAMES = ("log_loss", "brier", "mae", "rmse", "r2")


def measure(rows: Rows, metric: Metric, alpha: float) -> Measured:
    sample = rows.sample
    models = [("challenger", sample.challenger)]
    if sample.champion is not None:
        models.append(("champion", sample.champion))
    if metric.name in ("rmse", "r2"):
        return _of_sums(rows, metric, alpha, [scores for _, scores in models])
    if metric.name in ("log_loss", "brier"):
        for whose, scores in models:
            probabilities(whose, scores)
    values = []
    within = Range(0.0, math.inf)
    for _, scores in models:
        of_model, within = means.losses(metric.name, sample.target, scores)
        values.append(of_model)
    return of_values(rows, metric, alpha, values, within, alike=rows.alike)


def of_values(
    rows: Rows, metric: Metric, alpha: float, values: list[Floats], within: Range, *, alike: bool
) -> Measured:
    """Of the values of each row, for each model of shape (rows,), whose means are the metric."""
    found = [means.mean(of_model, rows.sample) for of_model in values]
    intervals = [means.interval(of_model, alpha, within) for of_model in found]
    if len(values) == 1:
        return rows.judged(metric, intervals[0])
    lead = means.mean(values[0] - values[1], rows.sample)
    sign = 1 if KNOWN[metric.name].higher_is_better else -1
    gain = SAME if alike else means.interval(lead, alpha, within.gain(), sign)
    return rows.judged(
        metric, intervals[0], intervals[1], gain, p_value=None if alike else means.p_value(lead)
    )


def _of_sums(rows: Rows, metric: Metric, alpha: float, models: list[Floats]) -> Measured:
    sample = rows.sample
    within = Range(0.0, math.inf) if metric.name == "rmse" else Range(-math.inf, 1.0)
    figure = totals.rmse if metric.name == "rmse" else totals.r2
    tables = [
        totals.by_unit(totals.of_errors(sample.target, scores, sample.weight), rows.units)
        for scores in models
    ]
    exact = [float(figure(table.sum(axis=0))) for table in tables]
    if np.isnan(exact[0]):
        raise Undefined("the target is the same in every row: there is nothing to explain")
    sums = totals.resampled(tables, rows.units, rows.resamples, rows.seed)
    drawn = [figure(of_model) for of_model in sums]
    units = rows.units.independent
    intervals = [
        rows.bounded(value, figures, alpha, units, within)
        for value, figures in zip(exact, drawn, strict=True)
    ]
    if len(models) == 1:
        return rows.judged(metric, intervals[0], resamples=rows.resamples)
    gain = SAME
    if not rows.alike:
        sign = 1 if metric.name == "r2" else -1
        differing = rows.independent(models[0] != models[1])
        value, lead = sign * (exact[0] - exact[1]), sign * (drawn[0] - drawn[1])
        gain = rows.bounded(value, lead, alpha, differing, Range(-math.inf, math.inf), gain=True)
    return rows.judged(metric, intervals[0], intervals[1], gain, resamples=rows.resamples)

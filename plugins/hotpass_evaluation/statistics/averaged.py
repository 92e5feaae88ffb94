"""log_loss, brier, mae and expected_value, with their intervals; rmse and r2."""

from __future__ import annotations

import math

import numpy as np

from hotpass_evaluation.statistics import means, totals
from hotpass_evaluation.statistics.arrays import Floats
from hotpass_evaluation.statistics.bounds import Range, on_log
from hotpass_evaluation.statistics.checks import probabilities
from hotpass_evaluation.statistics.figures import Interval, Measured, Undefined
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
    figure = totals.rmse if metric.name == "rmse" else totals.r2
    tables = [
        totals.by_unit(totals.of_errors(sample.target, scores, sample.weight), rows.units)
        for scores in models
    ]
    exact = [float(figure(table.sum(axis=0))) for table in tables]
    if np.isnan(exact[0]):
        raise Undefined("the target is the same in every row: there is nothing to explain")
    intervals = [
        _single(rows, metric, alpha, value, scores) for value, scores in zip(exact, models, strict=True)
    ]
    if len(models) == 1:
        return rows.judged(metric, intervals[0])
    drawn = [figure(sums) for sums in totals.resampled(tables, rows.units, rows.resamples, rows.seed)]
    gain = SAME
    if not rows.alike:
        sign = 1 if metric.name == "r2" else -1
        differing = rows.independent(models[0] != models[1])
        value, lead = sign * (exact[0] - exact[1]), sign * (drawn[0] - drawn[1])
        gain = rows.bounded(value, lead, alpha, differing, Range(-math.inf, math.inf), gain=True)
    return rows.judged(metric, intervals[0], intervals[1], gain, resamples=rows.resamples)


def _single(rows: Rows, metric: Metric, alpha: float, value: float, scores: Floats) -> Interval:
    """rmse from the mean squared error; r2 from 1 - r2, the ratio of two means, by the delta method (G. W.
    Oehlert 1992, The American Statistician 46, 27-29). Both on the log scale, which has no draws to wait for,
    and whose bounds held as often as percentiles of the bootstrap.
    """
    sample = rows.sample
    errors = (sample.target - scores) ** 2
    if metric.name == "rmse":
        found = means.interval(means.mean(errors, sample), alpha, Range(0.0, math.inf))
        return Interval(value, math.sqrt(found.low), math.sqrt(found.high), found.method)
    if value == 1:
        return Interval(1.0, 1.0, 1.0, "exact, of a constant")
    centre = means.mean(sample.target, sample).value
    squares = (sample.target - centre) ** 2
    left, spread = means.mean(errors, sample).value, means.mean(squares, sample).value
    ratio = means.mean(errors / left - squares / spread, sample)
    low, high = on_log(1 - value, (1 - value) * ratio.error, alpha, ratio.units - 1)
    return Interval(value, 1 - high, 1 - low, f"Student's t over {ratio.of}, on the log scale")

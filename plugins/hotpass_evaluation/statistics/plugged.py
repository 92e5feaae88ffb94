"""A plugin's metric, with its interval."""

from __future__ import annotations

import math

from hotpass_evaluation.statistics.bounds import Range, by_spread
from hotpass_evaluation.statistics.figures import Interval, Measured
from hotpass_evaluation.statistics.known import Metric
from hotpass_evaluation.statistics.plugin_metrics import Spread, spreads
from hotpass_evaluation.statistics.rows import SAME, Rows

_ANY = Range(-math.inf, math.inf)


def measure(rows: Rows, metric: Metric, alpha: float) -> Measured:
    sample = rows.sample
    compute, higher = metric.parameters["compute"], metric.parameters["higher_is_better"]
    found = spreads(sample, compute, rows.units, rows.resamples, rows.seed)
    units = rows.units.independent
    challenger = _interval(rows, found[0], alpha, units)
    resamples = 0 if found[0].figures is None else rows.resamples
    if sample.champion is None:
        return rows.judged(metric, challenger, resamples=resamples)
    champion = _interval(rows, found[1], alpha, units)
    gain = SAME
    if not rows.alike:
        sign = 1 if higher else -1
        lead = found[2]._replace(
            value=sign * found[2].value,
            figures=None if found[2].figures is None else sign * found[2].figures,
        )
        differing = rows.independent(sample.challenger != sample.champion)
        gain = _interval(rows, lead, alpha, differing, gain=True)
    return rows.judged(metric, challenger, champion, gain, resamples=resamples)


def _interval(rows: Rows, found: Spread, alpha: float, units: int, *, gain: bool = False) -> Interval:
    if found.figures is not None:
        return rows.bounded(found.value, found.figures, alpha, units, _ANY, gain=gain)
    low, high = by_spread(found.value, found.error, alpha, found.parts - 1, _ANY)
    return Interval(found.value, low, high, f"jackknife of {found.parts} parts, Student's t")

"""Each metric by the method that belongs to it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hotpass_evaluation.statistics import averaged, decided, ordered, plugged
from hotpass_evaluation.statistics.checks import binary, enough, usable
from hotpass_evaluation.statistics.figures import Measured, Sample, Undefined
from hotpass_evaluation.statistics.known import KNOWN, Metric, checked
from hotpass_evaluation.statistics.rows import Rows

#: Fewer resamples have no tails to speak of.
MIN_RESAMPLES = 200


def measure(
    sample: Sample,
    metrics: Sequence[Metric],
    *,
    confidence: float | Sequence[float],
    resamples: int,
    seed: int,
) -> list[Measured | Undefined]:
    """See `hotpass_evaluation.statistics.measure`."""
    alphas = _alphas(confidence, len(metrics))
    if not isinstance(resamples, int) or resamples < MIN_RESAMPLES:
        raise ValueError(f"resamples must be {MIN_RESAMPLES} or more, not {resamples!r}")
    named = [checked(metric) for metric in metrics]
    kept = usable(sample)
    if any(metric.name in KNOWN and KNOWN[metric.name].needs == "classifier" for metric in named):
        binary(kept.target)
    try:
        enough(kept)
    except Undefined as undefined:
        return [undefined for _ in named]
    rows = Rows(kept, resamples, seed)
    with np.errstate(over="ignore", invalid="ignore"):
        found = _all(rows, named, alphas)
    return [_as_asked(one, metric) for one, metric in zip(found, metrics, strict=True)]


def _all(rows: Rows, metrics: list[Metric], alphas: list[float]) -> list[Measured | Undefined]:
    places = [place for place, metric in enumerate(metrics) if metric.name in ordered.NAMES]
    of_order = ordered.measure(
        rows, [metrics[place] for place in places], [alphas[place] for place in places]
    )
    found: dict[int, Measured | Undefined] = dict(zip(places, of_order, strict=True))
    return [found.get(place) or _one(rows, metric, alphas[place]) for place, metric in enumerate(metrics)]


def _one(rows: Rows, metric: Metric, alpha: float) -> Measured | Undefined:
    try:
        if metric.name in decided.NAMES:
            return decided.measure(rows, metric, alpha)
        if metric.name in averaged.NAMES:
            return averaged.measure(rows, metric, alpha)
        return plugged.measure(rows, metric, alpha)
    except Undefined as undefined:
        return undefined


def _as_asked(found: Measured | Undefined, metric: Metric) -> Measured | Undefined:
    if isinstance(found, Undefined):
        return found
    for interval in (found.challenger, found.champion, found.gain):
        if interval and (
            not math.isfinite(interval.value) or math.isnan(interval.low) or math.isnan(interval.high)
        ):
            return Undefined("the numbers are too large, or too far apart, to compute it from")
    return found._replace(metric=metric)


def _alphas(confidence: float | Sequence[float], metrics: int) -> list[float]:
    each = [confidence] * metrics if isinstance(confidence, float | int | str) else list(confidence)
    if len(each) != metrics:
        raise ValueError(f"there are {metrics} metrics and {len(each)} confidences")
    for one in each:
        if isinstance(one, str) or not 0.5 < one < 1:
            raise ValueError(f"confidence must be above 0.5 and below 1, not {one}")
    return [1 - one for one in each]

"""Each metric by the method that belongs to it."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
    if resamples < MIN_RESAMPLES:
        raise ValueError(f"resamples must be {MIN_RESAMPLES} or more, not {resamples}")
    named = [checked(metric) for metric in metrics]
    kept = usable(sample)
    if any(metric.name in KNOWN and KNOWN[metric.name].needs == "classifier" for metric in named):
        binary(kept.target)
    try:
        enough(kept)
    except Undefined as undefined:
        return [undefined for _ in named]
    rows = Rows(kept, resamples, seed)
    places = [place for place, metric in enumerate(named) if metric.name in ordered.NAMES]
    of_order = ordered.measure(rows, [named[place] for place in places], [alphas[place] for place in places])
    found: dict[int, Measured | Undefined] = dict(zip(places, of_order, strict=True))
    for place, metric in enumerate(named):
        if place not in found:
            found[place] = _one(rows, metric, alphas[place])
    return [_as_asked(found[place], metric) for place, metric in enumerate(metrics)]


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
    return found if isinstance(found, Undefined) else found._replace(metric=metric)


def _alphas(confidence: float | Sequence[float], metrics: int) -> list[float]:
    each = list(confidence) if isinstance(confidence, Sequence) else [confidence] * metrics
    if len(each) != metrics:
        raise ValueError(f"there are {metrics} metrics and {len(each)} confidences")
    for one in each:
        if not (math.isfinite(one) and 0.5 < one < 1):
            raise ValueError(f"confidence must be above 0.5 and below 1, not {one!r}")
    return [1 - one for one in each]

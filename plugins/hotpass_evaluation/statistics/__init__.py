"""Metrics with their uncertainty, from arrays. No files, no models.

NumPy is first imported by `measure`, so that gates can read `KNOWN` and ask `rows_to_settle` without it.
"""

from __future__ import annotations

from collections.abc import Sequence

from hotpass_evaluation.statistics.figures import Interval, Measured, Sample, Undefined
from hotpass_evaluation.statistics.known import KNOWN, Known, Metric
from hotpass_evaluation.statistics.settle import rows_to_settle

__all__ = [
    "KNOWN",
    "Interval",
    "Known",
    "Measured",
    "Metric",
    "Sample",
    "Undefined",
    "measure",
    "rows_to_settle",
]


def measure(
    sample: Sample,
    metrics: Sequence[Metric],
    *,
    confidence: float | Sequence[float],
    resamples: int = 2000,
    seed: int = 0,
) -> list[Measured | Undefined]:
    """Every one of `metrics` on the rows of `sample`, in that order; `Undefined` where there is no such
    figure.

    `confidence`, above 0.5 and below 1, is that of each bound by itself, for all metrics or one for each. The
    same `seed` gives the same bounds.

    Raises ValueError, in words, for arrays that do not fit, NaN or infinite values, negative weights, a
    target that is not 0 or 1 where a classifier is judged, and parameters that a metric does not take.
    """
    from hotpass_evaluation.statistics import measuring

    return measuring.measure(sample, metrics, confidence=confidence, resamples=resamples, seed=seed)

"""Each metric by the method that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence

from hotpass_evaluation.statistics.figures import Measured, Sample, Undefined
from hotpass_evaluation.statistics.known import Metric


def measure(
    sample: Sample,
    metrics: Sequence[Metric],
    *,
    confidence: float | Sequence[float],
    resamples: int,
    seed: int,
) -> list[Measured | Undefined]:
    """See `hotpass_evaluation.statistics.measure`."""
    raise NotImplementedError

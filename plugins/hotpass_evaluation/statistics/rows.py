"""The rows that are judged, and how a figure of them is put together."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from hotpass_evaluation.statistics.arrays import Floats
from hotpass_evaluation.statistics.bounds import Range, by_spread, on_logit, percentiles, unvaried
from hotpass_evaluation.statistics.draws import Units
from hotpass_evaluation.statistics.figures import Interval, Measured, Sample
from hotpass_evaluation.statistics.known import KNOWN, Metric

Scale = Literal["percentiles", "logit", "plain"]

#: Where both models give every row the same score.
SAME = Interval(0.0, 0.0, 0.0, "exact: the models score every row alike")


class Rows:
    """A sample that was checked, and how it is resampled."""

    def __init__(self, sample: Sample, resamples: int, seed: int) -> None:
        self.sample, self.resamples, self.seed = sample, resamples, seed

    @cached_property
    def units(self) -> Units:
        return Units.of(self.sample, self.resamples, self.seed)

    @cached_property
    def plain(self) -> bool:
        """Whether every row counts once and by itself."""
        return self.sample.weight is None and self.sample.group is None

    @cached_property
    def alike(self) -> bool:
        sample = self.sample
        return sample.champion is not None and np.array_equal(sample.challenger, sample.champion)

    @cached_property
    def fewer(self) -> int:
        """The independent rows, or groups, with the class that fewer have."""
        won = self.sample.target == 1
        if self.sample.group is None:
            return int(min(won.sum(), (~won).sum()))
        return min(len(np.unique(self.sample.group[chosen])) for chosen in (won, ~won))

    def independent(self, chosen: npt.NDArray[np.bool_]) -> int:
        """How many rows, or groups of rows, are among those `chosen` (True or False of each row)."""
        if self.sample.group is None:
            return int(np.count_nonzero(chosen))
        return len(np.unique(self.sample.group[chosen]))

    def judged(
        self,
        metric: Metric,
        challenger: Interval,
        champion: Interval | None = None,
        gain: Interval | None = None,
        *,
        p_value: float | None = None,
        resamples: int = 0,
    ) -> Measured:
        classifier = metric.name not in KNOWN or KNOWN[metric.name].needs == "classifier"
        binary = classifier and bool(np.isin(self.sample.target, (0, 1)).all())
        positives = int(self.sample.target.sum()) if binary else None
        rows = len(self.sample.target)
        return Measured(metric, challenger, champion, gain, p_value, rows, positives, resamples)

    def bounded(
        self,
        value: float,
        resampled: Floats,
        alpha: float,
        units: int,
        within: Range,
        *,
        scale: Scale = "percentiles",
        gain: bool = False,
    ) -> Interval:
        """The interval that `resampled` gives, of shape (resamples,).

        Of what a figure of few rows can be, its percentiles say most. Where the cut of the top is drawn anew
        in each resample they are centred on a smoother figure than the one asked about: measured, 97.6% held
        in place of 95%. There, and for single figures between 0 and 1, the resamples' standard deviation
        serves.
        """
        paired = "paired bootstrap" if gain else "bootstrap"
        defined = bool(np.isfinite(resampled).all())
        if defined and np.ptp(resampled) < 1e-12:
            count = self.units.independent if gain else max(units, 1)
            low, high = unvaried(value, alpha, min(count, self.units.independent), within)
            return Interval(value, low, high, "exact, of a constant")
        over = f"{paired} over {self.units.words}"
        error, freedom = float(resampled.std(ddof=1)) if defined else math.nan, units - 1
        if defined and scale == "logit" and within.floor < value < within.ceiling:
            low, high = on_logit(value, error, alpha, freedom, within)
            return Interval(value, low, high, f"{over}, Student's t on the logit scale")
        if defined and scale == "plain":
            return Interval(value, *by_spread(value, error, alpha, freedom, within), f"{over}, Student's t")
        low, high, how = percentiles(resampled, value, alpha, units, within)
        if value in within:
            beyond = unvaried(value, alpha, max(units, 1), within)
            low, high = min(low, beyond[0]), max(high, beyond[1])
        return Interval(value, low, high, f"{over}, {how}")

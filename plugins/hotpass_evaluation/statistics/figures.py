"""What goes in and what comes out: the rows, a figure with its interval, and a figure that there is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hotpass_evaluation.statistics.known import Metric

if TYPE_CHECKING:
    from hotpass_evaluation.statistics.arrays import Codes, Floats


class Undefined(Exception):
    """The figure does not exist on these rows (one class only, no row above the threshold): why, in words."""


class Sample(NamedTuple):
    """Rows with what two models say of them; every array is of shape (rows,).

    `target` is 0 or 1 for classifiers; `group` are codes of what is drawn together (the calls to one
    customer), from 0. Scores are probabilities, or any number that is higher where the positive is likelier.
    """

    target: Floats
    challenger: Floats
    champion: Floats | None = None
    weight: Floats | None = None
    group: Codes | None = None


class Interval(NamedTuple):
    """A figure; `low` and `high` are each a one-sided bound at the confidence asked for.

    At 0.95 the truth is above `low` in 95 of 100 samples, and below `high` in 95: the pair is a two-sided 90%
    interval. `method` says in words how the bounds were found.
    """

    value: float
    low: float
    high: float
    method: str


class Measured(NamedTuple):
    """A metric of both models. `gain` is positive where the challenger is better, whichever way the metric
    goes.

    `p_value` is that of no difference at all, two-sided, where a test belongs to the method. `rows` are those
    with a weight above 0; `positives` is None for regressors. `resamples` is 0 where none were drawn.
    """

    metric: Metric
    challenger: Interval
    champion: Interval | None
    gain: Interval | None
    p_value: float | None
    rows: int
    positives: int | None
    resamples: int

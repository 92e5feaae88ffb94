"""What a gate demands, as facts that can be reasoned about by who does not know the gate.

`Gate.demands()` returns these, and `hotpass policy lint` finds from them rules that cannot fail, that can
never pass, that contradict each other and that ask for nothing new.

    Demand("metrics.roc_auc", low=0.75, exact=True)
    Demand("tags.tier", one_of=frozenset({"gold", "silver"}), exact=True)
    Demand("age", high=30 * 24 * 3600, unit="seconds", exact=True)
    Demand("signature")
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from hotpass.decimals import as_read, is_finite, number_text
from hotpass.durations import duration_text


@dataclass(frozen=True, slots=True)
class Demand:
    """One fact that must be there, and how it must be: the gate passes no candidate for which it is not so.

    A demand with neither bounds, `one_of` nor `matches` asks only that the fact is there. Bounds and texts
    are not mixed: a fact is a number or a text. Raises ValueError for a bound that is NaN or infinite, and
    for a pattern that is none.
    """

    #: The fact, by a dotted name. Gates that read the same fact must call it the same:
    #:
    #:     metrics.NAME, metrics.NAME@DATASET   a logged metric; measured on that data set
    #:     gain.NAME, gain.NAME@DATASET         by how much a metric is better than the champion's, in its
    #: unit     gain_percent.NAME                    the same, in percent of the champion's     tags.NAME
    #: the first of the version's, its run's and the model's tags     version.tags.NAME, run.tags.NAME,
    #: model.tags.NAME     params.NAME                          a parameter of the run, a text     stage
    #: the stage that the candidate is in now     stay.STAGE                           how long it has been
    #: there without a break, in seconds     age                                  how long ago its run
    #: started, in seconds     approvals                            how many people have approved
    #: signature, input_example, datasets, commit
    #:
    #: Any other name is compared with itself alone.
    subject: str
    low: float | None = None
    high: float | None = None
    #: Whether the bound itself does not do: more than `low`, less than `high`.
    low_open: bool = False
    high_open: bool = False
    one_of: frozenset[str] | None = None
    #: A regular expression that the whole text must match.
    matches: str = ""
    #: Whether this is all that the gate asks about the fact. Only then does lint say that it cannot fail, or
    #: that another gate asks for as much. Where every demand of a gate is exact, they are all that it asks.
    exact: bool = False
    #: What messages call the fact; left out, what follows the first dot.
    name: str = ""
    unit: Literal["", "seconds"] = ""
    #: What messages say that it demands; left out, it is put together from the rest.
    words: str = ""

    def __post_init__(self) -> None:
        for bound in (self.low, self.high):
            if bound is not None and not is_finite(bound):
                raise ValueError(f"a bound of {self.subject} is {bound}, which nothing can be compared with")
        if self.matches:
            try:
                re.compile(self.matches)
            except re.error as error:
                raise ValueError(f"{self.matches!r} is not a regular expression: {error}") from error

    @property
    def label(self) -> str:
        """What messages call the fact."""
        return self.name or self.subject.partition(".")[2] or self.subject

    @property
    def limits(self) -> bool:
        """Whether it asks for more than that the fact is there."""
        return bool(self.low is not None or self.high is not None or self.one_of is not None or self.matches)

    def __str__(self) -> str:
        """`roc_auc at least 0.75`, `the tag tier one of gold, silver`; the name alone without limits."""
        if self.words:
            return self.words
        parts = []
        if self.low is not None:
            parts.append(f"{'more than' if self.low_open else 'at least'} {self._number(self.low)}")
        if self.high is not None:
            parts.append(f"{'less than' if self.high_open else 'at most'} {self._number(self.high)}")
        if self.one_of is not None:
            values = [repr(value) for value in sorted(self.one_of)]
            parts.append(f"one of {', '.join(values)}" if len(values) > 1 else f"equal to {values[0]}")
        if self.matches:
            parts.append(f"a match of {self.matches}")
        return f"{self.label} {' and '.join(parts)}" if parts else self.label

    def _number(self, value: float) -> str:
        return duration_text(timedelta(seconds=value)) if self.unit == "seconds" else number_text(value)


def disjoint(one: Demand, other: Demand) -> bool:
    """Whether certainly no value is as both demand. They must be about the same fact."""
    return (
        _below(one.high, one.high_open, other.low, other.low_open)
        or _below(other.high, other.high_open, one.low, one.low_open)
        or _no_text(one, other)
    )


def is_empty(demand: Demand) -> bool:
    """Whether certainly no value is as the demand."""
    bounded = demand.low is not None and demand.high is not None
    return (bounded or bool(demand.one_of is not None and demand.matches)) and disjoint(demand, demand)


def implies(one: Demand, other: Demand) -> bool:
    """Whether every value that is as `one` demands is as `other` does. They must be about the same fact."""
    if other.low is not None and not (
        one.low is not None and _tighter(one.low, one.low_open, other.low, other.low_open, up=True)
    ):
        return False
    if other.high is not None and not (
        one.high is not None and _tighter(one.high, one.high_open, other.high, other.high_open, up=False)
    ):
        return False
    if other.one_of is not None and not (one.one_of is not None and one.one_of <= other.one_of):
        return False
    return not other.matches or one.matches == other.matches or (
        one.one_of is not None and all(_fits(value, other.matches) for value in one.one_of)
    )  # fmt: skip


def _below(high: float | None, high_open: bool, low: float | None, low_open: bool) -> bool:
    """Whether nothing is up to `high` and from `low` on."""
    if high is None or low is None:
        return False
    # Rounding keeps the order, so what is larger cannot become smaller.
    if high > low or (high == low and not (high_open or low_open)):
        return False
    top, bottom = as_read(high), as_read(low)
    return top < bottom or (high_open or low_open)


def _tighter(mine: float, mine_open: bool, theirs: float, theirs_open: bool, *, up: bool) -> bool:
    one, other = (mine, theirs) if mine == theirs else (as_read(mine), as_read(theirs))
    if one == other:
        return mine_open or not theirs_open
    return one > other if up else one < other


def _no_text(one: Demand, other: Demand) -> bool:
    if one.one_of is None and other.one_of is None:
        return False
    if one.one_of is not None and other.one_of is not None:
        left = one.one_of & other.one_of
    else:
        left = one.one_of if one.one_of is not None else other.one_of or frozenset()
    patterns = [pattern for pattern in (one.matches, other.matches) if pattern]
    return not any(all(_fits(value, pattern) for pattern in patterns) for value in left)


def _fits(value: str, pattern: str) -> bool:
    return re.fullmatch(pattern, value) is not None

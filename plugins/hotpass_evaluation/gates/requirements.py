"""What is asked of a metric, and whether a figure with its interval meets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from hotpass.decimals import as_read, at_least, at_most, is_finite, number_text
from hotpass.spoken import metric_words
from hotpass.verdicts import Verdict
from hotpass_evaluation.gates.words import counted, decimals_for, percent, rounded
from hotpass_evaluation.statistics.figures import Interval
from hotpass_evaluation.statistics.settle import rows_to_settle

Kind = Literal["at_least", "at_most", "better_by", "may_lose_at_most"]

ABSOLUTE: tuple[Kind, ...] = ("at_least", "at_most")
RELATIVE: tuple[Kind, ...] = ("better_by", "may_lose_at_most")


class Requirement(NamedTuple):
    """One bound on one metric. `of_plugin` is whether a plugin has the metric, `logged` whether its threshold
    is what each run logged; `parameters` are those that the metric is computed with, without that threshold.
    """

    metric: str
    kind: Kind
    limit: float
    confidence: float
    higher: bool
    parameters: Mapping[str, Any] = {}
    logged: bool = False
    of_plugin: bool = False
    needs: str | None = None

    @property
    def relative(self) -> bool:
        """Whether it is about the gain over the champion."""
        return self.kind in RELATIVE

    @property
    def margin(self) -> float:
        """What the bound is held against: the value, or the gain, which is negative for a loss."""
        return 0.0 - self.limit if self.kind == "may_lose_at_most" else self.limit

    @property
    def key(self) -> str:
        """Its name in the record: `roc_auc.at_least`."""
        return f"{self.metric}.{self.kind}"


def settle(requirement: Requirement, interval: Interval) -> Verdict:
    """Passed or failed where both bounds are on one side of the margin, else inconclusive."""
    _, low, high, _ = interval
    margin = requirement.margin
    if not (is_finite(low) and is_finite(high)):
        return Verdict.INCONCLUSIVE
    if requirement.kind == "at_most":
        return Verdict.PASSED if at_most(high, margin) else _failed(not at_most(low, margin))
    if requirement.kind == "better_by" and not margin:
        # No gain at all is not one: a model that says the same as the champion is not better.
        return Verdict.PASSED if as_read(low) > 0 else _failed(as_read(high) <= 0)
    return Verdict.PASSED if at_least(low, margin) else _failed(not at_least(high, margin))


def _failed(certain: bool) -> Verdict:
    return Verdict.FAILED if certain else Verdict.INCONCLUSIVE


def in_words(requirement: Requirement, interval: Interval, rows: int) -> str:
    """How it came out, for people: the figure with its interval, what was wanted, and what would settle it.
    """
    value, low, high, _ = interval
    name, margin = requirement.metric, requirement.margin
    places = decimals_for(value, low, high, margin)
    if requirement.relative:
        sign = -1 if value < 0 else 1
        ends = sorted((sign * low, sign * high))
        how = f"{'worse' if value < 0 else 'better'} by {rounded(abs(value), places)}"
        if not as_read(value):
            how = "the same as the champion's"
        said = f"{how} ({rounded(ends[0], places)} to {rounded(ends[1], places)})"
    else:
        said = f"{rounded(value, places)} ({rounded(low, places)} to {rounded(high, places)})"
    said = f"{name} is {said}, and {_wanted(requirement)}"
    if settle(requirement, interval) is not Verdict.INCONCLUSIVE:
        return said
    needed = rows_to_settle(interval, margin, rows)
    what = "the difference is" if requirement.relative else "it is"
    more = (
        f"some {counted(needed)} would settle it if {what} what it seems"
        if needed is not None and needed > rows
        else f"no number of rows would settle it if {what} what it seems"
    )
    return f"{said}: not settled by these {counted(rows, 'row')}; {more}"


def sentence(requirement: Requirement) -> str:
    """What it asks, for people who do not read YAML, without the data."""
    name = metric_words(requirement.metric) + _with(requirement)
    better, worse = ("higher", "lower") if requirement.higher else ("lower", "higher")
    limit = number_text(requirement.limit)
    how = {
        "at_least": f"at least {limit}",
        "at_most": f"at most {limit}",
        "better_by": f"at least {limit} {better} than the champion's on the same rows"
        if requirement.limit
        else f"{better} than the champion's on the same rows",
        "may_lose_at_most": f"no more than {limit} {worse} than the champion's on the same rows"
        if requirement.limit
        else f"not {worse} than the champion's on the same rows",
    }[requirement.kind]
    return f"{name} is {how}, with {percent(requirement.confidence)} confidence."


def _with(requirement: Requirement) -> str:
    parts = []
    if requirement.logged:
        parts.append("at the decision threshold that each run logged")
    elif "threshold" in requirement.parameters:
        parts.append(f"at the threshold {number_text(requirement.parameters['threshold'])}")
    if requirement.metric == "f_beta":
        parts.append(f"with beta {number_text(requirement.parameters.get('beta', 1))}")
    if requirement.metric in ("lift", "capture"):
        parts.append(f"in the top {number_text(requirement.parameters['top'])}%")
    return f" {' '.join(parts)}" if parts else ""


def _wanted(requirement: Requirement) -> str:
    limit = number_text(requirement.limit)
    return {
        "at_least": f"at least {limit} was wanted",
        "at_most": f"at most {limit} was wanted",
        "better_by": f"better by {limit} was wanted" if requirement.limit else "more than 0 was wanted",
        "may_lose_at_most": f"it may lose at most {limit}",
    }[requirement.kind]

"""What is asked of a metric, and whether a figure with its interval meets it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from hotpass.decimals import as_read, at_least, at_most, is_finite, number_text
from hotpass.spoken import metric_words
from hotpass.verdicts import Json, Verdict
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


class Finding(NamedTuple):
    """What came of one requirement. `interval` is None where there is nothing to hold against the margin, and
    `found` is the measurement as it goes on record.
    """

    requirement: Requirement
    verdict: Verdict
    message: str
    interval: Interval | None = None
    found: Mapping[str, Any] = {}

    @classmethod
    def of(
        cls, requirement: Requirement, interval: Interval, found: Mapping[str, Any], *, spent: bool = False
    ) -> Finding:
        """With `spent`, nothing that compares with the champion may pass any more."""
        verdict = settle(requirement, interval)
        if spent and requirement.relative and verdict is Verdict.PASSED:
            verdict = Verdict.INCONCLUSIVE
        return cls(requirement, verdict, in_words(requirement, interval, found["rows"]), interval, found)

    @property
    def confidence(self) -> float:
        """The confidence that each bound was measured with."""
        return float(self.found.get("confidence", self.requirement.confidence))

    def as_json(self) -> dict[str, Json]:
        """For the record."""
        said: dict[str, Json] = {
            "limit": self.requirement.limit, "verdict": str(self.verdict), "confidence": self.confidence,
        }  # fmt: skip
        if "undefined" in self.found:
            return {**said, "undefined": self.found["undefined"]}
        said["resamples"] = self.found["resamples"]
        if not self.requirement.relative or self.found["gain"] is None:
            return {**said, **self.found["challenger"]}
        values = {role: self.found[role]["value"] for role in ("challenger", "champion")}
        return {**said, **self.found["gain"], "p_value": self.found["p_value"], **values}


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
        "better_by": f"a gain of {limit} was wanted" if requirement.limit else "a gain above 0 was wanted",
        "may_lose_at_most": f"it may lose at most {limit}",
    }[requirement.kind]


def finding_of(requirement: Requirement, found: Mapping[str, Any], *, spent: bool) -> Finding:
    """What came of a requirement, from what the measuring process says of its metric."""
    if "undefined" in found:
        words = f"{requirement.metric} cannot be measured: {found['undefined']}"
        return Finding(requirement, Verdict.FAILED, words, found=found)
    figure = found["gain"] if requirement.relative else found["challenger"]
    if figure is None:  # there is no champion: it is enough that it can be measured
        return Finding(requirement, Verdict.PASSED, "", found=found)
    low, high = figure["low"], figure["high"]
    interval = Interval(
        figure["value"],
        -math.inf if low is None else low,
        math.inf if high is None else high,
        figure["method"],
    )
    return Finding.of(requirement, interval, found, spent=spent)


#: What blocks is said first.
_BLOCKING = (Verdict.FAILED, Verdict.INCONCLUSIVE)


def together(findings: Sequence[Finding]) -> Verdict:
    """Failed where one has, else inconclusive where one is, else passed."""
    verdicts = {finding.verdict for finding in findings}
    return next((verdict for verdict in _BLOCKING if verdict in verdicts), Verdict.PASSED)


def said(findings: Sequence[Finding]) -> str:
    """All of them in words; what blocks comes first."""
    order = (*_BLOCKING, Verdict.PASSED)
    ordered = sorted(findings, key=lambda finding: order.index(finding.verdict))
    return "; ".join(finding.message for finding in ordered if finding.message)

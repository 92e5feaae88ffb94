"""Warnings about one gate by itself: what it asks can never be, or always is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from hotpass.decimals import as_read, number_text
from hotpass.demands import Demand, disjoint, implies, is_empty
from hotpass.errors import Problem
from hotpass.policy.asked import Asked
from hotpass.ranges import Range, natural_range

_COUNTS = ("age", "approvals", "stay")
#: Patterns that any text of one line matches, and such as match none but the empty one, which no tag has.
_ANYTHING = frozenset({".*", ".+", "^.*$", "^.+$", "(.*)", "(.+)", ".*?", ".+?", "(?s).*", "(?s).+"})
_NOTHING = frozenset({"^", "$", "^$", "()"})
_SHARE = Range(0, 1)
#: From here on a bound of a share looks like one in percent.
_PERCENT = 5


def bound_warnings(asked: Asked) -> Iterator[Problem]:
    """What is wrong with the demands of one gate, taken by themselves."""
    for demand in asked.demands:
        yield from _stage(asked, demand) if demand.subject == "stage" else _value(asked, demand)


def _value(asked: Asked, demand: Demand) -> Iterator[Problem]:
    if demand.matches in _NOTHING:
        message = f"can never pass: only an empty text matches {demand.matches}, and an empty one is not set"
        yield asked.warn("never-passes", message, "Write `present`, or what it must be.")
    elif is_empty(demand):
        yield asked.warn("never-passes", f"can never pass: nothing is {demand}")
    elif demand.exact and demand.matches in _ANYTHING:
        yield asked.warn(
            "cannot-fail",
            f"cannot fail for {demand.label} once it is set: {demand.matches} matches any text of one line",
            "Write `present`, which says that, or the pattern that was meant.",
        )
    whole = whole_of(demand.subject)
    if whole is None:
        return
    limits = Range(whole.low, whole.high)
    if disjoint(demand, whole):
        yield asked.warn(
            "never-passes", f"can never pass: it wants {demand}, and {_lies(demand, limits)}",
            _remedy(demand, limits),
        )  # fmt: skip
    elif always_met(demand):
        yield asked.warn(
            "cannot-fail", f"cannot fail for {demand.label}: it wants {demand}, and {_lies(demand, limits)}",
            "Ask for more, or take it out.",
        )  # fmt: skip


def always_met(demand: Demand) -> bool:
    """Whether every value that there can be is as the gate demands."""
    whole = whole_of(demand.subject) if demand.exact and demand.limits else None
    return whole is not None and implies(whole, demand)


@lru_cache(maxsize=10_000)
def whole_of(subject: str) -> Demand | None:
    """The demand that every value meets which there can be; None where nobody knows."""
    limits = range_of(subject)
    return None if limits is None else Demand(subject, low=limits.low, high=limits.high)


def _stage(asked: Asked, demand: Demand) -> Iterator[Problem]:
    """A gate that wants the version to be in a stage, on a promotion that is from another."""
    promotion, stages = asked.promotion, demand.one_of
    if promotion is None or stages is None:
        return
    names = " or ".join(sorted(stages))
    if promotion.from_stage is not None:
        if promotion.from_stage not in stages:
            yield asked.warn(
                "never-passes",
                f"can never pass: it wants a version that is in {names}, and this promotion is from "
                f"{promotion.from_stage}",
                f"Make it `from: {names}`, or take the gate out." if len(stages) == 1 else "",
            )
    elif stages <= {promotion.to_stage}:
        yield asked.warn(
            "never-passes",
            f"can never pass: it wants a version that is in {names} already, and this is the promotion to "
            "there",
            "Take the gate out.",
        )


def range_of(subject: str) -> Range | None:
    """Between which values a number lies that gates demand; None where nobody knows."""
    kind, _, name = subject.partition(".")
    if kind in _COUNTS:
        return Range(0, None)
    metric = name.partition("@")[0]
    if kind == "metrics":
        return natural_range(metric)
    if kind == "gain":
        limits = natural_range(metric)
        if limits is None or limits.low is None or limits.high is None:
            return None
        widest = float(as_read(limits.high) - as_read(limits.low))
        return Range(-widest, widest)
    return None


def _lies(demand: Demand, limits: Range) -> str:
    kind, _, name = demand.subject.partition(".")
    what = f"scikit-learn's {name.partition('@')[0]}" if kind == "metrics" else "that"
    if demand.unit or limits.low is None or limits.high is None:
        bound, word = (limits.low, "less") if limits.low is not None else (limits.high, "more")
        return f"{what} is never {word} than {number_text(bound or 0)}"
    return f"{what} lies between {number_text(limits.low)} and {number_text(limits.high)}"


def _remedy(demand: Demand, limits: Range) -> str:
    bound = demand.low if demand.low is not None else demand.high
    if limits == _SHARE and bound is not None and _PERCENT <= bound <= 100:
        share = number_text(as_read(bound).scaleb(-2))
        return f"If it is meant in percent, write {share}; what is logged in percent needs a name of its own."
    return "Write a bound that a value can meet."

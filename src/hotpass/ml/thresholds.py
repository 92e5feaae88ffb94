"""Thresholds that a training run must reach before its model is registered; they compare as the gates do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hotpass.decimals import at_least, at_most, is_finite, number_text
from hotpass.directions import higher_is_better
from hotpass.errors import CallError


class Limit(NamedTuple):
    """What one metric must reach."""

    metric: str
    low: float | None
    high: float | None


def read_thresholds(
    thresholds: Mapping[str, Any] | None, called: str = "metric_thresholds"
) -> tuple[Limit, ...]:
    """`{"roc_auc": 0.7, "log_loss": {"at_most": 0.5}}` as limits.

    A bare number is the least value of a metric that is better when higher, and the most of one that is
    better when lower. Raises CallError where that is not known, and for a limit that is not a finite number;
    `called` is what its caller knows the thresholds by.
    """
    return tuple(_limit(str(metric), given, called) for metric, given in (thresholds or {}).items())


def missed(metrics: Mapping[str, float], limits: tuple[Limit, ...]) -> list[str]:
    """One sentence for each limit that `metrics` misses; a metric that is missing, NaN or infinite misses
    it.
    """
    reasons = []
    for metric, low, high in limits:
        value = metrics.get(metric)
        wanted = " and ".join(
            f"{words} {number_text(limit)}"
            for words, limit in (("at least", low), ("at most", high))
            if limit is not None
        )
        if value is None:
            known = ", ".join(sorted(metrics)) or "none"
            reasons.append(f"{metric} was not measured (measured: {known}), wanted {wanted}")
        elif not is_finite(value):
            reasons.append(f"{metric} is {value}, wanted {wanted}")
        elif (low is not None and not at_least(value, low)) or (
            high is not None and not at_most(value, high)
        ):
            reasons.append(f"{metric} is {number_text(value)}, wanted {wanted}")
    return reasons


def _limit(metric: str, given: Any, called: str) -> Limit:
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - {"at_least", "at_most"})
        if unknown or not given:
            raise CallError(
                f"{called}: {metric} takes at_least and at_most, not {', '.join(unknown) or 'nothing'}."
            )
        low, high = (_number(metric, given.get(side), called) for side in ("at_least", "at_most"))
        return Limit(metric, low, high)
    number = _number(metric, given, called)
    if number is None:
        raise CallError(f"{called}: {metric} is None. Give a number, or leave it out.")
    higher = higher_is_better(metric)
    if higher is None:
        raise CallError(
            f"{called}: whether a higher {metric} is better is not known. Say it, in Python: "
            f"metric_thresholds={{{metric!r}: {{'at_least': {number}}}}} or {{'at_most': {number}}}."
        )
    return Limit(metric, number, None) if higher else Limit(metric, None, number)


def _number(metric: str, value: Any, called: str) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(value, bool | str) or not is_finite(number):
        raise CallError(f"{called}: the limit of {metric} is {value!r}, not a finite number.")
    return number

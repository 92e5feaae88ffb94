"""The metrics by name: which way is better, which models they judge, what must be said of them."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

Needs = Literal["classifier", "regressor"]

#: What an outcome of a decision may be worth.
OUTCOMES = ("true_positive", "false_positive", "false_negative", "true_negative")


class Metric(NamedTuple):
    """One metric to measure.

    `parameters` are those that `KNOWN` names for it. A metric that is not in `KNOWN` is a plugin's:
    `compute`, a callable `(target, score, weight or None) -> float` over arrays of shape (rows,), and
    `higher_is_better`, a bool.
    """

    name: str
    parameters: Mapping[str, Any] = {}


class Known(NamedTuple):
    """`required` must be given; `optional` holds the others with their defaults.

    `champion_threshold` is the champion's own threshold, where it has another than the challenger.
    """

    higher_is_better: bool
    needs: Needs
    required: tuple[str, ...] = ()
    optional: Mapping[str, Any] = {}
    same_as: str | None = None


_OF_CHAMPION: Mapping[str, Any] = {"champion_threshold": None}

KNOWN: Mapping[str, Known] = {
    "roc_auc": Known(True, "classifier"),
    "average_precision": Known(True, "classifier"),
    "log_loss": Known(False, "classifier"),
    "brier": Known(False, "classifier"),
    "brier_score": Known(False, "classifier", same_as="brier"),
    "accuracy": Known(True, "classifier", ("threshold",), _OF_CHAMPION),
    "precision": Known(True, "classifier", ("threshold",), _OF_CHAMPION),
    "recall": Known(True, "classifier", ("threshold",), _OF_CHAMPION),
    "f_beta": Known(True, "classifier", ("threshold",), {"beta": 1.0, **_OF_CHAMPION}),
    "f1": Known(True, "classifier", ("threshold",), _OF_CHAMPION, same_as="f_beta"),
    "lift": Known(True, "classifier", ("top",)),
    "capture": Known(True, "classifier", ("top",)),
    "expected_value": Known(True, "classifier", ("threshold", "values"), _OF_CHAMPION),
    "rmse": Known(False, "regressor"),
    "mae": Known(False, "regressor"),
    "r2": Known(True, "regressor"),
}

_AT = re.compile(r"\A(lift|capture)_at_(\d+(?:\.\d+)?)\Z")


def known_as(name: str) -> tuple[str, Mapping[str, Any]] | None:
    """The name in `KNOWN` and the parameters that `name` says itself (`lift_at_10`: `lift`, `top: 10`).

    None for a name that is not known.
    """
    if name in KNOWN:
        return name, {}
    at = _AT.match(name)
    return (at[1], {"top": float(at[2])}) if at else None


def higher_is_better(metric: Metric) -> bool:
    """Raises ValueError for an unknown name without `compute` and `higher_is_better`."""
    found = known_as(metric.name)
    return (
        bool(checked(metric).parameters["higher_is_better"])
        if not found
        else KNOWN[found[0]].higher_is_better
    )


def checked(metric: Metric) -> Metric:
    """`metric` under the name it is computed by, with all its parameters.

    Raises ValueError, in words, for an unknown name, and for a missing, an unknown or an impossible
    parameter.
    """
    found = known_as(metric.name)
    if found is None:
        return _of_a_plugin(metric)
    name, said = found
    known = KNOWN[name]
    for key in said:
        if key in metric.parameters:
            raise ValueError(f"{metric.name} says {key} by its name")
    given = {**said, **metric.parameters}
    allowed = {*known.required, *known.optional}
    for key in given:
        if key not in allowed:
            raise ValueError(f"{metric.name} has no parameter {key}{_meant(key, allowed)}")
    for key in known.required:
        if given.get(key) is None:
            raise ValueError(f"{metric.name} needs {key}")
    parameters = {**known.optional, **given}
    for key, value in parameters.items():
        _CHECKS[key](f"{metric.name}: {key}", value)
    if name == "f1":
        parameters["beta"] = 1.0
    return Metric(known.same_as or name, parameters)


def _of_a_plugin(metric: Metric) -> Metric:
    if not callable(metric.parameters.get("compute")):
        raise ValueError(f"no metric is called {metric.name}{_meant(metric.name, KNOWN)}")
    if not isinstance(metric.parameters.get("higher_is_better"), bool):
        raise ValueError(f"{metric.name} does not say whether higher is better")
    return metric


def _meant(name: str, names: Any) -> str:
    near = difflib.get_close_matches(name, list(names), 1)
    return f". Did you mean {near[0]}?" if near else ""


# --- what a parameter may be --------------------------------------------------------------------------------


def _number(what: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{what} must be a finite number, not {value!r}")
    return float(value)


def _number_or_none(what: str, value: Any) -> None:
    if value is not None:
        _number(what, value)


def _beta(what: str, value: Any) -> None:
    if _number(what, value) <= 0:
        raise ValueError(f"{what} must be above 0, not {value!r}")


def _top(what: str, value: Any) -> None:
    if not 0 < _number(what, value) < 100:
        raise ValueError(f"{what} is a percentage between 0 and 100, not {value!r}")


def _values(what: str, value: Any) -> None:
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"{what} must say what {', '.join(OUTCOMES)} are worth")
    for key, worth in value.items():
        if key not in OUTCOMES:
            raise ValueError(f"{what} has no outcome {key}{_meant(str(key), OUTCOMES)}")
        _number(f"{what}: {key}", worth)


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "threshold": _number,
    "champion_threshold": _number_or_none,
    "beta": _beta,
    "top": _top,
    "values": _values,
}

"""The `metrics:` of an evaluation gate: their schema, and what they ask."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, cast

from hotpass.decimals import is_finite, number_text
from hotpass.gates import ParameterError
from hotpass.ranges import natural_range
from hotpass_evaluation.gates.requirements import ABSOLUTE, RELATIVE, Kind, Requirement
from hotpass_evaluation.statistics.known import KNOWN, OUTCOMES, Metric, checked, known_as

#: The parameters of metrics.
_OF_METRICS = ("threshold", "beta", "top", "values")

LOGGED = "logged"

#: Properties of the schema of a gate that compares with the champion by resamples.
COMPARING: dict[str, Any] = {
    "first_champion": {
        "description": "What to say where no version has held the target stage yet.",
        "enum": ["allow", "deny"], "default": "deny",
    },
    "resamples": {
        "description": "How many bootstrap resamples, for metrics whose interval comes from them.",
        "type": "integer", "minimum": 200, "maximum": 100_000, "default": 2000,
    },
    "seed": {
        "description": "What the resamples are drawn with.", "type": "integer", "minimum": 0,
        "default": 0,
    },
}  # fmt: skip

CONFIDENCE: Mapping[str, Any] = {
    "type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 1, "examples": [0.95],
}  # fmt: skip

METRICS: Mapping[str, Any] = {
    "description": "What is asked, by metric: " + ", ".join(KNOWN) + ", lift_at_10, capture_at_5; or one of "
    "a plugin, with `direction`.",
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "description": "What this metric must show: against a fixed value, against the champion, or both.",
        "type": "object",
        "properties": {
            "at_least": {
                "description": "The lower bound reaches this value.", "type": "number", "examples": [0.75],
            },
            "at_most": {
                "description": "The upper bound does not exceed this value.", "type": "number",
                "examples": [0.5],
            },
            "better_by": {
                "description": "The lower bound of the gain over the champion reaches this. 0: any gain.",
                "type": "number", "minimum": 0, "examples": [0],
            },
            "may_lose_at_most": {
                "description": "The champion is not better by more than this, at the bound.",
                "type": "number", "minimum": 0, "examples": [0.005],
            },
            "confidence": {
                **CONFIDENCE,
                "description": "How sure the bounds of this metric must be.",
            },
            "threshold": {
                "description": "Scores from here on are decided for; `logged`: what the run of each model "
                "logged as decision_threshold.",
                "anyOf": [{"type": "number"}, {"const": LOGGED}], "examples": [0.5, LOGGED],
            },
            "beta": {
                "description": "By how much recall counts more than precision in f_beta.",
                "type": "number", "exclusiveMinimum": 0, "default": 1, "examples": [2],
            },
            "top": {
                "description": "The percentage of rows with the highest scores, for lift and capture.",
                "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100, "examples": [10],
            },
            "values": {
                "description": "What each outcome is worth, for expected_value; what is left out is 0.",
                "type": "object",
                "minProperties": 1,
                "properties": {outcome: {"type": "number"} for outcome in OUTCOMES},
                "additionalProperties": False,
                "examples": [{"true_positive": 100, "false_positive": -5}],
            },
            "direction": {
                "description": "Which direction is better, for a metric of a plugin.",
                "enum": ["higher", "lower"],
            },
        },
        "additionalProperties": False,
        "examples": [{"at_least": 0.75, "better_by": 0}],
    },
    "examples": [{"roc_auc": {"at_least": 0.75, "better_by": 0}}],
}  # fmt: skip


def requirements_of(metrics: Mapping[str, Any], confidence: float) -> tuple[Requirement, ...]:
    """What `metrics` of a policy ask, in that order. Raises ParameterError for what makes no sense."""
    return tuple(one for name, how in metrics.items() for one in _of_metric(name, how, confidence))


def _of_metric(name: str, how: Mapping[str, Any], confidence: float) -> list[Requirement]:
    path = ("metrics", name)
    higher, of_plugin, needs = _direction(name, how)
    better, other = ABSOLUTE if higher else ABSOLUTE[::-1]
    if other in how:
        raise ParameterError(
            f"a {'higher' if higher else 'lower'} {name} is the better one, and this asks for {other}",
            (*path, other), f"Write {better}.",
        )  # fmt: skip
    asked = [kind for kind in (*ABSOLUTE, *RELATIVE) if kind in how]
    if not asked:
        raise ParameterError(f"{name} is measured and nothing is asked of it", path,
                             f"Give it {better}, better_by or may_lose_at_most.")  # fmt: skip
    if len([kind for kind in asked if kind in RELATIVE]) > 1:
        raise ParameterError(
            f"{name} says both better_by and may_lose_at_most", path, "Give it one of the two.",
        )  # fmt: skip
    parameters, logged = _parameters(name, how, of_plugin)
    for kind in asked:
        _possible(name, kind, how[kind])
    return [
        Requirement(name, kind, float(how[kind]), float(how.get("confidence", confidence)), higher,
                    parameters, logged, of_plugin, needs)
        for kind in asked
    ]  # fmt: skip


def _direction(name: str, how: Mapping[str, Any]) -> tuple[bool, bool, str | None]:
    """Whether higher is better, whether the metric is a plugin's, and which models it judges."""
    known, said = known_as(name), how.get("direction")
    if known is not None:
        if said is not None:
            raise ParameterError(
                f"which direction of {name} is better is known", ("metrics", name, "direction"),
                "Leave direction out: it is for metrics of plugins.",
            )  # fmt: skip
        return KNOWN[known[0]].higher_is_better, False, KNOWN[known[0]].needs
    if said is None:
        near = difflib.get_close_matches(name, [*KNOWN, *_ALSO], n=1)
        meant = _ALSO.get(near[0], near[0]) if near else ""
        raise ParameterError(
            f"this gate has no metric {name}", ("metrics", name),
            (f"Did you mean {meant}? " if meant else f"It has {', '.join(KNOWN)}. ")
            + "For a metric of a plugin, add `direction: higher` or `direction: lower`.",
        )  # fmt: skip
    return said == "higher", True, None


#: Other names of what is known, to suggest by.
_ALSO: Mapping[str, str] = {
    "auc": "roc_auc", "auroc": "roc_auc", "gini": "roc_auc", "pr_auc": "average_precision",
    "precision_recall_auc": "average_precision", "logloss": "log_loss", "brier_loss": "brier",
    "f1_score": "f1", "fbeta": "f_beta", "root_mean_squared_error": "rmse", "mean_absolute_error": "mae",
    "lift_at_10": "lift_at_10", "capture_at_10": "capture_at_10", "roc_auc_score": "roc_auc",
    "accuracy_score": "accuracy", "precision_score": "precision", "recall_score": "recall",
    "brier_score_loss": "brier", "r2_score": "r2",
}  # fmt: skip


def _parameters(name: str, how: Mapping[str, Any], of_plugin: bool) -> tuple[dict[str, Any], bool]:
    given = {key: how[key] for key in _OF_METRICS if key in how}
    path = ("metrics", name)
    if of_plugin:
        if given:
            key = next(iter(given))
            raise ParameterError(f"{key} is not for metrics of plugins", (*path, key), "Leave it out.")
        return {}, False
    base, said = cast("tuple[str, Mapping[str, Any]]", known_as(name))
    known = KNOWN[base]
    takes = {*known.required, *known.optional}
    for key in given:
        if key in said:
            raise ParameterError(f"{name} says {key} in its name already", (*path, key), "Leave it out.")
        if key not in takes:
            raise ParameterError(f"{name} takes no {key}", (*path, key), "Leave it out.")
    for key in known.required:
        if key not in given and key not in said:
            raise ParameterError(f"{name} needs {key}", path, _REMEDIES[key])
    logged = given.get("threshold") == LOGGED
    try:
        checked(Metric(name, {**given, "threshold": 0.5} if logged else given))
    except ValueError as error:
        raise ParameterError(str(error), path, "Write one that can be.") from error
    if logged:
        del given["threshold"]
    return given, logged


_REMEDIES = {
    "threshold": "Add `threshold: 0.5`, or `threshold: logged` for what each run logged.",
    "top": "Add `top: 10` for the tenth of the rows with the highest scores.",
    "values": "Add what outcomes are worth: `values: {true_positive: 100, false_positive: -5}`.",
}


def _possible(name: str, kind: Kind, limit: float) -> None:
    path = ("metrics", name, kind)
    if not is_finite(limit):
        raise ParameterError(f"{kind} of {name} is {limit}, which nothing can be compared with", path,
                             "Write a finite number.")  # fmt: skip
    span = natural_range(name)
    if span is None:
        return
    low, high = span
    never = (
        (kind == "at_least" and high is not None and limit > high)
        or (kind == "at_most" and low is not None and limit < low)
        or (kind == "better_by" and low is not None and high is not None and limit > high - low)
    )
    if never:
        ends = f"between {low:g} and {high:g}" if low is not None and high is not None else (
            f"at most {high:g}" if high is not None else f"at least {low:g}")  # fmt: skip
        raise ParameterError(f"no model passes {kind}: {number_text(limit)}, since {name} is {ends}", path,
                             "Write a value that it can have.")  # fmt: skip

"""`metric_threshold`: logged metrics reach fixed values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from hotpass.candidate import Candidate
from hotpass.decimals import at_least, at_most, brief_text, is_finite, number_text
from hotpass.demands import Demand
from hotpass.gates import Gate, ParameterError
from hotpass.spoken import metric_words
from hotpass.verdicts import GateResult, Json, Verdict
from hotpass_gates.logged import fact, measured_on, usable


class _Threshold(NamedTuple):
    metric: str
    low: float | None
    high: float | None
    dataset: str | None
    wanted: str  # "at least 0.7"


class MetricThreshold(Gate):
    """Logged metrics of the model reach the values that the policy asks for.

        - metric_threshold:
            roc_auc: {at_least: 0.75}
            log_loss: {at_most: 0.5}
            precision: {at_least: 0.6, dataset: validation}

    A metric is looked up on the logged model first, then on the run. With `dataset`, only a value measured
    on the data set of that name counts. Numbers are compared as decimals of 14 digits, the way a person
    reads them: a logged 0.7999999999999999 is at least 0.80. A metric that is missing, NaN or infinite
    fails.

    To pass: train a better model, or log the metric under the name that the policy uses, before the version
    is promoted.
    """

    name = "metric_threshold"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "Logged metrics must reach these values. Keys are metric names.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "description": "What this metric must reach: `at_least`, `at_most` or both.",
            "type": "object",
            "minProperties": 1,
            "properties": {
                "at_least": {
                    "description": "The smallest value that passes.", "type": "number", "examples": [0.75],
                },
                "at_most": {
                    "description": "The largest value that passes.", "type": "number", "examples": [0.5],
                },
                "dataset": {
                    "description": "Only a value measured on the data set of this name counts.",
                    "type": "string", "minLength": 1, "examples": ["validation"],
                },
            },
            "additionalProperties": False,
            "examples": [{"at_least": 0.75}, {"at_most": 0.5}],
        },
        "examples": [{"roc_auc": {"at_least": 0.75}}],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(parameters)
        self._thresholds = tuple(_threshold(metric, limits) for metric, limits in parameters.items())

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        reasons: list[str] = []
        remarks: list[str] = []
        evidence: dict[str, Json] = {}
        for metric, low, high, dataset, wanted in self._thresholds:
            found = usable(candidate, metric, dataset)
            if isinstance(found, str):
                reasons.append(f"the candidate {found}")
                continue
            value = found.value
            evidence[metric] = value
            if (low is None or at_least(value, low)) and (high is None or at_most(value, high)):
                remarks.append(f"{metric} {value:.6g} is {wanted}")
            else:
                reasons.append(f"{metric} is {brief_text(value, low, high)}, wanted {wanted}")
        if reasons:
            return GateResult(Verdict.FAILED, "; ".join(reasons), evidence)
        return GateResult(Verdict.PASSED, "; ".join(remarks), evidence)

    def explain(self) -> Sequence[str]:
        return [
            f"{metric_words(metric)} is {wanted}{measured_on(dataset)}."
            for metric, _, _, dataset, wanted in self._thresholds
        ]

    def demands(self) -> Sequence[Demand]:
        return [
            Demand(fact("metrics", metric, dataset), low=low, high=high, exact=True)
            for metric, low, high, dataset, _ in self._thresholds
        ]


def _threshold(metric: str, limits: Mapping[str, Any]) -> _Threshold:
    low, high = limits.get("at_least"), limits.get("at_most")
    if low is None and high is None:
        raise ParameterError(f"{metric} has no limit", (metric,), "Give it at_least, at_most or both.")
    for key, limit in (("at_least", low), ("at_most", high)):
        if limit is not None and not is_finite(limit):
            raise ParameterError(f"{key} of {metric} is {limit}, which nothing can be compared with",
                                 (metric, key), "Write a finite number.")  # fmt: skip
    if low is not None and high is not None and not at_most(low, high):
        raise ParameterError(f"nothing is at least {low} and at most {high}", (metric, "at_most"),
                             "Write the smaller number under at_least.")  # fmt: skip
    words = [
        f"{word} {number_text(limit)}"
        for word, limit in (("at least", low), ("at most", high))
        if limit is not None
    ]
    return _Threshold(metric, low, high, limits.get("dataset"), " and ".join(words))

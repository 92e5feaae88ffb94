"""`freshness`: the model was trained not too long ago."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hotpass.candidate import Candidate
from hotpass.demands import Demand
from hotpass.durations import duration_text
from hotpass.gates import Gate
from hotpass.spoken import duration_words
from hotpass.verdicts import GateResult, Verdict, failed
from hotpass_gates.times import duration_parameter

_DURATION = {
    "description": "How old the run may be at most, in w, d, h, m (minutes) or s, the largest first.",
    "type": "string", "minLength": 2, "examples": ["30d", "2w"],
}  # fmt: skip


_SECOND = timedelta(seconds=1)


class Freshness(Gate):
    """The run that made the model is not too old.

        - freshness: 30d

    The age counts from the start of the run, which is when the data was read. A run without a start, or
    with one that is still to come, fails.

    To pass: train again on today's data.
    """

    name = "freshness"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "How old the run that made the model may be.",
        "oneOf": [
            _DURATION,
            {
                "type": "object",
                "properties": {"at_most": _DURATION},
                "required": ["at_most"],
                "additionalProperties": False,
            },
        ],
        "examples": ["30d", {"at_most": "30d"}],
    }

    def __init__(self, parameters: str | Mapping[str, Any]) -> None:
        super().__init__(parameters)
        if isinstance(parameters, str):
            self._written, self._at_most = parameters, duration_parameter(parameters)
        else:
            self._written = parameters["at_most"]
            self._at_most = duration_parameter(self._written, "at_most")
        self._wanted = duration_text(self._at_most)

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        started = candidate.started_at()
        if started is None:
            return failed(
                "the version names no run that says when it started, so nobody knows how old the model is"
            )
        age = now - started
        evidence = {"age_seconds": age // _SECOND}
        if started > now:
            return failed(f"the run started at {started.isoformat()}, which is still to come: "
                          f"the clocks disagree by {duration_text(-age)}", **evidence)  # fmt: skip
        if age > self._at_most:
            return GateResult(
                Verdict.FAILED,
                f"the run is {duration_text(age)} old, {self._wanted} at most wanted",
                evidence,
            )
        return GateResult(
            Verdict.PASSED, f"the run is {duration_text(age)} old, at most {self._wanted}", evidence
        )

    def explain(self) -> Sequence[str]:
        return [f"The run that made the model started at most {duration_words(self._written)} ago."]

    def demands(self) -> Sequence[Demand]:
        seconds = self._at_most.total_seconds()
        return [Demand("age", high=seconds, unit="seconds", exact=True, name="the age of the run")]

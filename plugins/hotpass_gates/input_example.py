"""`input_example`: the model comes with an example of its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from hotpass.candidate import Candidate
from hotpass.demands import Demand
from hotpass.gates import Gate
from hotpass.verdicts import GateResult, failed, passed


class InputExample(Gate):
    """The model was logged with an example of its input.

        - input_example

    With one, anybody can try the model without asking its author, and a serving test has something to send.

    To pass: log the model with `input_example=X.head(5)`.
    """

    name = "input_example"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "The model must have been logged with an example of its input. Takes no parameters.",
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        found = candidate.model_file()
        if found is None:
            return failed("the version has no MLmodel file, so it has no input example")
        if not found.has_input_example:
            return failed("the model was logged without an input example; log it with `input_example=`")
        return passed("the model has an input example")

    def explain(self) -> Sequence[str]:
        return ["The model comes with an example of its input."]

    def demands(self) -> Sequence[Demand]:
        return [Demand("input_example", exact=True, name="an input example")]

"""`load`: how long the model takes to load, and what it takes up in memory then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from hotpass.candidate import Candidate
from hotpass.gates import MeasuringGate, ParameterError
from hotpass.verdicts import GateResult, Json, Verdict, failed
from hotpass_evaluation.gates.common import Unusable, start
from hotpass_evaluation.gates.serving import RUNNING, Serving, fewest
from hotpass_evaluation.gates.sizes import SIZE, parse_size, size_text
from hotpass_evaluation.gates.spans import SPAN, parse_span, span_text


class Load(MeasuringGate):
    """The model is loaded fast enough in a fresh process, and does not take up too much memory then.

        - load: 5s

    or, with memory:

        - load: {at_most: 5s, memory: {at_most: 500MB}}

    Each of the `loads` is in a process of its own, without credentials and within limits, which already holds
    Python and pandas. From there it is timed, from outside, until the process says that it can answer: the
    libraries that the model needs are in it, and reading its files. Memory is what the system says of the
    process then (resident, with Python and all libraries, the most of all loads), and not what the model says
    of itself.

    The median of the loads is judged with the interval that they leave open, with `confidence` on each side:
    of 5 loads, all within the limit pass, all above it fail, and anything else is `inconclusive`.

    To pass: the message says what was measured. Fewer and smaller files, and fewer libraries, load faster.
    """

    name = "load"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "How long loading the model may take, and what it may take up in memory.",
        "oneOf": [
            SPAN,
            {
                "type": "object",
                "properties": {
                    "at_most": SPAN,
                    "memory": {
                        "description": "What the process may take up once the model is loaded.",
                        "type": "object", "properties": {"at_most": SIZE}, "required": ["at_most"],
                        "additionalProperties": False, "examples": [{"at_most": "500MB"}],
                    },
                    "loads": {
                        "description": "How many times it is loaded, each in a fresh process.",
                        "type": "integer", "minimum": 1, "maximum": 100, "default": 5,
                    },
                    **RUNNING,
                },
                "additionalProperties": False,
            },
        ],
        "examples": ["5s", {"at_most": "5s", "memory": {"at_most": "500MB"}}],
    }  # fmt: skip

    def __init__(self, parameters: str | Mapping[str, Any]) -> None:
        super().__init__(parameters)
        said: Mapping[str, Any] = {"at_most": parameters} if isinstance(parameters, str) else parameters
        self._serving = Serving(said)
        self._loads: int = said.get("loads", 5 if "at_most" in said else 1)
        self._at_most: float | None = None
        self._memory: int | None = None
        try:
            path: tuple[str, ...] = ("at_most",) if said is parameters else ()
            if "at_most" in said:
                self._at_most = parse_span(said["at_most"])
            path = ("memory", "at_most")
            if "memory" in said:
                self._memory = parse_size(said["memory"]["at_most"])
        except ValueError as error:
            raise ParameterError(str(error), path) from None
        if self._at_most is None and self._memory is None:
            raise ParameterError("load has no limit", (), "Write at_most, memory or both.")
        least = fewest(0.5, self._serving.confidence)
        if self._at_most is not None and self._loads < least:
            raise ParameterError(
                f"{self._loads} loads leave no upper bound with {self._serving.confidence:g} "
                "confidence, so nothing "
                "could pass", ("loads",) if "loads" in said else ("confidence",),
                f"Write `loads: {least}` or more.",
            )  # fmt: skip

    def measure(self, candidate: Candidate, now: datetime) -> GateResult:
        try:
            job = self._serving.job(candidate, rows=False) | {"loads": self._loads}
            found = start("load", job, candidate)
        except Unusable as error:
            return failed(str(error))
        said = []
        value, low, high = found["milliseconds"]
        evidence: dict[str, Json] = {
            "milliseconds": found["milliseconds"], "times": found["times"], "starting": found["starting"],
            "memory_bytes": found["memory"], "memory_before": found["before"], "loads": self._loads,
            "threads": self._serving.threads,
        }  # fmt: skip
        if self._at_most is not None:
            verdict = Verdict.INCONCLUSIVE
            if low is not None and low > self._at_most:
                verdict = Verdict.FAILED
            elif high is not None and high <= self._at_most:
                verdict = Verdict.PASSED
            between = f"{span_text(low)} to {span_text(high)} in {self._loads} loads"
            wanted = span_text(self._at_most)
            said.append((verdict, f"loading takes {span_text(value)} ({between}), wanted at most {wanted}"))
        if self._memory is not None and found["memory"] is None:
            said.append((Verdict.FAILED, "this system does not say what a process takes up in memory"))
        elif self._memory is not None:
            fits = found["memory"] <= self._memory
            said.append((Verdict.PASSED if fits else Verdict.FAILED,
                         f"loaded, the process takes up {size_text(found['memory'])}, wanted at most "
                         f"{size_text(self._memory)}"))  # fmt: skip
        worst = [verdict for verdict in (Verdict.FAILED, Verdict.INCONCLUSIVE) if verdict in dict(said)]
        verdict = worst[0] if worst else Verdict.PASSED
        return GateResult(verdict, "; ".join(text for one, text in said if one is verdict), evidence)

    def explain(self) -> Sequence[str]:
        said = []
        if self._at_most is not None:
            said.append(f"The model is loaded within {span_text(self._at_most)} in a fresh process.")
        if self._memory is not None:
            said.append(f"Loaded, it takes up at most {size_text(self._memory)} of memory.")
        return said

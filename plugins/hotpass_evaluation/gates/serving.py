"""What `latency` and `load` have in common: how the model runs while it is measured, and on which rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hotpass.candidate import Candidate
from hotpass.verdicts import Json
from hotpass_evaluation.gates.common import DATA, DataSource

VALIDATION = "validation/validation.parquet"

#: JSON Schema of the common parameters.
RUNNING: dict[str, Any] = {
    "confidence": {
        "description": "How sure each bound must be.",
        "type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 1, "default": 0.95,
    },
    "threads": {
        "description": "How many threads numerical libraries may use (OMP_NUM_THREADS and its like).",
        "type": "integer", "minimum": 1, "maximum": 256, "default": 1,
    },
    **{key: DATA[key] for key in ("positive", "unpickle", "limits")},
}  # fmt: skip

#: JSON Schema of where the rows of requests come from.
ROWS: dict[str, Any] = {
    "data": {
        **DATA["data"],
        "description": "The rows to ask about. Left out, those of the run's "
        "validation/validation.parquet, else of the model's input example.",
    }
}


class Serving:
    """What a policy says of how the model runs. Raises ParameterError."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.confidence = float(parameters.get("confidence", 0.95))
        self.threads: int = parameters.get("threads", 1)
        said = {key: parameters[key] for key in ("positive", "unpickle", "limits") if key in parameters}
        # Nobody's quality is judged, so it matters not whether the model has learnt from the rows.
        self._said = {**said, "overlap": "unchecked"}
        self._data = parameters.get("data")
        self._of({"artifact": VALIDATION} if self._data is None else self._data)

    def job(self, candidate: Candidate, *, rows: bool = True, champion: bool = False) -> dict[str, Json]:
        """What `start` takes. Its `data` is None where there are no rows but the model's input example, or no
        `rows` are wanted. Raises Unusable.
        """
        data = self._data
        if rows and data is None and candidate.artifact(VALIDATION) is not None:
            data = {"artifact": VALIDATION}
        source = self._of({"file": str(candidate.files().path)} if data is None or not rows else data)
        job = source.job(candidate, champion=champion)
        if data is None or not rows:
            job["data"] = None
        return job | {"threads": self.threads, "confidence": self.confidence}

    def _of(self, data: Any) -> DataSource:
        return DataSource.of({**self._said, "data": data})


def fewest(share: float, confidence: float) -> int:
    """How many measurements it takes until the largest bounds the `share` quantile from above: the smallest n
    with 1 - share ** n >= confidence.
    """
    return math.ceil(math.log(1 - confidence) / math.log(share) - 1e-9)

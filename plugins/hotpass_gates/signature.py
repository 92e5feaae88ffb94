"""`signature`: the model says which columns it takes and what it returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from hotpass.candidate import Candidate
from hotpass.demands import Demand
from hotpass.gates import Gate
from hotpass.spoken import all_of
from hotpass.verdicts import GateResult, failed, passed


class Signature(Gate):
    """The model was logged with a signature: the columns that it takes and what it returns.

        - signature

    or, to ask for certain columns, or for the inputs alone:

        - signature: {columns: [completeness, intent_signal_score], outputs: false}

    Without a signature nobody checks what is sent to a serving model, and a renamed column becomes a wrong
    score.

    To pass: log the model with `signature=infer_signature(X, model.predict(X))`, or with an
    `input_example`, from which MLflow works it out.
    """

    name = "signature"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "The model must have been logged with a signature.",
        "type": "object",
        "properties": {
            "outputs": {
                "description": "Whether the signature must say what the model returns, too.",
                "type": "boolean", "default": True,
            },
            "columns": {
                "description": "Columns that must be among the inputs.",
                "type": "array", "minItems": 1, "uniqueItems": True,
                "items": {"type": "string", "minLength": 1},
                "examples": [["completeness", "intent_signal_score"]],
            },
        },
        "additionalProperties": False,
        "examples": [{"columns": ["completeness"]}],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__(parameters)
        self._outputs: bool = parameters.get("outputs", True)
        self._columns: tuple[str, ...] = tuple(parameters.get("columns", ()))

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        found = candidate.model_file()
        if found is None:
            return failed("the version has no MLmodel file, so it has no signature")
        if not found.inputs:
            return failed(
                "the model was logged without a signature; log it with `signature=` or `input_example=`"
            )
        if self._outputs and not found.outputs:
            return failed("the signature does not say what the model returns; infer it with predictions, too",
                          inputs=len(found.inputs))  # fmt: skip
        names = {name for name, _ in found.inputs}
        missing = [column for column in self._columns if column not in names]
        if missing:
            has = ", ".join(sorted(names - {""})) or "no names"
            return failed(f"the signature lacks {', '.join(missing)}; it has {has}",
                          missing=missing)  # fmt: skip
        outputs = len(found.outputs) if found.outputs else 0
        return passed(f"the signature has {len(found.inputs)} inputs and {outputs} outputs",
                      inputs=len(found.inputs), outputs=outputs)  # fmt: skip

    def explain(self) -> Sequence[str]:
        returns = " and what it returns" if self._outputs else ""
        sentences = [f"The model says which columns it takes{returns} (its signature)."]
        if self._columns:
            sentences.append(f"Among the columns that it takes: {all_of(self._columns)}.")
        return sentences

    def demands(self) -> Iterator[Demand]:
        yield Demand("signature", exact=True, name="a signature")
        if self._outputs:
            yield Demand("signature.outputs", exact=True, name="a signature with outputs")
        for column in self._columns:
            yield Demand(f"signature.columns.{column}", exact=True, name=f"the column {column}")

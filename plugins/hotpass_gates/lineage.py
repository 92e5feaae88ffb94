"""`lineage`: where the model comes from: its data and its source code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from hotpass.candidate import Candidate, Dataset
from hotpass.demands import Demand
from hotpass.gates import Gate, ParameterError
from hotpass.verdicts import GateResult, Json, Verdict

#: Where a commit may stand: MLflow sets the first by itself when it runs inside a git checkout.
_COMMIT_TAGS = (("mlflow.source.git.commit", "run"), ("commit", "run"), ("commit", "version"))
_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)


class Lineage(Gate):
    """The run that made the model says what data it used and what source code.

        - lineage

    or, in more detail:

        - lineage:
            dataset: {name: contacts_2025, context: training}
            commit: false

    The data set must be logged as an input of the run, with a digest. The commit is the run's tag
    `mlflow.source.git.commit`, which MLflow sets by itself inside a git checkout, or else a tag `commit` of
    the run or of the version: 7 to 64 hexadecimal digits.

    To pass: `mlflow.log_input(mlflow.data.from_pandas(frame, name="contacts_2025"), context="training")` in
    the run, and train from a commit, or tag the run with it.
    """

    name = "lineage"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "The run must say what data and what source code made the model.",
        "type": "object",
        "properties": {
            "dataset": {
                "description": "Whether the run must have logged a data set with a digest, and which.",
                "default": True,
                "oneOf": [
                    {"type": "boolean"},
                    {
                        "type": "object",
                        "minProperties": 1,
                        "properties": {
                            "name": {
                                "description": "The name that it was logged under.",
                                "type": "string", "minLength": 1, "examples": ["contacts_2025"],
                            },
                            "context": {
                                "description": "What it was used for.",
                                "type": "string", "minLength": 1, "examples": ["training", "validation"],
                            },
                        },
                        "additionalProperties": False,
                    },
                ],
            },
            "commit": {
                "description": "Whether the run must name the commit of its source code.",
                "type": "boolean", "default": True,
            },
        },
        "additionalProperties": False,
        "examples": [{"dataset": {"name": "contacts_2025"}}],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__(parameters)
        dataset = parameters.get("dataset", True)
        self._commit: bool = parameters.get("commit", True)
        self._dataset = bool(dataset)
        which = dataset if isinstance(dataset, Mapping) else {}
        self._name: str | None = which.get("name")
        self._context: str | None = which.get("context")
        if not (self._dataset or self._commit):
            raise ParameterError("neither a data set nor a commit is asked for, so nothing is checked", (),
                                 "Leave the gate out, or ask for one of them.")  # fmt: skip

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        if candidate.run() is None:
            return GateResult(
                Verdict.FAILED, "the version names no run that exists, so nobody knows its origin"
            )
        reasons: list[str] = []
        remarks: list[str] = []
        evidence: dict[str, Json] = {}
        if self._dataset:
            datasets = candidate.datasets()
            found = next((dataset for dataset in datasets if self._fits(dataset)), None)
            if found is None:
                reasons.append(self._no_dataset(datasets))
            else:
                evidence["dataset"] = [found.name, found.digest]
                remarks.append(f"data set {found.name} {found.digest}")
        if self._commit:
            value, place = _commit_of(candidate)
            if place:
                evidence["commit"] = value
                remarks.append(f"commit {value}")
            elif value:
                reasons.append(f"{value!r} is not a commit; 7 to 64 hexadecimal digits are")
            else:
                reasons.append(
                    "the run names no source commit; train inside a git checkout, or tag it `commit`"
                )
        if reasons:
            return GateResult(Verdict.FAILED, "; ".join(reasons), evidence)
        return GateResult(Verdict.PASSED, "; ".join(remarks), evidence)

    def explain(self) -> Sequence[str]:
        sentences = []
        if self._dataset:
            article = "the" if self._name else "a"
            sentences.append(f"The run that made the model names {article} {self._which()}, with its digest.")
        if self._commit:
            sentences.append("The run that made the model names the commit of its source code.")
        return sentences

    def demands(self) -> Iterator[Demand]:
        if self._dataset:
            which = f".{self._name or ''}@{self._context or ''}" if self._name or self._context else ""
            yield Demand(f"datasets{which}", exact=True, name=f"a {self._which()}")
        if self._commit:
            yield Demand("commit", exact=True, name="a commit")

    def _which(self) -> str:
        name = f"data set{f' {self._name}' if self._name else ''}"
        return name + (f" for {self._context}" if self._context else "")

    def _fits(self, dataset: Dataset) -> bool:
        return (
            bool(dataset.digest)
            and (self._name is None or dataset.name == self._name)
            and (self._context is None or dataset.context == self._context)
        )

    def _no_dataset(self, datasets: tuple[Dataset, ...]) -> str:
        wanted = self._which()
        if not datasets:
            return f"the run logged no {wanted}; log it with mlflow.log_input"
        has = ", ".join(
            f"{dataset.name}{f' for {dataset.context}' if dataset.context else ''}"
            f"{'' if dataset.digest else ' without a digest'}"
            for dataset in datasets
        )
        return f"the run logged no {wanted} with a digest; it logged {has}"


def _commit_of(candidate: Candidate) -> tuple[str, str]:
    """The commit and where it stands; without a place, the last value that looked for one and is none."""
    value = ""
    for tag, place in _COMMIT_TAGS:
        found = candidate.tag(tag, place)
        if found and _COMMIT.fullmatch(found):
            return found, place
        value = found or value
    return value, ""

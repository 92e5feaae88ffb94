"""What the gates that ask models about data share: the words in a policy, what is fetched, and the start of
the work in a process of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hotpass.candidate import Candidate, NotAtHand, Subject
from hotpass.durations import parse_duration
from hotpass.gates import ParameterError
from hotpass.verdicts import Json
from hotpass.workers import Limits, WorkerFailed, run
from hotpass_evaluation.gates import spark
from hotpass_evaluation.unusable import Unusable as Unusable

#: Where a run keeps the rows that its model was trained on.
TRAINING_ROWS = "training/training.parquet"
#: Seconds that the work may take beyond the time that models have: it says which of them took too long.
_MARGIN = 20.0
_PLACES = ("file", "artifact", "dataset", "uri")
_SIZE = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,3})?) ?(?P<unit>[KMGT]i?B)", re.ASCII)
_FACTORS = {"K": 1, "M": 2, "G": 3, "T": 4}
_LEAST_MEMORY = 512 << 20
_REFUSED = ("false", "0", "no")

_TEXT = {"type": "string", "minLength": 1}

#: Properties of the schema of a gate that reads data.
DATA: dict[str, Any] = {
    "data": {
        "description": "The rows to judge by: a CSV file (also .csv.gz), a Parquet file or a folder of them. "
        "A path from the working directory, or where else it is.",
        "oneOf": [
            {"description": "A path from the working directory.", "examples": ["holdout.csv"], **_TEXT},
            {
                "type": "object",
                "properties": {
                    "file": {"description": "A path from the working directory.", **_TEXT},
                    "artifact": {
                        "description": "A path among the artifacts of the run: rows that whoever trained "
                        "chose.",
                        **_TEXT,
                    },
                    "dataset": {
                        "description": "The name of a data set that the candidate's run logged: rows that "
                        "whoever trained chose.",
                        **_TEXT,
                    },
                    "uri": {"description": "A URI that MLflow can read.", **_TEXT},
                    "delimiter": {
                        "description": "What stands between two cells of a CSV file. Left out, the "
                        "first line tells.",
                        "type": "string", "minLength": 1, "maxLength": 1,
                    },
                },
                "additionalProperties": False,
                "minProperties": 1,
            },
        ],
    },
    "target": {"description": "The column with what really happened.", **_TEXT},
    "positive": {
        "description": "The value of the target that the model's score is for. Left out: 1, true or yes. "
        "Regressors have none.",
        "type": ["string", "number", "boolean"],
    },
    "weight": {"description": "A column that says how much each row counts, 0 or more.", **_TEXT},
    "group": {
        "description": "A column that says which rows belong together, such as those of a customer.",
        **_TEXT,
    },
    "overlap": {
        "description": "What is done about rows that the candidate was trained on: `unchecked`, or how many "
        "are tolerated. Left out, none.",
        "oneOf": [
            {"enum": ["unchecked"]},
            {
                "type": "object",
                "properties": {
                    "at_most": {
                        "description": "The share of the rows that may have been trained on, beyond chance.",
                        "type": "number", "minimum": 0, "exclusiveMaximum": 1,
                    },
                    "key": {
                        "description": "Columns that say which row it is, such as an id. Left out, rows are "
                        "the same that are equal in all that the model takes, and natural twins are "
                        "allowed for.",
                        "type": "array", "minItems": 1, "uniqueItems": True, "items": _TEXT,
                    },
                },
                "additionalProperties": False,
                "minProperties": 1,
            },
        ],
    },
    "unpickle": {
        "description": "`allow` loads models that are no scikit-learn model in MLflow's safe format (skops). "
        "Loading such a model runs whatever its files say, in a process without credentials.",
        "enum": ["allow"],
    },
    "engine": {"description": "What predicts: this machine, or Spark.", "enum": ["local", "spark"],
               "default": "local"},
    "spark": spark.SPARK,
    "limits": {
        "description": "What each process may use that reads the data or asks a model.",
        "type": "object",
        "properties": {
            "time": {"description": "Left out, 10m.", "type": "string", "examples": ["30m"]},
            "memory": {"description": "Left out, 2GiB.", "type": "string", "examples": ["8GiB"]},
        },
        "additionalProperties": False,
    },
}  # fmt: skip


@dataclass(frozen=True)
class DataSource:
    """What a policy says of the data and of how it is read."""

    kind: str
    place: str
    delimiter: str | None
    target: str | None
    positive: Json
    weight: str | None
    group: str | None
    overlap: Json
    unpickle: bool
    engine: str
    spark: Mapping[str, Any]
    limits: Limits

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> DataSource:
        """Of the parameters of a gate, whose schema has properties of DATA. Raises ParameterError."""
        given = parameters["data"]
        data = {"file": given} if isinstance(given, str) else given
        places = [name for name in _PLACES if name in data]
        if len(places) != 1:
            raise ParameterError(
                f"data needs exactly one of {', '.join(_PLACES)}; it has {', '.join(places) or 'none'}",
                ("data",),
            )
        kind, place = places[0], data[places[0]]
        if kind == "artifact":
            path = PurePosixPath(place)
            if path.is_absolute() or ".." in path.parts:
                raise ParameterError(f"{place!r} is not a path among a run's artifacts", ("data", "artifact"))
        columns = {name: parameters[name] for name in ("target", "weight", "group") if name in parameters}
        for name, column in columns.items():
            others = [other for other, its in columns.items() if its == column and other != name]
            if others:
                raise ParameterError(f"{column!r} cannot be both {name} and {others[0]}", (name,))
        overlap = parameters.get("overlap", {})
        spark.check(parameters)
        return cls(
            kind, place, data.get("delimiter"), parameters.get("target"), parameters.get("positive"),
            parameters.get("weight"), parameters.get("group"),
            overlap if overlap == "unchecked" else {"at_most": overlap.get("at_most", 0.0),
                                                    "key": list(overlap.get("key", []))},
            parameters.get("unpickle") == "allow", parameters.get("engine", "local"),
            parameters.get("spark", {}), limits_of(parameters.get("limits", {})),
        )  # fmt: skip

    @property
    def is_brought(self) -> bool:
        """Whether the run itself brings the rows, so that whoever trained the model chose them."""
        return self.kind in ("artifact", "dataset")

    def in_words(self) -> str:
        """`holdout.csv`, for sentences."""
        return {
            "file": self.place,
            "artifact": f"{self.place} of the run",
            "dataset": f"the data set {self.place} of the run",
            "uri": self.place,
        }[self.kind]

    def job(self, candidate: Candidate, *, models: bool = True, champion: bool = True) -> dict[str, Json]:
        """What `start` takes, with everything fetched. Without `models` no model is looked at, and without
        `champion` not that one. Raises Unusable.
        """
        overlap = self.overlap if models else "unchecked"
        other = candidate.champion if models and champion else None
        return {
            "data": {"path": str(self._fetch(candidate)), "delimiter": self.delimiter,
                     "name": self.in_words()},
            "target": self.target, "positive": self.positive, "weight": self.weight, "group": self.group,
            "challenger": _model(candidate, "the challenger") if models else None,
            "champion": _model(other, "the champion") if other is not None else None,
            "training": None if overlap == "unchecked" else training_rows(candidate),
            "champion_training": None if overlap == "unchecked" or other is None else training_rows(other),
            "overlap": overlap, "unpickle": self.unpickle and _unpickling_is_allowed(), "engine": self.engine,
            "spark": spark.job(self.spark, os.environ) if self.engine == "spark" else None,
            "limits": {"seconds": self.limits.seconds, "memory": self.limits.memory},
            "scratch": str(candidate.scratch()),
            "plugin_files": [str(file) for file in candidate.plugin_files("hotpass_metrics")],
        }  # fmt: skip

    def _fetch(self, candidate: Candidate) -> Path:
        found: Path | None
        if self.kind == "file":
            found = Path(self.place).expanduser().absolute()
            if not found.exists():
                raise Unusable(f"there is no {self.place} in {Path.cwd()}; data: names the file to judge by")
            return found
        if self.kind == "uri":
            return candidate.fetch(self.place)
        if self.kind == "artifact":
            found = candidate.artifact(self.place)
        else:
            found = candidate.dataset(self.place)
            if found is None:
                logged = ", ".join(sorted({one.name for one in candidate.datasets()})) or "none"
                raise Unusable(
                    f"the run logged no data set {self.place} whose file can be read. Data sets that it "
                    f"logged: {logged}"
                )
        if found is None:
            raise Unusable(f"the run has no artifact {self.place}. Log it: mlflow.log_artifact(…)")
        return found


def limits_of(given: Mapping[str, str]) -> Limits:
    """Of `limits:` in a policy. Raises ParameterError."""
    try:
        seconds = parse_duration(given.get("time", "10m")).total_seconds()
    except ValueError as error:
        raise ParameterError(str(error), ("limits", "time")) from None
    text = given.get("memory", "2GiB")
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ParameterError(f"{text!r} is no amount of memory. Write 512MiB or 8GiB", ("limits", "memory"))
    unit = found["unit"]
    memory = int(float(found["number"]) * (1024 if "i" in unit else 1000) ** _FACTORS[unit[0]])
    if memory < _LEAST_MEMORY:
        raise ParameterError(
            f"{text} is less than it takes to load a model at all. Write 512MiB or more", ("limits", "memory")
        )
    return Limits(seconds, memory)


def training_rows(subject: Subject) -> str | None:
    """Where the rows are that `subject` was trained on; None where nobody kept them."""
    found = subject.artifact(TRAINING_ROWS)
    if found is None:
        # A guarded server does not open whatever place a run names; then nobody knows.
        with contextlib.suppress(NotAtHand):
            found = subject.dataset(None, "training")
    return None if found is None else str(found)


def _model(subject: Subject, role: str) -> dict[str, Json]:
    files = subject.files()
    threshold = subject.param("decision_threshold")
    try:
        logged = None if threshold is None else float(threshold)
    except ValueError:
        logged = None
    return {
        "files": str(files.path), "digest": files.digest, "threshold": logged,
        "name": f"{role} ({subject.model} version {subject.version})", "version": subject.version,
    }  # fmt: skip


def _unpickling_is_allowed() -> bool:
    """MLflow's own switch, which the worker does not see."""
    return os.environ.get("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "").lower() not in _REFUSED


class _Kept:
    """Digests of what workers left in scratch folders, which any process of this user may have written to
    since. Only in memory, and those used least recently go first.
    """

    def __init__(self, most: int = 64) -> None:
        self._lock = threading.Lock()
        self._most = most
        self._digests: OrderedDict[str, dict[str, str]] = OrderedDict()

    def of(self, scratch: str) -> dict[str, str]:
        with self._lock:
            return dict(self._digests.get(scratch, {}))

    def add(self, scratch: str, digests: Mapping[str, str]) -> None:
        with self._lock:
            self._digests.setdefault(scratch, {}).update(digests)
            self._digests.move_to_end(scratch)
            while len(self._digests) > self._most:
                self._digests.popitem(last=False)


_KEPT = _Kept()


def start(task: str, job: Mapping[str, Json], candidate: Candidate) -> dict[str, Any]:
    """What the task answers: `hotpass_evaluation.work.TASK.run(job)`, in a process of its own.

    Raises WorkerFailed, and Unusable where the data or a model cannot be used.
    """
    scratch = str(candidate.scratch())
    limits = job["limits"]
    try:
        answer = run(
            "hotpass_evaluation.work",
            {**job, "task": task, "scratch": scratch, "kept": _KEPT.of(scratch)},
            folder=candidate.scratch(),
            limits=Limits(limits["seconds"] + _MARGIN, limits["memory"]),
        )
    except WorkerFailed as error:
        raise WorkerFailed(f"{error}{_remedy(error)}", error.reason) from None
    if "unusable" in answer:
        raise Unusable(answer["unusable"])
    _KEPT.add(scratch, answer["kept"])
    found: dict[str, Any] = answer["answer"]
    return found


def _remedy(error: WorkerFailed) -> str:
    if error.reason in ("time", "memory"):
        more = "30m" if error.reason == "time" else "4GiB"
        return f". Raise it, for example limits: {{{error.reason}: {more}}}"
    return ""

"""The scores of both models on the same rows, with what really happened: one pass over the data."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from hotpass.json_values import digest_of
from hotpass.texts import shown
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work import kept, overlap
from hotpass_evaluation.work.coding import Target, looks_like_classes
from hotpass_evaluation.work.models import Predictor
from hotpass_evaluation.work.spark import SparkPredictor
from hotpass_evaluation.work.table import ROWS, Table

_LIBRARIES = ("hotpass", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")


class Scored(NamedTuple):
    """Arrays of as many values as there are rows, in the order of the data: `target` (float64; for a
    classifier 1 for the positive class, else 0), `weight` (float64, 0 or more), `group` (int64 codes),
    and the scores (float64: probabilities of the positive class, or what a regressor predicts).

    `kind` is `classifier` or `regressor`. `info` is JSON: rows, positives, digest of the data, overlap,
    library versions, seconds.
    """

    target: np.ndarray
    weight: np.ndarray | None
    group: np.ndarray | None
    challenger: np.ndarray
    champion: np.ndarray | None
    kind: str
    info: dict[str, Any]


def scored(job: dict[str, Any]) -> Scored:
    """Asks both models about the job's data. Raises Unusable.

    What a task before this one found is read again, if it asked for the same, from `job["scratch"]`. Puts
    into `job["kept"]` what the next one must know for that.
    """
    begun = time.monotonic()
    table = Table(Path(job["data"]["path"]), delimiter=job["data"].get("delimiter"),
                  name=str(job["data"].get("name") or ""))  # fmt: skip
    if not job.get("target"):
        raise Unusable("the policy does not say which column is the target: target: …")
    table.require([job["target"]], "target")
    table.require([job[name] for name in ("weight", "group") if job.get(name)])
    digest = table.digest
    key = _key(job, digest)
    digests = job.setdefault("kept", {})
    folder = Path(job.get("scratch") or ".")
    if key in digests and (found := kept.read_kept(folder, key, digests[key])):
        arrays, info = found
        champion = arrays.get("champion") if job.get("champion") else None
        overlaps = {
            role: one for role, one in info["overlap"].items() if role != "champion" or champion is not None
        }
        return Scored(
            arrays["target"], arrays.get("weight"), arrays.get("group"), arrays["challenger"], champion,
            info["kind"],
            {**info, "overlap": overlaps, "again": True, "seconds": round(time.monotonic() - begun, 3)},
        )  # fmt: skip
    fresh = _fresh(job, table)
    if table.digest != digest:
        raise Unusable(f"{table.name} changed while it was read. Judge by a file that nobody writes to")
    info = {
        **fresh.info, "kind": fresh.kind, "data": {"name": table.name, "digest": digest},
        "seconds": round(time.monotonic() - begun, 3),
    }  # fmt: skip
    names = ("target", "weight", "group", "challenger", "champion")
    digests[key] = kept.keep(folder, key, {name: getattr(fresh, name) for name in names}, info)
    if job.get("champion"):
        # A gate that asks for the challenger alone is served by that, too.
        alone = _key({**job, "champion": None, "champion_training": None}, digest)
        kept.serve_as(folder, key, alone)
        digests.setdefault(alone, digests[key])
    return fresh._replace(info=info)


def versions() -> dict[str, str]:
    """Of the libraries that figures depend on."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _key(job: Mapping[str, Any], digest: str) -> str:
    models = [(job.get(role) or {}).get("digest") for role in ("challenger", "champion")]
    asked = {
        name: job.get(name)
        for name in ("target", "positive", "weight", "group", "overlap", "unpickle", "engine")
    }
    training = [str(job.get(name)) for name in ("training", "champion_training")]
    return digest_of({"data": digest, "delimiter": job["data"].get("delimiter"), "models": models,
                      "asked": asked, "training": training})[:32]  # fmt: skip


def _fresh(job: dict[str, Any], table: Table) -> Scored:
    overlap.require_training(job)
    roles = [role for role in ("challenger", "champion") if job.get(role)]
    with ExitStack() as stack:
        predictor = SparkPredictor if job.get("engine") == "spark" else Predictor
        asked = {role: stack.enter_context(predictor(job[role], job, Path.cwd())) for role in roles}
        # The champion first: it is in memory before anything of the challenger's runs.
        for role in reversed(roles):
            asked[role].load()
        for model in asked.values():
            if job["target"] in model.columns:
                raise Unusable(
                    f"{model.name} takes the target {shown(job['target'])} as an input: it would be "
                    "told the answer"
                )
            table.require(model.columns, f"column for {model.name}, which takes it:")
        taken = {role: list(model.columns) for role, model in asked.items()}
        overlaps = overlap.checked(job, table, taken)
        columns = Columns(job, table, asked)
        kind = columns.kind()
        target = Target(job["target"], job.get("positive"), numbers=kind == "regressor")
        weight, group = Weights(job.get("weight")), Groups(job.get("group"))
        rows = 0
        for batch in table.batches(columns.kinds, ROWS):
            if not rows:
                for model in asked.values():
                    model.begin(batch.select(list(model.columns)).schema)
            rows += batch.num_rows
            target.add(batch.column(job["target"]))
            weight.add(batch)
            group.add(batch)
            for model in asked.values():
                model.feed(batch.select(list(model.columns)))
        if not rows:
            raise Unusable(f"{table.name} has no row")
        values = target.values(rows)
        weights, groups = weight.values(), group.values()
        scores = {role: asked[role].scores() for role in reversed(roles)}
    libraries = versions()
    for model in asked.values():
        if isinstance(model, SparkPredictor):
            libraries["spark"] = model.spark
    info: dict[str, Any] = {
        "rows": rows, "overlap": overlaps, "columns": len(columns.kinds), "libraries": libraries,
    }  # fmt: skip
    if kind == "classifier":
        info["positives"] = int(values.sum())
    if groups is not None:
        info["groups"] = int(groups.max()) + 1
    return Scored(values, weights, groups, scores["challenger"], scores.get("champion"), kind, info)


class Columns:
    """Which columns are read, and how."""

    def __init__(self, job: Mapping[str, Any], table: Table, models: Mapping[str, Predictor]) -> None:
        self._job, self._table, self._models = job, table, models
        self.kinds: dict[str, str] = {}
        for model in models.values():
            for name, kind in model.columns.items():
                before = self.kinds.get(name, "any")
                # Text can be read as a number later on, but not the other way round.
                self.kinds[name] = "text" if "text" in (before, kind) else before if kind == "any" else kind
        for name, kind in self.kinds.items():
            if kind == "number" and pa.types.is_boolean(table.types[name]):
                self.kinds[name] = "any"
        for role, kind in (("target", "any"), ("weight", "number"), ("group", "text")):
            if job.get(role):
                self.kinds.setdefault(str(job[role]), kind)

    def kind(self) -> str:
        """`classifier` or `regressor`: what both models are, or, where they do not say, what the target looks
        like.
        """
        said = {model.kind for model in self._models.values()} - {"unknown"}
        if len(said) > 1:
            one, other = (f"{model.name} is a {model.kind}" for model in self._models.values())
            raise Unusable(f"{one}, and {other}: they cannot be compared")
        if said:
            return said.pop()
        if self._job.get("positive") is not None:
            return "classifier"
        name = str(self._job["target"])
        first = next(self._table.batches({name: "any"}), None)
        return "classifier" if first is not None and looks_like_classes(first.column(name)) else "regressor"


class Weights:
    """The weight column, if there is one."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        self._parts: list[np.ndarray] = []

    def add(self, batch: pa.RecordBatch) -> None:
        if self.name:
            try:
                column = batch.column(self.name).cast(pa.float64(), safe=False)
            except (pa.ArrowException, NotImplementedError):
                raise Unusable(f"the weights in {shown(self.name)} must be numbers") from None
            self._parts.append(column.to_numpy(zero_copy_only=False))

    def values(self) -> np.ndarray | None:
        """(rows,) float64. Raises Unusable for what is no weight."""
        if not self.name:
            return None
        found = np.concatenate(self._parts)
        wrong = int((~np.isfinite(found) | (found < 0)).sum())
        if wrong:
            raise Unusable(
                f"{wrong} of {len(found)} rows have no weight of 0 or more in {shown(self.name)}. "
                "Give them one"
            )
        if not found.any():
            raise Unusable(f"all weights in {shown(self.name)} are 0")
        return found


class Groups:
    """The group column, if there is one, as codes from 0 in the order in which they come."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        self._codes: dict[Any, int] = {}
        self._parts: list[np.ndarray] = []
        self._missing = 0

    def add(self, batch: pa.RecordBatch) -> None:
        if not self.name:
            return
        column = batch.column(self.name)
        self._missing += column.null_count
        coded = column.dictionary_encode()
        codes = [self._codes.setdefault(value, len(self._codes)) for value in coded.dictionary.to_pylist()]
        if not column.null_count:
            self._parts.append(np.array(codes, np.int64)[coded.indices.to_numpy(zero_copy_only=False)])

    def values(self) -> np.ndarray | None:
        """(rows,) int64. Raises Unusable where a row has none."""
        if not self.name:
            return None
        if self._missing:
            raise Unusable(
                f"{self._missing} rows have no group in {shown(self.name)}. Give each one of its own"
            )
        return np.concatenate(self._parts)

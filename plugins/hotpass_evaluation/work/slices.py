"""The task `slices`: metrics by segment, and how differently groups are treated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from hotpass.errors import PluginError
from hotpass_evaluation.statistics import Measured, Sample, Undefined, measure
from hotpass_evaluation.statistics.arrays import Codes
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.asked import as_json, metrics_of
from hotpass_evaluation.work.disparity import disparities
from hotpass_evaluation.work.scoring import Scored, scored
from hotpass_evaluation.work.segments import Coded, coded, crossed
from hotpass_evaluation.work.table import Table


def run(job: dict[str, Any]) -> dict[str, Any]:
    """`segments`: of each its name, rows, positives and, where there are enough of them, what was `measured`,
    in the order of the job's metrics; `disparity` between the groups of each column that it names.

    `columns` of the job say how each column is cut, and `by` which of them, or which together, make the
    slices; `metrics` are those of the task `evaluation`.
    """
    scores = scored(job)
    for one in job["metrics"]:
        if one["needs"] not in (None, scores.kind):
            raise Unusable(f"{one['metric']} judges a {one['needs']}, and the model is a {scores.kind}")
    table = Table(
        Path(job["data"]["path"]), delimiter=job["data"].get("delimiter"), name=job["data"].get("name") or ""
    )
    columns = coded(table, job["columns"], len(scores.target))
    if table.digest != scores.info["data"]["digest"]:
        raise Unusable(f"{table.name} changed while it was read. Judge by a file that nobody writes to")
    segments = [
        one for by in job["by"] for one in _segments(by, crossed([columns[name] for name in by]), scores, job)
    ]
    return {
        "kind": scores.kind, "info": dict(scores.info), "segments": segments,
        "disparity": _disparity(columns, scores, job) if job["disparity"] else {},
    }  # fmt: skip


def _segments(by: list[str], groups: Coded, scores: Scored, job: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    order = np.argsort(groups.codes, kind="stable")
    ends = np.cumsum(np.bincount(groups.codes, minlength=len(groups.names)))
    for name, rows in zip(groups.names, np.split(order, ends[:-1]), strict=True):
        one: dict[str, Any] = {"name": name, "by": by, "rows": len(rows), "positives": None, "measured": None}
        small = len(rows) < job["min_rows"]
        if scores.kind == "classifier":
            one["positives"] = int(scores.target[rows].sum())
            small |= min(one["positives"], len(rows) - one["positives"]) < job["min_positives"]
        if not small and job["metrics"]:
            one["measured"] = _measured(rows, scores, job)
        found.append(one)
    return found


def _measured(rows: Codes, scores: Scored, job: dict[str, Any]) -> list[dict[str, Any]]:
    group = scores.group
    sample = Sample(
        scores.target[rows],
        scores.challenger[rows],
        None if scores.champion is None else scores.champion[rows],
        None if scores.weight is None else scores.weight[rows],
        None if group is None else np.unique(group[rows], return_inverse=True)[1].astype(np.int64),
    )
    confidence = [one["confidence"] for one in job["metrics"]]
    try:
        figures = measure(
            sample, metrics_of(job["metrics"], job), confidence=confidence, resamples=job["resamples"],
            seed=job["seed"],
        )  # fmt: skip
    except (PluginError, ValueError) as error:
        raise Unusable(str(error)) from None
    return [
        {**as_json(figure, sure), "p_below": p_below(figure, one, sure)}
        for figure, one, sure in zip(figures, job["metrics"], confidence, strict=True)
    ]


def p_below(figure: Measured | Undefined, asked: dict[str, Any], confidence: float) -> float | None:
    """The chance of a figure so far on the wrong side of the margin if the truth were on it: from how many
    times the reach of the bound on that side the margin is away, taken as normal.
    """
    if isinstance(figure, Undefined):
        return None
    interval = figure.gain if asked["relative"] else figure.challenger
    if interval is None:
        return None
    # What is wrong is below the margin, but for a metric that may be at most so much.
    sign = -1 if asked["kind"] == "at_most" else 1
    reach = (interval.high - interval.value) if sign > 0 else (interval.value - interval.low)
    short = sign * (asked["margin"] - interval.value)
    if not np.isfinite(reach) or short <= 0:
        return 1.0
    return float(stats.norm.sf(stats.norm.ppf(confidence) * short / reach)) if reach > 0 else 0.0


def _disparity(columns: dict[str, Coded], scores: Scored, job: dict[str, Any]) -> dict[str, Any]:
    asked = job["disparity"]
    if scores.kind != "classifier":
        raise Unusable("disparity judges the decisions of a classifier, and the model is a regressor")
    called = (scores.challenger >= asked["threshold"]).astype(np.int64)
    weight = scores.weight
    units = len(called) if weight is None else round(float(weight.sum() ** 2 / (weight**2).sum()))
    if scores.group is not None:
        units = min(units, int(scores.group.max()) + 1)
    return {
        name: disparities(
            columns[name], scores.target, called, weight, units, asked["measures"],
            (job["min_rows"], job["min_positives"]),
        )
        for name in asked["between"]
    }  # fmt: skip

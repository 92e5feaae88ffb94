"""The measuring behind the `evaluation` gate."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotpass.errors import PluginError
from hotpass.metrics import metrics_of_plugins
from hotpass_evaluation.gates.alpha_budget import seen_of
from hotpass_evaluation.statistics import Interval, Measured, Metric, Sample, Undefined, measure
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.curves import Floats, bars, calibration, classifier_curves
from hotpass_evaluation.work.repeats import repeats, twelve_digits
from hotpass_evaluation.work.scoring import Scored, scored


def run(job: dict[str, Any]) -> dict[str, Any]:
    """The metrics of `job["metrics"]`, measured on the rows of the job, with what a report draws of them.

    Each metric is `{"metric", "parameters", "needs", "logged", "of_plugin", "confidence", "relative"}`.
    `levels` are what confidence a comparison with the champion needs at least: `again`, by what was seen
    (`alpha_budget.seen_of`), and `new` for anything else.
    """
    scores = scored(job)
    asked: Sequence[Mapping[str, Any]] = job["metrics"]
    for one in asked:
        if one["needs"] not in (None, scores.kind):
            raise Unusable(f"{one['metric']} judges a {one['needs']}, and the model is a {scores.kind}")
    levels = job["levels"]
    digests = {"challenger": digest_of_scores(scores.challenger)}
    if scores.champion is not None:
        digests["champion"] = digest_of_scores(scores.champion)
    level = levels["again"].get(seen_of(scores.info["data"]["digest"], digests), levels["new"])
    confidence = [max(one["confidence"], level) if one["relative"] else one["confidence"] for one in asked]
    sample = Sample(scores.target, scores.challenger, scores.champion, scores.weight, scores.group)
    try:
        measured = measure(
            sample, _metrics(asked, job), confidence=confidence, resamples=job["resamples"], seed=job["seed"]
        )
    except (PluginError, ValueError) as error:
        raise Unusable(str(error)) from None
    return {
        "kind": scores.kind,
        "info": dict(scores.info),
        "scores": digests,
        "different": repeats(job, scores)._asdict(),
        "measured": [_as_json(one, sure) for one, sure in zip(measured, confidence, strict=True)],
        "curves": curves(scores),
    }


def digest_of_scores(scores: Floats) -> str:
    """The same for scores (rows,) that agree to 12 digits."""
    return hashlib.sha256(twelve_digits(scores).astype("<f8").tobytes()).hexdigest()


def curves(scores: Scored) -> dict[str, Any]:
    """What a report draws: by model, `roc`, `precision_recall` and `calibration`; and `bars` of what is
    distributed.
    """
    models: dict[str, Floats] = {"challenger": scores.challenger}
    if scores.champion is not None:
        models["champion"] = scores.champion
    target, weight = scores.target, scores.weight
    if scores.kind == "regressor":
        drawn: dict[str, Any] = {
            name: {"calibration": calibration(target, score, weight)} for name, score in models.items()
        }
        drawn["bars"] = bars({name: score - target for name, score in models.items()}, weight)
        return drawn
    drawn = {name: classifier_curves(target, score, weight) for name, score in models.items()}
    drawn["bars"] = bars(models, weight)
    return drawn


def _metrics(asked: Sequence[Mapping[str, Any]], job: Mapping[str, Any]) -> list[Metric]:
    plugins = metrics_of_plugins(
        dict.fromkeys(one["metric"] for one in asked if one["of_plugin"]), job["plugin_files"]
    )
    found = []
    for one in asked:
        name, parameters = one["metric"], dict(one["parameters"])
        if one["of_plugin"]:
            metric = plugins[name]
            if metric.higher_is_better is not one["higher"]:
                right = "higher" if metric.higher_is_better else "lower"
                raise Unusable(
                    f"by its plugin a {right} {name} is the better one; write `direction: {right}`"
                )
            parameters = {"compute": metric.compute, "higher_is_better": metric.higher_is_better}
        if one["logged"]:
            parameters["threshold"] = job["challenger"]["threshold"]
            if job["champion"] is not None:
                parameters["champion_threshold"] = job["champion"]["threshold"]
        found.append(Metric(name, parameters))
    return found


def _as_json(found: Measured | Undefined, confidence: float) -> dict[str, Any]:
    if isinstance(found, Undefined):
        return {"undefined": str(found)}
    return {
        "challenger": _interval(found.challenger),
        "champion": _interval(found.champion),
        "gain": _interval(found.gain),
        "p_value": found.p_value,
        "resamples": found.resamples,
        "rows": found.rows,
        "positives": found.positives,
        "confidence": confidence,
    }


def _interval(found: Interval | None) -> dict[str, Any] | None:
    """None for an end that is infinite, since JSON has no such number."""
    if found is None:
        return None
    ends = {
        name: float(end) if np.isfinite(end) else None
        for name, end in (("value", found.value), ("low", found.low), ("high", found.high))
    }
    return {**ends, "method": found.method}

"""The measuring behind the `evaluation` gate."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from hotpass.errors import PluginError
from hotpass_evaluation.gates.alpha_budget import seen_of
from hotpass_evaluation.statistics import Sample, measure
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.asked import as_json, metrics_of
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
            sample, metrics_of(asked, job), confidence=confidence, resamples=job["resamples"],
            seed=job["seed"],
        )  # fmt: skip
    except (PluginError, ValueError) as error:
        raise Unusable(str(error)) from None
    return {
        "kind": scores.kind,
        "info": dict(scores.info),
        "scores": digests,
        "different": repeats(job, scores)._asdict(),
        "measured": [as_json(one, sure) for one, sure in zip(measured, confidence, strict=True)],
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

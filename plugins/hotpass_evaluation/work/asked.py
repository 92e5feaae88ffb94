"""What a gate asks to be measured, as the job says it, and what was found, as the answer says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotpass.metrics import metrics_of_plugins
from hotpass_evaluation.statistics import Interval, Measured, Metric, Undefined
from hotpass_evaluation.unusable import Unusable


def metrics_of(asked: Sequence[Mapping[str, Any]], job: Mapping[str, Any]) -> list[Metric]:
    """The metrics that a job asks for, with those of plugins. Raises PluginError; Unusable for a direction
    that is not the plugin's.
    """
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


def as_json(found: Measured | Undefined, confidence: float) -> dict[str, Any]:
    """What was found, as a gate reads it; `confidence` is that of each bound."""
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

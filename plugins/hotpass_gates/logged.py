"""What the metric gates share: finding a logged metric that can be compared, or saying why there is none."""

from __future__ import annotations

import difflib
import math

from hotpass.candidate import Metric, Subject

_MOST_NAMES = 12


def usable(subject: Subject, name: str, dataset: str | None) -> Metric | str:
    """The metric `name` of `subject`, measured on `dataset` where that is given; or what is wrong with it,
    in words.

    The words follow "the candidate" or "the champion": "logged no metric roc_auc; …".
    """
    metric = subject.metric(name, dataset)
    if metric is None:
        return _missing(subject, name, dataset)
    if not math.isfinite(metric.value):
        return f"logged {metric.value} as {name}, which cannot be compared"
    return metric


def fact(kind: str, metric: str, dataset: str | None) -> str:
    """The subject of a demand on `metric`: `metrics.roc_auc`, `gain.roc_auc@validation`."""
    return f"{kind}.{metric}" + (f"@{dataset}" if dataset else "")


def measured_on(dataset: str | None) -> str:
    return f", measured on the data set {dataset}" if dataset else ""


def _missing(subject: Subject, name: str, dataset: str | None) -> str:
    names = subject.metric_names()
    if dataset is not None and name in names:
        elsewhere = subject.metric(name)
        where = (
            f"measured on {elsewhere.dataset}"
            if elsewhere is not None and elsewhere.dataset
            else "without one"
        )
        return f"logged no {name} for the data set {dataset}; it logged {name} {where}"
    if not names:
        return f"logged no metric {name}, and no other either"
    shown = ", ".join(names[:_MOST_NAMES]) + (
        f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    )
    near = difflib.get_close_matches(name, names, n=3) or [other for other in names if name in other][:3]
    return f"logged no metric {name}; it logged {shown}" + (
        f". Did you mean {' or '.join(near)}?" if near else ""
    )

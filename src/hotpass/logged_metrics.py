"""Metrics that policies ask for and that no recent version of a model has: most often a name that is
misspelt, on one side or the other.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from itertools import islice

from hotpass.candidate import VersionFacts
from hotpass.errors import Problem
from hotpass.gather import Batch
from hotpass.policy.asked import Asked, asked_of
from hotpass.policy.model import Policy
from hotpass.policy.words import listed
from hotpass.registry.port import Registry

#: How many of a model's newest versions are looked at.
RECENT = 20

_MOST_NAMES = 8

#: A metric, and the data set that it was measured on; None for any.
_Logged = tuple[str, str | None]


def metric_warnings(policies: Sequence[Policy], registry: Registry) -> tuple[Problem, ...]:
    """A warning for each gate that asks for a metric that none of the newest versions of a model logged.

    Models without versions are passed over. Raises RegistryError for a registry that does not answer.
    """
    asking = [asked for gates in asked_of(policies, []) for asked in gates if any(_metrics(asked))]
    missing: dict[tuple[int, _Logged], list[str]] = {}
    logged: dict[str, tuple[int, set[_Logged]]] = {}
    for model in registry.model_names() if asking else ():
        about = [asked for asked in asking if asked.policy.covers(model)]
        if not about:
            continue
        recent = list(islice(registry.versions(model), RECENT))
        if not recent:
            continue
        logged[model] = len(recent), _logged(registry, recent)
        for asked in about:
            for metric in _metrics(asked):
                if metric not in logged[model][1]:
                    missing.setdefault((asked.order, metric), []).append(model)
    by_order = {asked.order: asked for asked in asking}
    found = {
        _warning(by_order[order], metric, models, *logged[models[0]])
        for (order, metric), models in missing.items()
    }
    return tuple(sorted(found))


def _metrics(asked: Asked) -> Iterator[_Logged]:
    """The metrics without which the gate cannot pass."""
    for demand in asked.demands:
        kind, _, name = demand.subject.partition(".")
        if kind == "metrics":
            metric, _, dataset = name.partition("@")
            yield metric, dataset or None


def _logged(registry: Registry, versions: Sequence[VersionFacts]) -> set[_Logged]:
    """All that these versions logged, as `Subject.metric` would find it."""
    Batch(registry, versions[:1]).runs()  # so that the registry knows where to look for the others at once
    batch = Batch(registry, versions)
    found: set[_Logged] = set()
    for run in batch.runs().values():
        only = run.datasets[0].name if len(run.datasets) == 1 else None
        found |= {(name, dataset) for name in run.metrics for dataset in (None, only)}
    for model in batch.logged_models().values():
        found |= {(metric.name, dataset) for metric in model.metrics for dataset in (None, metric.dataset)}
    return found


def _warning(
    asked: Asked, metric: _Logged, models: Sequence[str], versions: int, logged: set[_Logged]
) -> Problem:
    name, dataset = metric
    names = sorted({known for known, _ in logged})
    what = name + (f" on the data set {dataset}" if dataset else "")
    of = listed(models, limit=5)
    if len(models) > 1:
        who = f"no recent version of {of} logged"
    elif versions > 1:
        who = f"none of the newest {versions} versions of {of} logged"
    else:
        who = f"the only version of {of} did not log"
    message = f"asks for {what}, which {who}"
    if dataset and name in names:
        known = sorted({of_set for logged_name, of_set in logged if logged_name == name and of_set})
        remedy = (
            f"It was logged on {listed(known, limit=_MOST_NAMES)}."
            if known
            else "It was logged without a data set."
        )
        return asked.warn("metric-not-logged", message, remedy)
    near = difflib.get_close_matches(name, names, n=2) or [known for known in names if name in known][:2]
    has = f"{models[0]} has {listed(names, limit=_MOST_NAMES)}." if names else f"{models[0]} has no metric."
    remedy = f"Did you mean {' or '.join(near)}? {has}" if near else has
    return asked.warn("metric-not-logged", message, remedy)

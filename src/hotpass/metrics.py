"""Metrics of plugins, which the `evaluation` gate measures beside those that it knows."""

from __future__ import annotations

import difflib
import importlib.metadata
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hotpass.errors import PluginError
from hotpass.modules import GROUP, import_file

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True)
class Metric:
    """A figure of a model on data.

    `name` is what policies call it: lower case letters, digits and underscores. `compute(target, score,
    weight)` gets NumPy arrays of shape (rows,), float64: the target (1 where it is the positive class, else
    0; the value itself for a regressor), what the model says, and the weights, or None where there are none.
    It returns a finite number, and raises ValueError, with a sentence for people, where the rows have no such
    figure.

    The interval comes from resamples of the rows: `compute` is called on some 2,000 of them, so that it must
    be a matter of milliseconds.
    """

    name: str
    higher_is_better: bool
    compute: Callable[[Any, Any, Any], float]


def metrics_of_plugins(names: Iterable[str], files: Sequence[str | Path] = ()) -> dict[str, Metric]:
    """The metrics of these names, from all installed plugins and from `files` of plugin folders.

    Imports the plugins. Raises PluginError for one that cannot be imported, for a metric that breaks the
    contract, for a name that two plugins have and for one that none has.
    """
    found: dict[str, Metric] = {}
    owner: dict[str, str] = {}
    wrong: list[str] = []
    for plugin, load in _plugins(files):
        try:
            contribute: Callable[[], Any] = getattr(load(), "hotpass_metrics", tuple)
            metrics = [_checked(metric) for metric in contribute() or ()]
        except (Exception, SystemExit) as error:
            wrong.append(f"plugin {plugin}: hotpass_metrics: {type(error).__name__}: {error}")
            continue
        for metric in metrics:
            if metric.name in found:
                wrong.append(
                    f"metric {metric.name!r} comes from two plugins: {owner[metric.name]} and {plugin}. "
                    "Rename one of them."
                )
            found[metric.name], owner[metric.name] = metric, plugin
    for name in names:
        if name not in found:
            near = difflib.get_close_matches(name, found, n=1)
            known = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(found)) or 'none'}."
            wrong.append(f"no plugin has a metric {name}. {known}")
    if wrong:
        raise PluginError("\n".join(wrong))
    return {name: found[name] for name in names}


def _plugins(files: Sequence[str | Path]) -> list[tuple[str, Callable[[], Any]]]:
    """The name of each plugin, and what imports it."""
    points = {point.value: point for point in importlib.metadata.entry_points(group=GROUP)}
    return [
        *((point.name, point.load) for point in sorted(points.values(), key=lambda point: point.value)),
        *((Path(file).name, partial(import_file, Path(file))) for file in files),
    ]


def _checked(metric: object) -> Metric:
    if not isinstance(metric, Metric):
        raise TypeError(f"{metric!r} is not a hotpass.metrics.Metric")
    if not isinstance(metric.name, str) or not _NAME.match(metric.name):
        raise ValueError(f"the name {metric.name!r} must be lower case letters, digits and underscores")
    if not isinstance(metric.higher_is_better, bool):
        raise TypeError(f"higher_is_better of {metric.name} must be True or False")
    if not callable(metric.compute):
        raise TypeError(f"compute of {metric.name} must be a function of target, score and weight")
    return metric

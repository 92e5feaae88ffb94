"""Metrics, durations and lists the way one would say them, for people who read no code."""

from __future__ import annotations

import re
from collections.abc import Sequence

_UNITS = {"w": "week", "d": "day", "h": "hour", "m": "minute", "s": "second"}
_PART = re.compile(r"(\d+)([wdhms])", re.ASCII)

_MOST = 10

#: What is not said as it is written.
_SAID = {
    "roc": "ROC", "auc": "AUC", "f1": "F1", "r2": "R²", "d2": "D²", "rmse": "RMSE", "mse": "MSE",
    "mae": "MAE", "msle": "MSLE", "rmsle": "RMSLE", "mape": "MAPE", "ndcg": "NDCG", "dcg": "DCG",
    "brier": "Brier", "pr": "PR",
    "ovr": "one against the rest", "ovo": "one against one", "corrcoef": "correlation",
    "matthews": "Matthews", "cohen": "Cohen", "val": "validation", "eval": "evaluation",
}  # fmt: skip


def metric_words(metric: str) -> str:
    """`roc_auc` as `ROC AUC`, `brier_score` as `Brier score`; a name of a team's own without its underscores.
    """
    return " ".join(_SAID.get(word.lower(), word) for word in metric.split("_") if word) or metric


def duration_words(text: str) -> str:
    """A duration as policies write it (`1d12h`), in words: `1 day and 12 hours`."""
    return all_of([f"{int(number)} {_UNITS[unit]}{'' if int(number) == 1 else 's'}"
                   for number, unit in _PART.findall(text) if int(number)])  # fmt: skip


def all_of(names: Sequence[str]) -> str:
    """`ana`, `ana and ben`, `ana, ben and cleo`; the first ten of many."""
    return _listed(names, "and")


def any_of(names: Sequence[str]) -> str:
    """`ana`, `ana or ben`, `ana, ben or cleo`; the first ten of many."""
    return _listed(names, "or")


def _listed(names: Sequence[str], word: str) -> str:
    if len(names) > _MOST:
        return f"{', '.join(names[:_MOST])} {word} {len(names) - _MOST} more"
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

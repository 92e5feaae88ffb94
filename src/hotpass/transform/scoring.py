"""Lead scoring: train a model, score leads, and make the day's list of them.

A thin face: training and scoring are done by plugins, through the hooks `hotpass_train` and `hotpass_score`;
the default ones are `hotpass_training` and `hotpass_scoring`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hotpass.errors import CallError, PluginError
from hotpass.plugins import create_manager
from hotpass.policy.discovery import plugin_folders
from hotpass.requests import ScoringRequest, TrainingResult
from hotpass.transform.daily_list import build_daily_list
from hotpass.transform.lead_scorer import DEFAULT_WEIGHTS, LeadScorer
from hotpass.transform.training import train_lead_scoring_model

if TYPE_CHECKING:
    import pluggy

__all__ = [
    "DEFAULT_WEIGHTS", "LeadScorer", "TrainingResult", "build_daily_list", "score_frame", "score_prospects",
    "train_lead_scoring_model",
]  # fmt: skip

_SLACK = 1e-9


def score_prospects(
    model: Any,
    dataset: pd.DataFrame,
    *,
    score_column: str = "score",
    manager: pluggy.PluginManager | None = None,
) -> pd.DataFrame:
    """`dataset` with a column `score` in [0, 1] behind its own: the chance of each lead being won.

    `model` is a scikit-learn classifier (as `load_production_model` returns it), a LeadScorer, or what a
    plugin can score. Columns that the model does not know are kept and not read. Raises CallError where
    columns are missing, hold what the model cannot read, or already include `score_column`; PluginError for
    scores that are none.
    """
    if score_column in dataset.columns:
        raise CallError(
            f"there is a column {score_column!r} already. Name another: score_column='model_score'"
        )
    return dataset.assign(**{score_column: score_frame(model, dataset, manager=manager)})


def score_frame(
    model: Any, frame: pd.DataFrame, *, manager: pluggy.PluginManager | None = None
) -> np.ndarray:
    """The scores alone: float64 of shape (rows,), in the order of the rows. Raises as `score_prospects`."""
    if not len(frame):
        return np.empty(0)
    manager = manager or create_manager(plugin_folders())
    answer = manager.hook.hotpass_score(request=ScoringRequest(model, frame))
    if answer is None:
        raise CallError(
            f"no plugin scores with a {type(model).__name__}. It needs predict_proba, or a plugin with "
            "hotpass_score."
        )
    scores = np.asarray(answer, dtype=float)
    if scores.shape != (len(frame),):
        raise PluginError(
            f"hotpass_score returned {scores.shape} for {len(frame)} rows; it must return a score for each."
        )
    if not ((scores >= -_SLACK) & (scores <= 1 + _SLACK)).all():  # NaN fails as well
        raise PluginError("hotpass_score returned scores that are not in [0, 1].")
    return scores.clip(0.0, 1.0)

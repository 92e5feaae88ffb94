"""What goes into and comes out of the train and score hooks. Imports no heavy library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What to train. `dataset` is a pandas data frame, one row a lead; `target_column` holds 0 or 1."""

    dataset: pd.DataFrame
    target_column: str
    #: Columns to learn from; None takes all but the target.
    feature_columns: Sequence[str] | None = None
    #: `logistic_regression`, `gradient_boosting`, a name that a plugin knows, or any scikit-learn classifier.
    estimator: Any = "logistic_regression"
    #: Share of the rows kept for validation, in (0, 1).
    validation_size: float = 0.2
    random_state: int = 42


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A fitted model and what it reached on the rows kept for validation.

    `metrics` maps names to values (`roc_auc`, `precision`, …; NaN where the validation rows cannot tell).
    `rows` says what they rest on: `train`, `validation`, `validation_positives`. `warnings` are sentences for
    a person.
    """

    model: Any
    metrics: Mapping[str, float]
    feature_columns: tuple[str, ...]
    target_column: str
    rows: Mapping[str, int] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    train_frame: pd.DataFrame | None = None
    validation_frame: pd.DataFrame | None = None
    #: For each row of `validation_frame` the score that the metrics rest on; plots are drawn from it.
    validation_scores: Sequence[float] | None = None
    #: Whether the model never saw the rows of `validation_frame`. Where there were too few rows for that,
    #: each was scored by a model fitted without it, and the model that is kept has seen them all.
    held_out: bool = True
    warnings: tuple[str, ...] = ()
    #: Set where MLflow tracking was on.
    run_id: str | None = None
    model_version: int | None = None
    model_name: str | None = None


@dataclass(frozen=True, slots=True)
class ScoringRequest:
    """What to score: a loaded model and a pandas data frame, one row a lead."""

    model: Any
    frame: pd.DataFrame

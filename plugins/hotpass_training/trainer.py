"""Trains a lead scoring model: read the target, choose the columns, fit, judge on other rows."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd

from hotpass.errors import CallError
from hotpass.requests import TrainingRequest, TrainingResult
from hotpass_training import estimators
from hotpass_training.columns import choose_columns, prepare
from hotpass_training.measures import measure
from hotpass_training.target import read_target
from hotpass_training.validation import OUT_OF_FOLD, Judged, fit_and_judge


def train(request: TrainingRequest) -> TrainingResult:
    """The fitted pipeline, its metrics and the rows they rest on.

    Params say how it was made: `validation_method` (`holdout` or `out_of_fold`), `decision_threshold`, row
    counts. Raises CallError for a data set that nothing can be learnt from, and for what the classifier
    itself refuses.
    """
    dataset = request.dataset
    if not isinstance(dataset, pd.DataFrame):
        raise CallError(f"the data set is a {type(dataset).__name__}; give a pandas DataFrame.")
    names = choose_columns(dataset, request.target_column, request.feature_columns)
    target = read_target(dataset[request.target_column])
    features, columns, notes = prepare(dataset.loc[target.known], names)
    unknown = int((~target.known).sum())
    if unknown:
        notes.append(f"{unknown} leads have no value in {request.target_column!r}; they were left out.")

    def make() -> Any:
        return estimators.build(request.estimator, columns, request.random_state)

    make()
    won = target.values
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            judged = fit_and_judge(make, features, won, request.validation_size, request.random_state)
        except (ValueError, TypeError) as error:
            raise CallError(
                f"{estimators.name_of(request.estimator)} cannot be trained on this: {error}"
            ) from error
    notes.extend(dict.fromkeys(f"{warning.category.__name__}: {_first_line(warning)}" for warning in said))
    if judged.method == OUT_OF_FOLD:
        notes.append(
            f"only {int(min(won.sum(), len(won) - won.sum()))} leads of the rarer kind: the metrics rest on "
            f"all {len(won)} rows, each judged by a model fitted without it ({judged.folds} folds), instead "
            "of on held-out rows."
        )
    table = features.assign(**{request.target_column: won})
    held_out = judged.method != OUT_OF_FOLD
    return TrainingResult(
        model=judged.model,
        metrics=measure(won[judged.validation], judged.scores, judged.called),
        feature_columns=names,
        target_column=request.target_column,
        rows=_rows(judged, won, unknown),
        params=_params(request, judged, names, columns.categorical),
        train_frame=table.iloc[judged.train],
        validation_frame=table.iloc[judged.validation],
        validation_scores=judged.scores.tolist(),
        held_out=held_out,
        warnings=tuple(notes),
    )


def _rows(judged: Judged, won: Any, unknown: int) -> dict[str, int]:
    return {
        "train": len(judged.train),
        "validation": len(judged.validation),
        "validation_positives": int(won[judged.validation].sum()),
        "without_target": unknown,
    }


def _params(request: TrainingRequest, judged: Judged, names: Any, categorical: Any) -> dict[str, Any]:
    classifier = judged.model.steps[-1][1]
    return {
        "estimator": estimators.name_of(request.estimator),
        "classifier": type(classifier).__name__,
        "random_state": request.random_state,
        "validation_method": judged.method,
        "validation_size": request.validation_size,
        "folds": judged.folds,
        "decision_threshold": judged.threshold,
        "feature_count": len(names),
        "categorical_count": len(categorical),
        **{f"classifier.{name}": value for name, value in classifier.get_params(deep=False).items()},
    }


def _first_line(warning: warnings.WarningMessage) -> str:
    return str(warning.message).strip().splitlines()[0]

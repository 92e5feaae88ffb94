"""How a model is judged on rows that it did not learn from.

Rows are held out, as many as asked for, with both classes in the same shares as in all. Where so few leads
were won (or lost) that fewer than MIN_OF_EACH of them would be among the held-out rows, a metric on those
says nothing, or cannot be computed at all. Then every row is judged, each by a model that was fitted without
it (stratified cross-validation), and the model that is kept learns from all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hotpass.errors import CallError
from hotpass_training.estimators import no_probabilities
from hotpass_training.measures import best_threshold

#: Fewer held-out rows of a class than this are not judged by.
MIN_OF_EACH = 5
MOST_FOLDS = 5

HOLDOUT, OUT_OF_FOLD = "holdout", "out_of_fold"


class Judged(NamedTuple):
    """A fitted model, and the rows that it was judged on, by position: scores in [0, 1] and what the
    threshold calls.
    """

    model: Any
    method: str
    train: np.ndarray
    validation: np.ndarray
    scores: np.ndarray
    called: np.ndarray
    threshold: float
    folds: int


def fit_and_judge(
    make: Callable[[], Any],
    features: pd.DataFrame,
    won: np.ndarray,
    validation_size: float,
    random_state: int,
) -> Judged:
    """Fits what `make` builds and judges it. `features` has a row for each entry of `won` (0 or 1).

    The decision threshold is chosen on rows that the metrics do not rest on. Raises CallError for a share
    outside (0, 1) and for fewer than two leads of a class.
    """
    if not 0 < validation_size < 1:
        raise CallError(f"validation_size is {validation_size}; give the share to hold out, for example 0.2.")
    rarest = int(min(won.sum(), len(won) - won.sum()))
    if rarest < 2:
        raise CallError(
            f"of {len(won)} leads {int(won.sum())} were won; at least two of each kind are needed, one to "
            "learn from and one to judge by."
        )
    if min(rarest * validation_size, rarest * (1 - validation_size)) >= MIN_OF_EACH:
        return _held_out(make, features, won, validation_size, random_state)
    return _out_of_fold(make, features, won, random_state)


def _held_out(
    make: Callable[[], Any],
    features: pd.DataFrame,
    won: np.ndarray,
    validation_size: float,
    random_state: int,
) -> Judged:
    from sklearn.model_selection import train_test_split

    train, validation = train_test_split(
        np.arange(len(won)), test_size=validation_size, random_state=random_state, stratify=won
    )
    train, validation = np.sort(train), np.sort(validation)
    folds = _folds(won[train], 3)
    inner = _scores_out_of_fold(make, features.iloc[train], won[train], folds, random_state)[0]
    threshold = best_threshold(won[train], inner)
    model = make().fit(features.iloc[train], won[train])
    scores = positive_scores(model, features.iloc[validation])
    return Judged(model, HOLDOUT, train, validation, scores, scores >= threshold, threshold, folds)


def _out_of_fold(
    make: Callable[[], Any], features: pd.DataFrame, won: np.ndarray, random_state: int
) -> Judged:
    rows = np.arange(len(won))
    folds = _folds(won, MOST_FOLDS)
    scores, fold_of = _scores_out_of_fold(make, features, won, folds, random_state)
    called = np.zeros(len(won), dtype=bool)
    for fold in range(folds):
        mine = fold_of == fold
        called[mine] = scores[mine] >= best_threshold(won[~mine], scores[~mine])
    model = make().fit(features, won)
    return Judged(model, OUT_OF_FOLD, rows, rows, scores, called, best_threshold(won, scores), folds)


def _folds(won: np.ndarray, most: int) -> int:
    return int(min(most, won.sum(), len(won) - won.sum()))


def _scores_out_of_fold(
    make: Callable[[], Any], features: pd.DataFrame, won: np.ndarray, folds: int, random_state: int
) -> tuple[np.ndarray, np.ndarray]:
    """For each row its score by a model that was fitted without it, and the number of its fold."""
    from sklearn.model_selection import StratifiedKFold

    scores, fold_of = np.empty(len(won)), np.empty(len(won), dtype=int)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=random_state)
    for fold, (train, held_out) in enumerate(splitter.split(features, won)):
        model = make().fit(features.iloc[train], won[train])
        scores[held_out] = positive_scores(model, features.iloc[held_out])
        fold_of[held_out] = fold
    return scores, fold_of


def positive_scores(model: Any, features: pd.DataFrame) -> np.ndarray:
    """The probability of class 1, for each row. Raises CallError for a classifier that, as it is set, gives
    none.
    """
    if not hasattr(model, "predict_proba"):
        raise CallError(no_probabilities(model.steps[-1][1]))
    return np.asarray(model.predict_proba(features)[:, list(model.classes_).index(1)], dtype=float)

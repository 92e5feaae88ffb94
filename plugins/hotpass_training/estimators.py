"""The pipelines: what is done to the columns, and the classifier after it.

Categories that a model has not seen, or that stood for missing values, never stop it from scoring.
Probabilities are left as the classifier gives them: weights against class imbalance would bend them, and a
lead's score is read as a chance.
"""

from __future__ import annotations

from typing import Any

from hotpass.errors import CallError
from hotpass_training.columns import Columns

#: The most frequent categories of a column get a place of their own; all others share one.
MOST_CATEGORIES = 100
NAMES = ("logistic_regression", "gradient_boosting")


def build(estimator: Any, columns: Columns, random_state: int) -> Any:
    """An unfitted scikit-learn pipeline for `columns`.

    `estimator` is a name or a scikit-learn classifier with `predict_proba`; a classifier is copied. A
    Pipeline is taken as it is, with its own treatment of the columns. Raises CallError for anything else.
    """
    from sklearn.base import clone
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    if estimator == "logistic_regression":
        return _pipeline(_scaled(columns), LogisticRegression(max_iter=1000, random_state=random_state))
    if estimator == "gradient_boosting":
        return _pipeline(_ranked(columns), HistGradientBoostingClassifier(random_state=random_state))
    if isinstance(estimator, str):
        raise CallError(
            f"no plugin knows an estimator {estimator!r}. Built in are {' and '.join(NAMES)}; any "
            "scikit-learn classifier can be passed too."
        )
    _check(estimator)
    copy = clone(estimator)
    if isinstance(copy, Pipeline):
        return copy
    if "random_state" in copy.get_params() and copy.get_params()["random_state"] is None:
        copy.set_params(random_state=random_state)
    return _pipeline(_scaled(columns), copy)


def name_of(estimator: Any) -> str:
    """What a person calls it."""
    return estimator if isinstance(estimator, str) else type(estimator).__name__


def _check(estimator: Any) -> None:
    from sklearn.base import is_classifier

    if isinstance(estimator, type):
        raise CallError(
            f"estimator is the class {estimator.__name__}; pass an instance: {estimator.__name__}()"
        )
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params") or not is_classifier(estimator):
        raise CallError(f"estimator is {estimator!r}, which is not a scikit-learn classifier.")
    if not hasattr(type(estimator), "predict_proba"):
        raise CallError(no_probabilities(estimator))


def no_probabilities(estimator: Any) -> str:
    """What to do about a classifier that tells won from lost without saying how surely."""
    kind = type(estimator).__name__
    return (
        f"{kind} gives no probabilities, so it cannot score leads. Wrap it: CalibratedClassifierCV({kind}())"
    )


def _pipeline(columns: Any, classifier: Any) -> Any:
    from sklearn.pipeline import Pipeline

    return Pipeline([("columns", columns), ("classifier", classifier)])


def _scaled(columns: Columns) -> Any:
    """For classifiers that want numbers of a like size and no gaps: median, scale, and a column for each
    category.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = Pipeline([
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
        ("scale", StandardScaler()),
    ])  # fmt: skip
    categorical = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=False
    )
    return ColumnTransformer(
        [
            ("numeric", numeric, list(columns.numeric)),
            ("categorical", categorical, list(columns.categorical)),
        ],
        verbose_feature_names_out=False,
    )


def _ranked(columns: Columns) -> Any:
    """For trees: numbers as they are, categories as ranks, and missing values left missing."""
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OrdinalEncoder

    ranks = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan,
        max_categories=MOST_CATEGORIES,
    )  # fmt: skip
    return ColumnTransformer(
        [
            ("categorical", ranks, list(columns.categorical)),
            ("numeric", "passthrough", list(columns.numeric)),
        ],
        verbose_feature_names_out=False,
    )

"""Rows as a fitted model wants them: its columns, in its order, as numbers or as text."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from hotpass.errors import CallError
from hotpass.transform.features import as_numbers, as_text, holds_numbers


def as_inputs(model: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that `model` was fitted on, of `frame`. Raises CallError, naming all that are missing."""
    wanted = column_names(model)
    if not wanted:  # fitted on an array: there is nothing to go by but the order
        return frame
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        close = [match for name in missing for match in difflib.get_close_matches(name, frame.columns, n=1)]
        raise CallError(
            f"the model needs columns that are not there: {', '.join(missing)}."
            + (f" Did you mean {', '.join(close)}?" if close else "")
            + f" There are: {', '.join(map(str, frame.columns))}"
        )
    numeric, text = columns_by_kind(model)
    return pd.DataFrame({name: _column(frame[name], numeric, text) for name in wanted}, index=frame.index)


def column_names(model: Any) -> tuple[str, ...]:
    """The columns that a scikit-learn model was fitted on, in order; none where it was fitted on an array."""
    return tuple(str(name) for name in getattr(model, "feature_names_in_", ()))


def infinite_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    """Names of the columns of floats with an infinity in them, which models read as missing."""
    return tuple(
        str(name)
        for name, column in frame.items()
        if column.dtype == np.float64 and np.isinf(column.to_numpy()).any()
    )


def columns_by_kind(model: Any) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the columns that the model reads as numbers and as text; those of which it cannot be told are
    in neither.

    Told by the ColumnTransformer in front: a step that learnt categories which are text reads text, every
    other step in it numbers.
    """
    numeric: set[str] = set()
    text: set[str] = set()
    for transformer in _column_transformers(model):
        for _, step, columns in transformer.transformers_:
            names = [name for name in columns if isinstance(name, str)] if isinstance(columns, list) else []
            learnt = _categories(step)
            if learnt is None:
                numeric.update(names if step != "drop" else ())
                continue
            for name, categories in zip(names, learnt, strict=False):
                holds_text = any(isinstance(category, str) for category in categories.tolist())
                (text if holds_text or categories.dtype == object else numeric).add(name)
    return frozenset(numeric), frozenset(text)


def _column(column: pd.Series, numeric: frozenset[str], text: frozenset[str]) -> pd.Series:
    if column.name in text:
        return as_text(column)
    if column.name in numeric or holds_numbers(column):
        return as_numbers(column)
    return as_text(column)


def _column_transformers(model: Any) -> Iterator[Any]:
    """The column transformers that see the columns as they come: the model itself, or the first step of a
    pipeline.
    """
    if hasattr(model, "transformers_"):
        yield model
    elif getattr(model, "steps", None):
        yield from _column_transformers(model.steps[0][1])
    elif hasattr(model, "calibrated_classifiers_"):
        yield from _column_transformers(model.calibrated_classifiers_[0].estimator)


def _categories(step: Any) -> Any:
    """What an encoder, or a pipeline with one in it, learnt of each column; None for every other step."""
    for part in [one for _, one in getattr(step, "steps", [])] or [step]:
        if hasattr(part, "categories_"):
            return part.categories_
    return None

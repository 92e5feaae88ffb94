"""Columns as models get them: numbers as float64, everything else as text, what is missing as NaN."""

from __future__ import annotations

import datetime
import numbers
from decimal import Decimal

import numpy as np
import pandas as pd

from hotpass.errors import CallError

_TEXT = ("string", "empty")
_MOST_SHOWN = 5


def holds_numbers(column: pd.Series) -> bool:
    """Whether all its values are numbers or booleans, however the column stores them."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return True
    if column.dtype != object or not column.notna().any():
        return False
    return all(isinstance(value, bool | numbers.Real | Decimal | np.bool_) for value in column.dropna())


def holds_dates(column: pd.Series) -> bool:
    """Whether it has a time, a date or a duration in it."""
    if isinstance(column.dtype, pd.DatetimeTZDtype | pd.PeriodDtype) or column.dtype.kind in "mM":
        return True
    kinds = datetime.date | datetime.time | datetime.timedelta
    return column.dtype == object and any(isinstance(value, kinds) for value in column.dropna())


def as_numbers(column: pd.Series) -> pd.Series:
    """float64, with missing values and infinities as NaN. Raises CallError for text that is not a number."""
    if column.dtype != np.float64:
        values = column.astype("object").where(column.notna(), np.nan)
        try:
            column = values.astype("float64")
        except (TypeError, ValueError):
            numeric = pd.to_numeric(values.map(_number_text, na_action="ignore"), errors="coerce")
            wrong = values[numeric.isna() & values.notna()].unique()
            if len(wrong):
                shown = ", ".join(repr(value) for value in wrong[:_MOST_SHOWN])
                raise CallError(f"column {column.name} must hold numbers; it also holds {shown}.") from None
            column = numeric.astype("float64")
    infinite = np.isinf(column.to_numpy())
    return column.mask(infinite) if infinite.any() else column


def _number_text(value: object) -> str:
    """Booleans are 1 and 0 as text too, as they are where a whole column of a CSV file holds them."""
    text = str(value).strip()
    return {"true": "1", "false": "0"}.get(text.lower(), text)


def as_text(column: pd.Series) -> pd.Series:
    """Objects: the text of each value, NaN where it is missing. Raises CallError for cells that hold several
    values.
    """
    values = column.astype("object")
    values = values.where(column.notna(), np.nan)
    if pd.api.types.infer_dtype(values, skipna=True) in _TEXT:
        return values
    if any(isinstance(value, list | dict | set | tuple | np.ndarray) for value in values):
        raise CallError(
            f"the cells of {column.name} hold lists or the like. Spread them over columns, or leave it out."
        )
    return values.map(str, na_action="ignore").astype("object")

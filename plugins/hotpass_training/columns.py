"""Which columns are learnt from, and of which kind they are."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from hotpass.errors import CallError
from hotpass.transform.features import as_numbers, as_text, holds_dates, holds_numbers

#: A text column whose values nearly all differ is an identifier, from this many rows on.
_ENOUGH_ROWS = 50
_NEARLY_ALL = 0.9


class Columns(NamedTuple):
    """Names of the feature columns by kind; together in the order of the data set."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.numeric, *self.categorical)


def choose_columns(dataset: pd.DataFrame, target: str, features: Sequence[str] | None) -> tuple[str, ...]:
    """The names to learn from: `features`, or all but the target. Raises CallError for what cannot be."""
    names = list(dataset.columns)
    not_text = [name for name in names if not isinstance(name, str)]
    if not_text:
        raise CallError(
            f"column names must be text; these are not: {not_text[:5]}. Set them: dataset.columns = [...]"
        )
    twice = sorted(dataset.columns[dataset.columns.duplicated()].unique())
    if twice:
        raise CallError(f"the data set has columns of the same name: {', '.join(twice)}. Rename them.")
    _require(dataset, [target], "target")
    if features is None:
        chosen = tuple(name for name in names if name != target)
    else:
        if isinstance(features, str):
            raise CallError(f"feature_columns is the text {features!r}; give a list of column names.")
        chosen = tuple(dict.fromkeys(features))
        _require(dataset, chosen, "feature")
        if target in chosen:
            raise CallError(
                f"the target {target!r} is among the feature columns: the model would be told the answer."
            )
    if not chosen:
        raise CallError("there is no column to learn from.")
    return chosen


def prepare(dataset: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, Columns, list[str]]:
    """The features as the model gets them, their kinds, and warnings.

    Numbers and booleans become float64, with missing values and infinities as NaN; everything else becomes
    text, with missing values as NaN. Raises CallError for dates and for columns whose cells hold more than
    one value.
    """
    dates = [name for name in names if holds_dates(dataset[name])]
    if dates:
        raise CallError(
            f"these columns hold dates: {', '.join(dates)}. Turn them into numbers (days since …), or leave "
            "them out."
        )
    out, numeric, categorical, warnings = {}, [], [], []
    for name in names:
        column = dataset[name]
        if holds_numbers(column):
            out[name] = as_numbers(column)
            numeric.append(name)
            infinite = int((column.notna() & out[name].isna()).sum())
            if infinite:
                warnings.append(f"{name} has {infinite} infinite values; they count as missing.")
        else:
            out[name] = as_text(column)
            categorical.append(name)
            if len(column) >= _ENOUGH_ROWS and out[name].nunique() >= _NEARLY_ALL * len(column):
                warnings.append(
                    f"{name} is different in nearly every row; if it is an identifier, leave it out."
                )
        if out[name].isna().all():
            warnings.append(f"{name} has no value at all.")
    return pd.DataFrame(out, index=dataset.index), Columns(tuple(numeric), tuple(categorical)), warnings


def _require(dataset: pd.DataFrame, wanted: Sequence[str], kind: str) -> None:
    missing = [name for name in wanted if name not in dataset.columns]
    if not missing:
        return
    close = [
        match for name in missing for match in difflib.get_close_matches(str(name), dataset.columns, n=1)
    ]
    raise CallError(
        f"the data set has no {kind} column {', '.join(map(repr, missing))}."
        + (f" Did you mean {', '.join(map(repr, close))}?" if close else "")
        + f" It has: {', '.join(dataset.columns)}"
    )

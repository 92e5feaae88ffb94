"""Columns as numbers and as text."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from hotpass.errors import CallError
from hotpass.transform.features import as_numbers, as_text, holds_dates, holds_numbers


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], [1.0, 2.0]), ([True, False], [1.0, 0.0]), ([True, None], [1.0, np.nan]), (["1", " 2.5 "],
        [1.0, 2.5]),
        (["True", "false"], [1.0, 0.0]), ([Decimal("1.5"), None], [1.5, np.nan]), ([np.inf, -np.inf],
        [np.nan, np.nan]),
        (pd.array([1, None], dtype="Int8"), [1.0, np.nan]), ([None, None], [np.nan, np.nan]), ([], []),
        (["inf", "1e3"], [np.nan, 1000.0]),
    ],
)  # fmt: skip
def test_numbers(values, expected):
    found = as_numbers(pd.Series(values, name="x"))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found.to_numpy(), np.array(expected, dtype=float))


def test_text_that_is_no_number_is_named():
    with pytest.raises(CallError, match=r"column x must hold numbers; it also holds 'a', 'b'\."):
        as_numbers(pd.Series(["1", "a", "b", "a", None], name="x"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", None, "b"], ["a", np.nan, "b"]), ([1, "a", pd.NA], ["1", "a", np.nan]), (pd.Categorical(["a",
        None]), ["a", np.nan]),
        (pd.array(["a", None], dtype="string"), ["a", np.nan]), ([True, False], ["True", "False"]),
    ],
)  # fmt: skip
def test_text(values, expected):
    found = as_text(pd.Series(values, name="x"))
    assert found.dtype == object
    assert [v if isinstance(v, str) else None for v in found] == [
        v if isinstance(v, str) else None for v in expected
    ]
    assert all(isinstance(v, str) or (isinstance(v, float) and np.isnan(v)) for v in found)


def test_kinds():
    assert holds_numbers(pd.Series([1, None], dtype=object))
    assert not holds_numbers(pd.Series([None, None], dtype=object))
    assert not holds_numbers(pd.Series(["1", "2"]))
    assert holds_dates(pd.Series([None, datetime.time(1, 2)], dtype=object))
    assert holds_dates(pd.Series(pd.period_range("2026-01", periods=2, freq="M")))
    assert not holds_dates(pd.Series(["2026-01-01"]))

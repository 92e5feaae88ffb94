"""Which columns are learnt from, and as what."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from hotpass.errors import CallError
from hotpass_training.columns import choose_columns, prepare

TABLE = pd.DataFrame({
    "age": [30, 40, None],
    "visits": pd.array([1, None, 3], dtype="Int64"),
    "member": [True, None, False],
    "price": [Decimal("1.5"), Decimal("2"), None],
    "size": [1.0, np.inf, 3.0],
    "branch": ["trade", None, "craft"],
    "tier": pd.Categorical(["a", "b", None]),
    "mixed": ["x", 1, None],
    "won": [1, 0, 1],
})  # fmt: skip


def test_numbers_become_floats_and_everything_else_text():
    names = choose_columns(TABLE, "won", None)
    features, columns, warnings = prepare(TABLE, names)
    assert columns.numeric == ("age", "visits", "member", "price", "size")
    assert columns.categorical == ("branch", "tier", "mixed")
    assert set(features[list(columns.numeric)].dtypes) == {np.dtype("float64")}
    assert set(features[list(columns.categorical)].dtypes) == {np.dtype("O")}
    assert features["member"].tolist()[::2] == [1.0, 0.0]
    assert np.isnan(features["size"][1])
    assert features["mixed"].tolist()[:2] == ["x", "1"]
    assert all(isinstance(value, float) and np.isnan(value) for value in features.loc[[1], "branch"])
    assert warnings == ["size has 1 infinite values; they count as missing."]


def test_feature_columns_choose_and_repeat_only_once():
    assert choose_columns(TABLE, "won", ["branch", "age", "branch"]) == ("branch", "age")


@pytest.mark.parametrize(
    ("table", "target", "features", "says"),
    [
        (TABLE, "bought", None, r"no target column 'bought'"),
        (TABLE, "wonn", None, r"Did you mean 'won'\?"),
        (TABLE, "won", ["age", "brunch"], r"no feature column 'brunch'. Did you mean 'branch'"),
        (TABLE, "won", ["age", "won"], "the model would be told the answer"),
        (TABLE, "won", "age", "give a list"),
        (TABLE[["won"]], "won", None, "no column to learn from"),
        (TABLE, "won", [], "no column to learn from"),
        (TABLE.rename(columns={"age": "size"}), "won", None, "same name: size"),
        (TABLE.rename(columns={"age": 7}), "won", None, r"must be text; these are not: \[7\]"),
    ],
)
def test_columns_that_cannot_be(table, target, features, says):
    with pytest.raises(CallError, match=says):
        choose_columns(table, target, features)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (pd.to_datetime(["2026-01-01", "2026-01-02"]), "hold dates: x"),
        (pd.to_datetime(["2026-01-01", "2026-01-02"]).tz_localize("UTC"), "hold dates: x"),
        (pd.to_timedelta([1, 2]), "hold dates: x"),
        ([date(2026, 1, 1), None], "hold dates: x"),
        ([["a"], ["b"]], "the cells of x hold lists"),
    ],
)
def test_what_cannot_be_learnt_from(values, says):
    with pytest.raises(CallError, match=says):
        prepare(pd.DataFrame({"x": values}), ["x"])


def test_identifiers_and_empty_columns_are_pointed_out():
    table = pd.DataFrame({"email": [f"{n}@example.com" for n in range(60)], "fax": [None] * 60})
    _, _, warnings = prepare(table, ["email", "fax"])
    assert warnings == [
        "email is different in nearly every row; if it is an identifier, leave it out.", "fax has no value "
        "at all.",
    ]  # fmt: skip

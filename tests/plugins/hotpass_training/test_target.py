"""What counts as won and lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hotpass.errors import CallError
from hotpass_training.target import read_target


@pytest.mark.parametrize(
    "values",
    [
        [1, 0, 1], [1.0, 0.0, 1.0], [True, False, True], ["yes", "no", "yes"], ["Yes", " NO ", "y"], ["t",
        "false", "TRUE"],
        pd.array([1, 0, 1], dtype="Int64"), pd.array([True, False, True], dtype="boolean"),
        pd.Categorical(["Yes", "No", "Yes"]), ["1", "0", "1"],
    ],
)  # fmt: skip
def test_all_ways_to_say_it(values):
    target = read_target(pd.Series(values, name="won"))
    assert target.values.tolist() == [1, 0, 1]
    assert target.known.all()


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA, ""])
def test_rows_that_do_not_say_are_left_out(gap):
    target = read_target(pd.Series(["yes", gap, "no"], name="won"))
    assert target.values.tolist() == [1, 0]
    assert target.known.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1, 2, 0], "It also holds: 2"),
        (["won", "lost"], "It also holds: lost, won"),
        ([0.5, 1, 0], "It also holds: 0.5"),
        ([-1, 1], "It also holds: -1"),
        (list("abcdefghij"), "a, b, c, d, e, g …"),
        ([1, 1, 1], "all 3 leads with a value in 'won' were won"),
        ([0, None, 0], "all 2 leads with a value in 'won' were lost"),
        ([None, None], "has no value at all"),
        ([], "has no value at all"),
    ],
)
def test_everything_else_is_one_clear_error(values, says):
    with pytest.raises(CallError, match=says):
        read_target(pd.Series(values, name="won"))

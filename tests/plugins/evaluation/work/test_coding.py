"""Target values as 0 and 1, and the positive class of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.coding import Target, looks_like_classes, positive_index


def _coded(values: list[Any], positive: Any = None, *, numbers: bool = False) -> list[float]:
    target = Target("y", positive, numbers=numbers)
    target.add(pa.array(values[:1]))
    target.add(pa.array(values[1:], pa.array(values).type))
    return list(target.values(len(values)))


@pytest.mark.parametrize(
    ("values", "positive", "found"),
    [
        (["yes", "no", "Yes "], None, [1, 0, 1]),
        ([1, 0, 1], None, [1, 0, 1]),
        ([1.0, 0.0, 1.0], None, [1, 0, 1]),
        ([True, False, True], None, [1, 0, 1]),
        (["won", "lost", "open"], "won", [1, 0, 0]),
        (["Won", "lost", "won"], "won", [1, 0, 1]),
        ([3, 2, 3], 3, [1, 0, 1]),
        ([3.0, 2.0, 3.0], 3, [1, 0, 1]),
        (["yes", "no", "yes"], True, [1, 0, 1]),
        (["yes", "no", "yes"], False, [0, 1, 0]),
        ([1, 0, 1], "1", [1, 0, 1]),
    ],
)
def test_classes(values: list[Any], positive: Any, found: list[float]) -> None:
    assert _coded(values, positive) == found


@pytest.mark.parametrize(
    ("values", "positive", "numbers", "said"),
    [
        (["yes", None, "no"], None, False, "1 of 3 rows have no value in the target y"),
        (["won", "lost", "won"], None, False, "It also holds: won.*positive: won"),
        (
            ["won", "lost", "won"],
            "win",
            False,
            "no row has the positive value 'win' in y. It holds: won, lost",
        ),
        (["a", "b", "c"], None, True, "must hold numbers for a regressor; it holds string"),
        ([1.0, np.nan, 2.0], None, True, "1 of 3 rows have no value"),
        ([1.0, np.inf, 2.0], None, True, "holds infinite values"),
    ],
)
def test_what_cannot_be_coded(values: list[Any], positive: Any, numbers: bool, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        _coded(values, positive, numbers=numbers)


def test_numbers_stay() -> None:
    assert _coded([1.5, -2, 0], numbers=True) == [1.5, -2.0, 0.0]


@pytest.mark.parametrize(
    ("classes", "positive", "place"),
    [
        ([0, 1], None, 1), ([0, 1], "yes", 1), (["yes", "no"], None, 0), ([False, True], None, 1),
        (["lost", "open", "won"], "won", 2), (np.array([0.0, 1.0]), 1, 1), (np.array(["1", "0"]), True, 0),
    ],
)  # fmt: skip
def test_the_positive_class(classes: Any, positive: Any, place: int) -> None:
    assert positive_index(list(classes), positive, "the challenger") == place


@pytest.mark.parametrize(
    ("classes", "positive"), [(["a", "b"], None), ([0, 1, 2], "won"), (["a", "b"], "won")]
)
def test_no_positive_class(classes: list[Any], positive: Any) -> None:
    with pytest.raises(Unusable, match=r"the challenger knows the classes .*positive: …"):
        positive_index(classes, positive, "the challenger")


def test_what_looks_like_classes() -> None:
    assert looks_like_classes(pa.array(["yes", "no", None]))
    assert not looks_like_classes(pa.array([0.0, 1.0, 2.0]))

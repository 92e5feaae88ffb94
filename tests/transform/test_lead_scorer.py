"""Scores from weighted signals."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.errors import CallError
from hotpass.transform.scoring import DEFAULT_WEIGHTS, LeadScorer
from support.leads import FOUR_ROWS

SIGNALS = st.one_of(st.none(), st.floats(0, 1))


def test_the_default_signals_are_those_of_the_guide():
    assert set(DEFAULT_WEIGHTS) == set(FOUR_ROWS.columns) - {"won"}
    assert math.fsum(DEFAULT_WEIGHTS.values()) == pytest.approx(1.0)
    scores = LeadScorer().score(FOUR_ROWS)
    assert scores[0] == pytest.approx(0.2 * 0.9 + 0.2 * 0.8 + 0.15 * 0.7 + 0.15 * 1.0 + 0.3 * 0.9)
    assert scores.rank().tolist() == [4.0, 2.0, 3.0, 1.0]


def test_weights_are_shares():
    scorer = LeadScorer({"a": 3, "b": 1})
    assert scorer.weights == {"a": 0.75, "b": 0.25}
    assert scorer.score(pd.DataFrame({"a": [1.0], "b": [0.0]}))[0] == 0.75


@given(
    st.lists(st.tuples(SIGNALS, SIGNALS, SIGNALS), min_size=1, max_size=5),
    st.tuples(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e-3, 1e6)),
)
def test_a_score_lies_in_its_bounds_and_more_is_never_less(rows, weights):
    scorer = LeadScorer(dict(zip("abc", weights, strict=True)))
    frame = pd.DataFrame(rows, columns=list("abc"), dtype=float)
    scores = scorer.score(frame)
    assert ((scores >= 0) & (scores <= 1)).all()
    better = scorer.score(frame.fillna(0).map(lambda value: min(1.0, value + 0.1)))
    assert (better >= scores - 1e-12).all()


def test_what_is_missing_speaks_for_nobody():
    frame = pd.DataFrame({"a": [1.0, 1.0, None], "b": [0.5, None, None]})
    assert LeadScorer({"a": 1, "b": 1}).score(frame).tolist() == [0.75, 0.5, 0.0]


def test_reasons_are_the_strongest_signals():
    frame = pd.DataFrame({"a": [1.0, 0.0], "b": [0.5, 0.0], "c": [0.0, 0.0]}, index=["x", "y"])
    reasons = LeadScorer({"a": 1, "b": 2, "c": 1}).reasons(frame, most=2)
    assert reasons.to_dict() == {"x": "a 0.25, b 0.25", "y": ""}


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": -1, "b": 2}, {"a": math.nan}, {"a": math.inf}])
def test_weights_that_make_no_sense(weights):
    with pytest.raises(CallError, match="weight"):
        LeadScorer(weights)


def test_a_signal_on_another_scale_is_refused_and_a_rounding_error_is_not():
    with pytest.raises(
        CallError, match=r"the signal a must lie in \[0, 1\]; 1 rows lie outside, for example 80"
    ):
        LeadScorer({"a": 1}).score(pd.DataFrame({"a": [0.2, 80]}))
    assert LeadScorer({"a": 1}).score(pd.DataFrame({"a": [np.nextafter(1, 2)]}))[0] == 1.0


def test_signals_that_are_no_columns_are_named():
    with pytest.raises(CallError, match="not among the columns: b, c"):
        LeadScorer({"a": 1, "b": 1, "c": 1}).score(pd.DataFrame({"a": [1.0]}))

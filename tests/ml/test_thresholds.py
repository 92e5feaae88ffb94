"""Thresholds of training runs say what the gate `metric_threshold` says."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.errors import CallError
from hotpass.gates import ParameterError
from hotpass.ml.thresholds import missed, read_thresholds
from hotpass.testing import candidate, judge
from hotpass_gates.metric_threshold import MetricThreshold

NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-20, 20).map(lambda n: n / 20),
    st.integers(1, 100).map(lambda n: n / 100 + 0.1 - 0.1),
)


@given(value=NUMBERS, low=NUMBERS)
def test_they_compare_as_the_gate_does(value, low):
    try:
        gate = judge(MetricThreshold, {"roc_auc": {"at_least": low}}, candidate(metrics={"roc_auc": value}))
    except (ParameterError, CallError):
        with pytest.raises(CallError):
            read_thresholds({"roc_auc": low})
        return
    assert bool(missed({"roc_auc": value}, read_thresholds({"roc_auc": low}))) == (gate.verdict != "passed")


def test_decimals_are_compared_as_a_person_reads_them():
    limits = read_thresholds({"roc_auc": 0.85})
    assert missed({"roc_auc": 0.8 + 0.05 - 1e-16}, limits) == []
    assert missed({"roc_auc": 0.8499}, limits) == ["roc_auc is 0.8499, wanted at least 0.85"]


def test_a_loss_is_a_most():
    limits = read_thresholds({"log_loss": 0.5, "brier_score": 0.1})
    assert missed({"log_loss": 0.4, "brier_score": 0.2}, limits) == ["brier_score is 0.2, wanted at most 0.1"]


def test_both_sides_can_be_said():
    limits = read_thresholds({"recall": {"at_least": 0.5, "at_most": 0.9}})
    assert missed({"recall": 0.7}, limits) == []
    assert missed({"recall": 0.95}, limits) == ["recall is 0.95, wanted at least 0.5 and at most 0.9"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_what_was_not_measured_misses(value):
    metrics = {} if value is None else {"roc_auc": value}
    assert len(missed(metrics, read_thresholds({"roc_auc": 0.0}))) == 1


@pytest.mark.parametrize(
    ("thresholds", "says"),
    [
        ({"lead_joy": 0.5}, "'at_least': 0.5"),
        ({"roc_auc": math.nan}, "not a finite number"),
        ({"roc_auc": "0.7"}, "not a finite number"),
        ({"roc_auc": True}, "not a finite number"),
        ({"roc_auc": None}, "is None"),
        ({"roc_auc": {}}, "at_least and at_most"),
        ({"roc_auc": {"min": 1}}, "not min"),
    ],
)
def test_what_makes_no_sense_is_refused(thresholds, says):
    with pytest.raises(CallError, match=says):
        read_thresholds(thresholds)

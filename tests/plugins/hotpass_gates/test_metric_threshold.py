from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.candidate import Metric
from hotpass.gates import ParameterError
from hotpass.testing import candidate, judge
from hotpass.verdicts import Verdict
from hotpass_gates.metric_threshold import MetricThreshold

GATE = MetricThreshold
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def verdict(parameters, **facts):
    return judge(GATE, parameters, candidate(**facts))


@pytest.mark.parametrize(
    ("limits", "value"),
    [
        ({"at_least": 0.7}, 0.7),
        ({"at_least": 0.7}, 0.9),
        ({"at_most": 0.5}, 0.5),
        ({"at_most": 0.5}, -3.0),
        ({"at_least": 0.2, "at_most": 0.3}, 0.25),
        ({"at_least": 0.3, "at_most": 0.3}, 0.1 * 3),
        ({"at_least": 0.85}, 0.80 + 0.05),
        ({"at_least": 0.8}, sum([0.1] * 8)),
        ({"at_least": -1}, 0.0),
        ({"at_least": 0}, -0.0),
        ({"at_least": 10**18}, 1e18),
    ],
)
def test_reached(limits, value):
    result = verdict({"roc_auc": limits}, metrics={"roc_auc": value})
    assert result.verdict is Verdict.PASSED
    assert result.evidence == {"roc_auc": value}


@pytest.mark.parametrize(
    ("limits", "value", "said"),
    [
        ({"at_least": 0.7}, 0.69, "roc_auc is 0.69, wanted at least 0.7"),
        ({"at_least": 0.85}, 0.8499999, "roc_auc is 0.8499999, wanted at least 0.85"),
        ({"at_most": 0.5}, 0.51, "roc_auc is 0.51, wanted at most 0.5"),
        ({"at_least": 0.2, "at_most": 0.3}, 0.1, "roc_auc is 0.1, wanted at least 0.2 and at most 0.3"),
        ({"at_least": 0.2, "at_most": 0.3}, 0.4, "roc_auc is 0.4, wanted at least 0.2 and at most 0.3"),
    ],
)
def test_missed(limits, value, said):
    result = verdict({"roc_auc": limits}, metrics={"roc_auc": value})
    assert result.verdict is Verdict.FAILED
    assert result.message == said


def test_every_metric_must_reach_its_value_and_every_miss_is_named():
    both = {"roc_auc": {"at_least": 0.7}, "log_loss": {"at_most": 0.5}}
    assert verdict(both, metrics={"roc_auc": 0.8, "log_loss": 0.4}).verdict is Verdict.PASSED
    assert verdict(both, metrics={"roc_auc": 0.8, "log_loss": 0.6}).verdict is Verdict.FAILED
    result = verdict(both, metrics={"roc_auc": 0.6})
    assert "roc_auc is 0.6" in result.message
    assert "logged no metric log_loss" in result.message


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "limits", [{"at_least": 0.7}, {"at_most": 0.7}, {"at_least": -1e308, "at_most": 1e308}]
)
def test_nan_and_infinity_fail(value, limits):
    result = verdict({"roc_auc": limits}, metrics={"roc_auc": value})
    assert result.verdict is Verdict.FAILED
    assert f"logged {value} as roc_auc" in result.message


def test_a_missing_metric_fails_and_names_those_logged():
    result = verdict({"roc_auc": {"at_least": 0.7}}, metrics={"val_roc_auc": 0.9, "recall": 0.4})
    assert result.verdict is Verdict.FAILED
    assert "it logged recall, val_roc_auc" in result.message
    assert "Did you mean val_roc_auc?" in result.message


def test_a_missing_metric_among_very_many_names_the_first():
    result = verdict({"roc_auc": {"at_least": 0.7}}, metrics={f"m{number:03}": 1.0 for number in range(100)})
    assert "m011 and 88 more" in result.message


@pytest.mark.parametrize("facts", [{}, {"run": False}])
def test_no_metric_at_all_fails(facts):
    result = verdict({"roc_auc": {"at_least": 0.7}}, **facts)
    assert result.verdict is Verdict.FAILED
    assert "no other either" in result.message


def test_with_a_data_set_only_what_was_measured_on_it_counts():
    wanted = {"roc_auc": {"at_least": 0.7, "dataset": "validation"}}
    good = Metric("roc_auc", 0.8, "logged model", "validation", "ab12")
    assert verdict(wanted, metrics={"roc_auc": good}).verdict is Verdict.PASSED
    elsewhere = verdict(wanted, metrics={"roc_auc": good._replace(dataset="training")})
    assert elsewhere.verdict is Verdict.FAILED
    assert "it logged roc_auc measured on training" in elsewhere.message
    nowhere = verdict(wanted, metrics={"roc_auc": 0.8})
    assert nowhere.verdict is Verdict.FAILED
    assert "without one" in nowhere.message


def test_the_logged_model_counts_before_the_run():
    facts = {"metrics": {"run's": 0.9, "roc_auc": Metric("roc_auc", 0.5, "logged model")}}
    assert verdict({"roc_auc": {"at_least": 0.7}}, **facts).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({}, ()),
        ("roc_auc", ()),
        ({"roc_auc": 0.7}, ("roc_auc",)),
        ({"roc_auc": {}}, ("roc_auc",)),
        ({"roc_auc": {"dataset": "validation"}}, ("roc_auc",)),
        ({"roc_auc": {"at_least": "0.7"}}, ("roc_auc", "at_least")),
        ({"roc_auc": {"at_least": True}}, ("roc_auc", "at_least")),
        ({"roc_auc": {"at_leest": 0.7}}, ("roc_auc",)),
        ({"roc_auc": {"at_least": math.nan}}, ("roc_auc", "at_least")),
        ({"roc_auc": {"at_most": math.inf}}, ("roc_auc", "at_most")),
        ({"roc_auc": {"at_least": 10**400}}, ("roc_auc", "at_least")),
        ({"roc_auc": {"at_least": 0.9, "at_most": 0.5}}, ("roc_auc", "at_most")),
    ],
)
def test_wrong_parameters(parameters, path):
    with pytest.raises(ParameterError) as caught:
        verdict(parameters)
    assert caught.value.path == path


@given(FINITE, FINITE)
def test_at_least_and_at_most_leave_no_gap(value, limit):
    at_least = verdict({"m": {"at_least": limit}}, metrics={"m": value}).verdict
    at_most = verdict({"m": {"at_most": limit}}, metrics={"m": value}).verdict
    assert Verdict.PASSED in (at_least, at_most)
    exactly = verdict({"m": {"at_least": limit, "at_most": limit}}, metrics={"m": value}).verdict
    assert (exactly is Verdict.PASSED) == (at_least is at_most is Verdict.PASSED)


@given(FINITE, FINITE, FINITE)
def test_a_better_metric_never_does_worse(a, b, limit):
    small, large = sorted((a, b))
    if verdict({"m": {"at_least": limit}}, metrics={"m": small}).verdict is Verdict.PASSED:
        assert verdict({"m": {"at_least": limit}}, metrics={"m": large}).verdict is Verdict.PASSED
    if verdict({"m": {"at_most": limit}}, metrics={"m": large}).verdict is Verdict.PASSED:
        assert verdict({"m": {"at_most": limit}}, metrics={"m": small}).verdict is Verdict.PASSED

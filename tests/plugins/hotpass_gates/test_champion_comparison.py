from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.candidate import Metric
from hotpass.gates import ParameterError
from hotpass.testing import candidate, judge
from hotpass.verdicts import Verdict
from hotpass_gates.champion_comparison import ChampionComparison

GATE = ChampionComparison
#: Numbers as people write them, with both signs and zero: hundredths.
WRITTEN = st.integers(-100_000, 100_000).map(lambda n: n / 100)
MARGIN = st.integers(0, 10_000).map(lambda n: n / 100)


def compare(how, ours, theirs, metric="roc_auc"):
    who = candidate(metrics={metric: ours}, champion={"version": 1, "metrics": {metric: theirs}})
    return judge(GATE, {metric: how}, who)


def passes(how, ours, theirs, metric="roc_auc"):
    return compare(how, ours, theirs, metric).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("how", "ours", "theirs", "good"),
    [
        ({"may_lose_at_most": 0.005}, 0.81, 0.80, True),
        ({"may_lose_at_most": 0.005}, 0.795, 0.80, True),
        ({"may_lose_at_most": 0.005}, 0.7949, 0.80, False),
        ({"may_lose_at_most": 0}, 0.80, 0.80, True),
        ({"may_lose_at_most": 0}, 0.7999999, 0.80, False),
        ({"may_lose_at_most": 0}, 0.7 + 0.1, 0.80, True),
        ({"better_than_champion_by": 0.05}, 0.85, 0.80, True),
        ({"better_than_champion_by": 0.05}, 0.80 + 0.05, 0.80, True),
        ({"better_than_champion_by": 0.05}, 0.849, 0.80, False),
        ({"better_than_champion_by": 0}, 0.80, 0.80, False),
        ({"better_than_champion_by": 0}, 0.80 + 1e-16, 0.80, False),
        ({"better_than_champion_by": 0}, 0.8000001, 0.80, True),
        ({"better_than_champion_by": 0}, 0.79, 0.80, False),
        ({"may_lose_at_most": 1, "unit": "percent_of_champion"}, 0.792, 0.80, True),
        ({"may_lose_at_most": 1, "unit": "percent_of_champion"}, 0.7919, 0.80, False),
        ({"better_than_champion_by": 10, "unit": "percent_of_champion"}, 0.88, 0.80, True),
        ({"better_than_champion_by": 10, "unit": "percent_of_champion"}, 0.8799, 0.80, False),
        ({"better_than_champion_by": 0, "unit": "percent_of_champion"}, 0.80, 0.80, False),
    ],
)
def test_higher_is_better(how, ours, theirs, good):
    assert passes(how, ours, theirs) is good


@pytest.mark.parametrize(
    ("how", "ours", "theirs", "good"),
    [
        ({"may_lose_at_most": 0.01}, 0.41, 0.40, True),
        ({"may_lose_at_most": 0.01}, 0.4101, 0.40, False),
        ({"may_lose_at_most": 0}, 0.40, 0.40, True),
        ({"better_than_champion_by": 0.01}, 0.39, 0.40, True),
        ({"better_than_champion_by": 0.01}, 0.3901, 0.40, False),
        ({"better_than_champion_by": 0}, 0.40, 0.40, False),
        ({"better_than_champion_by": 25, "unit": "percent_of_champion"}, 0.30, 0.40, True),
        ({"may_lose_at_most": 25, "unit": "percent_of_champion"}, 0.50, 0.40, True),
        ({"may_lose_at_most": 25, "unit": "percent_of_champion"}, 0.51, 0.40, False),
        ({"may_lose_at_most": 0.01, "direction": "lower"}, 0.41, 0.40, True),
    ],
)
def test_lower_is_better(how, ours, theirs, good):
    assert passes(how, ours, theirs, "log_loss") is good


@pytest.mark.parametrize(
    ("how", "ours", "theirs", "good"),
    [
        ({"may_lose_at_most": 0.1}, -0.1, 0.0, True),
        ({"may_lose_at_most": 0.1}, -0.11, 0.0, False),
        ({"better_than_champion_by": 0.1}, 0.1, 0.0, True),
        ({"better_than_champion_by": 0}, -0.0, 0.0, False),
        ({"may_lose_at_most": 0.1}, -0.6, -0.5, True),
        ({"may_lose_at_most": 0.1}, -0.61, -0.5, False),
        ({"better_than_champion_by": 0.1}, -0.4, -0.5, True),
        ({"may_lose_at_most": 10, "unit": "percent_of_champion"}, -0.55, -0.5, True),
        ({"may_lose_at_most": 10, "unit": "percent_of_champion"}, -0.5501, -0.5, False),
        ({"better_than_champion_by": 10, "unit": "percent_of_champion"}, -0.45, -0.5, True),
        ({"better_than_champion_by": 10, "unit": "percent_of_champion"}, -0.4501, -0.5, False),
    ],
)
def test_zero_and_negative_baselines(how, ours, theirs, good):
    assert passes(how, ours, theirs, "r2") is good


@pytest.mark.parametrize(
    "how", [{"may_lose_at_most": 5}, {"better_than_champion_by": 5}, {"may_lose_at_most": 0}]
)
def test_of_a_champion_at_zero_there_is_no_percentage(how):
    result = compare({**how, "unit": "percent_of_champion"}, 100.0, 0.0)
    assert result.verdict is Verdict.FAILED
    assert "of 0 there is no percentage; use `unit: absolute`" in result.message


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("how", [{"may_lose_at_most": 1e300}, {"better_than_champion_by": 0}])
@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_nan_and_infinity_fail_on_either_side(bad, how, metric):
    ours, theirs = compare(how, bad, 0.8, metric), compare(how, 0.8, bad, metric)
    assert ours.verdict is theirs.verdict is Verdict.FAILED
    assert ours.message.startswith(f"the candidate logged {bad} as {metric}")
    assert theirs.message.startswith(f"the champion, version 1, logged {bad} as {metric}")


def test_a_missing_metric_fails_on_either_side():
    how = {"roc_auc": {"may_lose_at_most": 1}}
    with_it = {"roc_auc": 0.8}
    ours = judge(GATE, how, candidate(metrics={"auc": 1.0}, champion={"metrics": with_it}))
    assert ours.verdict is Verdict.FAILED
    assert "the candidate logged no metric roc_auc; it logged auc" in ours.message
    theirs = judge(GATE, how, candidate(metrics=with_it, champion={"metrics": {}}))
    assert theirs.verdict is Verdict.FAILED
    assert "the champion, version 1, logged no metric roc_auc" in theirs.message
    both = judge(GATE, how, candidate(champion={}))
    assert "the candidate" in both.message
    assert "the champion" in both.message


def test_without_champion_it_fails_unless_the_policy_allows_a_first_one():
    who = candidate(metrics={"roc_auc": 0.8})
    how = {"roc_auc": {"may_lose_at_most": 0.1}}
    denied = judge(GATE, how, who)
    assert denied.verdict is Verdict.FAILED
    assert "`first_champion: allow`" in denied.message
    assert judge(GATE, {**how, "first_champion": "deny"}, who).verdict is Verdict.FAILED
    assert judge(GATE, {**how, "first_champion": "allow"}, who).verdict is Verdict.PASSED


@pytest.mark.parametrize("metrics", [{}, {"roc_auc": math.nan}, {"recall": 0.5}])
def test_a_first_champion_must_have_what_its_challengers_are_compared_by(metrics):
    how = {"roc_auc": {"may_lose_at_most": 0.1}, "first_champion": "allow"}
    result = judge(GATE, how, candidate(metrics=metrics))
    assert result.verdict is Verdict.FAILED
    assert "roc_auc" in result.message


def test_first_champion_allow_does_not_spare_the_comparison():
    who = candidate(metrics={"roc_auc": 0.5}, champion={"metrics": {"roc_auc": 0.8}})
    how = {"roc_auc": {"may_lose_at_most": 0.1}, "first_champion": "allow"}
    assert judge(GATE, how, who).verdict is Verdict.FAILED


def test_the_champion_itself_has_nothing_to_be_compared_with():
    who = candidate(stage="Production", metrics={"roc_auc": 0.5})
    result = judge(GATE, {"roc_auc": {"better_than_champion_by": 0.1}}, who)
    assert result.verdict is Verdict.PASSED
    assert "holds Production itself" in result.message


def test_every_metric_must_hold():
    how = {"roc_auc": {"may_lose_at_most": 0}, "log_loss": {"may_lose_at_most": 0}}
    champion = {"metrics": {"roc_auc": 0.8, "log_loss": 0.4}}
    good = judge(GATE, how, candidate(metrics={"roc_auc": 0.8, "log_loss": 0.4}, champion=champion))
    assert good.verdict is Verdict.PASSED
    assert good.evidence == {"champion": 1, "roc_auc": [0.8, 0.8], "log_loss": [0.4, 0.4]}
    bad = judge(GATE, how, candidate(metrics={"roc_auc": 0.9, "log_loss": 0.5}, champion=champion))
    assert bad.verdict is Verdict.FAILED
    assert "log_loss" in bad.message
    assert "roc_auc" not in bad.message


def test_the_message_has_both_values_the_difference_and_what_was_wanted():
    assert compare({"may_lose_at_most": 0.005}, 0.78, 0.80).message == (
        "roc_auc is 0.78 against the champion's 0.8, worse by 0.02; it may lose at most 0.005"
    )
    assert compare({"better_than_champion_by": 10, "unit": "percent_of_champion"}, 0.81, 0.80).message == (
        "roc_auc is 0.81 against the champion's 0.8, better by 0.01; "
        "it must be better by 0.08 (10 percent of the champion's value)"
    )
    assert compare({"better_than_champion_by": 0}, 0.8, 0.8).message.endswith("the same; it must be better")


def on(dataset, digest, value=0.8):
    return {"roc_auc": Metric("roc_auc", value, "logged model", dataset, digest)}


def test_different_data_is_said_and_the_same_is_not():
    how = {"roc_auc": {"may_lose_at_most": 0}}
    other = candidate(metrics=on("contacts_2026", "aa"), champion={"metrics": on("contacts_2025", "bb")})
    assert "different data, contacts_2026 aa and contacts_2025 bb" in judge(GATE, how, other).message
    same = candidate(metrics=on("contacts", "aa"), champion={"metrics": on("contacts", "aa")})
    assert "different" not in judge(GATE, how, same).message
    unknown = candidate(metrics=on("contacts", "aa"), champion={"metrics": {"roc_auc": 0.8}})
    assert "different" not in judge(GATE, how, unknown).message


def test_with_a_data_set_only_what_was_measured_on_it_counts_on_both_sides():
    how = {"roc_auc": {"may_lose_at_most": 0, "dataset": "validation"}}
    fine = candidate(metrics=on("validation", "aa"), champion={"metrics": on("validation", "aa")})
    assert judge(GATE, how, fine).verdict is Verdict.PASSED
    theirs = candidate(metrics=on("validation", "aa"), champion={"metrics": on("training", "bb")})
    result = judge(GATE, how, theirs)
    assert result.verdict is Verdict.FAILED
    assert "the champion, version 1, logged no roc_auc for the data set validation" in result.message


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({}, ()),
        ({"first_champion": "allow"}, ()),
        ({"first_champion": "maybe", "roc_auc": {"may_lose_at_most": 0}}, ("first_champion",)),
        ({"roc_auc": {}}, ("roc_auc",)),
        ({"roc_auc": {"unit": "absolute"}}, ("roc_auc",)),
        ({"roc_auc": {"may_lose_at_most": 0, "better_than_champion_by": 0}}, ("roc_auc",)),
        ({"roc_auc": {"may_lose_at_most": -0.1}}, ("roc_auc", "may_lose_at_most")),
        ({"roc_auc": {"may_lose_at_most": math.nan}}, ("roc_auc", "may_lose_at_most")),
        ({"roc_auc": {"better_than_champion_by": math.inf}}, ("roc_auc", "better_than_champion_by")),
        ({"roc_auc": {"may_lose_at_most": "1%"}}, ("roc_auc", "may_lose_at_most")),
        ({"roc_auc": {"may_lose_at_most": 1, "unit": "percent"}}, ("roc_auc", "unit")),
        ({"roc_auc": {"may_lose_at_most": 1, "direction": "lower"}}, ("roc_auc", "direction")),
        ({"log_loss": {"may_lose_at_most": 1, "direction": "higher"}}, ("log_loss", "direction")),
        ({"lift_at_10": {"may_lose_at_most": 1}}, ("lift_at_10",)),
        ({"lift_at_10": {"may_lose_at_most": 1, "direction": "up"}}, ("lift_at_10", "direction")),
    ],
)
def test_wrong_parameters(parameters, path):
    with pytest.raises(ParameterError) as caught:
        judge(GATE, parameters, candidate())
    assert caught.value.path == path


def test_a_metric_of_ones_own_says_its_direction():
    assert passes({"better_than_champion_by": 1, "direction": "higher"}, 3.0, 2.0, "lift_at_10")
    assert not passes({"better_than_champion_by": 1, "direction": "lower"}, 3.0, 2.0, "lift_at_10")
    assert passes({"better_than_champion_by": 1, "direction": "lower"}, 1.0, 2.0, "lift_at_10")


@given(WRITTEN, WRITTEN, MARGIN)
def test_absolute_margins_are_arithmetic_on_paper(ours, theirs, margin):
    gain = Fraction(str(ours)) - Fraction(str(theirs))
    assert passes({"may_lose_at_most": margin}, ours, theirs) == (gain >= -Fraction(str(margin)))
    wanted = gain >= Fraction(str(margin)) if margin else gain > 0
    assert passes({"better_than_champion_by": margin}, ours, theirs) == wanted


@given(WRITTEN.filter(bool), WRITTEN.filter(bool), MARGIN)
def test_relative_margins_are_arithmetic_on_paper(ours, theirs, percent):
    gain = Fraction(str(ours)) - Fraction(str(theirs))
    margin = abs(Fraction(str(theirs))) * Fraction(str(percent)) / 100
    unit = {"unit": "percent_of_champion"}
    assert passes({"may_lose_at_most": percent, **unit}, ours, theirs) == (gain >= -margin)
    wanted = gain >= margin if percent else gain > 0
    assert passes({"better_than_champion_by": percent, **unit}, ours, theirs) == wanted


@given(WRITTEN, WRITTEN, MARGIN, st.sampled_from(["absolute", "percent_of_champion"]))
def test_higher_and_lower_mirror_each_other(ours, theirs, margin, unit):
    for key in ("may_lose_at_most", "better_than_champion_by"):
        up = passes({key: margin, "unit": unit, "direction": "higher"}, ours, theirs, "profit")
        down = passes({key: margin, "unit": unit, "direction": "lower"}, -ours, -theirs, "profit")
        assert up == down


@given(WRITTEN, WRITTEN, WRITTEN, MARGIN, st.sampled_from(["absolute", "percent_of_champion"]))
def test_a_better_challenger_never_does_worse(a, b, theirs, margin, unit):
    worse, better = sorted((a, b))
    for key in ("may_lose_at_most", "better_than_champion_by"):
        how = {key: margin, "unit": unit}
        assert passes(how, better, theirs) or not passes(how, worse, theirs)


@given(WRITTEN, WRITTEN.filter(lambda value: value > 0))
def test_a_percentage_of_a_champion_of_one_hundred_is_absolute(ours, margin):
    for key in ("may_lose_at_most", "better_than_champion_by"):
        assert passes({key: margin}, ours, 100.0) == passes(
            {key: margin, "unit": "percent_of_champion"}, ours, 100.0
        )


@given(WRITTEN, WRITTEN)
def test_nobody_loses_and_wins_at_once(ours, theirs):
    strictly_better = passes({"better_than_champion_by": 0}, ours, theirs)
    not_worse_the_other_way = passes({"may_lose_at_most": 0}, theirs, ours)
    assert strictly_better != not_worse_the_other_way

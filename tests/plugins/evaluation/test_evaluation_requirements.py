"""What a policy may ask of metrics, when a figure meets it, and how that is said."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hotpass.gates import ParameterError
from hotpass.testing import make
from hotpass.verdicts import Verdict
from hotpass_evaluation.gates.evaluation import Evaluation
from hotpass_evaluation.gates.metrics import requirements_of
from hotpass_evaluation.gates.requirements import Finding, Requirement, in_words, said, settle, together
from hotpass_evaluation.gates.words import rounded
from hotpass_evaluation.statistics import KNOWN, Interval

BASE = {"data": "holdout.csv", "target": "y"}


def asked(metric="roc_auc", **how) -> Requirement:
    (one,) = requirements_of({metric: how}, 0.95)
    return one


def interval(low, value, high) -> Interval:
    return Interval(value, low, high, "by hand")


# --- verdicts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "low", "high", "verdict"),
    [
        ({"at_least": 0.75}, 0.75, 0.80, "passed"),
        ({"at_least": 0.75}, 0.7499, 0.80, "inconclusive"),
        ({"at_least": 0.75}, 0.70, 0.7499, "failed"),
        ({"at_least": 0.75}, 0.70, 0.75, "inconclusive"),
        ({"at_least": 0.3}, 0.1 + 0.2, 0.4, "passed"),
        ({"better_by": 0.01}, 0.01, 0.02, "passed"),
        ({"better_by": 0.01}, 0.009, 0.02, "inconclusive"),
        ({"better_by": 0.01}, -0.01, 0.009, "failed"),
        ({"better_by": 0}, 0.0001, 0.02, "passed"),
        ({"better_by": 0}, 0.0, 0.02, "inconclusive"),
        ({"better_by": 0}, -0.01, 0.0, "failed"),
        ({"better_by": 0}, 0.0, 0.0, "failed"),
        ({"may_lose_at_most": 0.01}, -0.01, 0.02, "passed"),
        ({"may_lose_at_most": 0.01}, -0.011, 0.02, "inconclusive"),
        ({"may_lose_at_most": 0.01}, -0.05, -0.011, "failed"),
        ({"may_lose_at_most": 0}, 0.0, 0.0, "passed"),
        ({"better_by": 0.01}, -math.inf, math.inf, "inconclusive"),
    ],
)
def test_the_verdict_goes_by_the_bounds(how, low, high, verdict):
    assert settle(asked(**how), interval(low, (low + high) / 2, high)) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.4, 0.5, "passed"), (0.4, 0.501, "inconclusive"), (0.501, 0.6, "failed"), (0.5, 0.6, "inconclusive")],
)
def test_at_most_is_the_mirror_of_at_least(low, high, verdict):
    assert settle(asked("log_loss", at_most=0.5), interval(low, (low + high) / 2, high)) == verdict


numbers = st.floats(-2, 2, allow_nan=False).map(lambda number: round(number, 6))


@given(st.tuples(numbers, numbers).map(sorted), numbers)
def test_at_most_of_a_loss_is_at_least_of_its_negative(ends, limit):
    low, high = ends
    loss = Requirement("loss", "at_most", limit, 0.95, False)
    gain = Requirement("gain", "at_least", -limit, 0.95, True)
    assert settle(loss, interval(low, low, high)) == settle(gain, interval(-high, -low, -low))


@given(st.tuples(numbers, numbers).map(sorted), st.floats(0.001, 1).map(lambda number: round(number, 6)))
def test_losing_is_the_mirror_of_gaining(ends, margin):
    low, high = ends
    assume(margin not in (-low, high, low, -high))
    lose = settle(asked(may_lose_at_most=margin), interval(low, low, high))
    other = settle(asked("r2", better_by=margin), interval(-high, -high, -low))
    mirrored = {"passed": "failed", "failed": "passed", "inconclusive": "inconclusive"}
    assert lose == mirrored[other], (
        "the challenger has not lost so much, where the champion has not gained it"
    )


@given(st.tuples(numbers, numbers).map(sorted), st.sampled_from(["better_by", "may_lose_at_most"]))
def test_what_passes_a_stricter_margin_passes_a_laxer_one(ends, kind):
    low, high = ends
    strict, lax = (0.1, 0.05) if kind == "better_by" else (0.05, 0.1)
    found = interval(low, low, high)
    assert (
        settle(asked(**{kind: strict}), found) != "passed" or settle(asked(**{kind: lax}), found) == "passed"
    )


def finding(verdict: str) -> Finding:
    return Finding(asked(at_least=0.5), Verdict(verdict), f"it {verdict}")


@pytest.mark.parametrize(
    ("verdicts", "all_of_them"),
    [
        (["passed", "passed"], "passed"),
        (["passed", "inconclusive"], "inconclusive"),
        (["inconclusive", "failed", "passed"], "failed"),
    ],
)
def test_all_requirements_together(verdicts, all_of_them):
    findings = [finding(verdict) for verdict in verdicts]
    assert together(findings) == all_of_them
    assert said(findings).startswith(f"it {all_of_them}"), "what blocks is said first"


def test_where_the_budget_is_spent_nothing_that_compares_passes():
    better = interval(0.1, 0.2, 0.3)
    found = {"rows": 10, "confidence": 0.95}
    assert Finding.of(asked(better_by=0), better, found).verdict == "passed"
    assert Finding.of(asked(better_by=0), better, found, spent=True).verdict == "inconclusive"
    assert Finding.of(asked(at_least=0.05), better, found, spent=True).verdict == "passed"
    worse = interval(-0.3, -0.2, -0.1)
    assert Finding.of(asked(better_by=0), worse, found, spent=True).verdict == "failed"


# --- words --------------------------------------------------------------------------------------------------


def test_what_is_not_settled_says_what_would_settle_it():
    assert in_words(asked(better_by=0), interval(-0.0018, 0.0021, 0.0060), 8238) == (
        "roc_auc is better by 0.0021 (-0.0018 to 0.0060), and a gain above 0 was wanted: not settled "
        "by these "
        "8,238 rows; some 29,000 would settle it if the difference is what it seems"
    )
    assert in_words(asked(at_least=0.75), interval(0.70, 0.75, 0.80), 100).endswith(
        "not settled by these 100 rows; no number of rows would settle it if it is what it seems"
    )


def test_a_loss_is_said_as_one():
    assert in_words(asked(may_lose_at_most=0.01), interval(-0.0060, -0.0021, 0.0018), 8238) == (
        "roc_auc is worse by 0.0021 (-0.0018 to 0.0060), and it may lose at most 0.01"
    )
    assert in_words(asked(better_by=0.5), interval(0, 0, 0), 10) == (
        "roc_auc is the same as the champion's (0.0000 to 0.0000), and a gain of 0.5 was wanted"
    )


def test_no_rounding_hides_on_which_side_a_bound_is():
    assert in_words(asked(at_least=0.75), interval(0.7499996, 0.78, 0.81), 100).startswith(
        "roc_auc is 0.7800000 (0.7499996 to 0.8100000), and at least 0.75 was wanted: not settled"
    )


def test_numbers():
    assert rounded(-0.00001, 3) == "0.000"
    assert rounded(-12345.678, 1) == "-12,345.7"


def test_the_gate_in_plain_sentences():
    gate = make(Evaluation, {
        **BASE, "alpha_budget": {"total": 0.05, "challengers": 10}, "min_rows": 500, "metrics": {
            "roc_auc": {"at_least": 0.75, "confidence": 0.99, "better_by": 0},
            "lift_at_10": {"at_least": 2},
            "log_loss": {"at_most": 0.5, "may_lose_at_most": 0.01},
            "precision": {"threshold": "logged", "may_lose_at_most": 0},
            "f_beta": {"threshold": 0.3, "beta": 2, "better_by": 0.01},
        },
    })  # fmt: skip
    assert gate.explain() == [
        "On holdout.csv: ROC AUC is at least 0.75, with 99% confidence.",
        "On holdout.csv: ROC AUC is higher than the champion's on the same rows, with 99% confidence.",
        "On holdout.csv: lift at 10 is at least 2, with 95% confidence.",
        "On holdout.csv: log loss is at most 0.5, with 95% confidence.",
        "On holdout.csv: log loss is no more than 0.01 higher than the champion's on the same rows, with 95% "
        "confidence.",
        "On holdout.csv: precision at the decision threshold that each run logged is not lower than the "
        "champion's on the same rows, with 95% confidence.",
        "On holdout.csv: f beta at the threshold 0.3 with beta 2 is at least 0.01 higher than the champion's "
        "on the same rows, with 95% confidence.",
        "It is measured on 500 rows or more, with 10 or more of each class.",
        "The chance that any challenger of one champion passes without being better is at most 5%, "
        "shared by 10 "
        "of them.",
        "Where there is no champion yet, nothing passes.",
    ]


# --- slips of the pen ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metrics", "path", "words", "remedy"),
    [
        ({"auc": {"at_least": 0.7}}, ("auc",), "no metric auc", "Did you mean roc_auc?"),
        ({"roc_acu": {"at_least": 0.7}}, ("roc_acu",), "no metric roc_acu", "Did you mean roc_auc?"),
        ({"f1_score": {"at_least": 0.7}}, ("f1_score",), "no metric f1_score", "Did you mean f1?"),
        ({"profit": {"at_least": 7}}, ("profit",), "no metric profit", "add `direction: higher`"),
        ({"roc_auc": {}}, ("roc_auc",), "nothing is asked", "Give it at_least"),
        ({"roc_auc": {"confidence": 0.9}}, ("roc_auc",), "nothing is asked", "better_by"),
        ({"log_loss": {"at_least": 0.4}}, ("log_loss", "at_least"), "a lower log_loss is the better one",
         "Write at_most."),
        ({"roc_auc": {"at_most": 0.4}}, ("roc_auc", "at_most"), "a higher roc_auc is the better one",
         "Write at_least."),
        ({"roc_auc": {"at_least": 75}}, ("roc_auc", "at_least"), "no model passes at_least: 75",
         "Write a value that it can have."),
        ({"rmse": {"at_most": -1}}, ("rmse", "at_most"), "no model passes at_most: -1", "Write a value"),
        ({"roc_auc": {"better_by": 2}}, ("roc_auc", "better_by"), "no model passes better_by: 2",
         "Write a value"),
        ({"roc_auc": {"better_by": 0, "may_lose_at_most": 0.1}}, ("roc_auc",), "both better_by and",
         "Give it one of the two."),
        ({"roc_auc": {"at_least": math.nan}}, ("roc_auc", "at_least"), "which nothing can be compared with",
         "finite"),
        ({"roc_auc": {"at_least": 0.7, "direction": "higher"}}, ("roc_auc", "direction"), "is known",
         "Leave direction out"),
        ({"roc_auc": {"at_least": 0.7, "threshold": 0.5}}, ("roc_auc", "threshold"), "takes no threshold",
         "Leave it out."),
        ({"precision": {"at_least": 0.7}}, ("precision",), "precision needs threshold", "threshold: logged"),
        ({"lift": {"at_least": 2}}, ("lift",), "lift needs top", "Add `top: 10`"),
        ({"lift_at_10": {"at_least": 2, "top": 5}}, ("lift_at_10", "top"), "says top in its name",
         "Leave it out."),
        ({"lift_at_100": {"at_least": 2}}, ("lift_at_100",), "between 0 and 100", ""),
        ({"expected_value": {"threshold": 0.5, "better_by": 0}}, ("expected_value",), "needs values",
         "Add what"),
        ({"profit": {"direction": "higher", "at_least": 2, "threshold": 0.5}}, ("profit", "threshold"),
         "not for metrics of plugins", "Leave it out."),
    ],
)  # fmt: skip
def test_slips_are_named_with_their_place_and_remedy(metrics, path, words, remedy):
    with pytest.raises(ParameterError) as caught:
        Evaluation({**BASE, "metrics": metrics})
    assert caught.value.path == ("metrics", *path)
    assert words in str(caught.value)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    "parameters",
    [
        {"metrics": {"roc_auc": {"at_least": 0.7, "better_than_champion_by": 0}}},
        {"metrics": {"roc_auc": {"better_by": -0.1}}},
        {"metrics": {"roc_auc": {"at_least": "0.7"}}},
        {"metrics": {"roc_auc": {"at_least": 0.7, "confidence": 0.05}}},
        {"metrics": {"precision": {"at_least": 0.7, "threshold": "best"}}},
        {"metrics": {"expected_value": {"threshold": 0.5, "values": {"tp": 1}, "better_by": 0}}},
        {"metrics": {}},
        {"metrics": {"roc_auc": {"at_least": 0.7}}, "confidence": 95},
        {"metrics": {"roc_auc": {"better_by": 0}}, "alpha_budget": {"challengers": 10}},
        {"metrics": {"roc_auc": {"at_least": 0.7}}, "min_row": 10},
    ],
)
def test_what_the_schema_refuses(parameters):
    with pytest.raises(ParameterError):
        make(Evaluation, {**BASE, **parameters})


@pytest.mark.parametrize("data", [{"artifact": "rows.csv"}, {"dataset": "validation"}], ids=str)
def test_rows_that_the_run_brings_have_no_budget_and_are_explained_as_such(data):
    given = {**BASE, "data": data, "metrics": {"roc_auc": {"better_by": 0}}}
    assert "Whoever trains it chooses these rows: the run itself brings them." in Evaluation(given).explain()
    with pytest.raises(ParameterError, match="each run could bring a test of its own") as caught:
        Evaluation({**given, "alpha_budget": 0.05})
    assert caught.value.path == ("alpha_budget",)


@pytest.mark.parametrize("key", ["alpha_budget", "first_champion"])
def test_what_is_for_comparisons_needs_one(key):
    value = {"alpha_budget": 0.05, "first_champion": "allow"}[key]
    with pytest.raises(ParameterError, match="no metric is compared") as caught:
        make(Evaluation, {**BASE, "metrics": {"roc_auc": {"at_least": 0.7}}, key: value})
    assert caught.value.path == (key,)


def test_every_metric_can_be_asked_for():
    more = {"threshold": 0.5, "top": 10, "values": {"true_positive": 1}}
    for name, known in KNOWN.items():
        how = {key: more[key] for key in known.required}
        one = asked(name, better_by=0, **how)
        assert (one.higher, one.needs) == (known.higher_is_better, known.needs)


def test_confidence_is_that_of_the_metric_or_that_of_all():
    metrics = {"roc_auc": {"at_least": 0.5, "confidence": 0.99}, "brier": {"at_most": 0.5}}
    assert [one.confidence for one in requirements_of(metrics, 0.9)] == [0.99, 0.9]

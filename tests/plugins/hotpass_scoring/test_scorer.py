"""The default scorer: rows as the model wants them, and a chance for each."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression

import hotpass
from hotpass.errors import CallError
from hotpass.plugins import create_manager, register
from hotpass.requests import ScoringRequest, TrainingRequest
from hotpass.transform.lead_scorer import LeadScorer
from hotpass.transform.model_inputs import columns_by_kind
from hotpass_scoring.scorer import score
from hotpass_training.trainer import train
from support.leads import made_up


@pytest.fixture(scope="module")
def model():
    return train(TrainingRequest(made_up(), "won")).model


LEADS = pd.DataFrame({"calls": [1.0, 5.0], "income": [40_000.0, np.nan], "branch": ["trade", "health"]})


def test_the_chance_of_being_won_is_that_of_class_one(model):
    scores = score(ScoringRequest(model, LEADS))
    np.testing.assert_array_equal(scores, model.predict_proba(LEADS)[:, 1])
    assert scores[1] > scores[0]


@pytest.mark.parametrize(
    "leads",
    [
        LEADS[["branch", "income", "calls"]],
        LEADS.assign(name=["a", "b"]),
        LEADS.astype({"calls": int}),
        LEADS.astype({"calls": "Int64", "income": "Float64", "branch": "category"}),
        LEADS.assign(calls=["1", "5"], income=["40000", None]),
        LEADS.assign(calls=[Decimal(1), Decimal(5)]),
        LEADS.assign(branch=pd.array(["trade", "health"], dtype="string")),
        LEADS.assign(income=[40_000.0, np.inf]),
        LEADS.set_index(pd.Index(["x", "x"])),
    ],
)
def test_the_same_leads_in_another_shape_get_the_same_scores(model, leads):
    np.testing.assert_allclose(score(ScoringRequest(model, leads)), score(ScoringRequest(model, LEADS)))


def test_a_category_that_looks_like_a_number_stays_a_category():
    table = made_up().assign(branch=lambda t: t["branch"].map({"trade": "1", "craft": "2", "health": "3"}))
    fitted = train(TrainingRequest(table, "won")).model
    assert columns_by_kind(fitted) == ({"calls", "income"}, {"branch"})
    as_text = LEADS.assign(branch=["1", "3"])
    as_numbers = LEADS.assign(branch=[1, 3])
    np.testing.assert_array_equal(
        score(ScoringRequest(fitted, as_numbers)), score(ScoringRequest(fitted, as_text))
    )


def test_all_missing_columns_are_named_in_one_error(model):
    with pytest.raises(
        CallError, match=r"not there: income, branch\. Did you mean incomes\? There are: calls, incomes"
    ):
        score(ScoringRequest(model, LEADS[["calls"]].assign(incomes=1.0)))


def test_text_where_a_number_must_be_is_named(model):
    with pytest.raises(CallError, match="column income must hold numbers; it also holds 'a lot'"):
        score(ScoringRequest(model, LEADS.assign(income=["a lot", "1"])))


def test_a_calibrated_pipeline_is_read_through():
    table = made_up()
    fitted = CalibratedClassifierCV(train(TrainingRequest(table, "won")).model, cv=3)
    fitted.fit(
        table[["calls", "income", "branch"]].astype({"branch": object}).fillna({"branch": np.nan}),
        table["won"],
    )
    assert columns_by_kind(fitted)[1] == {"branch"}
    assert len(score(ScoringRequest(fitted, LEADS))) == 2


@pytest.mark.parametrize("labels", [["lost", "yes"], [False, True], ["no", "yes"], [0, 1], ["0", "1"]])
def test_won_is_found_by_its_name(labels):
    fitted = LogisticRegression().fit(pd.DataFrame({"x": [0.0, 1.0]}), labels)
    scores = score(ScoringRequest(fitted, pd.DataFrame({"x": [0.0, 1.0]})))
    assert scores[1] > 0.5 > scores[0]


@pytest.mark.parametrize("labels", [["a", "b", "c"], ["a", "b", "a"], [1, 2, 3], ["yes", "true", "yes"]])
def test_a_model_of_something_else_is_refused(labels):
    fitted = LogisticRegression().fit(pd.DataFrame({"x": [0.0, 1.0, 2.0]}), labels)
    with pytest.raises(CallError, match="it must tell leads that are won"):
        score(ScoringRequest(fitted, pd.DataFrame({"x": [0.0]})))


def test_a_model_fitted_on_an_array_takes_the_columns_in_order():
    fitted = LogisticRegression().fit(np.array([[0.0, 1.0], [1.0, 0.0]]), [0, 1])
    assert len(score(ScoringRequest(fitted, pd.DataFrame({"a": [0.5], "b": [0.5]}).to_numpy()))) == 1
    with pytest.raises(CallError, match="the model cannot score these rows"):
        score(ScoringRequest(fitted, pd.DataFrame({"a": [0.5]}).to_numpy()))


def test_signals_are_scored_too_and_other_things_are_not_ours():
    leads = pd.DataFrame({"x": [0.5, 1.0]})
    np.testing.assert_array_equal(score(ScoringRequest(LeadScorer({"x": 2.0}), leads)), [0.5, 1.0])
    assert score(ScoringRequest("not a model", leads)) is None


def test_the_default_scorer_answers_last(model):
    class Ours:
        @hotpass.hookimpl
        def hotpass_score(self, request):
            return [0.25] * len(request.frame) if "ours" in request.frame else None

    manager = create_manager()
    register(manager, Ours(), "ours")
    assert manager.hook.hotpass_score(request=ScoringRequest(model, LEADS.assign(ours=1))) == [0.25, 0.25]
    assert len(manager.hook.hotpass_score(request=ScoringRequest(model, LEADS))) == 2

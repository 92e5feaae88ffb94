"""`score_prospects`: a column of scores, whoever scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import hotpass
from hotpass.errors import CallError, PluginError
from hotpass.plugins import create_manager, register
from hotpass.transform.scoring import LeadScorer, score_prospects, train_lead_scoring_model
from support.leads import FOUR_ROWS

LEADS = FOUR_ROWS.drop(columns="won").set_index(pd.Index(["a", "b", "c", "c"]))


def test_scores_stand_in_a_last_column_and_nothing_else_changes():
    model = train_lead_scoring_model(FOUR_ROWS).model
    before = LEADS.copy()
    scored = score_prospects(model, LEADS)
    assert scored.columns.tolist() == [*LEADS.columns, "score"]
    pd.testing.assert_frame_equal(scored[LEADS.columns], before)
    pd.testing.assert_frame_equal(LEADS, before)
    np.testing.assert_array_equal(scored["score"], model.predict_proba(LEADS)[:, 1])
    assert scored["score"].idxmax() == "a"


def test_signals_and_models_are_scored_alike():
    assert score_prospects(LeadScorer(), LEADS)["score"].between(0, 1).all()


def test_no_leads_have_no_scores():
    scored = score_prospects(LeadScorer(), LEADS.head(0))
    assert scored.columns.tolist()[-1] == "score"
    assert len(scored) == 0


def test_a_column_that_is_there_is_not_overwritten():
    with pytest.raises(CallError, match="there is a column 'score' already"):
        score_prospects(LeadScorer(), LEADS.assign(score=1))
    assert (
        score_prospects(LeadScorer(), LEADS.assign(score=1), score_column="chance")["chance"]
        .between(0, 1)
        .all()
    )


def test_a_model_that_wants_every_number_says_which_column_has_infinite_ones():
    rows = pd.DataFrame({"calls": [1.0, 2.0, 3.0], "visits": [1.0, 0.0, 1.0]})
    model = LogisticRegression().fit(rows, [0, 1, 1])
    with pytest.raises(CallError, match="Infinite numbers count as missing; visits has some"):
        score_prospects(model, rows.assign(visits=[1.0, float("inf"), 0.0]))


def test_what_nobody_can_score_with_is_named():
    with pytest.raises(CallError, match="no plugin scores with a str"):
        score_prospects("lead_scoring", LEADS)


@pytest.mark.parametrize(
    "answer",
    [[0.5], [0.5] * 5, [[0.5]] * 4, [0.5, 0.5, 0.5, float("nan")], [0.5, 0.5, 0.5, 1.5], [-0.1, 0, 0, 0]],
)
def test_a_plugin_that_returns_no_scores_is_caught(answer):
    class Wrong:
        @hotpass.hookimpl
        def hotpass_score(self, request):
            return answer

    manager = create_manager()
    register(manager, Wrong(), "wrong")
    with pytest.raises(PluginError, match="hotpass_score returned"):
        score_prospects(LeadScorer(), LEADS, manager=manager)

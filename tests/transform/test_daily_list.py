"""The list that a sales team works from."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.errors import CallError
from hotpass.transform.scoring import LeadScorer, build_daily_list

LEADS = pd.DataFrame({
    "id": ["d", "b", "a", "c", "e"],
    "owner": ["eve", "bob", "eve", "eve", None],
    "score": [0.9, 0.7, 0.7, 0.2, None],
})  # fmt: skip


def test_best_first_with_ranks_and_nobody_without_a_score():
    day = build_daily_list(LEADS)
    assert day.columns.tolist() == ["rank", "id", "owner", "score"]
    assert day["id"].tolist() == ["d", "b", "a", "c"]
    assert day["rank"].tolist() == [1, 2, 3, 4]
    assert day.index.tolist() == [0, 1, 2, 3]


def test_ties_go_by_id_where_there_is_one():
    assert build_daily_list(LEADS, id_column="id")["id"].tolist() == ["d", "a", "b", "c"]


@given(st.permutations(range(8)))
def test_the_same_leads_give_the_same_list_in_whatever_order_they_come(order):
    leads = pd.DataFrame({"id": list("abcdefgh"), "score": [0.5, 0.5, 0.9, 0.1, 0.5, 0.9, 0.3, 0.5]})
    expected = build_daily_list(leads, id_column="id", top=5)
    pd.testing.assert_frame_equal(build_daily_list(leads.iloc[order], id_column="id", top=5), expected)


def test_limits():
    assert build_daily_list(LEADS, top=2)["id"].tolist() == ["d", "b"]
    assert build_daily_list(LEADS, top=None, min_score=0.7)["id"].tolist() == ["d", "b", "a"]
    assert build_daily_list(LEADS, min_score=0.95).empty
    day = build_daily_list(LEADS, owner_column="owner", per_owner=1)
    assert day[["id", "rank"]].values.tolist() == [["d", 1], ["b", 2]]


def test_leads_of_yesterday_are_left_out():
    assert build_daily_list(LEADS, exclude={"d", "c", "zz"}, id_column="id")["id"].tolist() == ["a", "b"]


def test_reasons_stand_beside_the_leads():
    leads = pd.DataFrame({"a": [0.2, 1.0], "b": [1.0, 0.0]})
    scorer = LeadScorer({"a": 3, "b": 1})
    day = build_daily_list(leads.assign(score=scorer.score(leads)), scorer=scorer)
    assert day["reasons"].tolist() == ["a 0.75", "b 0.25, a 0.15"]


def test_a_list_can_be_listed_again():
    again = build_daily_list(build_daily_list(LEADS), top=1)
    assert again.columns.tolist() == ["rank", "id", "owner", "score"]


def test_the_leads_are_not_changed():
    before = LEADS.copy()
    build_daily_list(LEADS, top=2)
    pd.testing.assert_frame_equal(LEADS, before)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"score_column": "chance"}, "score_column: there is no column 'chance'"),
        ({"id_column": "nr"}, "id_column: there is no column 'nr'"),
        ({"owner_column": "boss", "per_owner": 1}, "owner_column: there is no column 'boss'"),
        ({"top": 0}, "top is 0"),
        ({"owner_column": "owner", "per_owner": 0}, "per_owner is 0"),
        ({"per_owner": 2}, "go together"),
        ({"owner_column": "owner"}, "go together"),
        ({"exclude": ["a"]}, "exclude needs id_column"),
    ],
)
def test_limits_that_make_no_sense(options, says):
    with pytest.raises(CallError, match=says):
        build_daily_list(LEADS, **options)

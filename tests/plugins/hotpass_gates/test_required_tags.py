from __future__ import annotations

import pytest

from hotpass.gates import ParameterError
from hotpass.testing import candidate, judge
from hotpass.verdicts import Verdict
from hotpass_gates.required_tags import RequiredTags

GATE = RequiredTags


def verdict(parameters, **facts):
    return judge(GATE, parameters, candidate(**facts))


@pytest.mark.parametrize(
    ("how", "value", "good"),
    [
        ("present", "ana", True),
        ("present", " ", True),
        ("present", "", False),
        ({"equals": "gold"}, "gold", True),
        ({"equals": "gold"}, "Gold", False),
        ({"equals": "gold"}, "gold ", False),
        ({"one_of": ["growth", "sales"]}, "sales", True),
        ({"one_of": ["growth", "sales"]}, "growth, sales", False),
        ({"matches": "contacts_[0-9]{4}"}, "contacts_2025", True),
        ({"matches": "contacts_[0-9]{4}"}, "contacts_20251", False),
        ({"matches": "contacts_[0-9]{4}"}, "my contacts_2025", False),
        ({"matches": "contacts_[0-9]{4}"}, "contacts_2025\n", False),
        ({"matches": "a|b"}, "b", True),
        ({"matches": "a|b"}, "ab", False),
        ({"matches": "[a-z ]+"}, "x" * 256, True),
        ({"matches": "[a-z ]+"}, "x" * 257, False),
        ({"of": "version"}, "ana", True),
    ],
)
def test_values(how, value, good):
    result = verdict({"owner": how}, tags={"owner": value})
    assert (result.verdict is Verdict.PASSED) is good


def test_a_tag_that_is_nowhere_fails_and_says_where_it_was_looked_for():
    result = verdict({"owner": "present"}, tags={"Owner": "ana"})
    assert result.verdict is Verdict.FAILED
    assert result.message == "the tag owner is not set on the version, its run, its model"


PLACES = {"version": "tags", "run": "run_tags", "model": "model_tags"}


@pytest.mark.parametrize("place", PLACES)
def test_by_default_a_tag_counts_wherever_it_is_and_the_message_says_where(place):
    result = verdict({"owner": "present"}, **{PLACES[place]: {"owner": "ana"}})
    assert result.verdict is Verdict.PASSED
    assert result.message == f"owner is ana on the {place}"
    assert result.evidence == {"owner": {"value": "ana", "on": place}}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("asked", PLACES)
def test_one_place_may_be_asked_for(place, asked):
    tags = {PLACES[place]: {"owner": "ana"}}
    good = Verdict.PASSED if place == asked else Verdict.FAILED
    assert verdict({"owner": {"of": asked}}, **tags).verdict is good
    assert verdict({"owner": "present", "of": asked}, **tags).verdict is good
    assert verdict({"owner": {"equals": "ana", "of": "any"}, "of": asked}, **tags).verdict is Verdict.PASSED


def test_the_first_place_that_has_it_counts():
    tags = {"tags": {"tier": "silver"}, "run_tags": {"tier": "gold"}}
    result = verdict({"tier": {"equals": "gold"}}, **tags)
    assert result.verdict is Verdict.FAILED
    assert result.message == "the tag tier is 'silver' on the version, wanted gold"


def test_an_empty_tag_does_not_hide_the_next_place():
    assert (
        verdict({"tier": "present"}, tags={"tier": ""}, run_tags={"tier": "gold"}).verdict is Verdict.PASSED
    )


def test_without_a_run_its_tags_are_not_set():
    assert verdict({"owner": {"of": "run"}}, run=False, run_tags={"owner": "ana"}).verdict is Verdict.FAILED


def test_every_tag_must_fit_and_every_miss_is_named():
    result = verdict({"owner": "present", "team": {"one_of": ["b", "a"]}}, tags={"team": "c"})
    assert result.verdict is Verdict.FAILED
    assert "owner is not set" in result.message
    assert "the tag team is 'c' on the version, wanted a or b" in result.message


def test_a_value_too_long_to_be_matched_says_so():
    result = verdict({"owner": {"matches": ".*"}}, tags={"owner": "x" * 300})
    assert result.verdict is Verdict.FAILED
    assert "has 300 characters, and at most 256 are matched" in result.message


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({}, ()),
        ({"of": "run"}, ()),
        ({"of": "runs", "owner": "present"}, ("of",)),
        ({"owner": "ana"}, ("owner",)),
        ({"owner": True}, ("owner",)),
        ({"owner": {}}, ("owner",)),
        ({"owner": {"equals": 1}}, ("owner",)),
        ({"owner": {"one_of": []}}, ("owner",)),
        ({"owner": {"equals": ""}}, ("owner", "equals")),
        ({"owner": {"one_of": ["a", ""]}}, ("owner", "one_of")),
        ({"owner": {"equals": "a", "matches": "a"}}, ("owner",)),
        ({"owner": {"matches": "["}}, ("owner", "matches")),
        ({"owner": {"matches": "(a+)+b"}}, ("owner", "matches")),
        ({"owner": {"matches": "a" * 501}}, ("owner",)),
    ],
)
def test_wrong_parameters(parameters, path):
    with pytest.raises(ParameterError) as caught:
        verdict(parameters)
    assert caught.value.path == path

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.candidate import Stay
from hotpass.gates import ParameterError
from hotpass.testing import NOW, candidate, judge
from hotpass.verdicts import Verdict
from hotpass_gates.staging_dwell import StagingDwell

GATE = StagingDwell


def ago(**how):
    return NOW - timedelta(**how)


def stay(stage, since, until=None):
    return Stay(stage, since, until, "r")


@pytest.mark.parametrize("parameters", ["24h", {"at_least": "24h"}, {"at_least": "1d", "stage": "staging"}])
def test_long_enough(parameters):
    result = judge(GATE, parameters, candidate(in_stage_since=ago(hours=24)))
    assert result.verdict is Verdict.PASSED
    assert result.evidence == {"stage": "Staging", "stayed_seconds": 86_400}
    assert result.passes_at is None


def test_too_short_is_pending_with_the_time_at_which_it_passes():
    result = judge(GATE, "24h", candidate(in_stage_since=ago(hours=23, minutes=59, seconds=59)))
    assert result.verdict is Verdict.PENDING
    assert result.passes_at == NOW + timedelta(seconds=1)
    assert result.message == "in Staging for 23h 59m 59s of 1d"


def test_only_the_present_stay_counts():
    stays = [
        stay("Staging", ago(days=30), ago(days=10)),
        stay("Production", ago(days=10), ago(hours=1)),
        stay("Staging", ago(hours=1)),
    ]
    result = judge(GATE, "24h", candidate(stays=stays))
    assert result.verdict is Verdict.PENDING
    assert result.passes_at == NOW + timedelta(hours=23)


@pytest.mark.parametrize(
    "stays", [[], [stay("Staging", ago(days=9), ago(days=3))], [stay("Canary", ago(days=9))]]
)
def test_in_staging_without_a_recorded_arrival_fails_with_the_remedy(stays):
    result = judge(GATE, "1s", candidate(stays=stays))
    assert result.verdict is Verdict.FAILED
    assert "nobody recorded when it came there; run `hotpass adopt lead_scoring_model`" in result.message


@pytest.mark.parametrize("stage", ["None", "Archived", "Canary"])
def test_not_in_staging_fails(stage):
    result = judge(GATE, "1s", candidate(stage=stage, stays=[stay("Staging", ago(days=9))]))
    assert result.verdict is Verdict.FAILED
    assert f"the version is in {stage}, and only time in Staging counts" in result.message


def test_an_earlier_stay_does_not_help_one_who_left():
    stays = [stay("Staging", ago(days=30), ago(days=10)), stay("Archived", ago(days=10))]
    assert judge(GATE, "24h", candidate(stage="Archived", stays=stays)).verdict is Verdict.FAILED


def test_an_arrival_still_to_come_is_pending_and_says_why():
    result = judge(GATE, "24h", candidate(in_stage_since=NOW + timedelta(minutes=5)))
    assert result.verdict is Verdict.PENDING
    assert "still to come: the clocks disagree by 5m" in result.message
    assert result.passes_at == NOW + timedelta(hours=24, minutes=5)


def test_once_there_the_stay_before_is_judged():
    stays = [stay("Staging", ago(days=5), ago(days=2)), stay("Production", ago(days=2))]
    there = candidate(stage="Production", stays=stays)
    assert judge(GATE, "3d", there).verdict is Verdict.PASSED
    short = judge(GATE, "4d", there)
    assert short.verdict is Verdict.FAILED
    assert "it was in Staging for 3d before, 4d wanted" in short.message


def test_once_there_without_a_stay_before_it_fails():
    assert (
        judge(GATE, "1s", candidate(stage="Production", in_stage_since=ago(days=9))).verdict is Verdict.FAILED
    )


def test_a_stage_of_ones_own():
    waiting = candidate(stage="Canary", in_stage_since=ago(hours=2))
    assert judge(GATE, {"at_least": "1h", "stage": "Canary"}, waiting).verdict is Verdict.PASSED
    assert judge(GATE, {"at_least": "3h", "stage": "Canary"}, waiting).verdict is Verdict.PENDING
    assert judge(GATE, "1h", waiting).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ("24", ()),
        ("0h", ()),
        ("-1h", ()),
        ("99999d", ()),
        (24, ()),
        ({}, ()),
        ({"at_least": "soon"}, ("at_least",)),
        ({"at_least": 24}, ()),
        ({"stage": "Staging"}, ()),
        ({"at_least": "24h", "stage": "not a stage"}, ("stage",)),
        ({"at_least": "24h", "stage": "latest"}, ("stage",)),
        ({"at_least": "24h", "hours": 1}, ()),
    ],
)
def test_wrong_parameters(parameters, path):
    with pytest.raises(ParameterError) as caught:
        judge(GATE, parameters, candidate())
    assert caught.value.path == path


@given(st.integers(1, 10**7), st.integers(-(10**7), 10**7))
def test_pending_until_the_time_that_it_says_and_passed_from_then_on(wanted, stayed):
    who = candidate(in_stage_since=NOW - timedelta(seconds=stayed))
    result = judge(GATE, f"{wanted}s", who)
    assert (result.verdict is Verdict.PASSED) == (stayed >= wanted)
    if result.verdict is Verdict.PASSED:
        return
    assert result.verdict is Verdict.PENDING
    assert result.passes_at is not None
    assert judge(GATE, f"{wanted}s", who, result.passes_at).verdict is Verdict.PASSED
    assert judge(GATE, f"{wanted}s", who, result.passes_at - timedelta.resolution).verdict is Verdict.PENDING

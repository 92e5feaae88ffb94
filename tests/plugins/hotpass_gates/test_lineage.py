from __future__ import annotations

import pytest

from hotpass.gates import ParameterError
from hotpass.testing import candidate, judge
from hotpass.verdicts import Verdict
from hotpass_gates.lineage import Lineage

SHA = "0123456789abcdef0123456789abcdef01234567"
COMMIT = {"mlflow.source.git.commit": SHA}
DATA = [("contacts_2025", "ab12", "training")]


def verdict(parameters, **facts):
    return judge(Lineage, parameters, candidate(**facts))


def test_data_and_commit_pass():
    result = verdict({}, datasets=DATA, run_tags=COMMIT)
    assert result.verdict is Verdict.PASSED
    assert result.evidence == {"dataset": ["contacts_2025", "ab12"], "commit": SHA}


@pytest.mark.parametrize("parameters", [{}, {"dataset": False}, {"commit": False}])
def test_without_a_run_it_fails(parameters):
    result = verdict(parameters, run=False, tags={"commit": SHA})
    assert result.verdict is Verdict.FAILED
    assert "names no run" in result.message


def test_without_a_data_set_it_fails():
    result = verdict({}, run_tags=COMMIT)
    assert result.verdict is Verdict.FAILED
    assert "the run logged no data set; log it with mlflow.log_input" in result.message


def test_a_data_set_without_a_digest_fails():
    result = verdict({}, datasets=[("contacts_2025", "", "training")], run_tags=COMMIT)
    assert result.verdict is Verdict.FAILED
    assert "it logged contacts_2025 for training without a digest" in result.message


def test_one_with_a_digest_is_enough():
    assert verdict({}, datasets=[("other", ""), *DATA], run_tags=COMMIT).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("which", "good"),
    [
        ({"name": "contacts_2025"}, True),
        ({"name": "contacts_2024"}, False),
        ({"context": "training"}, True),
        ({"context": "validation"}, True),
        ({"context": "test"}, False),
        ({"name": "contacts_2025", "context": "training"}, True),
        ({"name": "contacts_2025", "context": "validation"}, False),
        ({"name": "leads", "context": "validation"}, True),
        ({"name": "leads", "context": "training"}, False),
        ({"name": "bare"}, False),
    ],
)
def test_a_certain_data_set(which, good):
    datasets = [*DATA, ("leads", "cd34", "validation"), ("bare", "")]
    result = verdict({"dataset": which, "commit": False}, datasets=datasets)
    assert (result.verdict is Verdict.PASSED) is good


def test_without_a_commit_it_fails():
    result = verdict({}, datasets=DATA)
    assert result.verdict is Verdict.FAILED
    assert "names no source commit" in result.message


@pytest.mark.parametrize(
    "facts", [{"run_tags": COMMIT}, {"run_tags": {"commit": SHA[:7]}}, {"tags": {"commit": SHA.upper()}}]
)
def test_where_a_commit_may_stand(facts):
    assert verdict({"dataset": False}, **facts).verdict is Verdict.PASSED


@pytest.mark.parametrize("value", ["unknown", "main", "abc123", "g" * 40, SHA + "-dirty", "a" * 65, ""])
def test_what_is_no_commit_fails(value):
    result = verdict({"dataset": False}, run_tags={"commit": value})
    assert result.verdict is Verdict.FAILED
    assert "commit" in result.message
    assert "commit" not in result.evidence


def test_a_sound_commit_counts_beside_a_wrong_one():
    facts = {"run_tags": {"mlflow.source.git.commit": "dirty", "commit": SHA}}
    assert verdict({"dataset": False}, **facts).verdict is Verdict.PASSED


def test_all_that_is_missing_is_named():
    result = verdict({})
    assert "no data set" in result.message
    assert "no source commit" in result.message


@pytest.mark.parametrize(
    "parameters",
    [
        {"dataset": False, "commit": False},
        {"dataset": {}},
        {"dataset": "contacts_2025"},
        {"dataset": {"digest": "x"}},
        {"commit": "yes"},
        {"data": True},
    ],
)
def test_wrong_parameters(parameters):
    with pytest.raises(ParameterError):
        verdict(parameters)

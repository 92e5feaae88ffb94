from __future__ import annotations

import pytest

from hotpass.gates import ParameterError
from hotpass.testing import candidate, judge
from hotpass.verdicts import Verdict
from hotpass_gates.signature import Signature

FULL = {"inputs": {"age": "long", "city": "string"}, "outputs": {"score": "double"}}


def verdict(parameters, signature=FULL, **facts):
    return judge(Signature, parameters, candidate(signature=signature, **facts))


def test_a_full_signature_passes():
    result = verdict({})
    assert result.verdict is Verdict.PASSED
    assert result.evidence == {"inputs": 2, "outputs": 1}


@pytest.mark.parametrize("signature", [None, {}, {"inputs": []}, {"outputs": ["score"]}])
@pytest.mark.parametrize("parameters", [{}, {"outputs": False}])
def test_without_inputs_it_fails(signature, parameters):
    result = verdict(parameters, signature)
    assert result.verdict is Verdict.FAILED
    assert "logged without a signature" in result.message


def test_without_a_model_file_it_fails():
    result = verdict({}, model_file=False)
    assert result.verdict is Verdict.FAILED
    assert "no MLmodel file" in result.message


@pytest.mark.parametrize("signature", [{"inputs": ["age"]}, {"inputs": ["age"], "outputs": []}])
def test_outputs_are_asked_for_unless_the_policy_does_not(signature):
    assert verdict({}, signature).verdict is Verdict.FAILED
    assert verdict({"outputs": True}, signature).verdict is Verdict.FAILED
    assert verdict({"outputs": False}, signature).verdict is Verdict.PASSED


def test_columns_must_be_among_the_inputs():
    assert verdict({"columns": ["city"]}).verdict is Verdict.PASSED
    result = verdict({"columns": ["city", "score", "Age"]})
    assert result.verdict is Verdict.FAILED
    assert result.message == "the signature lacks score, Age; it has age, city"
    assert result.evidence["missing"] == ["score", "Age"]


def test_a_tensor_signature_has_no_column_names():
    result = verdict({"columns": ["age"]}, {"inputs": {"": "float64"}, "outputs": {"": "float64"}})
    assert result.verdict is Verdict.FAILED
    assert "it has no names" in result.message
    assert verdict({}, {"inputs": {"": "float64"}, "outputs": {"": "float64"}}).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    "parameters",
    [
        {"columns": []},
        {"columns": ["a", "a"]},
        {"columns": [""]},
        {"columns": "a"},
        {"output": True},
        {"outputs": "yes"},
    ],
)
def test_wrong_parameters(parameters):
    with pytest.raises(ParameterError):
        verdict(parameters)

from __future__ import annotations

import pytest

from hotpass.gates import ParameterError
from hotpass.testing import candidate, judge
from hotpass.verdicts import Verdict


def test_with_an_example_it_passes():
    assert judge("input_example", {}, candidate(input_example=True)).verdict is Verdict.PASSED


def test_without_an_example_it_fails():
    result = judge("input_example", {}, candidate())
    assert result.verdict is Verdict.FAILED
    assert "without an input example" in result.message


def test_without_a_model_file_it_fails():
    result = judge("input_example", {}, candidate(model_file=False, input_example=True))
    assert result.verdict is Verdict.FAILED
    assert "no MLmodel file" in result.message


@pytest.mark.parametrize("parameters", [{"rows": 5}, True, "yes"])
def test_wrong_parameters(parameters):
    with pytest.raises(ParameterError):
        judge("input_example", parameters, candidate())

from __future__ import annotations

import pytest

from hotpass.gates import ParameterError
from hotpass.testing import assert_fails, assert_passes, candidate, judge


def test_with_an_example_it_passes():
    assert_passes("input_example", {}, candidate(input_example=True))


def test_without_an_example_it_fails():
    assert_fails("input_example", {}, candidate(), match="without an input example")


def test_without_a_model_file_it_fails():
    without = candidate(model_file=False, input_example=True)
    assert_fails("input_example", {}, without, match="no MLmodel file")


@pytest.mark.parametrize("parameters", [{"rows": 5}, True, "yes"])
def test_wrong_parameters(parameters):
    with pytest.raises(ParameterError):
        judge("input_example", parameters, candidate())

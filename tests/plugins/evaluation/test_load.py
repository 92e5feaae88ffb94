"""`load`: how long a model takes to load in a fresh process, and its memory then."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from hotpass.gates import ParameterError
from hotpass.testing import assert_fails, assert_passes, candidate, judge, make
from hotpass.verdicts import Verdict
from hotpass_evaluation.gates.load import Load

ROWS = pd.DataFrame({"calls": [0.0, 1, 2, 3]})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "model"
    fitted = LogisticRegression().fit(ROWS, [0, 0, 1, 1])
    mlflow.sklearn.save_model(fitted, folder, serialization_format="skops", pip_requirements=[])
    return folder


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_time_and_memory_are_measured(model: Path, tmp_path: Path) -> None:
    policy = {"at_most": "60s", "memory": {"at_most": "1MB"}}
    result = assert_fails(Load, policy, candidate(files=model, scratch=tmp_path))
    assert result.message.startswith("loaded, the process takes up ")
    evidence: Any = result.evidence
    assert 20e6 < evidence["memory_before"] < evidence["memory_bytes"] < 2e9
    value, low, high = evidence["milliseconds"]
    assert low == pytest.approx(min(evidence["times"]), abs=0.1)
    assert high == pytest.approx(max(evidence["times"]), abs=0.1)
    assert len(evidence["times"]) == 5
    assert 1 < low <= value <= high
    assert evidence["starting"] > 50, "Python and pandas are not the model's"


def test_memory_alone_takes_one_load(model: Path, tmp_path: Path) -> None:
    result = assert_passes(Load, {"memory": {"at_most": "2GB"}}, candidate(files=model, scratch=tmp_path))
    assert result.evidence["loads"] == 1
    assert result.message.endswith("wanted at most 2 GB")


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        ([900, 800, 1000], Verdict.PASSED),
        ([1200, 1001, 1500], Verdict.FAILED),
        ([900, 800, 1001], Verdict.INCONCLUSIVE),
    ],
)
def test_the_interval_of_the_median_decides(
    monkeypatch: pytest.MonkeyPatch, model: Path, tmp_path: Path, measured: list[float], verdict: Verdict
) -> None:
    found = {"milliseconds": measured, "times": measured, "starting": 1, "memory": None, "before": None}
    monkeypatch.setattr("hotpass_evaluation.gates.load.start", lambda *_: found)
    result = judge(Load, "1s", candidate(files=model, scratch=tmp_path))
    assert result.verdict is verdict
    assert "in 5 loads), wanted at most 1 s" in result.message


def test_memory_that_the_system_does_not_tell_fails(
    monkeypatch: pytest.MonkeyPatch, model: Path, tmp_path: Path
) -> None:
    found = {"milliseconds": [1, None, None], "times": [1], "starting": 1, "memory": None, "before": None}
    monkeypatch.setattr("hotpass_evaluation.gates.load.start", lambda *_: found)
    result = assert_fails(Load, {"memory": {"at_most": "1GB"}}, candidate(files=model, scratch=tmp_path))
    assert "does not say" in result.message


def test_a_model_that_cannot_be_loaded_fails(model: Path, tmp_path: Path) -> None:
    empty = tmp_path / "model"
    empty.mkdir()
    (empty / "MLmodel").write_text("flavors: {sklearn: {pickled_model: x, serialization_format: skops}}")
    result = assert_fails(Load, "5s", candidate(files=empty, scratch=tmp_path))
    assert "names a model file that is not there" in result.message


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ("fast", ()), ({"loads": 5}, ()), ({"at_most": "5 sec"}, ("at_most",)),
        ({"memory": {"at_most": "5G"}}, ("memory", "at_most")),
        ({"at_most": "5s", "loads": 4}, ("loads",)), ({"at_most": "5s", "confidence": 0.99}, ("confidence",)),
    ],
)  # fmt: skip
def test_the_place_of_what_makes_no_sense_is_named(parameters: Any, path: tuple[str, ...]) -> None:
    with pytest.raises(ParameterError) as caught:
        Load(parameters)
    assert caught.value.path == path


@pytest.mark.parametrize("parameters", [{}, {"loads": 5}, 5, {"at_most": "5s", "data": "x.csv"}])
def test_what_does_not_fit_the_schema_is_refused(parameters: Any) -> None:
    with pytest.raises(ParameterError):
        make(Load, parameters)


def test_it_says_what_it_asks_for() -> None:
    assert make(Load, {"at_most": "5s", "memory": {"at_most": "500MB"}}).explain() == [
        "The model is loaded within 5 s in a fresh process.", "Loaded, it takes up at most 500 MB of memory.",
    ]  # fmt: skip

"""`serialization`: models that would run code of their own are refused, without being loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from hotpass.gates import ParameterError
from hotpass.testing import assert_fails, assert_passes, candidate, make
from hotpass.verdicts import Verdict
from hotpass_evaluation.gates.serialization import Serialization

ROWS = pd.DataFrame({"calls": [0.0, 1, 2, 3]})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders `safe` and `pickled`, as MLflow writes them."""
    folder = tmp_path_factory.mktemp("models")
    fitted = LogisticRegression().fit(ROWS, [0, 0, 1, 1])
    for name, how in (("safe", "skops"), ("pickled", "cloudpickle")):
        mlflow.sklearn.save_model(fitted, folder / name, serialization_format=how, pip_requirements=[])
    return folder


def test_a_model_in_a_safe_format_passes(models: Path, tmp_path: Path) -> None:
    result = assert_passes(Serialization, {}, candidate(files=models / "safe", scratch=tmp_path))
    assert result.message == "sklearn as skops: nothing in 5 files runs code when it is loaded"
    assert result.evidence == {"files": 5, "stored_as": {"sklearn": "skops"}, "kinds": {}, "refused": []}


def test_a_pickle_is_refused_unless_the_policy_allows_it(models: Path, tmp_path: Path) -> None:
    pickled = candidate(files=models / "pickled", scratch=tmp_path)
    result = assert_fails(Serialization, {}, pickled)
    assert (
        "model.pkl is a pickle, which runs whatever it says when it is loaded [cloudpickle]" in result.message
    )
    assert result.evidence["refused"] == [["cloudpickle", "MLmodel"], ["cloudpickle", "model.pkl"]]
    result = assert_passes(Serialization, {"allow": ["cloudpickle"]}, pickled)
    assert result.message == "sklearn as cloudpickle: cloudpickle allowed by the policy, and nothing else"


def test_what_is_allowed_allows_nothing_else(models: Path, tmp_path: Path) -> None:
    files = Path(shutil.copytree(models / "pickled", tmp_path / "model"))
    (files / "more.pkl").write_bytes(b"")
    (files / "setup.py").write_text("")
    crowd = candidate(files=files, scratch=tmp_path)
    result = assert_fails(Serialization, {"allow": ["cloudpickle", "code"]}, crowd)
    assert result.evidence["refused"] == [["pickle", "more.pkl"]]
    assert result.evidence["kinds"] == {"cloudpickle": 2, "pickle": 1, "code": 1}


def test_the_first_few_of_many_are_named(models: Path, tmp_path: Path) -> None:
    files = Path(shutil.copytree(models / "safe", tmp_path / "model"))
    for number in range(30):
        (files / f"{number:02}.pkl").write_bytes(b"")
    result = assert_fails(Serialization, {}, candidate(files=files, scratch=tmp_path))
    assert result.message.endswith("; and 25 more")
    assert len(result.evidence["refused"]) == 20


@pytest.mark.parametrize(
    "parameters", [{"allow": ["joblib"]}, {"allow": []}, {"trusted_types": ["eval"]}, {"safe": "required"},
                   {"limits": {"memory": "lots"}}],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_refused(parameters: object) -> None:
    with pytest.raises(ParameterError):
        make(Serialization, parameters)


def test_it_says_what_it_asks_for() -> None:
    gate = make(Serialization, {"allow": ["unknown", "cloudpickle"], "trusted_types": ["mine.Own"]})
    assert gate.explain() == [
        "The model is stored in formats that run no code of its own when it is loaded.",
        "Accepted all the same: cloudpickle and unknown.",
        "Types trusted beyond the reviewed list: mine.Own.",
    ]


def test_in_a_case_what_it_found_is_said() -> None:
    stands = candidate(measured={"serialization": "failed"})
    assert make(Serialization, {}).evaluate(stands, None).verdict is Verdict.FAILED  # type: ignore[arg-type]

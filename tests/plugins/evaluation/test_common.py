"""What the gates that read data share: the words of a policy, what is fetched, and the start of the work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from hotpass.gates import ParameterError
from hotpass.testing import candidate
from hotpass.workers import WorkerFailed
from hotpass_evaluation.gates.common import DATA, DataSource, Unusable, start
from support.small_models import classifier, rows, store

_SCHEMA = {"type": "object", "properties": DATA, "required": ["data"], "additionalProperties": False}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    train = rows(400, 1)
    train.to_parquet(folder / "train.parquet")
    rows(600, 2).to_csv(folder / "holdout.csv", index=False)
    store(classifier(train), folder / "a")
    return folder


def _source(**given: Any) -> DataSource:
    jsonschema.validate(given, _SCHEMA)
    return DataSource.of(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("holdout.csv", "holdout.csv"),
        ({"file": "holdout.csv", "delimiter": ";"}, "holdout.csv"),
        ({"artifact": "validation/v.parquet"}, "validation/v.parquet of the run"),
        ({"dataset": "holdout"}, "the data set holdout of the run"),
        ({"uri": "s3://bucket/holdout.csv"}, "s3://bucket/holdout.csv"),
    ],
)
def test_how_data_is_named(given: Any, words: str) -> None:
    assert _source(data=given).in_words() == words


@pytest.mark.parametrize(
    ("given", "said", "path"),
    [
        ({"data": {"delimiter": ";"}}, "exactly one of file, artifact, dataset, uri; it has none", ("data",)),
        ({"data": {"file": "a", "uri": "b"}}, "it has file, uri", ("data",)),
        ({"data": {"artifact": "../a.csv"}}, "'../a.csv' is not a path among", ("data", "artifact")),
        ({"data": {"artifact": "/a.csv"}}, "is not a path among", ("data", "artifact")),
        ({"data": "a.csv", "target": "y", "weight": "y"}, "'y' cannot be both target and", ("target",)),
        ({"data": "a.csv", "limits": {"time": "10"}}, "'10' is not a duration", ("limits", "time")),
        ({"data": "a.csv", "limits": {"memory": "2"}}, "'2' is no amount of memory. Write 512MiB or 8GiB",
         ("limits", "memory")),
        ({"data": "a.csv", "limits": {"memory": "10MiB"}}, "10MiB is less than", ("limits", "memory")),
    ],
)  # fmt: skip
def test_what_makes_no_sense(given: dict[str, Any], said: str, path: tuple[str, ...]) -> None:
    with pytest.raises(ParameterError) as caught:
        _source(**given)
    assert said in str(caught.value)
    assert caught.value.path == path


@pytest.mark.parametrize(
    "given",
    [
        {"data": {"folder": "a"}}, {"data": ""}, {"data": "a.csv", "overlap": "ignore"},
        {"data": "a.csv", "overlap": {"at_most": 1}}, {"data": "a.csv", "overlap": {}},
        {"data": "a.csv", "unpickle": True}, {"data": "a.csv", "engine": "dask"},
        {"data": "a.csv", "positive": None}, {"data": {"file": "a", "delimiter": ";;"}},
    ],
)  # fmt: skip
def test_what_the_schema_refuses(given: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(given, _SCHEMA)


def test_limits_are_read_as_people_write_them() -> None:
    assert _source(data="a").limits == (600, 2 << 30)
    assert _source(data="a", limits={"time": "1h30m", "memory": "1.5 GiB"}).limits == (5400, 3 << 29)
    assert _source(data="a", limits={"memory": "2GB"}).limits.memory == 2_000_000_000


def test_everything_is_fetched(place: Path, tmp_path: Path) -> None:
    judged = candidate(
        files=place / "a", params={"decision_threshold": "0.3"}, scratch=tmp_path,
        artifacts={"v/v.csv": place / "holdout.csv", "training/training.parquet": place / "train.parquet"},
        champion={"files": place / "a", "dataset_files": {"training": place / "train.parquet"}},
    )  # fmt: skip
    job = _source(data={"artifact": "v/v.csv"}, target="y").job(judged)
    json.dumps(job, allow_nan=False)
    assert job["data"] == {
        "path": str(place / "holdout.csv"),
        "delimiter": None,
        "name": "v/v.csv of the run",
    }
    assert job["challenger"]["threshold"] == 0.3
    assert job["challenger"]["name"] == "the challenger (lead_scoring_model version 2)"
    assert job["champion"]["name"] == "the champion (lead_scoring_model version 1)"
    assert job["champion"]["threshold"] is None
    assert job["training"] == job["champion_training"] == str(place / "train.parquet")
    assert job["overlap"] == {"at_most": 0.0, "key": []}
    assert judged.read["files"] == job["challenger"]["digest"]

    alone = _source(data={"artifact": "v/v.csv"}, overlap="unchecked").job(judged, champion=False)
    assert (alone["champion"], alone["training"]) == (None, None)
    assert _source(data={"artifact": "v/v.csv"}).job(judged, models=False)["challenger"] is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("holdout.csv", "there is no holdout.csv in "),
        ({"artifact": "v.csv"}, "the run has no artifact v.csv"),
        ({"dataset": "holdout"}, "no data set holdout whose file can be read. Data sets that it logged: b"),
    ],
)  # fmt: skip
def test_data_that_is_not_there(
    data: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    judged = candidate(scratch=tmp_path, datasets=[("bank", "1234")])
    with pytest.raises(Unusable, match=said):
        _source(data=data, target="y").job(judged)


def test_mlflows_own_switch_forbids_unpickling(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = candidate(files=place / "a", scratch=tmp_path)
    source = _source(data=str(place / "holdout.csv"), unpickle="allow", overlap="unchecked")
    assert source.job(judged)["unpickle"] is True
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    assert source.job(judged)["unpickle"] is False


_MEASURING: dict[str, Any] = {
    "metrics": [], "levels": {"again": {}, "new": 0.0}, "resamples": 200, "seed": 0, "plugin_files": [],
}  # fmt: skip


def test_what_a_gate_found_is_there_for_the_next_one_and_nobody_else_is_believed(
    place: Path, tmp_path: Path
) -> None:
    judged = candidate(files=place / "a", scratch=tmp_path)
    job = {
        **_source(data=str(place / "holdout.csv"), target="y", overlap="unchecked").job(judged),
        **_MEASURING,
    }
    first = start("evaluation", job, judged)
    assert first["info"]["rows"] == 600
    assert "again" not in first["info"]
    assert start("evaluation", job, judged)["info"]["again"]
    (kept,) = tmp_path.glob("scores-*")
    content = bytearray(kept.read_bytes())
    content[-8:] = np.float64(1.0).tobytes()
    kept.write_bytes(content)
    anew = start("evaluation", job, judged)
    assert "again" not in anew["info"]
    assert anew["curves"] == first["curves"]
    assert [one.name for one in tmp_path.iterdir()] == [kept.name]


def test_what_cannot_be_used_comes_back_as_such(place: Path, tmp_path: Path) -> None:
    judged = candidate(files=place / "a", scratch=tmp_path)
    job = _source(data=str(place / "holdout.csv"), target="yy", overlap="unchecked").job(judged)
    with pytest.raises(Unusable, match=r"has no target yy\. Did you mean y\?"):
        start("evaluation", {**job, **_MEASURING}, judged)


def test_work_that_breaks_is_no_verdict(place: Path, tmp_path: Path) -> None:
    judged = candidate(files=place / "a", scratch=tmp_path)
    job = _source(data=str(place / "holdout.csv"), overlap="unchecked").job(judged)
    with pytest.raises(WorkerFailed, match=r"No module named 'hotpass_evaluation\.work\.no_such_task'"):
        start("no_such_task", job, judged)

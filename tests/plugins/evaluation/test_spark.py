"""`engine: spark`: the same figures as on this machine, from models that see no label, in a real Spark."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from hotpass.artifacts import digest_of_folder
from hotpass.gates import ParameterError
from hotpass.testing import candidate, judge
from hotpass_evaluation.gates import spark as words
from hotpass_evaluation.gates.evaluation import Evaluation
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.scoring import Scored, scored
from hotpass_evaluation.work.spark import Features, look_for_spark, read_scores
from hotpass_evaluation.work.spark_predictor import brief
from support.small_models import classifier, rows, store

HERE = {"master": "local[2]", "remote": None, "folder": None, "environment": {},
        "settings": {"spark.sql.shuffle.partitions": "1"}}  # fmt: skip
_THERE = find_spec("pyspark") and shutil.which("java")


def real(test: Any) -> Any:
    """A test with a real Spark: 10 to 45 s each."""
    skip = pytest.mark.skipif(
        not _THERE, reason="needs PySpark and Java: uv run --group spark pytest -m spark"
    )
    return pytest.mark.spark(pytest.mark.slow(skip(test)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`holdout.parquet`, with what data have in them, and two models, `a` and `b`."""
    folder = tmp_path_factory.mktemp("judged")
    train = rows(400, 1)
    store(classifier(train), folder / "a")
    store(classifier(train, ("age", "balance")), folder / "b")
    data = rows(3000, 2)
    data["job"] = data["job"].where(data.index % 13 != 1)  # text that is missing
    data["age"] = pd.array(data["age"].where(data.index % 19 != 1), dtype="Int64")
    data.to_parquet(folder / "holdout.parquet", row_group_size=700)
    return folder


def _job(place: Path, scratch: Path, **changed: Any) -> dict[str, Any]:
    def model(role: str, which: str) -> dict[str, Any]:
        folder = place / which
        return {"files": str(folder), "digest": digest_of_folder(folder), "name": f"the {role} (m version 2)"}

    scratch.mkdir(exist_ok=True)
    return {
        "data": {"path": str(place / "holdout.parquet"), "delimiter": None, "name": "holdout.parquet"},
        "target": "y", "positive": None, "weight": None, "group": None, "overlap": "unchecked",
        "training": None, "challenger": model("challenger", "a"), "champion": model("champion", "b"),
        "unpickle": False, "engine": "spark", "spark": HERE, "scratch": str(scratch),
        "limits": {"seconds": 240, "memory": 2 << 30}, **changed,
    }  # fmt: skip


def _same(one: Scored, other: Scored) -> None:
    np.testing.assert_array_equal(one.target, other.target)
    np.testing.assert_allclose(one.challenger, other.challenger, rtol=0, atol=1e-12)
    assert one.champion is not None
    np.testing.assert_allclose(one.champion, other.champion, rtol=0, atol=1e-12)


@real
def test_scores_are_those_of_the_local_engine(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    in_spark = scored(_job(place, tmp_path / "s"))
    here = scored(_job(place, tmp_path / "l", engine="local", spark=None))
    _same(in_spark, here)
    assert len(np.unique(here.challenger)) > 1000
    assert re.fullmatch(r"4[.]\d+[.]\d+", in_spark.info["libraries"]["spark"])
    assert "spark" not in here.info["libraries"]
    assert {path.name.split("-")[0] for path in tmp_path.iterdir()} == {"s", "l"}  # nothing is left


@real
def test_the_gate_says_the_same_with_either_engine(place: Path, tmp_path: Path) -> None:
    parameters: dict[str, Any] = {
        "data": str(place / "holdout.parquet"), "target": "y", "overlap": "unchecked", "resamples": 500,
        "metrics": {
            "roc_auc": {"at_least": 0.7, "better_by": 0}, "log_loss": {"better_by": 0},
            "precision": {"threshold": 0.5, "at_least": 0.99},
        },
    }  # fmt: skip
    verdicts = {}
    for engine in ("local", "spark"):
        scratch = tmp_path / engine
        scratch.mkdir()
        judged = candidate(files=place / "a", champion={"files": place / "b"}, scratch=scratch)
        verdicts[engine] = judge(Evaluation, {**parameters, "engine": engine}, judged)
    here, in_spark = verdicts["local"], verdicts["spark"]
    assert (in_spark.verdict, in_spark.message) == (here.verdict, here.message)
    assert in_spark.evidence["metrics"] == here.evidence["metrics"]
    assert in_spark.evidence["code"] == {**here.evidence["code"], "spark": in_spark.evidence["code"]["spark"]}


class Spying:
    """Writes down what it sees, in Spark and here, and answers one half."""

    classes_ = np.array([0, 1])
    feature_names_in_ = np.array(["age"])

    def __init__(self, file: str, code: str = "") -> None:
        self.file, self.code = file, code

    def predict_proba(self, frame: Any) -> Any:
        import os
        import sys

        seen = {
            "environment": dict(os.environ),
            "columns": list(frame.columns),
            "spark": "pyspark" in sys.modules,
        }
        with open(self.file, "a") as stream:
            stream.write(json.dumps(seen) + "\n")
        exec(self.code, {"frame": frame, "spark": seen["spark"]})
        return np.full((len(frame), 2), 0.5 + 0.25 * (seen["spark"] and "differ" in self.code))


def _spying(place: Path, tmp_path: Path, code: str = "") -> dict[str, Any]:
    import sys

    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        folder = store(Spying(str(tmp_path / "seen"), code), tmp_path / "spying", pickled=True)
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    model = {"files": str(folder), "digest": digest_of_folder(folder), "name": "the challenger (m version 3)"}
    return _job(place, tmp_path / "s", challenger=model, champion=None, unpickle=True)


@real
def test_a_model_in_spark_sees_neither_credentials_nor_the_target(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "AWS_SECRET_ACCESS_KEY", "HOTPASS_LEDGER_URI", "PGPASSWORD"):
        monkeypatch.setenv(name, "postgresql://me:s3cret@host/db")
    scored(_spying(place, tmp_path))
    seen = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    assert any(one["spark"] for one in seen)
    assert not all(one["spark"] for one in seen)
    for one in seen:
        assert "s3cret" not in json.dumps(one)
        assert one["columns"] == ["age"]


@real
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("differ = 1", r"otherwise in Spark than on this machine: 1000 of 1000 rows .*by up to 0[.]25"),
        ("if spark: raise ValueError('no such luck')",
         r"Spark could not score with the challenger .*cannot score these rows: "
         r"ValueError: no such luck\. Correct"),
    ],
)  # fmt: skip
def test_what_a_model_does_only_in_spark_is_found_out(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unusable, match=message):
        scored(_spying(place, tmp_path, code))


@real
def test_a_spark_that_is_not_there(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        where = {**HERE, "master": None, "remote": f"sc://127.0.0.1:{port}", "folder": str(tmp_path)}
        with pytest.raises(
            Unusable, match=rf"could not be started: .*nobody answers at 127[.]0[.]0[.]1:{port}"
        ):
            scored(_job(place, tmp_path / "s", spark=where))
    small = {**HERE, "settings": {"spark.driver.memory": "64m"}}
    with pytest.raises(Unusable, match=r"Spark could not be started: .*memory .* must be at least"):
        scored(_job(place, tmp_path / "t", spark=small))


# --- without Spark ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "gone", "message"),
    [
        ({}, "pyspark", r"PySpark, which is not installed: pip install 'hotpass\[spark\]'"),
        ({"remote": "sc://host", "folder": "."}, "grpc", r"PySpark with Spark Connect, .*pip install"),
        ({}, "java", r"needs Java 17 or later.*JAVA_HOME.*SPARK_REMOTE"),
        ({"master": "yarn"}, "", r"\(yarn\) needs a folder that they all see: spark: \{folder: "),
        ({"remote": "sc://host/;token=abc"}, "", "needs a folder"),
        ({"folder": "/nowhere"}, "", "/nowhere is no folder here"),
    ],
)
def test_spark_is_looked_for_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], gone: str, message: str
) -> None:
    monkeypatch.setattr(
        "hotpass_evaluation.work.spark.find_spec", lambda name: None if name == gone else True
    )
    monkeypatch.setattr(shutil, "which", lambda name: None if name == gone else f"/usr/bin/{name}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(Unusable, match=message) as caught:
        look_for_spark({**HERE, **changed})
    assert "abc" not in str(caught.value)


def _write(folder: Path, numbers: list[int], scores: list[float]) -> None:
    folder.mkdir()
    pd.DataFrame({"row": numbers, "score": scores}).to_parquet(folder / "part-0.parquet")


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([0, 1], "gave 2 scores of m to 3 rows"),
        ([0, 1, 1], "gave 3 scores of m to 3 rows"),
        ([0, 1, 3], "to rows that there are not"),
        ([-1, 0, 1], "to rows that there are not"),
    ],
)
def test_every_row_has_exactly_one_score(tmp_path: Path, numbers: list[int], message: str) -> None:
    _write(tmp_path / "scores", numbers, [0.5] * len(numbers))
    with pytest.raises(Unusable, match=message):
        read_scores(tmp_path / "scores", 3, "m")


def test_scores_come_back_in_the_order_of_the_rows(tmp_path: Path) -> None:
    _write(tmp_path / "scores", [2, 0, 1], [0.2, 0.0, 0.1])
    np.testing.assert_array_equal(read_scores(tmp_path / "scores", 3, "m"), [0.0, 0.1, 0.2])


def test_features_are_written_in_types_that_spark_reads(tmp_path: Path) -> None:
    features = Features(tmp_path)
    batch = pa.record_batch(
        {
            "a.b": pa.array([1, None], pa.uint8()), "A.b": pa.array(["x", None]).dictionary_encode(),
            "none": pa.nulls(2), "when": pa.array([0, 1000], pa.timestamp("ns")),
        }
    )  # fmt: skip
    features.write(batch)
    features.write(batch)
    features.close()
    (file,) = features.folder.iterdir()
    written = pd.read_parquet(file, dtype_backend="pyarrow")
    assert list(written.columns) == ["row", "c0", "c1", "c2", "c3"]
    assert written["row"].tolist() == [0, 1, 2, 3]
    assert [str(kind.pyarrow_dtype) for kind in written.dtypes] == [
        "int64", "int64", "string", "string", "timestamp[us]",
    ]  # fmt: skip
    assert features.schema.names == ["a.b", "A.b", "none", "when"]


PYTHON = """An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "x.py", line 1, in predict
hotpass_evaluation.unusable.Unusable: the challenger cannot score these rows: KeyError: 'age'

\tat org.apache.spark.api.python.BasePythonRunner.handlePythonException(PythonRunner.scala:588)
"""
JAVA = """An error occurred while calling None.org.apache.spark.api.java.JavaSparkContext.
: java.lang.IllegalArgumentException: System memory 67108864 must be at least 471859200.
\tat org.apache.spark.memory.UnifiedMemoryManager$.getMaxMemory(UnifiedMemoryManager.scala:231)
"""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PYTHON, "the challenger cannot score these rows: KeyError: 'age'"),
        ("x\nTraceback\nModuleNotFoundError: no sklearn", "ModuleNotFoundError: no sklearn"),
        (JAVA, "java.lang.IllegalArgumentException: System memory 67108864 must be at least 471859200."),
        ("", "RuntimeError"),
    ],
)  # fmt: skip
def test_an_error_in_one_line(error: str, said: str) -> None:
    assert brief(RuntimeError(error)) == said


# --- words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message", "path"),
    [
        ({"spark": {"master": "yarn"}}, "the engine is another", ("spark",)),
        ({"master": "yarn", "remote": "sc://a", "folder": "/m"}, "two different Sparks", ("spark", "remote")),
        ({"master": "spark://a:7077"}, "needs a folder", ("spark",)),
        ({"remote": "sc://a:1/;token=x", "folder": "/m"}, "no place for tokens", ("spark", "remote")),
        ({"settings": {"spark.hadoop.fs.s3a.secret.key": "x"}}, "is a secret",
         ("spark", "settings", "spark.hadoop.fs.s3a.secret.key")),
    ],
)  # fmt: skip
def test_words_that_make_no_sense(parameters: dict[str, Any], message: str, path: tuple[str, ...]) -> None:
    given = parameters if "spark" in parameters else {"engine": "spark", "spark": parameters}
    with pytest.raises(ParameterError, match=message) as caught:
        words.check(given)
    assert caught.value.path == path


def test_where_spark_is() -> None:
    environment = {
        "SPARK_REMOTE": "sc://host/;token=t",
        "HADOOP_CONF_DIR": "/etc/hadoop",
        "AWS_SECRET_KEY": "s",
    }
    told = words.job(
        {"settings": {"spark.executor.cores": 2, "spark.dynamicAllocation.enabled": True}}, environment
    )
    assert (told["master"], told["remote"]) == (None, "sc://host/;token=t")
    assert told["environment"] == {"HADOOP_CONF_DIR": "/etc/hadoop"}
    assert told["settings"] == {"spark.executor.cores": "2", "spark.dynamicAllocation.enabled": "true"}
    assert words.job({"master": "local[1]"}, environment)["remote"] is None
    assert words.job({}, os.environ if "SPARK_REMOTE" not in os.environ else {})["master"] == "local[*]"

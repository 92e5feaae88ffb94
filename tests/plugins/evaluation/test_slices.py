"""`slices` on a real model in a plain folder, which is worse than it should be for one kind of job."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hotpass.gates import ParameterError
from hotpass.testing import assert_fails, assert_passes, assert_verdict, candidate, make
from hotpass.verdicts import Verdict
from hotpass_evaluation.gates.slices import Slices
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.disparity import disparities, fairlearn_measures
from hotpass_evaluation.work.segments import Coded
from support.small_models import classifier, rows, store

SIGNATURE = {"age": "double", "balance": "double", "job": "string"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slices")
    (folder / "scratch").mkdir()
    store(classifier(rows(3000, 1)), folder / "model", signature=SIGNATURE)
    store(classifier(rows(60, 2)), folder / "champion", signature=SIGNATURE)
    data = rows(3000, 3)
    data["region"] = np.where(
        np.arange(3000) % 300 == 0, "islands", np.where(np.arange(3000) % 2, "north", "south")
    )
    # In the north nothing that the model knows tells who buys.
    north = data["region"] == "north"
    data.loc[north, "y"] = np.random.default_rng(0).permutation(data.loc[north, "y"])
    data.to_csv(folder / "holdout.csv", index=False)
    return folder


def asked(folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "data": str(folder / "holdout.csv"), "target": "y", "overlap": "unchecked", "by": ["region"],
        "metrics": {"roc_auc": {"at_least": 0.65}}, **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def ours(folder: Path) -> Callable[..., Any]:
    def make_candidate(champion: bool = False, **more: Any) -> Any:
        return candidate(
            files=folder / "model", scratch=folder / "scratch", params={"decision_threshold": "0.5"},
            champion={"files": folder / "champion"} if champion else None, **more,
        )  # fmt: skip

    return make_candidate


def test_a_bad_slice_fails_and_small_ones_are_listed(folder: Path, ours: Callable[..., Any]) -> None:
    result = assert_fails(
        Slices, asked(folder), ours(), match=r"^region = north \(1,500 rows\): roc_auc is 0\."
    )
    assert "not judged, too few rows: region = islands" in result.message
    assert "south" not in result.message
    judged: Any = result.evidence["judged"]
    assert [one["verdict"] for one in judged] == ["failed", "passed"]
    assert judged[0]["p_adjusted"] < 0.001
    assert result.evidence["data"]["digest"]  # type: ignore[index, call-overload]
    assert [row["verdict"] for row in result.exhibits[0]["rows"]] == ["failed", "passed"]  # type: ignore[index, union-attr, call-overload]


def test_bins_crossings_and_what_is_not_settled(folder: Path, ours: Callable[..., Any]) -> None:
    by = ["job", {"age": {"bins": [40, 65]}}, ["region", "job"], {"balance": {"quantiles": 3}}]
    floor = asked(folder, by=by, metrics={"roc_auc": {"at_least": 0.47}})
    result = assert_verdict(Verdict.INCONCLUSIVE, Slices, floor, ours(), match="not settled in")
    names = {one["name"] for one in result.evidence["judged"]}  # type: ignore[union-attr, index, call-overload]
    assert {
        "job = admin",
        "age below 40",
        "age 40 to 65",
        "age from 65",
        "region = north & job = retired",
    } <= names
    assert "balance missing" in names
    lenient = assert_passes(Slices, {**floor, "unsettled": "pass"}, ours(), match="no slice is shown to miss")
    assert "not settled, which the policy lets pass" in lenient.message


def test_all_too_small_is_inconclusive(folder: Path, ours: Callable[..., Any]) -> None:
    assert_verdict(Verdict.INCONCLUSIVE, Slices, asked(folder, min_rows=2000), ours(),
                   match="each of the 3 slices has fewer than 2000 rows")  # fmt: skip


def test_against_the_champion_in_each_slice(folder: Path, ours: Callable[..., Any]) -> None:
    wanted = asked(folder, by=["job"], metrics={"roc_auc": {"may_lose_at_most": 0.05}})
    result = assert_passes(Slices, wanted, ours(champion=True))
    assert result.evidence["champion"]["version"] == 1  # type: ignore[index, call-overload]
    assert_fails(Slices, wanted, ours(), match="no version holds Production yet")
    assert_passes(Slices, {**wanted, "first_champion": "allow"}, ours())


def test_disparity(folder: Path, ours: Callable[..., Any]) -> None:
    wanted = asked(folder, disparity={
        "between": ["job"], "threshold": "logged", "demographic_parity_difference": {"at_most": 0.05},
        "equal_opportunity_difference": {"at_most": 0.9},
    })  # fmt: skip
    del wanted["by"], wanted["metrics"]
    result = assert_fails(Slices, wanted, ours(), match=r"between job is 0\..* for job = retired")
    assert {exhibit["title"] for exhibit in result.exhibits} >= {"Decisions by job"}
    wanted["disparity"]["demographic_parity_difference"]["at_most"] = 0.9
    assert_passes(Slices, wanted, ours())
    unlogged = candidate(files=folder / "model", scratch=folder / "scratch")
    assert_fails(Slices, wanted, unlogged, match="logged no number as parameter decision_threshold")


def test_disparities_are_fairlearns_and_two_alike_groups_are_not_shown_to_differ() -> None:
    rng = np.random.default_rng(1)
    groups = Coded(rng.integers(0, 6, 1200), [f"g = {place}" for place in range(6)])
    target = (rng.random(1200) < 0.3).astype(float)
    called = (rng.random(1200) < 0.3 + 0.3 * target).astype(np.int64)
    found = disparities(
        groups, target, called, None, 1200, dict.fromkeys(fairlearn_measures(), 0.95), (50, 10)
    )
    for name, function in fairlearn_measures().items():
        said = found["measures"][name]
        assert said["value"] == pytest.approx(function(target, called, sensitive_features=groups.codes))
        if name.endswith("difference"):
            assert said["low"] < 0.04 < said["value"], "the largest of six differences is there by chance"
    assert found["small"] == []
    selection = pd.Series(called).groupby(groups.codes).mean()
    assert found["groups"]["g = 0"]["selection_rate"] == pytest.approx(selection[0], abs=1e-6)


def test_without_fairlearn_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fairlearn", None)
    with pytest.raises(Unusable, match=r"pip install 'hotpass\[evaluate\]'"):
        fairlearn_measures()


def test_mistakes_in_the_data(folder: Path, ours: Callable[..., Any]) -> None:
    assert_fails(Slices, asked(folder, by=["regoin"]), ours(), match="Did you mean region")
    assert_fails(Slices, asked(folder, by=["balance"]), ours(), match="cut it into bins")
    assert_fails(Slices, asked(folder, by=[{"job": {"quantiles": 2}}]), ours(), match="job")


@pytest.mark.parametrize(("more", "message"), [
    ({"by": [{"age": {"bins": [60, 30]}}]}, "do not ascend"),
    ({"by": [["job", "job"]]}, "crossed with itself"),
    ({"by": ["job", "job"]}, "there twice"),
    ({"by": [{"age": {"bins": [3]}}, ["job", {"age": {"bins": [4]}}]]}, "cut in two ways"),
    ({"metrics": {}}, "non-empty|nothing is asked"),
    ({"disparity": {"between": ["job"], "threshold": 0.5}}, "no limit"),
    ({"metrics": {"roc_auc": {"at_most": 1}}}, "higher roc_auc is the better"),
])  # fmt: skip
def test_parameters(folder: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make(Slices, asked(folder, **more))


def test_explain(folder: Path) -> None:
    limits = {"between": ["job"], "threshold": 0.5, "equalized_odds_difference": {"at_most": 0.2}}
    said = make(Slices, {**asked(folder), "data": "h.csv", "disparity": limits}).explain()
    assert said[0].startswith("In each slice of h.csv by region: ")
    assert said[1] == (
        "Between the groups of job, the largest difference between the true or the false positive "
        "rates is at most 0.2."
    )

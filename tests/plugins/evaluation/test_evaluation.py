"""The gate on real models in plain folders: what it measures, what it says, what goes on record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss, roc_auc_score

from hotpass.candidate import Candidate, PastDecision
from hotpass.facts import PastVerdict
from hotpass.testing import NOW, candidate, judge
from hotpass.verdicts import GateResult, Identity, digest_of
from hotpass_evaluation.work.evaluation import digest_of_scores
from support.small_models import classifier, rows, store

CLAIM = {
    "roc_auc": {"at_least": 0.75, "better_by": 0},
    "log_loss": {"at_most": 0.6, "may_lose_at_most": 0.05},
    "precision": {"threshold": "logged", "at_least": 0.5},
    "lift_at_10": {"better_by": 0},
}

PLUGIN = """
import numpy as np
from hotpass import hookimpl
from hotpass.metrics import Metric

def mean_won(target, score, weight):
    return float(np.average(target[score > 0.5]))

@hookimpl
def hotpass_metrics():
    return [Metric("mean_won", higher_is_better=True, compute=mean_won)]
"""


@dataclass
class Study:
    folder: Path
    holdout: pd.DataFrame
    models: dict[str, Any]
    training: Path

    def parameters(self, metrics: dict[str, Any] = CLAIM, **others: Any) -> dict[str, Any]:
        found = {
            "data": str(self.folder / "holdout.csv"), "target": "y", "positive": "yes",
            "overlap": "unchecked", "metrics": metrics, **others,
        }  # fmt: skip
        return {key: value for key, value in found.items() if value is not None}

    def candidate(self, model: str, champion: str | None = None, **others: Any) -> Candidate:
        logged = {"params": {"decision_threshold": "0.4"}}
        other = None if champion is None else {"files": self.folder / champion, **logged}
        given = {
            "files": self.folder / model,
            "champion": other,
            "scratch": self.folder / "scratch",
            **logged,
        }
        return candidate(**{**given, **others})

    def judge(self, parameters: dict[str, Any], *models: str | None, **others: Any) -> GateResult:
        return judge("evaluation", parameters, self.candidate(*models, **others))

    def scores(self, model: str) -> np.ndarray:
        frame = self.holdout.astype({"age": "float64"})
        return self.models[model].predict_proba(frame)[:, 1]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    (folder / "scratch").mkdir()
    train, holdout = rows(1500, 1), rows(2500, 2)
    models = {
        "good": classifier(train),
        "equal": classifier(train[:1400]),
        "poor": classifier(train, ("balance", "job")),
    }
    for name, model in models.items():
        store(model, folder / name)
    holdout.to_csv(folder / "holdout.csv", index=False)
    train.to_parquet(folder / "training.parquet")
    return Study(folder, holdout, models, folder / "training.parquet")


@pytest.fixture(scope="module")
def better(study):
    return study.judge(study.parameters(alpha_budget=0.05, seed=3), "good", "poor")


def metrics_of(result: GateResult) -> Any:
    return result.evidence["metrics"]


# --- figures ------------------------------------------------------------------------------------------------


def test_the_figures_are_those_of_scikit_learn(study, better):
    found, target = metrics_of(better), study.holdout["y"] == "yes"
    good, poor = study.scores("good"), study.scores("poor")
    area = roc_auc_score(target, good)
    assert found["roc_auc.at_least"]["value"] == pytest.approx(area)
    gain = found["roc_auc.better_by"]
    assert gain["value"] == pytest.approx(area - roc_auc_score(target, poor))
    assert (gain["challenger"], gain["champion"]) == (
        pytest.approx(area),
        pytest.approx(roc_auc_score(target, poor)),
    )
    assert found["log_loss.at_most"]["value"] == pytest.approx(log_loss(target, good))
    lost = found["log_loss.may_lose_at_most"]
    assert lost["value"] == pytest.approx(log_loss(target, poor) - log_loss(target, good)), (
        "better is positive"
    )
    assert found["precision.at_least"]["value"] == pytest.approx(target[good >= 0.4].mean())


def test_a_truly_better_challenger_passes(better):
    blocked = {key: one["verdict"] for key, one in metrics_of(better).items() if one["verdict"] != "passed"}
    assert (better.verdict, blocked) == ("passed", {}), better.message
    assert "roc_auc is better by 0." in better.message


def test_what_goes_on_record_is_enough_to_find_it_again(study, better):
    evidence = better.evidence
    holdout = study.folder / "holdout.csv"
    assert evidence["data"]["name"] == str(holdout)
    assert len(evidence["data"]["digest"]) == 64
    assert (evidence["rows"], evidence["positives"]) == (2500, int((study.holdout["y"] == "yes").sum()))
    assert evidence["challenger"]["version"] == 2
    assert evidence["champion"]["version"] == 1
    assert evidence["challenger"]["digest"] != evidence["champion"]["digest"]
    assert {"hotpass", "numpy", "scipy", "scikit-learn"} <= set(evidence["code"])
    assert evidence["seed"] == 3
    gain = metrics_of(better)["lift_at_10.better_by"]
    assert (gain["confidence"], gain["resamples"]) == (0.975, 2000)
    assert gain["low"] < gain["value"] < gain["high"]
    assert gain["method"]
    assert "seconds" not in json.dumps(evidence)


def test_the_record_is_the_same_when_it_is_measured_again(study, better, tmp_path):
    again = study.judge(study.parameters(alpha_budget=0.05, seed=3), "good", "poor", scratch=tmp_path)
    assert again.evidence == better.evidence
    assert again.message == better.message


def test_what_a_report_draws(better):
    kinds = [(exhibit["kind"], exhibit["title"]) for exhibit in better.exhibits]
    assert kinds == [
        ("intervals", "Measured values"), ("intervals", "Gain over the champion"), ("lines", "ROC curve"),
        ("lines", "Precision and recall"), ("lines", "Calibration"), ("histograms", "Scores"),
    ]  # fmt: skip
    roc = better.exhibits[2]["series"]
    assert [one["name"] for one in roc] == ["challenger", "champion"]
    assert all(2 < len(one["x"]) == len(one["y"]) <= 200 for one in roc)
    assert [row["margin"] for row in better.exhibits[1]["rows"]] == [0.0, -0.05, 0.0]
    json.dumps(better.exhibits, allow_nan=False)


# --- verdicts -----------------------------------------------------------------------------------------------


def test_one_that_is_worse_fails(study):
    result = study.judge(study.parameters({"roc_auc": {"may_lose_at_most": 0.01}}), "poor", "good")
    assert result.verdict == "failed"
    assert "roc_auc is worse by 0." in result.message
    assert "it may lose at most 0.01" in result.message


def test_one_that_only_looks_better_is_not_settled(study):
    models = ("good", "equal")
    target = study.holdout["y"] == "yes"
    if roc_auc_score(target, study.scores("good")) < roc_auc_score(target, study.scores("equal")):
        models = ("equal", "good")
    result = study.judge(study.parameters({"roc_auc": {"better_by": 0}}), *models)
    gain = metrics_of(result)["roc_auc.better_by"]
    assert gain["value"] > 0, "the naive rule promotes it"
    assert result.verdict == "inconclusive"
    assert "not settled by these 2,500 rows; some" in result.message


def test_too_few_rows_settle_nothing_and_spend_nothing(study):
    metrics = {"roc_auc": {"at_least": 0.99, "better_by": 0}}
    result = study.judge(
        study.parameters(metrics, min_rows=3000, min_positives=2000, alpha_budget=0.05), "good", "poor"
    )
    assert result.verdict == "inconclusive"
    assert "different rows of 2,500, and min_rows asks for 3,000" in result.message
    assert "positives, and min_positives asks for 2,000 of each class" in result.message
    assert "alpha_budget" not in result.evidence


@pytest.mark.parametrize(
    ("times", "verdict", "said"),
    [
        (1, "passed", ""),
        (1.3, "passed", "of 3,250 rows repeat another in every column: name group: …, or"),
        (3, "inconclusive", "of 7,500 rows repeat another in every column: name group: …, or"),
    ],
)
def test_rows_that_stand_there_often_settle_nothing(study, tmp_path, times, verdict, said):
    file = tmp_path / "often.csv"
    more = study.holdout.sample(frac=times - 1, replace=times > 2, random_state=0)
    often = pd.concat([study.holdout, more])
    often.sample(frac=1, random_state=0).to_csv(file, index=False)
    given = study.parameters({"roc_auc": {"at_least": 0.6}}, data=str(file))
    result = study.judge(given, "good")
    assert result.verdict == verdict, result.message
    assert said in result.message
    assert ("repeat" in result.message) == bool(said)
    twice = len(often) - len(often.drop_duplicates())
    assert twice <= result.evidence["repeated"] <= twice + 0.2 * len(often)
    if times < 3:
        return
    few = study.judge({**given, "min_rows": 2600}, "good")
    assert few.verdict == "inconclusive"
    assert "different rows of 7,500, and min_rows asks for 2,600" in few.message
    often["customer"] = often.groupby(list(study.holdout), dropna=False).ngroup()
    often.to_csv(file, index=False)
    grouped = study.judge({**given, "group": "customer", "resamples": 200}, "good")
    assert grouped.verdict == "passed", grouped.message
    assert "repeat" not in grouped.message


def test_rows_that_an_id_tells_apart_do_not_repeat(study, tmp_path):
    alike = rows(2500, 4)[["job", "y"]].assign(lead_id=range(2500))
    alike.to_csv(tmp_path / "alike.csv", index=False)
    store(classifier(rows(1500, 1), ("job",)), tmp_path / "by_job")
    given = study.parameters({"roc_auc": {"at_least": 0.5}}, data=str(tmp_path / "alike.csv"))
    who = study.candidate("good", files=tmp_path / "by_job")
    assert judge("evaluation", given, who).evidence["repeated"] == 0
    alike.drop(columns="lead_id").to_csv(tmp_path / "alike.csv", index=False)
    found = judge("evaluation", {**given, "min_rows": 5, "min_positives": 3}, who)
    assert (found.verdict, found.evidence["repeated"]) == ("inconclusive", 2494), found.message


def test_a_figure_that_does_not_exist_fails_and_says_why(study):
    result = study.judge(study.parameters({"precision": {"threshold": 2, "at_least": 0.1}}), "good")
    assert result.verdict == "failed"
    assert "precision cannot be measured: " in result.message
    assert metrics_of(result)["precision.at_least"]["undefined"]


def test_data_that_the_candidate_was_trained_on_fail(study):
    parameters = study.parameters({"roc_auc": {"at_least": 0.5}}, data=str(study.training), overlap=None)
    result = study.judge(parameters, "good", artifacts={"training/training.parquet": study.training})
    assert result.verdict == "failed"
    assert "train" in result.message


def test_a_candidate_whose_training_rows_nobody_kept_fails(study):
    result = study.judge(study.parameters({"roc_auc": {"at_least": 0.5}}, overlap=None), "good")
    assert result.verdict == "failed"
    assert "unchecked" in result.message


def test_thresholds_that_were_not_logged(study):
    result = study.judge(
        study.parameters({"recall": {"threshold": "logged", "at_least": 0.5}}), "good", params={}
    )
    assert result.verdict == "failed"
    assert "logged no number as parameter decision_threshold" in result.message


def test_data_that_are_not_there(study):
    result = study.judge(study.parameters(data="nowhere.csv"), "good", "poor")
    assert result.verdict == "failed"
    assert "nowhere.csv" in result.message


def test_a_regressor(study, tmp_path):
    data = rows(500, 3)[["age", "balance"]].dropna().astype("float64")
    data["y"] = 3 * data["age"] + np.random.default_rng(0).normal(0, 5, len(data))
    data.to_csv(tmp_path / "numbers.csv", index=False)
    store(LinearRegression().fit(data[["age", "balance"]], data["y"]), tmp_path / "line")
    who = study.candidate("good", files=tmp_path / "line")
    given = study.parameters(
        {"rmse": {"at_most": 6}, "r2": {"at_least": 0.9}}, data=str(tmp_path / "numbers.csv"), positive=None
    )
    result = judge("evaluation", given, who)
    assert result.verdict == "passed", result.message
    assert result.evidence["positives"] is None
    assert [exhibit["title"] for exhibit in result.exhibits][1:] == ["What came of it", "Errors"]
    wrong = judge("evaluation", {**given, "metrics": {"roc_auc": {"at_least": 0.5}}}, who)
    assert wrong.verdict == "failed"
    assert "roc_auc judges a classifier, and the model is a regressor" in wrong.message


# --- without a champion -------------------------------------------------------------------------------------


def test_a_first_champion_only_where_the_policy_lets_one_in(study):
    metrics = {"roc_auc": {"at_least": 0.5, "better_by": 0}}
    denied = study.judge(study.parameters(metrics), "good")
    assert (denied.verdict, denied.evidence) == ("failed", {"champion": None})
    assert "`first_champion: allow` in the policy lets a first one in" in denied.message
    given = study.parameters(metrics, first_champion="allow", alpha_budget=0.05)
    allowed = study.judge(given, "good")
    assert allowed.verdict == "passed", allowed.message
    assert "the policy allows a first champion; roc_auc is 0." in allowed.message
    assert "alpha_budget" not in allowed.evidence, "nothing is compared"


@pytest.mark.parametrize("gate", ["evaluation", "slices"])
def test_a_stage_that_was_emptied_gets_no_first_champion(study, gate):
    def held(version: int, to: str = "Production") -> PastDecision:
        who = Identity("default", "lead_scoring_model", version, study.candidate("good").facts.created_at_ms)
        return PastDecision(f"record-{version}-{to}", NOW, who, to, "allowed", True, None, False, ())

    given = study.parameters({"roc_auc": {"better_by": 0}}, first_champion="allow")
    if gate == "slices":
        given = {**given, "by": ["job"], "unsettled": "pass"}
    mine = study.candidate("good").version
    emptied = study.candidate("good", earlier=[held(1), held(1, "Archived")])
    result = judge(gate, given, emptied)
    assert result.verdict == "failed"
    assert "it was held before, by version 1 last" in result.message
    assert "hotpass rollback lead_scoring_model --to-version 1 --stage Production" in result.message
    for earlier in ([held(1, "Staging")], [held(1), held(mine), held(mine, "Archived")]):
        allowed = judge(gate, given, study.candidate("good", earlier=earlier))
        assert allowed.verdict == "passed", allowed.message


def test_the_champion_itself(study):
    metrics = {"roc_auc": {"better_by": 0}}
    result = study.judge(study.parameters(metrics), "good", stage="Production")
    assert (result.verdict, result.evidence) == ("passed", {"champion": None})
    assert "this version holds Production itself" in result.message


def test_floors_alone_do_not_ask_for_the_champion(study):
    who = study.candidate("good", "poor")
    result = judge("evaluation", study.parameters({"roc_auc": {"at_least": 0.5}}), who)
    assert result.verdict == "passed"
    assert not who.read_champion
    assert result.evidence["champion"] is None


# --- the budget and plugins ---------------------------------------------------------------------------------


def decided(version: int, result: GateResult, look: int, number: int) -> PastDecision:
    said = {**result.evidence["alpha_budget"], "look": look, "files": f"files of {version}"}
    verdict = PastVerdict("evaluation", "", "lead", "inconclusive", {"alpha_budget": said})
    who = Identity("default", "lead_scoring_model", version, 1)
    return PastDecision(
        f"record-{number}", NOW, who, "Production", "inconclusive", False, 1, False, (verdict,)
    )


def test_the_budget_of_a_reign(study, better):
    said = better.evidence["alpha_budget"]
    assert (said["look"], said["alpha"], said["total"], said["again"]) == (1, 0.025, 0.05, False)
    assert (said["spent_before"], said["since"]) == (0, None)
    assert better.message.endswith("It is look 1 in this champion's reign, and may err with 2.5% of 5%")

    given = study.parameters({"roc_auc": {"better_by": 0}}, alpha_budget={"total": 0.05, "challengers": 2})
    first = study.judge(given, "good", "poor")
    assert first.verdict == "passed"
    asked = {key: given[key] for key in ("target", "positive", "metrics")}
    assert first.evidence["alpha_budget"]["of"] == digest_of(asked) != said["of"]
    earlier = [decided(2, first, 1, 1), decided(3, first, 2, 2)]
    spent = study.judge(given, "good", "poor", version=4, earlier=earlier)
    assert spent.verdict == "inconclusive"
    assert spent.message.endswith("The budget of this champion's reign, 5%, is spent: it is look 3")
    assert spent.evidence["alpha_budget"]["alpha"] == 0


@pytest.mark.parametrize(
    "change", [{"seed": 8}, {"resamples": 300}, {"data": "copy.csv"}, {"alpha_budget": 0.1}], ids=str
)
def test_what_is_no_other_test_goes_on_with_the_budget(study, tmp_path, change):
    first = study.parameters({"roc_auc": {"better_by": 0}}, alpha_budget=0.05)
    other = {**first, **change}
    if "data" in change:
        other["data"] = str(tmp_path / "copy.csv")
        study.holdout.assign(more=1).to_csv(other["data"], index=False)
    before = study.judge(first, "good", "poor")
    after = study.judge(other, "good", "poor", version=3, earlier=[decided(2, before, 1, 1)])
    assert after.evidence["alpha_budget"]["look"] == 2


def test_the_same_version_and_data_again(study, better):
    who = study.candidate("good", "poor")
    mine = PastDecision(
        "record-1", NOW, who.identity, "Production", "denied", False, 1, False,
        (PastVerdict("evaluation", "", "lead", "passed", better.evidence),),
    )  # fmt: skip
    result = study.judge(
        study.parameters(alpha_budget=0.05, seed=3), "good", "poor", earlier=[mine, decided(3, better, 2, 2)]
    )
    assert result.evidence["alpha_budget"] == {**better.evidence["alpha_budget"], "again": True}
    assert result.evidence["metrics"] == better.evidence["metrics"]
    assert "look 1 in this champion's reign, as before" in result.message


@pytest.mark.parametrize("role", ["challenger", "champion"])
def test_other_scores_of_the_same_version_and_data_are_a_new_look(study, better, role):
    who, said = study.candidate("good", "poor"), better.evidence["alpha_budget"]
    assert len({len(one) for one in said["scores"].values()}) == 1
    other = {**better.evidence, "alpha_budget": {**said, "scores": {**said["scores"], role: "0" * 64}}}
    mine = PastDecision(
        "record-1", NOW, who.identity, "Production", "denied", False, 1, False,
        (PastVerdict("evaluation", "", "lead", "passed", other),),
    )  # fmt: skip
    result = study.judge(study.parameters(alpha_budget=0.05, seed=3), "good", "poor", earlier=[mine])
    found = result.evidence["alpha_budget"]
    assert (found["look"], found["again"]) == (2, False)
    assert metrics_of(result)["roc_auc.better_by"]["confidence"] == pytest.approx(1 - 0.05 / 6)


def test_scores_are_the_same_but_for_the_last_digits_of_the_machine():
    scores = np.array([0.0, 0.4, 1e-320, 0.123456789012, 1.0, -5e300])
    same = scores * (1 + 2e-16)
    assert digest_of_scores(same) == digest_of_scores(scores)
    assert digest_of_scores(scores * (1 + 1e-11)) != digest_of_scores(scores)
    assert digest_of_scores(scores[::-1]) != digest_of_scores(scores)


def test_a_metric_of_a_plugin_folder(study, tmp_path):
    (tmp_path / "ours.py").write_text(PLUGIN)
    metrics = {"mean_won": {"direction": "higher", "at_least": 0.5}}
    result = study.judge(
        study.parameters(metrics, resamples=200), "good", plugin_files=[tmp_path / "ours.py"]
    )
    assert result.verdict == "passed", result.message
    found = metrics_of(result)["mean_won.at_least"]
    target, score = (study.holdout["y"] == "yes"), study.scores("good")
    assert found["value"] == pytest.approx(target[score > 0.5].mean())
    assert found["low"] < found["value"]


@pytest.mark.parametrize(
    ("name", "direction", "said"),
    [
        ("mean_one", "higher", "no plugin has a metric mean_one. Did you mean mean_won?"),
        ("mean_won", "lower", "write `direction: higher`"),
    ],
)
def test_a_metric_that_is_not_as_the_policy_says(study, tmp_path, name, direction, said):
    (tmp_path / "theirs.py").write_text(PLUGIN)
    bound = "at_least" if direction == "higher" else "at_most"
    result = study.judge(
        study.parameters({name: {"direction": direction, bound: 0.5}}), "good",
        plugin_files=[tmp_path / "theirs.py"],
    )  # fmt: skip
    assert result.verdict == "failed"
    assert said in result.message

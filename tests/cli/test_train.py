"""`hotpass train`: from a file to a registered version, and every way to say it wrong."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import pytest

from hotpass.ml import get_model_metadata, load_model
from support.commands import Hotpass
from support.leads import made_up
from support.stores import Store


@pytest.fixture
def leads(sqlite_store: Store) -> Path:
    """leads.csv in the folder where the test works, with `;` between the columns, and a note that tells the
    answer.
    """
    table = made_up()
    table.assign(closed=table["won"]).to_csv("leads.csv", sep=";", index=False)
    return Path("leads.csv")


def test_a_model_is_trained_registered_and_shown(hotpass: Hotpass, leads: Path) -> None:
    ran = hotpass(
        "train", "--input", leads, "--target", "won", "--drop", "closed", "--model", "leads",
        "--tag", "owner=ada", "--threshold", "roc_auc=0.7", "--run-name", "first",
        "--metrics-path", "metrics.json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "Learnt from 320 leads; judged by 80, of which 28 were won." in ran.out
    assert "Registered leads version 1 (run " in ran.out
    assert "hotpass check leads 1 --to Staging" in ran.out
    assert ran.err == ""
    (version,) = get_model_metadata("leads")
    assert version["tags"]["owner"] == "ada"
    run = mlflow.get_run(version["run_id"])
    assert run.info.run_name == "first"
    assert f"roc_auc            {run.data.metrics['roc_auc']:.4f}" in ran.out
    assert [i.dataset.name for i in run.inputs.dataset_inputs] == ["leads-training", "leads-validation"]
    assert json.loads(Path("metrics.json").read_text())["features"] == ["calls", "income", "branch"]
    assert load_model("leads", version=1).model.feature_names_in_.tolist() == ["calls", "income", "branch"]


def test_training_rows_stay_with_the_run_unless_the_caller_says_no(hotpass: Hotpass, leads: Path) -> None:
    kept = []
    for options in ([], ["--no-training-rows"]):
        ran = hotpass("train", "--input", leads, "--target", "won", *options, "--json")
        assert ran.code == 0, ran.err
        files = mlflow.artifacts.list_artifacts(run_id=ran.json["run_id"])
        kept.append({file.path for file in files})
    assert kept[0] - kept[1] == {"training"}


def test_json_says_the_same(hotpass: Hotpass, leads: Path) -> None:
    ran = hotpass(
        "train", "--input", leads, "--target", "won", "--feature", "calls", "--feature", "branch",
        "--model", "leads", "--estimator", "gradient_boosting", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json["model"] == "leads"
    assert ran.json["version"] == 1
    assert ran.json["features"] == ["calls", "branch"]
    assert ran.json["metrics"]["roc_auc"] > 0.6
    assert ran.json["rows"] == {
        "train": 320,
        "validation": 80,
        "validation_positives": 28,
        "without_target": 0,
    }
    assert mlflow.get_run(ran.json["run_id"]).data.params["estimator"] == "gradient_boosting"


@pytest.mark.parametrize("name", ["leads.parquet", "leads.xlsx"])
def test_other_kinds_of_files(hotpass: Hotpass, leads: Path, name: str) -> None:
    table = made_up()
    table.to_parquet(name) if name.endswith("parquet") else table.to_excel(name, index=False)
    ran = hotpass("train", "--input", name, "--target", "won", "--model", "leads", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["rows"]["train"] == 320


def test_a_model_that_misses_its_threshold_is_exit_1(hotpass: Hotpass, leads: Path) -> None:
    ran = hotpass(
        "train",
        "--input",
        leads,
        "--target",
        "won",
        "--drop",
        "closed",
        "--model",
        "leads",
        "--threshold",
        "roc_auc=0.99",
    )
    assert ran.code == 1
    assert "wanted at least 0.99. It is logged as run" in ran.err
    assert mlflow.MlflowClient().search_registered_models() == []


def test_few_leads_are_noted(hotpass: Hotpass, leads: Path) -> None:
    made_up(30).to_csv("few.csv", index=False)
    ran = hotpass("train", "--input", "few.csv", "--target", "won", "--model", "leads")
    assert ran.code == 0
    assert "Note: only " in ran.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--target", "wonn"], "no target column 'wonn'. Did you mean 'won'?"),
        (["--target", "won", "--drop", "close"], "has no column 'close' to drop"),
        (["--target", "won", "--threshold", "roc_auc"], "--threshold 'roc_auc' is not NAME=VALUE"),
        (["--target", "won", "--threshold", "roc_auc=high"], "'high' is not a number"),
        (["--target", "won", "--threshold", "joy=1"], "is not known"),
        (["--target", "won", "--tag", "owner=a", "--tag", "owner=b"], "names 'owner' twice"),
        (["--target", "won", "--estimator", "magic"], "no plugin knows an estimator 'magic'"),
        (["--target", "branch"], "must say of each lead whether it was won"),
        (["--target", "won", "--input", "none.csv"], "none.csv does not exist"),
        (["--target", "won", "--validation-size", "2"], "--validation-size is 2; give"),
        (["--target", "won", "--model", "a/b"], "is not a name for a model"),
        (["--target", "won", "--plugins", "nowhere"], "plugin folder nowhere does not exist"),
        ([], "Missing option '--target'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(hotpass: Hotpass, leads: Path, words: list[str], says: str) -> None:
    given = words if "--input" in words else ["--input", str(leads), *words]
    ran = hotpass("train", *given)
    assert ran.code == 2
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert mlflow.search_runs(search_all_experiments=True, output_format="list") == []


def test_a_store_that_is_not_there_is_exit_4(hotpass: Hotpass, leads: Path) -> None:
    uri = "postgresql+psycopg2://me:hunter2@127.0.0.1:1/db"
    ran = hotpass("train", "--input", leads, "--target", "won", "--tracking-uri", uri, "--registry-uri", uri)
    assert ran.code == 4
    assert "hunter2" not in ran.err + ran.out


WRONG_BEFORE = {
    "a file in the way of the metrics": (
        ["--metrics-path", "leads.csv/metrics.json"], "cannot be written: {here}/leads.csv is not a folder"
    ),
    "a share of nothing": (["--validation-size", "0"], "--validation-size is 0; give the share to judge by"),
    "a share of all": (["--validation-size", "1"], "--validation-size is 1; give the share to judge by"),
    "a name that no model can have": (["--model", "a/b"], "'a/b' is not a name for a model"),
    "a threshold of unknown direction": (
        ["--threshold", "lift=2"], "--threshold: whether a higher lift is better is not known"
    ),
    "a threshold that is no number": (
        ["--threshold", "roc_auc=nan"], "--threshold: the limit of roc_auc is nan, not a finite number"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("words", "said"), WRONG_BEFORE.values(), ids=WRONG_BEFORE)
def test_what_is_wrong_is_said_before_anything_is_trained(
    hotpass: Hotpass, leads: Path, words: list[str], said: str
) -> None:
    ran = hotpass("train", "--input", leads, "--target", "won", "--model", "leads", *words)
    assert (ran.code, said.format(here=Path.cwd()) in ran.err) == (2, True), ran.err
    assert mlflow.search_runs(search_all_experiments=True).empty


def test_a_folder_for_artifacts_that_cannot_be_written_is_said_before_anything_is_trained(
    hotpass: Hotpass, leads: Path
) -> None:
    experiment = mlflow.create_experiment("elsewhere", str(Path("leads.csv/runs").absolute()))
    ran = hotpass("train", "--input", leads, "--target", "won", "--experiment", "elsewhere")
    assert ran.code == 2, ran
    assert "the files of runs in experiment 'elsewhere' cannot be written to" in ran.err
    assert mlflow.search_runs([experiment]).empty

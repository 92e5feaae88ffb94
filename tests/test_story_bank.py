"""The story that README.md tells of a bank's leads, by its own commands, a process for each.

41,188 phone contacts, of whom 4,640 bought. The column `duration` is known only once a call is over, so a
model that learns from it knows the answer.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from hotpass.transform.scoring import train_lead_scoring_model
from support.commands import Hotpass
from support.pages import README, Command, blocks

HOTPASS = Path(sys.executable).with_name("hotpass")
LEADS = README.parents[1] / "shared" / "data" / "bank-marketing.csv"
ROWS, BOUGHT = 41_188, 4_640
#: The columns of README's table.
METRICS = ("roc_auc", "average_precision", "precision", "recall", "log_loss")

pytestmark = pytest.mark.skipif(not LEADS.exists(), reason=f"the bank's leads are not at {LEADS}")


def commands() -> list[Command]:
    (story,) = [block for block in blocks() if block.language == "sh" and LEADS.name in block.text]
    return story.commands


def figures() -> list[list[float]]:
    """The numbers in README's table of the two versions, a list for each."""
    rows = [line for line in README.read_text().splitlines() if line.startswith("| version ")]
    return [[float(cell) for cell in line.split("|")[2:-1]] for line in rows]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What each command printed, after all of them ran in order; this process then has their environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOTPASS_ACTOR", "ada")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # other tests run beside this one
    Path(LEADS.name).symlink_to(LEADS)
    printed = {}
    for words, code in commands():
        if words[0] == "export":
            for setting in words[1:]:
                monkeypatch.setenv(*setting.split("=", 1))
            continue
        ran = subprocess.run([HOTPASS, *words[1:]], capture_output=True, text=True, timeout=240)
        assert ran.returncode == code, f"{' '.join(words)}\n{ran.stdout}{ran.stderr}"
        printed[" ".join(words[1:])] = ran.stdout
    return printed


def logged_metrics(version: int) -> dict[str, float]:
    """The metrics in MLflow that the gates read."""
    import mlflow

    client = mlflow.MlflowClient()
    run_id = client.get_model_version("bank", str(version)).run_id
    return dict(client.get_run(run_id).data.metrics)


@pytest.mark.slow
@pytest.mark.ci
def test_the_story_of_the_readme(told: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    hotpass = Hotpass(capsys)
    records: list[dict[str, Any]] = hotpass("history", "bank", "--json").json["records"]
    assert [(one["version"], one["to"], one["outcome"]) for one in reversed(records)] == [
        (1, "Staging", "allowed"), (1, "Production", "allowed"), (2, "Staging", "allowed"),
        (2, "Production", "allowed"), (1, "Production", "allowed"),
    ]  # fmt: skip
    assert (records[0]["rollback"], records[0]["reason"]) == (True, "complaints from sales")
    assert {one["actor"] for one in records} == {"ada"}
    assert hotpass("status", "--json").json["models"][0]["champion"] == 1
    assert hotpass("audit", "verify", "bank").code == 0

    trained = [text for command, text in told.items() if command.startswith("train ")]
    assert len(trained) == 2
    assert all(
        "Learnt from 32,950 leads; judged by 8,238, of which 928 were won." in text for text in trained
    )
    logged = [logged_metrics(version) for version in (1, 2)]
    for ours, shown in zip(logged, figures(), strict=True):
        assert [ours[name] for name in METRICS] == pytest.approx(shown, abs=0.002)
    assert 0.76 < logged[0]["roc_auc"] < logged[1]["roc_auc"] < 0.83
    assert logged[0]["log_loss"] < 0.30, "the base rate alone reaches 0.352"

    scored, original = pd.read_parquet("scored.parquet"), pd.read_csv(LEADS, sep=";")
    assert scored["age"].tolist() == original["age"].tolist()
    assert scored["score"].between(0, 1).all()
    assert scored["score"].mean() == pytest.approx(BOUGHT / ROWS, abs=0.01)
    assert roc_auc_score(original["y"], scored["score"]) > 0.80


@pytest.mark.slow
@pytest.mark.ci
def test_a_leak_shows_in_a_metric_too_good_to_be_true() -> None:
    leads = pd.read_csv(LEADS, sep=";")

    honest = train_lead_scoring_model(leads.drop(columns="duration"), "y").metrics["roc_auc"]
    leaking = train_lead_scoring_model(leads, "y").metrics["roc_auc"]

    assert leaking > honest + 0.1

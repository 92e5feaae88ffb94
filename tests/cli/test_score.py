"""`hotpass score`: leads in, leads with scores out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hotpass.ml import init_mlflow
from hotpass.transform.scoring import score_prospects, train_lead_scoring_model
from support.commands import Hotpass
from support.leads import made_up
from support.stores import Store


@pytest.fixture
def scored(sqlite_store: Store) -> pd.DataFrame:
    """Two versions of the model `leads`, the first in Production; and leads.csv with the leads that are
    returned, scored by it.
    """
    init_mlflow()
    first = train_lead_scoring_model(made_up(), enable_mlflow=True, mlflow_model_name="leads")
    train_lead_scoring_model(made_up(seed=1), enable_mlflow=True, mlflow_model_name="leads")
    sqlite_store.client.set_registered_model_alias("leads", "production", 1)
    leads = made_up(120, seed=2).drop(columns="won")
    leads.to_csv("leads.csv", index=False)
    return score_prospects(first.model, leads)


def test_the_production_model_scores(hotpass: Hotpass, scored: pd.DataFrame) -> None:
    ran = hotpass("score", "--model", "leads", "--input", "leads.csv", "--output", "out.csv")
    assert ran.code == 0, ran.err
    assert (
        f"Scored 120 leads with leads version 1 into out.csv; mean score {scored['score'].mean():.4f}"
        in ran.out
    )
    assert ran.err == ""
    np.testing.assert_allclose(pd.read_csv("out.csv")["score"], scored["score"])


def test_another_version_or_stage(hotpass: Hotpass, scored: pd.DataFrame, sqlite_store: Store) -> None:
    sqlite_store.client.set_registered_model_alias("leads", "staging", 2)
    words = [
        "score",
        "--model",
        "leads",
        "--input",
        "leads.csv",
        "--output",
        "out.parquet",
        "--json",
        "--force",
    ]
    for more in (["--version", "2"], ["--version", "latest"], ["--stage", "staging"]):
        ran = hotpass(*words, *more)
        assert ran.code == 0, ran.err
        assert ran.json["version"] == 2
    assert ran.json["rows"] == 120
    assert ran.json["output"] == "out.parquet"
    assert ran.json["mean_score"] == pytest.approx(pd.read_parquet("out.parquet")["score"].mean())
    assert ran.json["mean_score"] != pytest.approx(scored["score"].mean())


def test_no_leads_are_no_mistake(hotpass: Hotpass, scored: pd.DataFrame) -> None:
    scored.head(0).drop(columns="score").to_csv("none.csv", index=False)
    ran = hotpass("score", "--model", "leads", "--input", "none.csv", "--output", "out.csv", "--json")
    assert ran.code == 0
    assert (ran.json["rows"], ran.json["mean_score"]) == (0, None)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--model", "lead", "--output", "out.csv"], "Did you mean 'leads'?"),
        (["--model", "leads", "--output", "out.doc"], "use .csv, .parquet, .pq, .xlsx"),
        (["--model", "leads", "--output", "out.txt"], "does not say what to write; use .csv, .parquet"),
        (["--model", "leads", "--output", "there.csv"], "there.csv exists. Name another file, or allow it"),
        (["--model", "leads", "--output", "out.csv", "--version", "9"], "has no version 9. It has: 2, 1"),
        (
            ["--model", "leads", "--output", "out.csv", "--stage", "Staging"],
            "no version in Staging. It has: 2 (None), 1",
        ),
        (
            ["--model", "leads", "--output", "out.csv", "--version", "1", "--stage", "Staging"],
            "give one of them",
        ),
        (["--model", "leads", "--output", "out.csv", "--chunk-rows", "0"], "a chunk of 0 rows is none"),
        (
            ["--model", "leads", "--output", "out.csv", "--score-column", "calls"],
            "has a column 'calls' already",
        ),
        (
            ["--model", "leads", "--output", "out.csv", "--input", "few.csv"],
            "not there: income, branch. There are: calls",
        ),
        (["--model", "leads", "--output", "out.csv", "--input", "none.csv"], "none.csv does not exist"),
    ],
)
def test_a_mistake_is_one_line_exit_2_and_no_file(
    hotpass: Hotpass, scored: pd.DataFrame, words: list[str], says: str
) -> None:
    Path("there.csv").write_text("precious")
    scored[["calls"]].to_csv("few.csv", index=False)
    before = {path.name for path in Path().iterdir()}
    given = words if "--input" in words else ["--input", "leads.csv", *words]
    ran = hotpass("score", *given)
    assert ran.code == 2
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert {path.name for path in Path().iterdir()} == before
    assert Path("there.csv").read_text() == "precious"


def test_files_that_changed_are_exit_4(hotpass: Hotpass, scored: pd.DataFrame, sqlite_store: Store) -> None:
    from hotpass.ml import forget_loaded_models

    forget_loaded_models()
    uri = sqlite_store.client.get_model_version_download_uri("leads", "1")
    Path(uri.removeprefix("file://"), "requirements.txt").write_text("evil")
    ran = hotpass("score", "--model", "leads", "--input", "leads.csv", "--output", "out.csv", "--json")
    assert ran.code == 4
    assert ran.json["error"]["type"] == "ArtifactsChanged"
    assert not Path("out.csv").exists()

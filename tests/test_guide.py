"""Every Python block of the guide runs, word for word and in order, as a reader would run them in one
session.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from support.leads import FOUR_ROWS, made_up

GUIDE = Path(__file__).resolve().parents[2] / "shared" / "guide" / "model-lifecycle.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks() -> list[str]:
    """The Python blocks, in order."""
    if not GUIDE.exists():
        pytest.skip(f"the guide is not in {GUIDE.parent}")
    return BLOCK.findall(GUIDE.read_text())


def test_the_guide_runs_word_for_word(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = blocks()
    assert len(found) == 12
    # What the guide takes for granted: a file of leads, and a third version of the model by the time it is
    # promoted.
    made_up(400).rename(columns={"calls": "contacts"}).to_parquet("training_data.parquet")

    session: dict[str, object] = {"__name__": "__main__"}
    for place, block in enumerate(found, start=1):
        if "version=3" in block and "ModelStage.STAGING" in block:
            _train_until_version(3)
        code = compile(block, f"block {place} of the guide", "exec")
        exec(code, session)

    said = capsys.readouterr().out
    assert re.search(r"ROC AUC: [01]\.\d{3}\nPrecision: [01]\.\d{3}\nRecall: [01]\.\d{3}\n", said)
    assert re.search(r"Logged run: [0-9a-f]{32}", said)
    assert re.search(r"Lead score: 0\.\d{3}", said)
    assert "Version 3: Production" in said
    assert "Production version: 3" in said
    assert "Model version 4 promoted to Staging" in said
    assert "Model: custom_lead_scorer" in said
    assert "Model: lead_scoring_model" in said

    from hotpass.ml import get_model_metadata

    stages = {version["version"]: version["stage"] for version in get_model_metadata("lead_scoring_model")}
    assert stages == {1: "None", 2: "None", 3: "Production", 4: "Staging"}


def _train_until_version(version: int) -> None:
    from hotpass.ml import get_model_metadata
    from hotpass.transform.scoring import train_lead_scoring_model

    while len(get_model_metadata("lead_scoring_model")) < version:
        train_lead_scoring_model(FOUR_ROWS, target_column="won", enable_mlflow=True)


def test_every_name_that_the_guide_imports_is_public():
    import importlib

    for block in blocks():
        for module, names in re.findall(r"^from (hotpass[\w.]*) import (.+)$", block, re.MULTILINE):
            exported = importlib.import_module(module).__all__
            for name in names.split(","):
                assert name.strip() in exported


def test_the_columns_of_the_guide_are_the_default_signals():
    from hotpass.transform.scoring import LeadScorer

    assert LeadScorer().score(FOUR_ROWS).between(0, 1).all()
    assert isinstance(FOUR_ROWS, pd.DataFrame)

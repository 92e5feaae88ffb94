"""`hotpass serve`: a guarded server as people start it."""

from __future__ import annotations

from support.guarded import Guarded
from support.versions import make_version


def test_mlflow_works_as_usual_on_models_that_no_policy_covers(guarded: Guarded) -> None:
    name = guarded.free_name()
    make_version(guarded, name, metrics={"roc_auc": 0.5})

    moved = guarded.client.transition_model_version_stage(name, "1", "Production")

    assert moved.current_stage == "Production"
    page = guarded.get("/")
    assert page.status == 200
    assert "<title>MLflow" in page.text

"""A guarded server with workspaces."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from mlflow.exceptions import MlflowException

import hotpass
from support.guarded import Guarded
from support.versions import make_version

WORKSPACES = "/api/3.0/mlflow/workspaces"


def test_each_workspace_has_its_own_models_and_ledgers(
    guarded_by: Callable[..., Guarded], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = guarded_by(workspaces=True)
    name = server.name()
    assert server.post(WORKSPACES, {"name": "team-a"}).status in (200, 201)
    outcomes = {}
    for workspace, roc_auc in (("default", 0.9), ("team-a", 0.1)):
        monkeypatch.setenv("MLFLOW_WORKSPACE", workspace)
        make_version(server, name, metrics={"roc_auc": roc_auc})
        with contextlib.suppress(MlflowException):
            server.client.transition_model_version_stage(name, "1", "Staging")
        outcomes[workspace] = [
            (entry.record.workspace, entry.record.body["outcome"]) for entry in hotpass.history(name)
        ]

    assert outcomes == {"default": [("default", "allowed")], "team-a": [("team-a", "denied")]}


def test_a_workspace_is_not_deleted_with_what_it_holds(
    guarded_by: Callable[..., Guarded], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's DELETE of a workspace takes `mode=CASCADE` and `mode=SET_DEFAULT` besides RESTRICT."""
    server = guarded_by(workspaces=True)
    name = server.name()
    assert server.post(WORKSPACES, {"name": "team-b"}).status in (200, 201)
    assert server.post(WORKSPACES, {"name": "team-empty"}).status in (200, 201)
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team-b")
    make_version(server, name, metrics={"roc_auc": 0.9})

    answers = [
        server.request("DELETE", f"{WORKSPACES}/team-b?mode={mode}")
        for mode in ("CASCADE", "SET_DEFAULT", "RESTRICT")
    ]

    assert [answer.status for answer in answers[:2]] == [403, 403]
    assert "may not be deleted with all that it holds" in answers[0].text
    assert answers[2].status >= 400
    assert server.client.get_model_version(name, "1").name == name
    assert server.request("DELETE", f"{WORKSPACES}/team-empty").status == 204

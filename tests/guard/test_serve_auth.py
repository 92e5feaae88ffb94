"""A guarded server with MLflow's basic auth."""

from __future__ import annotations

import pytest
from mlflow.exceptions import MlflowException

import hotpass
from support.guarded import ADMIN, Guarded
from support.versions import make_version

HOTPASS = "/api/2.0/hotpass"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/2.0/mlflow/experiments/search?max_results=1"),
        ("GET", "/ajax-api/2.0/mlflow/registered-models/search"),
        ("POST", "/api/2.0/mlflow/model-versions/transition-stage"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/x/y"),
        ("GET", f"{HOTPASS}/health"),
        ("GET", f"{HOTPASS}/policies"),
        ("GET", f"{HOTPASS}/openapi.json"),
        ("GET", f"{HOTPASS}/history?model=guarded_x"),
        ("POST", f"{HOTPASS}/check"),
        ("POST", f"{HOTPASS}/promote"),
        ("POST", f"{HOTPASS}/rollback"),
        ("POST", f"{HOTPASS}/approve"),
        ("POST", f"{HOTPASS}/withdraw"),
        ("POST", f"{HOTPASS}/adopt"),
    ],
)
def test_nobody_gets_anything_without_a_login(guarded_auth: Guarded, method: str, path: str) -> None:
    body = None if method == "GET" else {"model": "guarded_x", "version": 1, "to": "Staging", "reason": "x"}

    assert guarded_auth.request(method, path, body).status == 401
    wrong = {"Authorization": "Basic YWRtaW46d3Jvbmc="}  # admin:wrong
    assert guarded_auth.request(method, path, body, headers=wrong).status == 401


def test_the_actor_of_a_decision_is_whoever_logged_in(guarded_auth: Guarded) -> None:
    name = guarded_auth.name()
    make_version(guarded_auth, name, metrics={"roc_auc": 0.9})
    ada = guarded_auth.add_user("ada")
    guarded_auth.grant(ada, name, "EDIT")

    with guarded_auth.as_user(ada) as client:
        client.transition_model_version_stage(name, "1", "Staging")
    claims = {"X-Hotpass-Actor": "the-boss", "HOTPASS_ACTOR": "the-boss"}
    answer = guarded_auth.request(
        "POST", f"{HOTPASS}/promote", {"model": name, "version": 1, "to": "Production"}, user=ada,
        headers=claims,
    )  # fmt: skip

    assert answer.status == 200, answer.text
    actors = [entry.record.actor for entry in hotpass.history(name)]
    assert [(actor.name, actor.authenticated) for actor in actors] == [("ada", True), ("ada", True)]


def test_a_reader_may_look_and_not_promote(guarded_auth: Guarded) -> None:
    name = guarded_auth.name()
    make_version(guarded_auth, name, metrics={"roc_auc": 0.9})
    guarded_auth.add_user("reader")

    with guarded_auth.as_user("reader") as client, pytest.raises(MlflowException, match="Permission denied"):
        client.transition_model_version_stage(name, "1", "Staging")
    wish = {"model": name, "version": 1, "to": "Staging"}
    refused = guarded_auth.post(f"{HOTPASS}/promote", wish, user="reader")
    checked = guarded_auth.post(f"{HOTPASS}/check", wish, user="reader")

    assert (refused.status, refused.json["error_code"]) == (403, "PERMISSION_DENIED")
    assert checked.json["decision"]["outcome"] == "allowed"
    assert guarded_auth.client.get_model_version(name, "1").current_stage == "None"
    assert guarded_auth.get(f"{HOTPASS}/health", user="reader").json["auth"] is True


def test_the_admin_is_not_above_the_policies(guarded_auth: Guarded) -> None:
    name = guarded_auth.name()
    make_version(guarded_auth, name, metrics={"roc_auc": 0.1})

    with guarded_auth.as_user(ADMIN) as client, pytest.raises(MlflowException, match=r"roc_auc is 0\.1"):
        client.transition_model_version_stage(name, "1", "Staging")

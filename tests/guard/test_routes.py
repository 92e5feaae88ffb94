"""The guard's routes, asked over HTTP as a script or a CI job would ask them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from hotpass.guard.core import Guard
from hotpass.guard.guard_settings import GuardSettings
from hotpass.guard.routes import add_routes
from hotpass.verdicts import Decision
from hotpass.wire import ACTOR_HEADER, GUARD_HEADER, KEY_HEADER, PATH, entry_from_json
from support.guarded import ADMIN, POLICY, Answer, Guarded
from support.proxy import proxied
from support.stores import Store
from support.versions import make_version

#: Also a stage that waits for an approval.
WITH_APPROVALS = (
    POLICY
    + """\
  - to: Canary
    gates:
      - approvals: {at_least: 1, claimed: true}
"""
)

Start = Callable[..., Guarded]


@pytest.fixture
def server(guarded_by: Start) -> Guarded:
    """Two workers, no auth."""
    return guarded_by(workers=2, policies=WITH_APPROVALS)


@pytest.fixture
def with_auth(guarded_by: Start) -> Guarded:
    """MLflow's auth at its strictest: what it knows no rule for it refuses."""
    return guarded_by(auth=True, env=(("MLFLOW_BASIC_AUTH_FAIL_CLOSED", "true"),))


def ask(
    server: Guarded, route: str, body: Any, *, user: str | None = None, key: str = "", actor: str = ""
) -> Answer:
    headers = ({KEY_HEADER: key} if key else {}) | ({ACTOR_HEADER: actor} if actor else {})
    return server.request("POST", f"{PATH}/{route}", body, user=user, headers=headers)


def records(server: Guarded, model: str, user: str | None = None) -> list[Any]:
    answer = server.get(f"{PATH}/history?model={model}", user=user)
    assert answer.status == 200, answer.text
    return [entry_from_json(entry) for entry in answer.json["entries"]]


def test_the_way_to_production(server: Guarded) -> None:
    model = server.name()
    make_version(server, model, metrics={"roc_auc": 0.8})
    make_version(server, model, metrics={"roc_auc": 0.9})

    for version in (1, 2):
        for stage in ("Staging", "Production"):
            answer = ask(server, "promote", {"model": model, "version": version, "to": stage, "reason": "r"})
            assert answer.status == 200, answer.text
            assert Decision.from_json(answer.json["decision"]).allowed
    back = ask(server, "rollback", {"model": model, "reason": "it drifts"})

    assert back.status == 200, back.text
    assert Decision.from_json(back.json["decision"]).identity.version == 1
    assert server.client.get_model_version_by_alias(model, "production").version == "1"
    stages = {v.version: v.current_stage for v in server.client.search_model_versions(f"name='{model}'")}
    assert stages == {"1": "Production", "2": "Archived"}
    assert [entry.record.body["to"] for entry in records(server, model)] == [
        "Staging", "Production", "Staging", "Production", "Production",
    ]  # fmt: skip


def test_check_says_the_same_and_writes_nothing(server: Guarded) -> None:
    model = server.name()
    make_version(server, model, metrics={"roc_auc": 0.8})

    allowed = ask(server, "check", {"model": model, "version": "latest", "to": "staging"})
    denied = ask(server, "check", {"model": model, "version": "1", "to": "Production"})
    dry = ask(server, "rollback", {"model": model, "reason": "r", "to_version": 1, "dry_run": True})

    outcomes = [answer.json["decision"]["outcome"] for answer in (allowed, denied, dry)]
    assert outcomes == ["allowed", "denied", "denied"]
    assert records(server, model) == []
    assert server.client.get_model_version(model, "1").current_stage == "None"


def test_a_refusal_has_the_decision_and_is_not_sent_again(server: Guarded) -> None:
    # MLflow's client sends 408, 429, 500, 502, 503 and 504 again (`_TRANSIENT_FAILURE_RESPONSE_CODES`).
    from mlflow.utils.rest_utils import MlflowHostCreds, http_request

    model = server.name()
    make_version(server, model, metrics={"roc_auc": 0.8})
    with proxied(server.uri) as proxy:

        def post(to: str) -> Any:
            body = {"model": model, "version": 1, "to": to}
            return http_request(MlflowHostCreds(proxy.uri), f"{PATH}/promote", "POST", json=body)

        denied, pending = post("Production"), post("Canary")
        assert len(proxy.requests) == 2

    assert (denied.status_code, denied.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert (pending.status_code, pending.json()["error_code"]) == (409, "ABORTED")
    for answer, outcome in ((denied, "denied"), (pending, "pending")):
        decision = Decision.from_json(answer.json()["decision"])
        assert (decision.outcome, answer.json()["message"]) == (outcome, decision.summary())
    assert [entry.record.body["outcome"] for entry in records(server, model)] == ["denied", "pending"]


def test_approving_and_taking_it_back(server: Guarded) -> None:
    model = server.name()
    make_version(server, model, metrics={"roc_auc": 0.8})
    word = {"model": model, "version": 1, "to": "Canary", "reason": "looked at it"}
    wanted = {"model": model, "version": 1, "to": "Canary"}

    given = ask(server, "approve", word, actor="ada")
    assert given.status == 200, given.text
    assert ask(server, "check", wanted).json["decision"]["outcome"] == "allowed"
    assert ask(server, "withdraw", word, actor="bob").status == 400
    taken = ask(server, "withdraw", word, actor="ada")
    assert taken.status == 200, taken.text
    assert ask(server, "check", wanted).json["decision"]["outcome"] == "pending"

    kinds = [(entry.record.kind, entry.record.actor.name) for entry in records(server, model)]
    assert kinds == [("approval", "ada"), ("withdrawal", "ada")]


def test_policies_and_health_say_what_is_in_force(server: Guarded) -> None:
    (policy,) = server.get(f"{PATH}/policies").json["policies"]
    assert policy["models"] == ["guarded_*"]
    assert [way["to"] for way in policy["promotions"]] == ["Staging", "Production", "Archived", "Canary"]
    assert policy["promotions"][0]["gates"][0]["parameters"] == {"roc_auc": {"at_least": 0.7}}
    assert server.get(f"{PATH}/policies?model=free_m").json["policies"] == []
    health = server.get(f"{PATH}/health")
    assert (health.status, health.json["status"], health.headers.get("hotpass-guard")) == (
        200,
        "green",
        "0.1.0",
    )


def test_history_of_a_version_and_the_newest_of_it(server: Guarded) -> None:
    model = server.name()
    for _ in range(2):
        make_version(server, model, metrics={"roc_auc": 0.8})
    for version in (1, 2, 1):
        ask(server, "promote", {"model": model, "version": version, "to": "Production"})

    of_one = server.get(f"{PATH}/history?model={model}&version=1").json
    newest = server.get(f"{PATH}/history?model={model}&limit=1").json
    nobody = server.get(f"{PATH}/history?model={model}x")

    assert [entry["record"]["seq"] for entry in of_one["entries"]] == [1, 3]
    assert ([entry["record"]["seq"] for entry in newest["entries"]], newest["total"]) == ([3], 3)
    assert (nobody.status, nobody.json["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


FINE = {"model": "guarded_x", "version": 1, "to": "Staging"}


@pytest.mark.parametrize(
    ("method", "route", "body", "status", "said"),
    [
        ("POST", "promote", b"", 400, "not JSON"),
        ("POST", "promote", b"{", 400, "not JSON"),
        ("POST", "promote", b"[" * 60_000, 400, "not JSON"),
        ("POST", "promote", b'{"version": ' + b"9" * 5000 + b"}", 400, "not JSON"),
        ("POST", "promote", b'{"model": "a", "model": "b", "version": 1, "to": "x"}', 400, "twice"),
        ("POST", "promote", b'{"model": "a", "version": NaN, "to": "x"}', 400, "NaN"),
        ("POST", "promote", b"\xff\xfe", 400, "not JSON"),
        ("POST", "promote", b'"' + b"a" * 70_000 + b'"', 413, "longer than"),
        ("POST", "promote", [], 400, "object"),
        ("POST", "promote", None, 415, "Content-Type"),
        ("POST", "promote", FINE | {"force": True}, 400, "force"),
        ("POST", "promote", FINE | {"version": 0}, 400, "version"),
        ("POST", "promote", FINE | {"version": 1.5}, 400, "version"),
        ("POST", "promote", FINE | {"version": True}, 400, "version"),
        ("POST", "promote", FINE | {"version": "newest"}, 400, "version"),
        ("POST", "promote", FINE | {"to": ""}, 400, "to"),
        ("POST", "promote", FINE | {"to": "Sta\0ging"}, 400, "character"),
        ("POST", "promote", FINE | {"model": "a" * 300}, 400, "model"),
        ("POST", "promote", FINE | {"model": "\ud800"}, 400, "character"),
        ("POST", "promote", FINE | {"reason": "a\0b"}, 400, "character"),
        ("POST", "promote", FINE | {"archive_existing": "yes"}, 400, "archive_existing"),
        ("POST", "promote", FINE, 404, "there is no model"),
        ("POST", "rollback", {"model": "guarded_x"}, 400, "reason"),
        ("POST", "rollback", {"model": "guarded_x", "reason": "  "}, 400, "reason"),
        ("POST", "approve", FINE, 400, "reason"),
        ("GET", "history", None, 400, "model"),
        ("GET", "history?model=a&model=b", None, 400, "twice"),
        ("GET", "history?model=a&version=x", None, 400, "version"),
        ("GET", "history?model=a%00", None, 400, "character"),
        ("GET", "health?verbose=1", None, 400, "verbose"),
        ("GET", "promote", None, 405, "method"),
        ("DELETE", "history", None, 405, "method"),
        ("POST", "nothing", {}, 404, "no such route"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    server: Guarded, method: str, route: str, body: Any, status: int, said: str
) -> None:
    raw = isinstance(body, bytes)
    headers = {"Content-Type": "application/json"} if raw else {}
    answer = server.request(method, f"{PATH}/{route}", body, headers=headers)
    assert answer.status == status, answer.text
    assert said in answer.json["message"]
    assert answer.json["error_code"]
    assert answer.headers[GUARD_HEADER.lower()]


# --- the same request twice ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.ci
def test_a_request_that_was_sent_again_gets_the_recorded_decision(own_guarded: Start) -> None:
    server = own_guarded(workers=2, policies=WITH_APPROVALS)
    model = server.name()
    make_version(server, model, metrics={"roc_auc": 0.8})
    wanted = {"model": model, "version": "latest", "to": "Staging", "reason": "r"}
    refused = {"model": model, "version": 1, "to": "Canary"}
    word = {"model": model, "version": 1, "to": "Canary", "reason": "r"}

    def all_three() -> list[Any]:
        first = ask(server, "promote", wanted, key="one")
        second = ask(server, "promote", refused, key="two")
        third = ask(server, "approve", word, key="three", actor="ada")
        assert [first.status, second.status, third.status] == [200, 409, 200], second.text
        return [first.json["decision"]["id"], second.json["decision"]["id"], third.json["entry"]["id"]]

    once = all_three()
    # Every request has a connection of its own, and either worker may take it.
    assert all(all_three() == once for _ in range(4))
    server.restart()
    assert all_three() == once
    assert [entry.id for entry in records(server, model)] == once
    assert ask(server, "promote", wanted, key="another").json["decision"]["id"] not in once


def test_a_key_belongs_to_one_request(server: Guarded) -> None:
    model = server.name()
    for _ in range(2):
        make_version(server, model, metrics={"roc_auc": 0.8})
    wanted = {"model": model, "version": 1, "to": "Staging", "reason": "r"}
    assert ask(server, "promote", wanted, key="k").status == 200

    word = {"model": model, "version": 1, "to": "Staging", "reason": "r"}
    others = [
        ask(server, "promote", wanted | changed, key="k")
        for changed in ({"version": 2}, {"to": "Canary"}, {"reason": "s"}, {"archive_existing": True})
    ]
    others += [ask(server, "promote", wanted, key="k", actor="ada"), ask(server, "approve", word, key="k")]
    others.append(ask(server, "rollback", {"model": model, "stage": "Staging", "reason": "r"}, key="k"))

    assert {(answer.status, answer.json["error_code"]) for answer in others} == {
        (422, "INVALID_PARAMETER_VALUE")
    }
    assert len(records(server, model)) == 1


@pytest.mark.parametrize("key", ["a" * 201, "naïve", "a\tb"])
def test_a_key_that_is_none(server: Guarded, key: str) -> None:
    answer = ask(server, "promote", FINE, key=key)
    assert (answer.status, KEY_HEADER in answer.json["message"]) == (400, True)


def test_one_record_of_a_request_that_arrives_many_times_at_once(server: Guarded) -> None:
    model = server.name()
    make_version(server, model, metrics={"roc_auc": 0.8})
    wanted = {"model": model, "version": 1, "to": "Staging"}
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(server, "promote", wanted, key="k")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status for answer in answers] == [200] * 6
    assert len({answer.json["decision"]["id"] for answer in answers}) == 1
    assert len(records(server, model)) == 1


# --- who may ------------------------------------------------------------------------------------------------

ROUTES = [
    ("POST", "check", FINE),
    ("POST", "promote", FINE),
    ("POST", "rollback", {"model": "guarded_x", "reason": "r"}),
    ("POST", "approve", FINE | {"reason": "r"}),
    ("POST", "withdraw", FINE | {"reason": "r"}),
    ("POST", "adopt", {"model": "guarded_x"}),
    ("GET", "history?model=guarded_x", None),
    ("GET", "policies", None),
    ("GET", "health", None),
    ("GET", "openapi.json", None),
]


@pytest.mark.parametrize(("method", "route", "body"), ROUTES)
def test_nobody_is_let_in_without_a_login(with_auth: Guarded, method: str, route: str, body: Any) -> None:
    for headers in ({}, {"Authorization": "Basic YWRtaW46d3Jvbmc="}, {ACTOR_HEADER: ADMIN}):
        answer = with_auth.request(method, f"{PATH}/{route}", body, headers=headers)
        assert (answer.status, answer.json["error_code"]) == (401, "UNAUTHENTICATED")
        assert GUARD_HEADER.lower() in answer.headers


def test_mlflows_permissions_hold(with_auth: Guarded) -> None:
    model, other = with_auth.name(), with_auth.name()
    with with_auth.as_user(ADMIN):
        for name in (model, other):
            make_version(with_auth, name, metrics={"roc_auc": 0.8})
    reader, editor, owner, stranger = (with_auth.add_user(f"{who}-{model[-8:]}") for who in (
        "reader", "editor", "owner", "stranger"))  # fmt: skip
    with_auth.grant(editor, model, "EDIT")
    with_auth.grant(owner, model, "MANAGE")
    with_auth.grant(stranger, model, "DENY")
    wanted = {"model": model, "version": 1, "to": "Staging"}
    calls: dict[str, tuple[str, Any]] = {
        "check": ("POST", wanted),
        "promote": ("POST", wanted),
        "rollback": ("POST", {"model": model, "reason": "r"}),
        "approve": ("POST", wanted | {"to": "Production", "reason": "r"}),
        "withdraw": ("POST", wanted | {"to": "Production", "reason": "r"}),
        "adopt": ("POST", {"model": model}),
        f"history?model={model}": ("GET", None),
        f"policies?model={model}": ("GET", None),
        "health": ("GET", None),
    }

    def may(user: str) -> set[str]:
        statuses = {
            route: with_auth.request(method, f"{PATH}/{route}", body, user=user).status
            for route, (method, body) in calls.items()
        }
        assert all(status < 500 for status in statuses.values()), statuses
        return {route.partition("?")[0] for route, status in statuses.items() if status != 403}

    assert may(stranger) == {"health"}
    assert may(reader) == {"check", "history", "policies", "health"}
    assert records(with_auth, model, ADMIN) == []
    assert may(editor) == {
        "check", "promote", "rollback", "approve", "withdraw", "history", "policies", "health",
    }  # fmt: skip
    assert may(owner) == may(ADMIN) == {route.partition("?")[0] for route in calls}
    # A permission on one model says nothing of another.
    elsewhere = ask(with_auth, "promote", wanted | {"model": other}, user=editor)
    assert (elsewhere.status, "decision" in elsewhere.json) == (403, False)


def test_the_actor_is_whoever_logged_in(with_auth: Guarded) -> None:
    model = with_auth.name()
    with with_auth.as_user(ADMIN):
        make_version(with_auth, model, metrics={"roc_auc": 0.8})
    wanted = {"model": model, "version": 1, "to": "Production"}
    editor = with_auth.add_user(f"ed-{model[-8:]}")
    with_auth.grant(editor, model, "EDIT")

    ask(with_auth, "promote", wanted, user=editor, actor="somebody else", key="k")
    again = ask(with_auth, "promote", wanted, user=ADMIN, key="k")

    assert again.status == 422
    (entry,) = records(with_auth, model, ADMIN)
    assert (entry.record.actor.name, entry.record.actor.authenticated) == (editor, True)


def test_without_auth_a_name_is_a_claim(server: Guarded) -> None:
    model = server.name()
    make_version(server, model, metrics={"roc_auc": 0.8})
    for actor in ("Ada%20L%C3%B6we", ""):
        ask(server, "promote", {"model": model, "version": 1, "to": "Production"}, actor=actor)
    actors = [entry.record.actor for entry in records(server, model)]
    assert [(actor.name, actor.authenticated) for actor in actors] == [
        ("Ada Löwe", False), ("unknown", False),
    ]  # fmt: skip


# --- below a prefix -----------------------------------------------------------------------------------------


def test_the_routes_are_below_the_servers_static_prefix(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `_add_static_prefix` of mlflow.server.handlers reads the variable that `mlflow server` sets.
    monkeypatch.setenv("_MLFLOW_STATIC_PREFIX", "/mlflow/")
    (sqlite_store.artifacts.parent / "p.yaml").write_text(POLICY)
    monkeypatch.setenv("HOTPASS_POLICIES", str(sqlite_store.artifacts.parent / "p.yaml"))
    app = Flask("test")
    add_routes(app, Guard(GuardSettings(sqlite_store.uri, sqlite_store.uri)))

    client = app.test_client()

    assert client.get(f"{PATH}/policies").status_code == 404
    assert client.get(f"/mlflow{PATH}/policies").json["policies"][0]["name"] == "guarded"
    assert f"/mlflow{PATH}/promote" in client.get(f"/mlflow{PATH}/openapi.json").json["paths"]


@pytest.mark.parametrize("name", ["a%2Fb", "a%3Ab", "%24%2F%C3%99d"])
def test_a_name_that_no_model_can_have_is_the_callers_mistake(server: Guarded, name: str) -> None:
    answer = server.get(f"{PATH}/history?model={name}")
    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")

"""The client of a guard: what becomes one request, what the answers become, and what happens without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import hotpass
from hotpass import api, remote
from hotpass.errors import (
    CallError,
    NotFound,
    PromotionDenied,
    PromotionPending,
    RegistryError,
)
from hotpass.session import Session
from support.commands import Hotpass
from support.guarded import ADMIN, POLICY, Guarded
from support.policies import policy_set
from support.proxy import Proxy, proxied
from support.stores import Store
from support.versions import make_version

PATH = "/api/2.0/hotpass"
APPROVALS = "  - to: Canary\n    gates:\n      - approvals: {at_least: 1, claimed: true}\n"

Start = Callable[..., Guarded]


@pytest.fixture
def server(guarded_by: Start) -> Guarded:
    return guarded_by(workers=2, policies=POLICY + APPROVALS)


@pytest.fixture
def proxy(server: Guarded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before the guarded server, which MLflow takes for the server."""
    with proxied(server.uri) as found:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", found.uri)
        monkeypatch.setenv("MLFLOW_REGISTRY_URI", found.uri)
        monkeypatch.setenv("HOTPASS_ACTOR", "ada")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
        import mlflow

        mlflow.set_tracking_uri(found.uri)
        mlflow.set_registry_uri(found.uri)
        yield found


@pytest.fixture
def model(server: Guarded) -> str:
    name = server.name()
    for _ in range(2):
        make_version(server, name, metrics={"roc_auc": 0.8})
    return name


#: What a process asks first, to find the guard.
FIND = "GET /api/2.0/mlflow/registered-models/get"


def asked(proxy: Proxy) -> list[str]:
    """The requests since the last look, without what is the same in all of them."""
    found = [
        f"{request.method} {request.path.removeprefix(PATH).partition('?')[0]}" for request in proxy.requests
    ]
    proxy.clear()
    return found


def test_everything_is_one_request(proxy: Proxy, model: str) -> None:
    session = api.connect()

    assert session.check(model, "latest", "Staging").allowed
    assert asked(proxy) == [FIND, "POST /check"]
    assert session.promote(model, 1, "Staging", reason="r").id
    assert asked(proxy) == ["POST /promote"]
    for version in (1, 2):
        session.promote(model, version, "Staging")
        session.promote(model, version, "Production")
    asked(proxy)
    assert session.rollback(model, reason="r", dry_run=True).identity.version == 1
    assert asked(proxy) == ["POST /rollback"]
    assert session.rollback(model, reason="it drifts").rollback
    assert asked(proxy) == ["POST /rollback"]
    assert session.approve(model, 2, "Canary", reason="r").record.actor.name == "ada"
    assert asked(proxy) == ["POST /approve"]
    assert session.withdraw(model, 2, "Canary", reason="r").record.kind == "withdrawal"
    assert asked(proxy) == ["POST /withdraw"]
    assert [entry.record.kind for entry in session.history(model)][-2:] == ["approval", "withdrawal"]
    assert [entry.record.body["version"] for entry in session.history(model, 1)] == [1, 1, 1, 1]
    assert asked(proxy) == ["GET /history", "GET /history"]
    assert session.adopt(model)["versions"] == []
    assert asked(proxy) == ["POST /adopt"]
    assert session.guarded


def test_the_functions_of_the_library_are_one_request(proxy: Proxy, model: str) -> None:
    from hotpass.ml import promote_model

    assert promote_model(model, 1, "Staging").to_stage == "Staging"
    assert hotpass.promote(model, 1, "Production").to_stage == "Production"
    assert hotpass.check(model, 2, "Staging").allowed
    assert len(hotpass.history(model)) == 2
    assert asked(proxy) == [FIND, "POST /promote", "POST /promote", "POST /check", "GET /history"]


def test_commands_work_as_they_do_without_a_guard(
    proxy: Proxy, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Hotpass(capsys)
    promoted = run("promote", model, "latest", "--to", "staging", "--reason", "r")
    assert (promoted.code, asked(proxy)) == (0, [FIND, "POST /promote"]), promoted.err
    assert f"Promoted: {model} version 2 is in Staging now" in promoted.out
    denied = run("promote", model, "1", "--to", "Production", "--json")
    assert (denied.code, denied.json["outcome"], asked(proxy)) == (1, "denied", ["POST /promote"])
    # A stage that only the guard's policies know; what its name is spelt like is theirs to say.
    pending = run("check", model, "1", "--to", "canary", "--json")
    assert (pending.code, pending.json["to"]) == (3, "Canary"), pending.err
    history = run("history", model, "--json")
    assert [record["outcome"] for record in history.json["records"]] == ["denied", "allowed"]
    for command in (("status", "--model", model), ("audit", "verify", model)):
        assert run(*command).code == 0


def test_refusals_are_the_same_exceptions(proxy: Proxy, model: str) -> None:
    with pytest.raises(PromotionDenied) as denied:
        hotpass.promote(model, 1, "Production")
    with pytest.raises(PromotionPending) as pending:
        hotpass.promote(model, 1, "Canary")

    assert type(denied.value) is PromotionDenied
    assert str(denied.value) == denied.value.decision.summary()
    assert [entry.id for entry in hotpass.history(model)] == [
        denied.value.decision.id, pending.value.decision.id,
    ]  # fmt: skip
    assert (denied.value.exit_code, pending.value.exit_code) == (1, 3)


def test_mistakes_are_the_same_exceptions(proxy: Proxy, model: str) -> None:
    with pytest.raises(NotFound, match=f"model '{model}' has no version 9"):
        hotpass.promote(model, 9, "Staging")
    with pytest.raises(NotFound, match="Did you mean"):
        hotpass.history(model[:-1] + "_")
    with pytest.raises(CallError, match="archive_existing"):
        hotpass.promote(model, 1, "Production", archive_existing=False)
    asked(proxy)
    with pytest.raises(CallError, match="is not a version"):
        hotpass.promote(model, "newest", "Staging")
    assert asked(proxy) == []


def test_local_policies_are_said_to_be_ignored_once(proxy: Proxy, model: str) -> None:
    told: list[str] = []
    local = policy_set(staging={"metric_threshold": {"roc_auc": {"at_least": 0.99}}})
    with api.connect(policies=local, notify=told.append) as session:
        assert session.check(model, 1, "Staging").allowed
        assert session.promote(model, 1, "Staging").policies[0].name == "guarded"
    assert told == [
        f"the guard at {proxy.uri} decides by its own policies (guarded); those of the call are ignored"
    ]


def test_without_notify_it_is_a_warning(proxy: Proxy, model: str, caplog: pytest.LogCaptureFixture) -> None:
    hotpass.check(model, 1, "Staging", policies=policy_set())
    assert "decides by its own policies" in caplog.text


# --- a bad line ---------------------------------------------------------------------------------------------


def test_a_lost_answer_is_asked_for_again_and_nothing_happens_twice(proxy: Proxy, model: str) -> None:
    session = api.connect()
    proxy.lose_answers(1, only="hotpass/promote")
    decision = session.promote(model, 1, "Staging")
    assert asked(proxy) == [FIND, "POST /promote", "POST /promote"]
    proxy.lose_answers(1, only="hotpass/approve")
    approval = session.approve(model, 1, "Canary", reason="r")
    proxy.lose_answers(1, only="hotpass/promote")
    with pytest.raises(PromotionDenied) as denied:
        session.promote(model, 2, "Production")

    ids = [decision.id, approval.id, denied.value.decision.id]
    assert [entry.id for entry in session.history(model)] == ids


def test_a_busy_server_is_asked_again(proxy: Proxy, model: str) -> None:
    proxy.refuse(3, only="hotpass")
    assert hotpass.promote(model, 1, "Staging").allowed
    assert asked(proxy) == [FIND, *["POST /promote"] * 4]


def test_a_server_that_stays_busy_is_an_error_and_nobody_takes_it_for_a_plain_one(
    proxy: Proxy, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    proxy.refuse(1000, only="hotpass")
    with pytest.raises(RegistryError, match="HTTP 503"):
        hotpass.promote(model, 1, "Staging")
    assert set(asked(proxy)) == {FIND, "POST /promote"}


def test_a_guard_that_is_gone_is_an_error(http_store: Store, server: Guarded) -> None:
    """As seen behind one address: first the guarded server answers, then a plain one."""
    make_version(http_store, "guarded_leads", metrics={"roc_auc": 0.8})
    with proxied(server.uri) as proxy:
        session = api.connect(registry_uri=proxy.uri)
        with pytest.raises(NotFound):
            session.check("guarded_nobody", 1, "Staging")
        proxy.upstream = proxy.upstream._replace(netloc=http_store.uri.removeprefix("http://"))
        with pytest.raises(RegistryError, match="had a guard"):
            session.promote("guarded_leads", 1, "Staging")
    assert http_store.client.get_model_version("guarded_leads", "1").current_stage == "None"


# --- logging in ---------------------------------------------------------------------------------------------


def test_mlflows_own_credentials_count(guarded_auth: Guarded) -> None:
    model = guarded_auth.name()
    make_version(guarded_auth, model, metrics={"roc_auc": 0.8})
    reader = guarded_auth.add_user(f"reader-{model[-8:]}")

    hotpass.promote(model, 1, "Staging", actor="somebody")
    with guarded_auth.as_user(reader):
        assert hotpass.check(model, 1, "Production").allowed
        with pytest.raises(RegistryError, match="you may not update model") as refused:
            hotpass.promote(model, 1, "Production")
        (entry,) = hotpass.history(model)

    assert not hasattr(refused.value, "decision")
    assert (entry.record.actor.name, entry.record.actor.authenticated) == (ADMIN, True)


def test_a_wrong_password_is_said_to_be_one(guarded_auth: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    with pytest.raises(RegistryError, match="MLFLOW_TRACKING_PASSWORD"):
        hotpass.check("guarded_x", 1, "Staging")


# --- without a guard ----------------------------------------------------------------------------------------


def test_a_plain_server_is_asked_nothing_but_what_has_to_be_asked_anyway(http_store: Store) -> None:
    make_version(http_store, "leads", metrics={"roc_auc": 0.8})
    policies = policy_set()
    with proxied(http_store.uri) as proxy:
        each = []
        for _ in range(2):
            with api.connect(policies=policies, registry_uri=proxy.uri) as session:
                assert session.check("leads", 1, "Staging").policies[0].name == "test"
                assert not session.guarded
            each.append(asked(proxy))
        assert sorted(each[0]) == sorted(each[1])  # the first of them asks for the model before the ledger
        assert all("/mlflow/" in request for request in each[0])
        assert session.promote("leads", 1, "Staging").allowed
    assert http_store.client.get_model_version("leads", "1").current_stage == "Staging"


def test_a_database_is_no_server(sqlite_store: Store) -> None:
    session: Session = api.connect(policies=policy_set())
    assert not session.look_for_guard()
    assert sqlite_store.uri not in remote._guarded


# --- the guard of a hotpass+ URI, in this process -----------------------------------------------------------


@pytest.fixture
def guarded_uri(sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "guarded.yaml").write_text(POLICY)
    monkeypatch.setenv("HOTPASS_POLICIES", str(tmp_path / "rules"))
    make_version(sqlite_store, "guarded_leads", metrics={"roc_auc": 0.72})
    return f"hotpass+{sqlite_store.uri}"


def test_a_guarded_uri_decides_by_the_guards_policies(
    guarded_uri: str, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    mlflow.set_registry_uri(guarded_uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", guarded_uri)
    told: list[str] = []

    assert hotpass.promote("guarded_leads", 1, "Staging").policies[0].name == "guarded"
    with (
        api.connect(policies=policy_set(), notify=told.append) as session,
        pytest.raises(PromotionDenied, match="roc_auc"),
    ):
        session.promote("guarded_leads", 1, "Production")

    assert len(told) == 1
    assert "those of the call are ignored" in told[0]
    assert sqlite_store.client.get_model_version("guarded_leads", "1").current_stage == "Staging"
    assert [entry.record.body["outcome"] for entry in hotpass.history("guarded_leads")] == [
        "allowed",
        "denied",
    ]


def test_a_guarded_uri_without_policies_can_be_looked_at_and_nothing_else(
    guarded_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hotpass.promote("guarded_leads", 1, "Staging")
    monkeypatch.delenv("HOTPASS_POLICIES")

    assert len(hotpass.history("guarded_leads", registry_uri=guarded_uri)) == 1
    with pytest.raises(CallError, match="a guard needs policies"):
        hotpass.promote("guarded_leads", 1, "Production", registry_uri=guarded_uri)
    with (
        api.connect(policies=api.PolicySet(), registry_uri=guarded_uri) as session,
        pytest.raises(PromotionDenied),
    ):
        session.promote("guarded_leads", 1, "Archived")


def test_a_guarded_uri_of_no_database_is_refused(tmp_path: Path, guarded_uri: str) -> None:
    with pytest.raises(NotFound, match="there is no MLflow database"):
        hotpass.check("m", 1, "Staging", registry_uri=f"hotpass+sqlite:///{tmp_path}/absent.db")


def test_what_a_guard_answers_is_checked(proxy: Proxy, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged: dict[str, Any] = {"decision": {"outcome": "allowed"}}
    monkeypatch.setattr(remote.Remote, "_read", lambda self, answer: damaged)
    with pytest.raises(RegistryError, match="a decision cannot be read"):
        hotpass.promote(model, 1, "Staging")
    damaged.clear()
    with pytest.raises(RegistryError, match="no 'decision'"):
        hotpass.promote(model, 1, "Staging")

"""Passing faults are tried again, lasting ones are said in words, and no password is shown."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import hotpass
from hotpass import api
from hotpass.errors import mask
from hotpass.policy.model import PolicySet
from hotpass.registry import calls
from support.policies import policy_set
from support.proxy import Proxy
from support.stores import PASSWORD, Store
from support.versions import make_version

ThroughProxy = Callable[[Store], AbstractContextManager[tuple[Store, Proxy]]]


def test_a_locked_sqlite_database_is_waited_for(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    version = make_version(sqlite_store, "leads", metrics={"roc_auc": 0.8})
    session = api.connect(policies=policy_set(), registry_uri=sqlite_store.uri)
    # MLflow waits 20 s by itself (PRAGMA busy_timeout); without that wait the retry is ours alone.
    monkeypatch.setattr(calls, "is_transient", _count(calls.is_transient, seen := []))
    _without_busy_timeout(session)
    path = sqlite_store.uri.removeprefix("sqlite:///")
    locked, release = threading.Event(), threading.Event()

    def lock() -> None:
        connection = sqlite3.connect(path)
        connection.execute("BEGIN EXCLUSIVE")
        locked.set()
        release.wait(10)
        connection.rollback()
        connection.close()

    holder = threading.Thread(target=lock)
    holder.start()
    locked.wait()
    threading.Timer(0.5, release.set).start()
    assert session.promote("leads", version, "Staging").allowed
    holder.join()
    assert any("locked" in text for text in seen), "the lock was never met"


def _without_busy_timeout(session: api.Session) -> None:
    import sqlalchemy

    def no_wait(
        connection: object, cursor: object, statement: str, parameters: object, *rest: object
    ) -> object:
        return statement.replace("busy_timeout = 20000", "busy_timeout = 0"), parameters

    for store in (session.registry.tracking, session.registry.store):
        sqlalchemy.event.listen(store.engine, "before_cursor_execute", no_wait, retval=True)


def _count(function: Callable[[Exception], bool], seen: list[str]) -> Callable[[Exception], bool]:
    def wrapper(error: Exception) -> bool:
        seen.append(str(error))
        return function(error)

    return wrapper


def test_a_server_that_is_briefly_away(
    http_store: Store, through_proxy: ThroughProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make_version(http_store, "leads", metrics={"roc_auc": 0.8})
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with through_proxy(http_store) as (store, proxy):
        session = api.connect(policies=policy_set(), registry_uri=store.uri, tracking_uri=store.uri)
        proxy.refuse(2, "registered-models/get")
        assert session.promote("leads", version, "Staging").allowed


@pytest.mark.parametrize(
    "path",
    ["runs/create", "runs/log-parameter", "model-versions/set-tag", "registered-models/alias",
     "model-versions/transition-stage", "runs/update"],
)  # fmt: skip
def test_a_lost_answer_is_asked_for_again_and_nothing_happens_twice(
    http_store: Store, through_proxy: ThroughProxy, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make_version(http_store, "leads", metrics={"roc_auc": 0.8})
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with through_proxy(http_store) as (store, proxy):
        session = api.connect(policies=policy_set(), registry_uri=store.uri, tracking_uri=store.uri)
        session.registry.model("leads")
        session.history("leads")
        # The first run created is the start of the chain; lose the answers about the record instead.
        if path == "runs/create":
            session._home("leads").create()
        proxy.lose_answers(1, path)
        assert session.promote("leads", version, "Staging").allowed
    fresh = api.connect(policies=PolicySet(), registry_uri=http_store.uri, tracking_uri=http_store.uri)
    records = fresh.history("leads")
    assert [(entry.record.body["to"], entry.moved) for entry in records] == [("Staging", True)]
    audit = fresh.audit("leads")
    assert audit.clean, audit.findings
    assert fresh.registry.version("leads", version).stage == "Staging"
    assert fresh.registry.model("leads").alias("staging") == version


def test_a_server_that_is_not_there(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(calls, "ATTEMPTS", 2)
    with pytest.raises(hotpass.RegistryError, match="Is the server up") as caught:
        api.connect(
            policies=PolicySet(), registry_uri="http://127.0.0.1:9", tracking_uri="http://127.0.0.1:9"
        ).check("leads", 1, "Staging")
    assert caught.value.exit_code == 4


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(hotpass.NotFound, match="there is no MLflow database"):
        api.connect(policies=PolicySet(), registry_uri=f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists(), "MLflow would have created it"


def test_a_wrong_password_is_not_shown(postgres_store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    uri = f"postgresql+psycopg2://ana:{PASSWORD}@127.0.0.1:9/mlflow"
    start = time.monotonic()
    with pytest.raises(hotpass.RegistryError) as caught:
        api.connect(policies=PolicySet(), registry_uri=uri)
    assert time.monotonic() - start < 20, "MLflow's own retries were to be avoided"
    shown = str(caught.value) + "".join(capfd.readouterr())
    assert PASSWORD not in shown
    assert "ana:***@127.0.0.1:9" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://ana:s3cret@db/x", "postgresql://ana:***@db/x"),
        ("mysql+pymysql://ana:p@ss@db:3306/x", "mysql+pymysql://ana:***@db:3306/x"),
        ("https://user:tok/en@host", "https://user:***@host"),
        ("postgresql://db/x?user=a&password=s3cret&sslmode=require", "postgresql://db/x?user=a&password=***&sslmode=require"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("postgresql://me@corp:s3cret@h/db", "postgresql://***@h/db"),
        ("mysql://me:it's\"s3cret@h/db", "mysql://me:***@h/db"),
        ("https://s3cret@h", "https://***@h"),
        ("https://s3cret:@h and https://s3cret:x-oauth-basic@h", "https://***@h and https://***@h"),
        ("postgresql:/u:s3cret@h/db", "postgresql:/u:***@h/db"),
        ("secret_access_key=s3cret X-Amz-Signature=s3cret", "secret_access_key=*** X-Amz-Signature=***"),
        ("https://h/?next=x%3Fapi_key%3Ds3cret&a=b", "https://h/?next=x%3Fapi_key%3D***&a=b"),
        ("models:/leads@champion", "models:/leads@champion"),
        ("sqlite:////home/me@corp/x.db", "sqlite:////home/me@corp/x.db"),
        ("two: a://b:c@d and e://f:g@h", "two: a://b:***@d and e://f:***@h"),
    ],
)  # fmt: skip
def test_masking(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    ("uri", "secret"),
    [
        ("postgresql://u:my s3cret@h/db", "my s3cret"),
        ("postgresql://u:it's/s3cret@h/db", "it's/s3cret"),
        ("postgresql://u:s3%40cret@h/db", "s3@cret"),
        ("https://s3cret@h/x", "s3cret"),
        ("http://u:s3cret@[::1", "s3cret"),
    ],
)
def test_the_secret_of_a_uri(uri: str, secret: str) -> None:
    assert secret in calls.secrets_of(uri)


@pytest.mark.parametrize("uri", ["sqlite:////home/me@corp/x.db", "databricks", "postgresql://u@h/db"])
def test_a_uri_without_a_secret(uri: str) -> None:
    assert calls.secrets_of(uri) == set()


def test_a_secret_with_blanks_and_quotes_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_secrets", [])
    uri = "postgresql+psycopg2://u:my 's3cret' word@127.0.0.1:9/db"

    with pytest.raises(hotpass.RegistryError) as caught:
        calls.check_reachable(uri)

    assert "postgresql+psycopg2://u:***@127.0.0.1:9/db" in str(caught.value)
    assert calls.masked("password authentication: my 's3cret' word") == "password authentication: ***"

"""What several tests of the guard use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.guarded_clients import GuardedClient, guarded_client, mysql_database
from support.guarded_runs import GuardedRuns, guarded_runs
from support.stores import Store


@pytest.fixture(params=["sqlite", "sqlite-workspaces", "postgres", "postgres-workspaces"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> GuardedRuns:
    """The guarded tracking store on SQLite and PostgreSQL, over MLflow's plain and its workspace-aware one.
    """
    kind, _, workspaces = request.param.partition("-")
    return guarded_runs(request.getfixturevalue(f"{kind}_store"), tmp_path, workspaces=bool(workspaces))


@pytest.fixture
def lite_runs(request: pytest.FixtureRequest, tmp_path: Path) -> GuardedRuns:
    """One of them, for what no database decides."""
    return guarded_runs(request.getfixturevalue("sqlite_store"), tmp_path)


@pytest.fixture
def mysql_store(
    given_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    server = given_environment.get("HOTPASS_TEST_MYSQL")
    if not server:
        pytest.skip("HOTPASS_TEST_MYSQL names no server: mysql+pymysql://USER:PASSWORD@HOST:3306")
    monkeypatch.chdir(tmp_path)
    with mysql_database(server, tmp_path) as store:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
        yield store


@pytest.fixture(params=["sqlite", "sqlite-workspaces", "postgres", "postgres-workspaces", "mysql"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> GuardedClient:
    """SQLite, PostgreSQL and, where a server is named, MySQL; below the guard MLflow's plain store and its
    workspace-aware one.
    """
    kind, _, workspaces = request.param.partition("-")
    return guarded_client(request.getfixturevalue(f"{kind}_store"), tmp_path, workspaces=bool(workspaces))


@pytest.fixture
def lite(sqlite_store: Store, tmp_path: Path) -> GuardedClient:
    """One of them, for what no database decides."""
    return guarded_client(sqlite_store, tmp_path)

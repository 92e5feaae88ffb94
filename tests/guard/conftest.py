"""What several tests of the guard use."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.guarded_runs import GuardedRuns, guarded_runs


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

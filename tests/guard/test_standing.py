"""What is frozen, asked of real databases that the engine moved versions in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from support.guarded_runs import GuardedRuns, guarded_runs, model_id_of
from support.stores import Store

M = "guarded_m"


def test_a_version_is_frozen_once_it_stands_somewhere(runs: GuardedRuns) -> None:
    version = runs.version(M)
    standing, client = runs.standing, runs.registry.client
    assert standing.frozen_version(M, "1") is None
    assert standing.frozen_run(version.run_id) is None
    assert standing.frozen_logged_model(model_id_of(version)) is None

    client.transition_model_version_stage(M, "1", "Staging")
    assert standing.frozen_version(M, 1) == "it stands in Staging"
    assert standing.frozen_run(version.run_id) == f"it stands behind {M} version 1 in Staging"
    assert standing.frozen_logged_model(model_id_of(version)) == (
        f"it stands behind {M} version 1 in Staging"
    )


def test_what_once_stood_stays_frozen(runs: GuardedRuns) -> None:
    # An archived version may be rolled back to, on the evidence of its first promotion.
    version = runs.version(M, "Staging", "Production")
    runs.version(M, "Staging", "Production")
    assert runs.registry.serving(M)[1] == {1: "Archived", 2: "Production"}
    assert runs.standing.frozen_run(version.run_id) == f"it stands behind {M} version 1 in Archived"
    plain = runs.registry.plain.client
    plain.transition_model_version_stage(M, "1", "None")
    assert runs.standing.frozen_version(M, 1) == "it stands in the ledger"


def test_a_guarded_alias_freezes_and_others_do_not(runs: GuardedRuns) -> None:
    runs.version(M)
    plain = runs.registry.plain.client
    plain.set_registered_model_alias(M, "somebody", "1")
    assert runs.standing.frozen_version(M, 1) is None
    plain.set_registered_model_alias(M, "Champion", "1")  # past the guard, and spelt otherwise
    assert runs.standing.frozen_version(M, 1) == "it stands behind the alias Champion"
    plain.delete_registered_model_alias(M, "Champion")
    assert runs.standing.frozen_version(M, 1) is None


def test_other_models_are_not_frozen(runs: GuardedRuns) -> None:
    version = runs.version("free_m", "Staging", "Production")
    assert runs.standing.frozen_version("free_m", 1) is None
    assert runs.standing.frozen_run(version.run_id) is None
    assert runs.standing.frozen_logged_model(model_id_of(version)) is None


def test_a_deleted_version_freezes_nothing(runs: GuardedRuns) -> None:
    # MLflow keeps its row, in the stage `Deleted_Internal`.
    version = runs.version(M, "Staging")
    runs.registry.plain.client.delete_model_version(M, "1")
    assert runs.standing.frozen_version(M, 1) is None
    assert runs.standing.frozen_run(version.run_id) is None


def test_a_run_stands_behind_by_the_logged_model_too(runs: GuardedRuns) -> None:
    # `create_model_version` keeps whatever run the client names beside a LoggedModel of another.
    first, second = runs.version("free_m"), runs.version("free_m")
    plain = runs.registry.plain.client
    plain.create_registered_model(M)
    plain.create_model_version(M, first.source, second.run_id)
    runs.registry.client.transition_model_version_stage(M, "1", "Staging")
    behind = f"it stands behind {M} version 1 in Staging"
    assert runs.standing.frozen_run(first.run_id) == behind
    assert runs.standing.frozen_run(second.run_id) == behind


def test_a_copy_freezes_what_its_original_rests_on(runs: GuardedRuns) -> None:
    # `copy_model_version` gives the copy the source `models:/free_m/1`, and its `storage_location` is the
    # LoggedModel's folder.
    original = runs.version("free_m")
    plain = runs.registry.plain.client
    plain.copy_model_version("models:/free_m/1", M)
    assert runs.standing.frozen_logged_model(model_id_of(original)) is None
    runs.registry.client.transition_model_version_stage(M, "1", "Staging")
    behind = f"it stands behind {M} version 1 in Staging"
    assert runs.standing.frozen_logged_model(model_id_of(original)) == behind
    assert runs.standing.frozen_run(original.run_id) == behind


@pytest.mark.parametrize("version", ["", "latest", "-1", "1.0", "1 OR 1=1", None])
def test_what_is_no_version_is_not_frozen(lite_runs: GuardedRuns, version: Any) -> None:
    lite_runs.version(M, "Staging")
    assert lite_runs.standing.frozen_version(M, version) is None


@pytest.mark.parametrize("some_id", ["", None, "%", "m-", "m-%", "_" * 32, "'"])
def test_what_is_no_id_is_not_frozen(lite_runs: GuardedRuns, some_id: Any) -> None:
    lite_runs.version(M, "Staging")
    assert lite_runs.standing.frozen_run(some_id) is None
    assert lite_runs.standing.frozen_logged_model(some_id) is None


def test_two_databases(postgres_store: Any, lite_runs: GuardedRuns) -> None:
    """The registry in one, the runs in another: nothing can be asked in one statement."""
    from hotpass.guard.core import guard_of
    from hotpass.guard.guard_settings import GuardSettings
    from hotpass.guard.standing import Standing

    first, second = lite_runs.version("free_m"), lite_runs.version("free_m")
    registry = postgres_store.client
    registry.create_registered_model(M)
    with registry._get_registry_client().store.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO model_versions (workspace, name, version, current_stage, source, run_id) "
                "VALUES ('default', :name, 1, 'Staging', :source, :run)"
            ),
            {"name": M, "source": first.source, "run": second.run_id},
        )
    guard = guard_of(GuardSettings.from_environment(postgres_store.uri, lite_runs.registry.plain.uri))
    standing = Standing(guard)
    assert not standing.in_one_database
    behind = f"it stands behind {M} version 1 in Staging"
    assert standing.frozen_run(first.run_id) == behind
    assert standing.frozen_run(second.run_id) == behind
    found = standing.behind_experiment(int(lite_runs.plain.get_run(first.run_id).info.experiment_id))
    assert found is not None
    assert found.backed == behind


def test_workspaces_are_apart(sqlite_store: Store, tmp_path: Path) -> None:
    runs = guarded_runs(sqlite_store, tmp_path, workspaces=True)
    from mlflow.utils.workspace_context import WorkspaceContext

    version = runs.version(M, "Staging")
    with WorkspaceContext("elsewhere"):
        assert runs.standing.frozen_version(M, 1) is None
        # The run is the same one, from wherever it is reached.
        assert runs.standing.frozen_run(version.run_id) is not None
    assert runs.standing.frozen_version(M, 1) is not None

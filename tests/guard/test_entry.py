"""How MLflow finds the guarded registry store, and what it says where it cannot be opened."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from support.guarded_clients import GuardedClient, guarded_client
from support.stores import PASSWORD, Postgres, Store, forget_engines
from support.versions import make_version


def opened(uri: str) -> Any:
    from mlflow.tracking._model_registry.utils import _get_store

    return _get_store(uri)


def not_opened(uri: str) -> str:
    """Everything that the exception and its chain say."""
    import traceback

    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        opened(uri)
    return "".join(traceback.format_exception(caught.value))


def test_mlflow_registers_every_scheme_without_a_warning() -> None:
    # `register_entrypoints` only warns where a module cannot be loaded, as it could not if it imported MLflow
    # at its top: this happens while MLflow is being imported.
    names = sorted(
        point.name for point in entry_points(group="mlflow.model_registry_store") if "hotpass" in point.name
    )
    assert {"hotpass+sqlite", "hotpass+postgresql+psycopg2", "hotpass+mysql+pymysql"} <= set(names)
    code = (
        "import warnings; warnings.simplefilter('error', UserWarning); import mlflow\n"
        "from mlflow.tracking._model_registry.utils import _get_store_registry\n"
        "from mlflow.server.handlers import _model_registry_store_registry as server\n"
        "for registry in (_get_store_registry(), server):\n"
        "    print(sorted(scheme for scheme in registry._registry if 'hotpass' in scheme))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [str(names)] * 2


def test_importing_the_module_imports_nothing_of_mlflow() -> None:
    code = "import sys, hotpass.guard.entry; print([m for m in sys.modules if m.split('.')[0] == 'mlflow'])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "[]", ran.stderr


@pytest.mark.parametrize("workspaces", [False, True])
def test_the_class_is_the_one_that_mlflow_would_choose(
    sqlite_store: Store, tmp_path: Path, workspaces: bool
) -> None:
    from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore

    store = guarded_client(sqlite_store, tmp_path, workspaces=workspaces).store
    assert isinstance(store, WorkspaceAwareSqlAlchemyStore) is workspaces
    assert store.supports_workspaces is workspaces


def test_a_plain_uri_stays_plain(lite: GuardedClient) -> None:
    # The engine itself uses MLflow's stores by plain URIs, and must not meet the guard there.
    assert type(lite.plain.client._get_registry_client().store).__name__ == "SqlAlchemyStore"


def test_as_the_uri_of_a_process(lite: GuardedClient) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    make_version(lite.plain, "guarded_m")
    mlflow.set_registry_uri(lite.uri)
    with pytest.raises(MlflowException, match="denied"):
        mlflow.MlflowClient().set_registered_model_alias("guarded_m", "production", "1")


def test_where_nobody_says_where_the_runs_are_they_are_with_the_registry(
    lite: GuardedClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # MLflow's own default is mlflow.db in the working directory.
    import mlflow

    make_version(lite.plain, "guarded_m", metrics={"roc_auc": 0.8})
    forget_engines(lite.plain.uri)
    (tmp_path / "mlflow.db").rename(tmp_path / "models.db")
    mlflow.set_tracking_uri(None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = opened(f"hotpass+sqlite:///{tmp_path}/models.db")
    store.transition_model_version_stage("guarded_m", "1", "Staging", False)
    assert store.get_model_version("guarded_m", "1").current_stage == "Staging"
    assert not (tmp_path / "mlflow.db").exists()


def test_letter_case_of_a_scheme_is_nothing(lite: GuardedClient) -> None:
    uri = lite.uri.replace("hotpass+sqlite", "HotPass+SQLite")
    assert type(opened(uri)).__name__ == "GuardedRegistryStore"


def test_a_server_reads_from_its_replica_and_guards_by_the_primary(
    lite: GuardedClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # MLflow's server passes the replica on in this variable.
    import shutil

    make_version(lite.plain, "guarded_m", metrics={"roc_auc": 0.8})
    replica = tmp_path / "replica.db"
    shutil.copyfile(tmp_path / "mlflow.db", replica)
    monkeypatch.setenv("_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE", f"sqlite:///{replica}")
    moved = lite.store.transition_model_version_stage("guarded_m", "1", "Staging", False)
    assert (moved.current_stage, lite.store.get_model_version("guarded_m", "1").current_stage) == (
        "Staging",
        "None",
    )
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="it stands in Staging"):
        lite.store.delete_model_version("guarded_m", "1")


def test_without_policies_it_does_not_open(lite: GuardedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOTPASS_POLICIES")
    assert "a guard needs policies" in not_opened(lite.uri)
    monkeypatch.setenv("HOTPASS_POLICIES", "nowhere")
    assert "nowhere" in not_opened(lite.uri)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("postgresql+psycopg2://ann:{0}@127.0.0.1:1/mlflow", "cannot connect"),
        ("postgresql://ann:{0}@127.0.0.1:1/mlflow?sslmode=nonsense", "cannot connect"),
        ("postgresql+psycopg2://ann:{0}@127.0.0.1:port/mlflow", ""),
        ("postgresql+pg8000://ann:{0}@127.0.0.1:1/mlflow", "pg8000 is not installed"),
        ("mysql+pymysql://ann:{0}@127.0.0.1:1/mlflow", "pymysql is not installed"),
        ("mysql://ann:{0}@127.0.0.1:1/mlflow", "is not installed"),
        ("postgresql+asyncpg://ann:{0}@127.0.0.1:1/mlflow", "an asynchronous driver"),
        ("mysql+aiomysql://ann:{0}@127.0.0.1:1/mlflow", "an asynchronous driver"),
    ],
)
def test_no_password_is_shown(
    uri: str,
    why: str,
    lite: GuardedClient,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # MLflow's own error for a missing driver prints the URI, and so do some drivers.
    for secret in ("sesame-street", "open%40sesame%2Fstreet"):
        text = not_opened("hotpass+" + uri.format(secret))
        assert why in text
        captured = capfd.readouterr()
        everything = text + caplog.text + captured.out + captured.err
        assert "sesame" not in everything


def test_a_password_that_the_server_refuses(postgres_server: Postgres, lite: GuardedClient) -> None:
    text = not_opened("hotpass+" + postgres_server.uri("no_such_database"))
    assert "no_such_database" in text
    assert PASSWORD not in text


def test_what_is_no_database(lite: GuardedClient, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("these are notes, and no database at all\n")
    assert "is not a SQLite database" in not_opened(f"hotpass+sqlite:///{tmp_path}/notes.txt")
    assert "names no database file" in not_opened("hotpass+sqlite:///")

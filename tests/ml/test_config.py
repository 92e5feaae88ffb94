"""Where MLflow is: arguments, environment, defaults; and init_mlflow, again and at once."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest

from hotpass.errors import CallError, NotFound, RegistryError
from hotpass.ml import MLflowConfig, init_mlflow
from hotpass.ml.config import connect

PASSWORD = "hunter2-not-shown"


def test_defaults_suit_a_laptop():
    config = MLflowConfig()
    assert (config.tracking_uri, config.experiment_name, config.registry_uri) == (
        "sqlite:///mlflow.db", "lead_scoring", None
    )  # fmt: skip


def test_the_environment_is_used_and_arguments_win(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///env.db")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "from_env")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:///registry.db")
    config = MLflowConfig()
    assert (config.tracking_uri, config.experiment_name, config.registry_uri) == (
        "sqlite:///env.db", "from_env", "sqlite:///registry.db"
    )  # fmt: skip
    given = MLflowConfig(tracking_uri="sqlite:///mine.db", experiment_name="mine")
    assert (given.tracking_uri, given.experiment_name) == ("sqlite:///mine.db", "mine")


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert MLflowConfig().tracking_uri == "sqlite:///mlflow.db"


def test_an_empty_argument_is_refused():
    with pytest.raises(CallError, match="experiment_name is empty"):
        MLflowConfig(experiment_name=" ")


def test_passwords_are_not_shown():
    config = MLflowConfig(tracking_uri=f"postgresql://me:{PASSWORD}@host/db")
    assert PASSWORD not in repr(config)
    assert "me:***@host" in repr(config)


def test_a_store_that_cannot_be_reached_is_one_error_without_the_password():
    with pytest.raises(RegistryError) as caught:
        init_mlflow(MLflowConfig(tracking_uri=f"postgresql+psycopg2://me:{PASSWORD}@127.0.0.1:1/db"))
    assert PASSWORD not in str(caught.value)
    assert "cannot connect" in str(caught.value)
    assert mlflow.get_tracking_uri() != f"postgresql+psycopg2://me:{PASSWORD}@127.0.0.1:1/db"


def test_init_chooses_the_experiment_and_can_be_repeated(sqlite_store):
    first = init_mlflow(MLflowConfig(experiment_name="calls"))
    again = init_mlflow(MLflowConfig(experiment_name="calls"))
    other = init_mlflow(MLflowConfig(experiment_name="mails", experiment_tags={"team": "growth"}))
    assert first == again != other
    with mlflow.start_run() as run:
        assert run.info.experiment_id == other
    assert sqlite_store.client.get_experiment(other).tags["team"] == "growth"


def test_init_on_every_store(store):
    experiment = init_mlflow(MLflowConfig(experiment_name="calls"))
    assert store.client.get_experiment(experiment).name == "calls"


def test_init_from_many_threads_makes_one_experiment(sqlite_store):
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: init_mlflow(MLflowConfig(experiment_name="at_once")), range(16)))
    assert len(ids) == 1
    assert sum(e.name == "at_once" for e in sqlite_store.client.search_experiments()) == 1


@pytest.mark.slow
@pytest.mark.ci
def test_init_from_processes_that_all_find_no_database(tmp_path):
    code = "from hotpass.ml import init_mlflow; print(init_mlflow())"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], answers
    assert len({out.strip() for out, _ in answers}) == 1


def test_the_lock_is_beside_the_database_and_follows_no_link(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    victim, lock = tmp_path / "victim", tmp_path / ".mlflow.db.lock"
    victim.write_text("mine")
    lock.symlink_to(victim)
    with pytest.raises(RegistryError, match=r"\.mlflow\.db\.lock cannot be opened"):
        init_mlflow(MLflowConfig(tracking_uri="sqlite:///mlflow.db"))
    assert victim.read_text() == "mine"
    lock.unlink()
    init_mlflow(MLflowConfig(tracking_uri="sqlite:///mlflow.db"))
    assert lock.stat().st_mode & 0o777 == 0o600


def test_a_deleted_experiment_is_named_with_the_remedy(sqlite_store):
    gone = init_mlflow(MLflowConfig(experiment_name="gone"))
    sqlite_store.client.delete_experiment(gone)
    with pytest.raises(CallError, match=f"restore --experiment-id {gone}"):
        init_mlflow(MLflowConfig(experiment_name="gone"))


def test_the_registry_follows_the_tracking_store_unless_it_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    init_mlflow(MLflowConfig(tracking_uri="sqlite:///one.db"))
    assert mlflow.get_registry_uri() == "sqlite:///one.db"
    init_mlflow(MLflowConfig(tracking_uri="sqlite:///two.db"))
    assert mlflow.get_registry_uri() == "sqlite:///two.db"
    assert "MLFLOW_REGISTRY_URI" not in os.environ


def test_a_relative_path_is_another_store_in_another_folder(sqlite_store, tmp_path, monkeypatch):
    sqlite_store.client.create_registered_model("here")
    assert connect("sqlite:///mlflow.db", "sqlite:///mlflow.db").model("here").name == "here"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(NotFound, match="there is no MLflow database"):
        connect("sqlite:///mlflow.db", "sqlite:///mlflow.db")
    assert not (elsewhere / "mlflow.db").exists()


def test_importing_loads_no_heavy_library():
    code = (
        "import hotpass.ml, sys; print(sorted({'mlflow', 'sklearn', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.home()
    )
    assert answer.stdout.strip() == "[]"

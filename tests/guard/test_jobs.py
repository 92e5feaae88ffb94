"""Jobs that would write past the guard keep it from starting."""

from __future__ import annotations

import pytest

from hotpass.errors import CallError
from hotpass.guard.jobs import check_jobs


@pytest.mark.parametrize(
    ("name", "value"),
    [("MLFLOW_SERVER_JOB_EXECUTION_ENGINE", "executor"), ("MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS", "True")],
)
def test_jobs_with_the_database(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    check_jobs()
    monkeypatch.setenv(name, value)
    with pytest.raises(CallError, match=rf"^{name} .*MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false$"):
        check_jobs()
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    check_jobs()


def test_mlflow_still_reads_these_settings() -> None:
    """One that has another name by now would be looked for and never found."""
    from mlflow import environment_variables as known

    for name in (
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION",
        "MLFLOW_SERVER_JOB_EXECUTION_ENGINE",
        "MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS",
    ):
        assert getattr(known, name).name == name


def test_jobs_write_runs_over_http() -> None:
    """What the guard rests on: MLflow's jobs that take a run's id reach it by the client, whose address is
    the server's.
    """
    import inspect

    from mlflow import server
    from mlflow.genai.discovery import job as discovery
    from mlflow.genai.evaluation import job as evaluation
    from mlflow.genai.optimize import job as optimize

    for module in (discovery, evaluation, optimize):
        text = inspect.getsource(module)
        assert "run_id: str" in text
        assert "_get_tracking_store" not in text, module.__name__
    assert "MLFLOW_TRACKING_URI.name: server_uri" in inspect.getsource(server)

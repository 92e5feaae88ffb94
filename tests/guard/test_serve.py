"""`hotpass serve`: a guarded server as people start it, and what MLflow's clients see of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from mlflow.exceptions import MlflowException

import hotpass
from support.guarded import Guarded
from support.versions import make_version


def test_mlflow_works_as_usual_on_models_that_no_policy_covers(guarded: Guarded) -> None:
    name = guarded.free_name()
    make_version(guarded, name, metrics={"roc_auc": 0.5})

    moved = guarded.client.transition_model_version_stage(name, "1", "Production")

    assert moved.current_stage == "Production"
    page = guarded.get("/")
    assert page.status == 200
    assert "<title>MLflow" in page.text


def test_a_denied_transition_says_why_and_moves_nothing(guarded: Guarded) -> None:
    name = guarded.name()
    make_version(guarded, name, metrics={"roc_auc": 0.65})

    with pytest.raises(MlflowException) as refused:
        guarded.client.transition_model_version_stage(name, "1", "Staging")

    assert refused.value.error_code == "PERMISSION_DENIED"
    assert "roc_auc is 0.65" in refused.value.message
    assert guarded.client.get_model_version(name, "1").current_stage == "None"
    (entry,) = hotpass.history(name)
    assert entry.record.body["outcome"] == "denied"
    run = guarded.client.get_run(entry.id)
    assert "hotpass.seal" in run.data.tags, "the guard's key marks its records"


def test_an_allowed_transition_moves_pointer_and_stage(guarded: Guarded) -> None:
    name = guarded.name()
    make_version(guarded, name, metrics={"roc_auc": 0.9})

    guarded.client.transition_model_version_stage(name, "1", "Staging")
    moved = guarded.client.transition_model_version_stage(name, "1", "Production")

    assert moved.current_stage == "Production"
    assert guarded.client.get_model_version_by_alias(name, "production").version == "1"
    assert [entry.record.body["to"] for entry in hotpass.history(name)] == ["Staging", "Production"]


@pytest.mark.slow
@pytest.mark.ci
def test_it_has_jobs_and_stops_when_told(own_guarded: Callable[..., Guarded]) -> None:
    """`mlflow server` asks for a plain database in its backend store's URI (`_check_requirements`), and has
    no jobs with any other.
    """
    server = own_guarded(jobs=True, started=False)

    with _served(server) as process:
        log = server.log.read_text()
        assert "passed requirements check" in log
        assert "job execution requirements not met" not in log

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
        assert "the server ended by itself" not in server.log.read_text()
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"{server.uri}/health", timeout=5)


@contextmanager
def _served(server: Guarded) -> Iterator[subprocess.Popen[bytes]]:
    """The command itself, without the leash around it, once the server answers."""
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            server.command(), stdout=log, stderr=log, cwd=server.folder, env=server.environment(),
            start_new_session=True,
        )  # fmt: skip
    try:
        while process.poll() is None:
            with suppress(OSError):
                urllib.request.urlopen(f"{server.uri}/health", timeout=5).close()
                break
            time.sleep(0.1)
        assert process.returncode is None, server.log.read_text()
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)

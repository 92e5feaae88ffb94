"""What `quiet()` keeps from the output, and what it leaves to the user."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from hotpass.cli.quiet import SETTINGS, quiet

NOISE = """\
from hotpass.cli.quiet import quiet

quiet()
import logging, warnings
from mlflow import MlflowClient
from mlflow.store.db import utils

try:
    raise RuntimeError("cannot connect to postgresql://ada:s3cret@host/db")
except RuntimeError:
    utils._logger.exception("SQLAlchemy database could not be created: postgresql://ada:s3cret@host/db")
logging.getLogger("alembic.runtime.migration").info("Running upgrade")
logging.getLogger("urllib3.connectionpool").warning("Retrying (total=1)")
logging.getLogger("mlflow.sklearn").warning("Saving with pickle")
warnings.warn("transition_model_version_stage is deprecated", FutureWarning)
print("said")
"""


def test_nothing_of_mlflows_is_heard_and_no_password() -> None:
    ran = subprocess.run([sys.executable, "-c", NOISE], capture_output=True, text=True, timeout=60)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "said\n", "")


def test_debugging_brings_warnings_back_but_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTPASS_DEBUG", "1")
    monkeypatch.setenv("MLFLOW_LOGGING_LEVEL", "DEBUG")

    ran = subprocess.run([sys.executable, "-c", NOISE], capture_output=True, text=True, timeout=60)

    assert "transition_model_version_stage is deprecated" in ran.stderr
    assert "Saving with pickle" in ran.stderr
    assert "s3cret" not in ran.stderr


def test_the_users_own_settings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")

    quiet()

    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "5"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == SETTINGS["MLFLOW_HTTP_REQUEST_TIMEOUT"]
    assert logging.getLogger("mlflow.store.db.utils").level > logging.CRITICAL

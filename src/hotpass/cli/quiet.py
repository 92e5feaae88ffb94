"""Keeps MLflow's noise, and passwords with it, out of a command's output; lets it fail in seconds.

Every command that touches MLflow calls `quiet()` before it does.
"""

from __future__ import annotations

import logging
import os
import warnings

from hotpass.errors import CallError

#: Settings of MLflow's own, for users who have not chosen theirs. Its default of 7 HTTP retries with growing
#: waits makes a wrong host name take minutes, and its progress bars and "View run at" lines get among ours.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
}

#: Loggers and the level from which they are heard. MLflow logs a failed connection with a traceback and the
#: database URI in it, so that one is never heard; what it says comes back as an error of ours, masked.
LEVELS = {
    "mlflow.store.db.utils": logging.CRITICAL + 1,
    "alembic": logging.CRITICAL,
    "urllib3.connectionpool": logging.ERROR,
    "stamina": logging.ERROR,
    "matplotlib.font_manager": logging.ERROR,
}


def quiet() -> None:
    """Sets this process up for a command that touches MLflow. What the user has set stays as it is.

    Raises CallError for a MLFLOW_LOGGING_LEVEL that is none.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    given = os.environ["MLFLOW_LOGGING_LEVEL"]
    level_name = given.strip().upper() or SETTINGS["MLFLOW_LOGGING_LEVEL"]
    if level_name not in logging.getLevelNamesMapping():
        raise CallError(
            f"MLFLOW_LOGGING_LEVEL is {given!r}, which is no level. Unset it, or set it to one of "
            "CRITICAL, ERROR, WARNING, INFO and DEBUG."
        )
    os.environ["MLFLOW_LOGGING_LEVEL"] = level_name  # MLflow itself fails on an empty one
    for name, level in LEVELS.items():
        logger = logging.getLogger(name)
        logger.setLevel(level)
        if level > logging.CRITICAL:  # MLflow before 3.16 sets this one's level again when imported
            logger.addFilter(_never)
    logging.getLogger("mlflow").setLevel(level_name)
    if os.environ.get("HOTPASS_DEBUG", "") in ("", "0"):
        warnings.simplefilter("ignore")


def _never(record: logging.LogRecord) -> bool:
    return False

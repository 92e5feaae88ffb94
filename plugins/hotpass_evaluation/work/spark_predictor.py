"""A program: scores features with one model in Spark, through `mlflow.pyfunc.spark_udf`.

It runs as a worker (`hotpass.workers`), without credentials, and is given features, never labels: a Parquet
file with a row number and columns c0, c1, …. It leaves Parquet files with row numbers and scores, 8 bytes
each.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hotpass.workers import serve
from hotpass_evaluation.work.spark_model import wrap

ROW = "row"
SCORE = "score"

#: The last line of a traceback: our own messages stand by themselves, others need the error's name.
_PYTHON_ERROR = re.compile(
    r"(?:hotpass\w*[.][\w.]+: "
    r"|(?P<name>(?!org[.]|java|scala[.]|py4j[.])(?:\w+[.])*\w+(?:Error|Exception|Exit|Interrupt): ))"
    r"(?P<text>.+)"
)
_MOST = 1000  # characters of an error

_SETTINGS = {
    "spark.ui.enabled": "false",
    # Times without a zone stay what they are.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
_ON_THIS_MACHINE = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


def score(job: Mapping[str, Any]) -> dict[str, Any]:
    """Scores the Parquet files in `job["features"]`, whose columns are called `job["columns"]`, with the
    model at `job["model"]["files"]`, and writes to `job["scores"]`.

    Answers {"spark": version, "seconds": {"starting": …, "scoring": …}} or {"unusable": why, for people}.
    """
    warnings.filterwarnings("ignore", category=FutureWarning)
    started = time.monotonic()
    folder = Path(job["folder"])
    wrap(job["model"], job["schema"], folder / "model")
    try:
        session = _session(job["spark"])
    except Exception as error:
        return {"unusable": f"Spark could not be started: {brief(error)}"}
    began = time.monotonic()
    try:
        _score(session, job, folder)
    except Exception as error:
        return {"unusable": f"Spark could not score with {job['model']['name']}: {brief(error)}"}
    ended = time.monotonic()
    version = str(session.version)
    session.stop()
    return {"spark": version, "seconds": {"starting": began - started, "scoring": ended - began}}


def _session(spark: Mapping[str, Any]) -> Any:
    os.environ.update(spark["environment"])
    from pyspark.sql import SparkSession

    settings = dict(_SETTINGS)
    if spark["remote"]:
        _knock(spark["remote"])
        builder = SparkSession.builder.remote(spark["remote"])
    else:
        builder = SparkSession.builder.master(spark["master"]).appName("hotpass")
        if spark["master"].startswith("local"):
            settings |= _ON_THIS_MACHINE
            # Else a host name that does not resolve ends it.
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
            os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    for name, value in (settings | spark["settings"]).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _knock(remote: str) -> None:
    """Raises ConnectionError where nobody is there; PySpark would try for many minutes."""
    where = urlsplit(remote)
    try:
        socket.create_connection((where.hostname or "", where.port or 15002), timeout=10).close()
    except OSError as error:
        raise ConnectionError(f"nobody answers at {where.hostname}:{where.port or 15002} ({error})") from None


def _score(session: Any, job: Mapping[str, Any], folder: Path) -> None:
    from mlflow import pyfunc
    from pyspark.sql import functions

    scores = pyfunc.spark_udf(session, str(folder / "model"), result_type="double", env_manager="local")
    # A name may hold dots and blanks, which Spark would read as more than a name.
    columns = [functions.col(f"c{number}").alias(name) for number, name in enumerate(job["columns"])]
    features = session.read.parquet(job["features"])
    features.select(ROW, scores(functions.struct(*columns)).alias(SCORE)).write.parquet(job["scores"])


def brief(error: Exception) -> str:
    """What went wrong, in one line: a Python error's last line from within Java's account of it, or the
    innermost that Java says.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    python = [found for line in lines if (found := _PYTHON_ERROR.match(line))]
    if python:
        return f"{python[-1]['name'] or ''}{python[-1]['text']}"[:_MOST]
    java = [line for line in lines if line.startswith((": ", "Caused by: "))]
    said = java[-1].removeprefix("Caused by: ").removeprefix(": ") if java else lines[0] if lines else ""
    return f"{said or type(error).__name__}"[:_MOST]


if __name__ == "__main__":
    serve(score)

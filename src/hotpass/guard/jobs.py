"""MLflow's background jobs, which run in processes of their own, past the guarded stores of the server's
workers.

Those of MLflow's usual engine write runs and prompts over HTTP, like any client, and what they write to the
database themselves is about traces. The two settings here would give the database to a job that any client
can send.
"""

from __future__ import annotations

import os

from hotpass.errors import CallError

_ENABLED = "MLFLOW_SERVER_ENABLE_JOB_EXECUTION"
_OPEN = {
    "MLFLOW_SERVER_JOB_EXECUTION_ENGINE": "gives jobs the database itself in the place of the server",
    "MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS": "runs the code of any client beside the database's password",
}
_OFF = ("", "0", "false")


def check_jobs() -> None:
    """Raises CallError where the environment lets jobs write past the guard."""
    if os.environ.get(_ENABLED, "true").strip().lower() in _OFF:
        return
    for name, does in _OPEN.items():
        if os.environ.get(name, "").strip().lower() not in _OFF:
            raise CallError(
                f"{name} {does}, so a job could change what serves past the guard. Take it out of the "
                f"environment, or do without jobs: {_ENABLED}=false"
            )

"""MLflow's basic auth in front of the guarded server."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any

from hotpass.errors import CallError
from hotpass.registry.calls import masked

if TYPE_CHECKING:
    from flask import Flask

SECRET_KEY = "MLFLOW_FLASK_SERVER_SECRET_KEY"  # noqa: S105 - the name of a variable


def with_auth(flask_app: Flask) -> Any:
    """MLflow's auth in front of every route of `flask_app`: FastAPI under uvicorn, Flask elsewhere. Raises
    CallError where it cannot be loaded.
    """
    return _auth().create_app(flask_app)


def bootstrap() -> dict[str, str]:
    """Makes the users' database and its admin, before any worker could race for it, and returns what the
    server's environment needs besides.

    `mlflow server` does the same (`_bootstrap_basic_auth`), but for its own app's name alone. Raises
    CallError for whatever is missing, all at once.
    """
    auth = _auth()
    problems = []
    if not os.environ.get(SECRET_KEY):
        problems.append(
            "auth needs a secret for its forms, the same at every start and on every server: set "
            f"{SECRET_KEY}, "
            "for example to what `openssl rand -hex 32` prints"
        )
    try:
        auth.bootstrap_admin_user()
    except Exception as error:  # MLflow's own, and SQLAlchemy's as they come
        problems.append(masked(str(getattr(error, "message", error))))
    if problems:
        raise CallError("\n".join(problems))
    return {
        "_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED": "true",
        # All workers, and the jobs that they start, trust this token on the gateway's routes.
        "_MLFLOW_INTERNAL_GATEWAY_AUTH_TOKEN": secrets.token_hex(32),
    }


def _auth() -> Any:
    try:
        from mlflow.server import auth
    except ImportError as error:
        raise CallError(
            f"MLflow's auth cannot be loaded: {error}. Install it: pip install 'hotpass[guard]'"
        ) from None
    return auth

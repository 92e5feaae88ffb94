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
    auth = _auth()
    app = auth.create_app(flask_app)

    def remember_user() -> None:
        from flask import g, request

        # MLflow's hook does so itself since 3.14, and ran just before.
        if "mlflow_authenticated_user" not in g and not auth.is_unprotected_route(request.path):
            g.mlflow_authenticated_user = auth.authenticate_request().username

    flask_app.before_request(remember_user)
    return app


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
        if hasattr(auth, "bootstrap_admin_user"):
            auth.bootstrap_admin_user()
        else:
            _bootstrap_before_3_16(auth)
    except Exception as error:  # MLflow's own, and SQLAlchemy's as they come
        problems.append(masked(str(getattr(error, "message", error))))
    if problems:
        raise CallError("\n".join(problems))
    return {
        "_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED": "true",
        # All workers, and the jobs that they start, trust this token on the gateway's routes.
        "_MLFLOW_INTERNAL_GATEWAY_AUTH_TOKEN": secrets.token_hex(32),
    }


def _bootstrap_before_3_16(auth: Any) -> None:
    """MLflow came with a password for the admin that everybody knows."""
    known, config = "password1234", auth.auth_config  # GHSA-gq3w-7jj3-x7gr
    auth.store.init_db(config.database_uri)
    if not auth.store.has_user(config.admin_username) and config.admin_password == known:
        raise CallError(
            f"the admin {config.admin_username} would get the password that is in MLflow's own "
            "configuration. "
            "Copy it (basic_auth.ini of mlflow.server.auth), set admin_password there, and name the copy in "
            "MLFLOW_AUTH_CONFIG_PATH"
        )
    auth.create_admin_user(config.admin_username, config.admin_password)


def _auth() -> Any:
    try:
        from mlflow.server import auth
    except ImportError as error:
        raise CallError(
            f"MLflow's auth cannot be loaded: {error}. Install it: pip install 'hotpass[guard]'"
        ) from None
    return auth

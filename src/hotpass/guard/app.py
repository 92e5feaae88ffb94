"""The app of `mlflow server --app-name hotpass`: MLflow's own, with guarded stores and Hotpass' routes.

MLflow looks a store up by the scheme of its URI, in two registries of `mlflow.server.handlers`. In the
server's workers the plain schemes lead to guarded stores here, so that to the rest of MLflow the server keeps
a plain database, and job execution, which asks for one, stays on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from typing import Any, NoReturn

from hotpass.errors import CallError, HotpassError
from hotpass.guard.artifacts import guard_artifacts
from hotpass.guard.basic_auth import with_auth
from hotpass.guard.core import Guard, guard_of
from hotpass.guard.entry import registry_builder
from hotpass.guard.guard_settings import GuardSettings, check_guardable
from hotpass.guard.jobs import check_jobs
from hotpass.guard.routes import add_routes
from hotpass.guard.tracking_store import tracking_builder
from hotpass.guard.who import actor_of_request
from hotpass.guard.workspaces import guard_workspaces
from hotpass.registry.calls import masked
from hotpass.texts import printable

#: A worker that ends with this exit code stops uvicorn and gunicorn; after any other they start it anew.
STARTUP_FAILURE = 3


def create_app() -> Any:
    """The app, made once in each worker: FastAPI under uvicorn, Flask under gunicorn and waitress.

    Everything that keeps the guard from guarding ends the server here, with its reason on stderr.
    """
    from mlflow.exceptions import MlflowException

    try:
        return _guarded_app()
    except HotpassError as error:
        _stop(str(error))
    except MlflowException as error:
        _stop(masked(str(error.message)))
    except Exception as error:  # whatever it is, a worker that is started again meets the same
        _stop(masked(f"{type(error).__name__}: {error}"))


def _guarded_app() -> Any:
    from mlflow.environment_variables import _MLFLOW_SGI_NAME
    from mlflow.server import app as flask_app

    check_jobs()
    guard = guard_of(server_settings())
    guard_stores(guard)
    guard_artifacts(guard)
    guard_workspaces(guard)
    guard.session(actor_of_request())  # opens the registry and the ledger, wherever they are
    app: Any = flask_app
    if guard.settings.auth:
        app = with_auth(flask_app)
    elif _MLFLOW_SGI_NAME.get() == "uvicorn":
        from mlflow.server.fastapi_app import create_fastapi_app

        app = create_fastapi_app(flask_app)
    add_routes(flask_app, guard)
    guard.in_force.watch()
    return app


def server_settings() -> GuardSettings:
    """The guard's settings in a worker, which MLflow tells by the environment which stores it serves. Raises
    CallError where it serves none that can be guarded.
    """
    from mlflow.server.constants import (
        ARTIFACTS_ONLY_ENV_VAR,
        BACKEND_STORE_URI_ENV_VAR,
        REGISTRY_STORE_URI_ENV_VAR,
    )

    tracking = os.environ.get(BACKEND_STORE_URI_ENV_VAR)
    if os.environ.get(ARTIFACTS_ONLY_ENV_VAR) or not tracking:
        raise CallError(
            "a guard needs the registry and the runs: it cannot guard a server with --artifacts-only"
        )
    registry = os.environ.get(REGISTRY_STORE_URI_ENV_VAR) or tracking
    settings = GuardSettings.from_environment(registry, tracking)
    for uri in (settings.registry_uri, settings.tracking_uri):
        check_guardable(uri)
    return settings


def guard_stores(guard: Guard) -> None:
    """Has MLflow's server make guarded stores in this process, and makes them, so that one that cannot be
    made is seen at start. Raises CallError, MlflowException.
    """
    from mlflow.server import handlers
    from mlflow.store.db.db_types import DATABASE_ENGINES

    models, runs = registry_builder(guard), tracking_builder(guard)
    for scheme in DATABASE_ENGINES:
        handlers._model_registry_store_registry.register(scheme, models)
        handlers._tracking_store_registry.register(scheme, runs)
    for store in (handlers._get_tracking_store(), handlers._get_model_registry_store()):
        if not type(store).__module__.startswith("hotpass."):
            raise CallError(
                f"MLflow made a {type(store).__name__} in the place of a guarded store. Another plugin has "
                "the database's scheme, or the store was made before the app: nothing would be guarded"
            )


def _stop(why: str) -> NoReturn:
    print(f"hotpass: the server cannot start: {printable(why)}", file=sys.stderr, flush=True)
    supervisor = multiprocessing.parent_process()
    if supervisor is not None and supervisor.pid is not None:  # uvicorn before 0.47 would start it anew
        os.kill(supervisor.pid, signal.SIGTERM)
    sys.exit(STARTUP_FAILURE)

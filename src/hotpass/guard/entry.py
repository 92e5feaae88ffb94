"""Where MLflow finds the guarded registry store: by entry points for `hotpass+…` URIs, or, in a guarded
server's workers, in the place of the plain store.

MLflow imports this while it is being imported itself, so nothing of MLflow may be imported at the top:
registering the entry point would fail, with only a warning.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hotpass.errors import CallError, HotpassError, RegistryError
from hotpass.guard.guard_settings import PREFIX

if TYPE_CHECKING:
    from hotpass.guard.core import Guard

#: How a server tells its workers what it serves. `mlflow.server.constants` has the names, and importing that
#: in a client would make the whole server.
_BACKEND = "_MLFLOW_SERVER_FILE_STORE"
_REPLICA = "_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE"


def registry_store(store_uri: str, tracking_uri: str | None = None) -> Any:
    """The guarded store for a `hotpass+…` URI, in a client or in a plain `mlflow server`.

    The policies are those of HOTPASS_POLICIES or of the nearest pyproject.toml. `tracking_uri` is where the
    runs are; MLflow gives its own default where nobody said, and then they are where the registry is. Raises
    MlflowException, without passwords, for everything that keeps it from guarding.
    """
    from hotpass.guard.core import guard_of
    from hotpass.guard.guard_settings import GuardSettings
    from hotpass.guard.refusals import told_to_mlflow

    scheme, colon, rest = store_uri.partition(":")  # MLflow finds it in any letter case
    plain = scheme.lower().removeprefix(PREFIX) + colon + rest
    with told_to_mlflow():
        _check_openable(plain)
        settings = GuardSettings.from_environment(plain, _where_runs_are(tracking_uri))
        return _open(guard_of(settings), plain)


def registry_builder(guard: Guard) -> Callable[..., Any]:
    """A builder for MLflow's registry of store builders that makes the guarded store for a plain URI."""
    from hotpass.guard.refusals import told_to_mlflow

    def build(store_uri: str, tracking_uri: str | None = None) -> Any:
        with told_to_mlflow():
            _check_openable(store_uri)
            return _open(guard, store_uri)

    return build


def _open(guard: Guard, uri: str) -> Any:
    from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
    from mlflow.exceptions import MlflowException

    from hotpass.guard.registry_store import GuardedRegistryStore, GuardedWorkspaceRegistryStore
    from hotpass.registry.calls import masked

    kind = GuardedWorkspaceRegistryStore if MLFLOW_ENABLE_WORKSPACES.get() else GuardedRegistryStore
    replica = os.environ.get(_REPLICA)
    if replica:
        _check_openable(replica)
    try:
        return kind(guard, uri, replica)
    except HotpassError:
        raise
    except MlflowException as error:
        raise RegistryError(masked(str(error.message))) from None
    except Exception as error:
        raise RegistryError(f"cannot open the registry at {masked(uri)}: {masked(str(error))}") from None


def _check_openable(uri: str) -> None:
    """Raises CallError or RegistryError, passwords masked, where MLflow would try for a minute and then print
    the URI.
    """
    import sqlalchemy

    from hotpass.registry.calls import check_reachable, masked

    try:
        asynchronous = sqlalchemy.make_url(uri).get_dialect().is_async
    except (sqlalchemy.exc.ArgumentError, ValueError):
        asynchronous = False  # whatever is wrong with it, the next line says
    if asynchronous:
        raise CallError(
            f"{masked(uri)} names an asynchronous driver, and MLflow needs another, such as "
            "postgresql+psycopg2 or mysql+pymysql"
        )
    check_reachable(uri, create=True)


def _where_runs_are(tracking_uri: str | None) -> str | None:
    import mlflow

    backend = os.environ.get(_BACKEND)
    if backend:
        return backend
    nobody_said = not mlflow.is_tracking_uri_set() and tracking_uri == mlflow.get_tracking_uri()
    return None if nobody_said else tracking_uri

"""Where MLflow is and which experiment runs go to: from the call, then the environment, then what suits a
laptop.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotpass.errors import CallError, RegistryError, mask
from hotpass.ml.writable import check_writable
from hotpass.registry.calls import call, require_mlflow
from hotpass.settings import DEFAULT_TRACKING_URI, uris

if TYPE_CHECKING:
    from hotpass.registry.mlflow_registry import MlflowRegistry

DEFAULT_EXPERIMENT = "lead_scoring"
_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True, repr=False)
class MLflowConfig:
    """Where runs and models go.

    What is None is taken from `MLFLOW_TRACKING_URI` (else `sqlite:///mlflow.db`), `MLFLOW_EXPERIMENT_NAME`
    (else `lead_scoring`) and `MLFLOW_REGISTRY_URI` (else the registry is where the runs are, and
    `registry_uri` stays None). `artifact_location` and `experiment_tags` are for an experiment that does not
    exist yet.
    """

    tracking_uri: str | None = None
    experiment_name: str | None = None
    registry_uri: str | None = None
    artifact_location: str | None = None
    experiment_tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, variable, default in (
            ("tracking_uri", "MLFLOW_TRACKING_URI", DEFAULT_TRACKING_URI),
            ("experiment_name", "MLFLOW_EXPERIMENT_NAME", DEFAULT_EXPERIMENT),
            ("registry_uri", "MLFLOW_REGISTRY_URI", None),
        ):
            given = getattr(self, name)
            value = str(given) if given is not None else os.environ.get(variable) or default
            if value is not None and not value.strip():
                raise CallError(f"{name} is empty. Name one, or leave it out to use {variable}.")
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={mask(repr(getattr(self, name)))}"
            for name in ("tracking_uri", "experiment_name", "registry_uri", "artifact_location")
        )
        return f"MLflowConfig({shown})"


def init_mlflow(config: MLflowConfig | None = None) -> str:
    """Points MLflow, in this process, at the stores of `config` and makes its experiment the active one.

    Without `config` all comes from the environment; `mlflow.set_tracking_uri` sets that too, so it is kept.
    Creates the experiment, and a SQLite database, where there is none; calling it again, or in several
    processes at once, does no harm. Returns the experiment's id.

    Raises MissingDependency without MLflow, RegistryError where a store cannot be reached, and CallError for
    an experiment that was deleted.
    """
    require_mlflow()
    import mlflow

    from hotpass.registry.mlflow_registry import MlflowRegistry

    config = config or MLflowConfig()
    tracking_uri, registry_uri = str(config.tracking_uri), config.registry_uri
    with _one_process_at_a_time(tracking_uri):
        # Looks whether the stores are there, and lets MLflow create its tables, before anything uses them.
        MlflowRegistry(registry_uri or tracking_uri, tracking_uri, create=True)
    mlflow.set_tracking_uri(tracking_uri)
    if (
        registry_uri is not None
    ):  # else MLflow derives it, and goes on deriving it when the tracking URI changes
        mlflow.set_registry_uri(registry_uri)
    experiment = call("open the experiment", _ensure_experiment, config)
    _check_artifacts(experiment)
    call("open the experiment", mlflow.set_experiment, experiment_id=experiment.experiment_id)
    return str(experiment.experiment_id)


@contextlib.contextmanager
def _one_process_at_a_time(uri: str) -> Iterator[None]:
    """MLflow creates a SQLite database in some fifty migrations, and two processes that do so at once break
    it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        fcntl = None  # type: ignore[assignment]
    if fcntl is None or not uri.startswith(_SQLITE):
        yield
        return
    named = uri.removeprefix(_SQLITE).partition("?")[0]
    database = Path(named).resolve()
    if not named or ":memory:" in named or not database.parent.is_dir():
        yield  # nothing that processes share, or nowhere to create it, which the registry says
        return
    path = database.with_name(f".{database.name}.lock")
    try:
        # Beside the database: a folder that all may write to is where others could put a link in its place.
        lock = os.open(path, os.O_CREAT | os.O_NOFOLLOW | os.O_RDWR, 0o600)
    except OSError as error:
        raise RegistryError(
            f"{path} cannot be opened: {error.strerror}. It keeps two processes from creating the database "
            "at once; it must be a file that you may write to."
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _ensure_experiment(config: MLflowConfig) -> Any:
    import mlflow
    from mlflow.exceptions import MlflowException

    client, name = mlflow.MlflowClient(), str(config.experiment_name)
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            client.create_experiment(name, config.artifact_location, dict(config.experiment_tags))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # else another process was faster
                raise
        found = client.get_experiment_by_name(name)
    if found.lifecycle_stage != "active":
        raise CallError(
            f"the experiment {name!r} was deleted. Restore it with `mlflow experiments restore "
            f"--experiment-id {found.experiment_id}`, or name another with MLFLOW_EXPERIMENT_NAME."
        )
    return found


def _check_artifacts(experiment: Any) -> None:
    """Raises CallError where the files of runs are kept on this machine, in a place that cannot be written.
    """
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    where = str(experiment.artifact_location)
    if is_local_uri(where):
        check_writable(
            Path(local_file_uri_to_path(where)), f"the files of runs in experiment {experiment.name!r}"
        )


def connect(tracking_uri: str | None = None, registry_uri: str | None = None) -> MlflowRegistry:
    """The registry at these URIs, found as `hotpass.promote` finds them; opened once and remembered.

    Raises as `MlflowRegistry` does.
    """
    registry, tracking = uris(registry_uri, tracking_uri)
    return _opened(_anchored(registry), _anchored(tracking))


def _anchored(uri: str) -> str:
    """A relative SQLite path means another file after the next `chdir`, so what is remembered is an absolute
    one.
    """
    if not uri.startswith(_SQLITE) or uri.startswith(_SQLITE + "/") or ":memory:" in uri or uri == _SQLITE:
        return uri
    return f"{_SQLITE}{Path.cwd() / uri.removeprefix(_SQLITE)}"


@lru_cache(maxsize=16)
def _opened(registry_uri: str, tracking_uri: str) -> MlflowRegistry:
    from hotpass.registry.mlflow_registry import MlflowRegistry

    return MlflowRegistry(registry_uri, tracking_uri)

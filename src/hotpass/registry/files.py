"""The files of a model version, wherever they are kept."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hotpass.artifacts import digest_of_folder
from hotpass.candidate import ModelFile
from hotpass.errors import RegistryError
from hotpass.registry import convert
from hotpass.registry.calls import masked

_MLMODEL_LIMIT = 4 * 1024 * 1024  # bytes; a real one has a few thousand


class FilesMissing(RegistryError):
    """The version has no files where they should be."""


class VersionFiles:
    """The files at `source`; `name` is what messages call the version. Methods raise RegistryError."""

    def __init__(self, name: str, source: str, *, tracking_uri: str, registry_uri: str) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        self._name = name
        try:
            self.repository: Any = get_artifact_repository(
                _as_served(source, tracking_uri), tracking_uri=tracking_uri, registry_uri=registry_uri
            )
        except Exception as error:
            if source.startswith("mlflow-artifacts:") and not tracking_uri.startswith("http"):
                raise RegistryError(
                    f"cannot read the files of {name}: an MLflow server hands them out, and they cannot be "
                    "had from its database. Name the server: MLFLOW_TRACKING_URI=http://…"
                ) from None
            raise RegistryError(f"cannot read the files of {name}: {masked(str(error))}") from None

    @property
    def are_local(self) -> bool:
        """Whether they are on this machine."""
        return self.folder is not None

    @property
    def folder(self) -> Path | None:
        """Where they are on this machine; None where they are elsewhere."""
        from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

        if isinstance(self.repository, LocalArtifactRepository):
            return Path(self.repository.artifact_dir)
        return None

    def digest(self) -> str:
        """SHA-256 over the sorted pairs of path and file hash."""
        folder = self.folder
        if folder is not None:
            return self._digest_of(folder)
        with tempfile.TemporaryDirectory(prefix="hotpass-") as copy:
            return self._digest_of(self.download(Path(copy)))

    def _digest_of(self, folder: Path) -> str:
        try:
            return digest_of_folder(folder)
        except (OSError, ValueError):
            place = f" at {self.folder}; was that moved?" if self.folder else ""
            raise FilesMissing(
                f"{self._name} has no files that can be read, so no decision can be bound to them{place}"
            ) from None

    def download(self, to: Path) -> Path:
        """A copy below `to`."""
        with _no_progress_bars():
            try:
                copy = Path(self.repository.download_artifacts("", dst_path=str(to)))
            except Exception as error:
                raise (FilesMissing if _is_absent(error) else RegistryError)(
                    f"cannot download the files of {self._name}: {masked(str(error))}"
                ) from None
        if not any(copy.iterdir()):
            place = f" at {self.folder}; was that moved?" if self.folder else ""
            raise FilesMissing(f"{self._name} has no files{place}")
        return copy

    def download_one(self, path: str, to: Path) -> Path:
        """A copy below `to` of the file or folder at `path` among them. Raises FilesMissing where there is
        none.
        """
        with _no_progress_bars():
            try:
                copy = Path(self.repository.download_artifacts(path, dst_path=str(to)))
            except Exception as error:
                raise (FilesMissing if _is_absent(error) else RegistryError)(
                    f"cannot download {path} of {self._name}: {masked(str(error))}"
                ) from None
        if not copy.exists() or (copy.is_dir() and not any(copy.iterdir())):
            raise FilesMissing(f"{self._name} has no {path}")
        return copy

    def model_file(self) -> ModelFile | None:
        """What the MLmodel file says; None where there is none."""
        with tempfile.TemporaryDirectory(prefix="hotpass-") as folder:
            target = Path(folder) / "MLmodel"
            try:
                # Not download_artifacts(): that lists the folder first, a request of its own.
                self.repository._download_file("MLmodel", str(target))
                if target.stat().st_size > _MLMODEL_LIMIT:
                    raise RegistryError(f"the MLmodel file of {self._name} is too large")
                return convert.model_file(target.read_text(encoding="utf-8"))
            except RegistryError:
                raise
            except Exception as error:
                if _is_absent(error):
                    return None
                raise RegistryError(
                    f"cannot read the MLmodel file of {self._name}: {type(error).__name__}: "
                    f"{masked(str(error))}"
                ) from None


def _is_absent(error: Exception) -> bool:
    text = str(error)
    return (
        isinstance(error, FileNotFoundError)
        or getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"
        or any(sign in text for sign in ("404", "No such file", "NoSuchKey"))
    )


@contextlib.contextmanager
def _no_progress_bars() -> Iterator[None]:
    """MLflow draws a progress bar for downloads, which does not belong among our lines."""
    from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR as BAR

    if BAR.is_set():  # somebody chose
        yield
        return
    BAR.set(False)
    try:
        yield
    finally:
        BAR.unset()


def _as_served(source: str, tracking_uri: str) -> str:
    """Where the files of an `mlflow-artifacts:` URI are: behind the server's proxy for its clients, and
    inside of the server in the folder or bucket that the proxy serves, as MLflow's own handlers find them.
    """
    destination = os.environ.get("_MLFLOW_SERVER_ARTIFACT_DESTINATION")
    if not destination or tracking_uri.startswith("http"):
        return source
    from mlflow.server import handlers
    from mlflow.utils.uri import append_to_uri_path, validate_path_is_safe

    source = _underlying(source, tracking_uri)
    if not source.startswith("mlflow-artifacts:"):
        return source
    path = handlers._get_proxied_run_artifact_destination_path(source)
    scoped = handlers._get_workspace_scoped_repo_path_if_enabled(validate_path_is_safe(path))
    return str(append_to_uri_path(destination, scoped))


def _underlying(source: str, tracking_uri: str) -> str:
    """What a `runs:` or `models:` URI stands for, which MLflow finds out by itself only for its clients."""
    from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository
    from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository

    for _ in range(10):  # a copy of a copy; each is resolved when it is registered, so one step does
        if RunsArtifactRepository.is_runs_uri(source):
            source = RunsArtifactRepository.get_underlying_uri(source, tracking_uri)
        elif ModelsArtifactRepository.is_models_uri(source):
            source = ModelsArtifactRepository._get_model_uri_infos(source)[2]
        else:
            break
    return source

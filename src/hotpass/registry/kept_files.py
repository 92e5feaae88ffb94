"""Small files of Hotpass's own in a run's artifacts, wherever those are kept: written in one go, read whole.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from hotpass.errors import NotFound, RegistryError
from hotpass.registry.calls import masked, within
from hotpass.registry.files import FilesMissing, VersionFiles

#: Seconds within which a file must be written.
PATIENCE = 15.0

#: Whether it is Hotpass that writes in this context: a guard keeps everybody else's files from the ledger.
_OURS: ContextVar[bool] = ContextVar("hotpass_writes", default=False)


def written_by_hotpass() -> bool:
    """Whether what is being written is one of these files."""
    return _OURS.get()


def write(folder_uri: str, name: str, content: bytes, *, tracking_uri: str) -> None:
    """Puts a file `name` into the artifacts at `folder_uri`. Raises RegistryError."""
    files = _files(folder_uri, tracking_uri)
    try:
        with within(PATIENCE), _ours():
            _put(files, name, content)
    except Exception as error:
        raise RegistryError(f"{type(error).__name__}: {masked(str(error))}") from None


def read(folder_uri: str, name: str, *, tracking_uri: str) -> bytes | None:
    """What `write` put there; None where there is no such file. Raises RegistryError."""
    with tempfile.TemporaryDirectory(prefix="hotpass-") as folder:
        try:
            return _files(folder_uri, tracking_uri).download_one(name, Path(folder)).read_bytes()
        except (FilesMissing, NotFound):
            return None
        except OSError as error:
            raise RegistryError(f"cannot read {name} at {masked(folder_uri)}: {error.strerror}") from None


def _files(folder_uri: str, tracking_uri: str) -> VersionFiles:
    return VersionFiles("the ledger", folder_uri, tracking_uri=tracking_uri, registry_uri=tracking_uri)


def _put(files: VersionFiles, name: str, content: bytes) -> None:
    from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

    repository: Any = files.repository
    if files.folder is not None:
        _put_here(files.folder, name, content)
    elif isinstance(repository, HttpArtifactRepository):
        # Not log_artifact(), which needs a file to read it from.
        from mlflow.utils.rest_utils import augmented_raise_for_status, http_request

        answer = http_request(
            repository._host_creds, f"/{name}", "PUT", data=content,
            extra_headers={"Content-Type": "text/html"},
        )  # fmt: skip
        augmented_raise_for_status(answer)
    else:
        with tempfile.TemporaryDirectory(prefix="hotpass-") as folder:
            file = Path(folder) / name
            file.write_bytes(content)
            repository.log_artifact(str(file))


def _put_here(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{name}.{os.getpid()}"
    try:
        part.write_bytes(content)
        part.replace(folder / name)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _ours() -> Iterator[None]:
    token = _OURS.set(True)
    try:
        yield
    finally:
        _OURS.reset(token)

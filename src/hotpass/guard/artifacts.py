"""Keeps whatever writes files in the server's process away from those that are frozen.

MLflow's server makes every repository of artifacts by one registry: the one behind the artifact proxy, and
those of runs and LoggedModels that it writes for the UI, the prompt lab and traces. Each gets a class of its
own here, derived from the one it had, so that MLflow still finds what it can do.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import posixpath
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from hotpass.errors import CallError
from hotpass.guard.evidence import Observations, refused
from hotpass.guard.frozen_files import FrozenFiles
from hotpass.guard.places import join
from hotpass.guard.refusals import refusal, told_to_mlflow
from hotpass.registry.kept_files import written_by_hotpass

if TYPE_CHECKING:
    from hotpass.guard.core import Guard

#: Methods that write, and how each says what it writes to: the parameters of the folder and of the file.
_WRITERS: Mapping[str, tuple[str, str | None]] = {
    "complete_multipart_upload": ("artifact_path", "local_file"),
    "create_multipart_upload": ("artifact_path", "local_file"),
    "create_presigned_upload_url": ("artifact_path", None),
    "delete_artifacts": ("artifact_path", None),
    "log_artifact": ("artifact_path", "local_file"),
    "log_artifacts": ("artifact_path", None),
}
#: What else a repository can do: reading, and what is built on the above. Giving up an upload changes no
#: file.
_PASSING = frozenset(
    {
        "abort_multipart_upload",
        "artifact_uri",
        "download_archived_trace_data",
        "download_artifacts",
        "download_trace_attachment",
        "download_trace_attachment_to_file",
        "download_trace_data",
        "download_trace_data_to_file",
        "flush_async_logging",
        "get_download_presigned_url",
        "get_local_path",
        "list_artifacts",
        "max_workers",
        "upload_archived_trace_data",
        "upload_archived_trace_data_bytes",
        "upload_attachment",
        "upload_trace_data",
    }
)


class ArtifactRules:
    """What the guarded repositories of a process ask."""

    def __init__(self, guard: Guard, files: FrozenFiles) -> None:
        self._guard = guard
        self._files = files
        self._observations = Observations(guard)

    def ask(self, repository: Any, path: str, call: str) -> None:
        """Raises MlflowException where `path` in the repository is the ledger's, and where it is frozen and
        the guard does not only observe.
        """
        from mlflow.utils.workspace_context import get_request_workspace

        uri = join(str(repository.artifact_uri), path)
        workspace = get_request_workspace() or "default"
        with told_to_mlflow():
            ledger = self._files.ledger_at(uri, workspace=workspace)
            version = self._files.behind(uri, deletes=call == "delete_artifacts", workspace=workspace)
        if ledger is not None and not written_by_hotpass():
            raise refusal(f"no files may be written to experiment {ledger}", [
                "it is the ledger, which Hotpass alone writes"
            ])  # fmt: skip
        if version is None:
            return
        what = f"the file {path}" if path else "the root of all artifacts"
        if not self._guard.settings.observe:
            raise refused(what, version)
        self._observations.observe(call, what, version)


def guard_artifacts(guard: Guard) -> None:
    """Has MLflow make guarded repositories in this process. Raises CallError where MLflow's have methods that
    Hotpass does not know.
    """
    from mlflow.server import handlers
    from mlflow.server.constants import ARTIFACTS_DESTINATION_ENV_VAR
    from mlflow.store.artifact import artifact_repository_registry as module

    _check_methods()
    rules = ArtifactRules(guard, FrozenFiles(guard, os.environ.get(ARTIFACTS_DESTINATION_ENV_VAR, "")))
    registry = module._artifact_repository_registry
    make = registry.get_artifact_repository

    @functools.wraps(make)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return guarded_repository(make(*args, **kwargs), rules)

    registry.get_artifact_repository = guarded
    if handlers._artifact_repo is not None:
        handlers._artifact_repo = guarded_repository(handlers._artifact_repo, rules)


def guarded_repository(repository: Any, rules: ArtifactRules) -> Any:
    """`repository` itself, which asks `rules` before it writes."""
    if not hasattr(repository, "_hotpass_rules"):
        repository.__class__ = _guarded_class(type(repository))  # type: ignore[arg-type]
    repository._hotpass_rules = rules
    return repository


def _check_methods() -> None:
    from mlflow import __version__
    from mlflow.store.artifact import artifact_repo

    kinds = [
        kind
        for name, kind in vars(artifact_repo).items()
        if inspect.isclass(kind) and (name == "ArtifactRepository" or name.endswith("Mixin"))
    ]
    known = {*_WRITERS, *_STREAMERS, *_PASSING}
    unknown = sorted({name for kind in kinds for name in vars(kind) if name[0] != "_"} - known)
    if unknown:
        raise CallError(
            f"MLflow {__version__} has artifact repositories with methods that this version of Hotpass does "
            f"not know: {', '.join(unknown)}. They might change a guarded model's files, so it does "
            "not start. "
            "Upgrade Hotpass (pip install --upgrade hotpass); if there is no newer one, use an older MLflow "
            "and report this."
        )


@functools.cache
def _guarded_class(kind: type) -> type:
    methods: dict[str, Any] = {
        name: _writer(name, getattr(kind, name), *names)
        for name, names in _WRITERS.items()
        if hasattr(kind, name)
    }
    for name, streamer in _STREAMERS.items():
        if hasattr(kind, name):
            methods[name] = streamer(getattr(kind, name))
    return type(kind.__name__, (kind,), methods)


def _writer(name: str, plain: Callable[..., Any], folder: str, file: str | None) -> Callable[..., Any]:
    signature = inspect.signature(plain)

    @functools.wraps(plain)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(self, *args, **kwargs).arguments
        for path in _targets(given.get(folder), given[file] if file else None):
            self._hotpass_rules.ask(self, path, name)
        return plain(self, *args, **kwargs)

    return method


def _streamer(plain: Callable[..., None]) -> Callable[..., None]:
    def log_artifact_from_stream(
        self: Any, stream: Any, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        def ask() -> None:
            for path in _targets(artifact_path, artifact_file_name):
                self._hotpass_rules.ask(self, path, "log_artifact")

        ask()
        plain(self, _AskedAtTheEnd(stream, ask), artifact_file_name, artifact_path)

    return log_artifact_from_stream


def _async_streamer(plain: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def log_artifact_from_async_stream(
        self: Any, chunks: Any, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        async def ask() -> None:
            for path in _targets(artifact_path, artifact_file_name):
                await asyncio.to_thread(self._hotpass_rules.ask, self, path, "log_artifact")

        async def asked_at_the_end() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                yield chunk
            await ask()

        await ask()
        await plain(self, asked_at_the_end(), artifact_file_name, artifact_path)

    return log_artifact_from_async_stream


#: Methods that write what comes in over time; they ask again at its end.
_STREAMERS: Mapping[str, Callable[..., Any]] = {
    "log_artifact_from_stream": _streamer,
    "log_artifact_from_async_stream": _async_streamer,
}


class _AskedAtTheEnd:
    """A stream that asks when it has been read: a slow upload may begin before what it replaces is frozen."""

    def __init__(self, stream: Any, ask: Callable[[], None]) -> None:
        self._stream = stream
        self._ask = ask

    def read(self, *size: int) -> bytes:
        chunk: bytes = self._stream.read(*size)
        if not chunk:
            self._ask()
        return chunk


def _targets(folder: str | None, file: Any) -> set[str]:
    """What a file of this name in this folder may become. MLflow's repositories take the last part of the
    name; another may take all of it.
    """
    folder = str(folder) if folder else ""
    if file is None:
        return {folder}
    name = str(file)
    found = {posixpath.join(folder, os.path.basename(name))}
    return found if os.path.isabs(name) else {*found, posixpath.join(folder, name)}

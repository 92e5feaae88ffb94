"""The files that a session's gates have asked for: fetched once, and kept as long as the session."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hotpass.artifacts import digest_of_folder
from hotpass.facts import VersionFacts
from hotpass.registry.port import Registry
from hotpass.sources import Files

T = TypeVar("T")


class Shelf:
    """Nothing is made or fetched before somebody asks. Not for several threads at a time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._kept: dict[tuple[object, ...], object] = {}

    def close(self) -> None:
        """Removes all of it. A shelf that nobody closes does so when it is let go."""
        self._kept.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def folder(self, name: str = "scratch") -> Path:
        """A folder of that name; made when it is first asked for, readable for this user alone."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="hotpass-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name) / name
        folder.mkdir(exist_ok=True)
        return folder

    def files(self, facts: VersionFacts) -> Files:
        """The version's files. Raises RegistryError."""

        def fetch() -> Files:
            copy = self._registry.download(facts, self._new())
            return Files(copy, digest_of_folder(copy))

        key = ("files", facts.workspace, facts.model, facts.version, facts.created_at_ms)
        return self._once(key, fetch)

    def artifact(self, run_id: str, path: str) -> Path | None:
        """What the run keeps at `path`; None where there is nothing. Raises CallError, RegistryError."""
        return self._once(
            ("artifact", run_id, path), lambda: self._registry.run_artifact(run_id, path, self._new())
        )

    def dataset(self, run_id: str, name: str | None, context: str | None) -> Path | None:
        """The file behind a data set of the run. Raises RegistryError, NotAtHand."""
        return self._once(
            ("dataset", run_id, name, context),
            lambda: self._registry.dataset_file(run_id, name, context, self._new()),
        )

    def fetch(self, uri: str) -> Path:
        """What is at `uri`. Raises RegistryError."""
        return self._once(("uri", uri), lambda: self._registry.fetch(uri, self._new()))

    def _new(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder("files")))

    def _once(self, key: tuple[object, ...], fetch: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = fetch()
        return self._kept[key]  # type: ignore[return-value] # the key says of which kind it is

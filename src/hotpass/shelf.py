"""The files that a session's gates have asked for: fetched once, and kept as long as the session.

Gates run other people's models as the same user, who can write here. So what was fetched is compared with its
digest, which is in this process alone, whenever it is handed out again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from hotpass.artifacts import digest_of_file, digest_of_folder
from hotpass.errors import ArtifactsChanged
from hotpass.facts import VersionFacts
from hotpass.registry.port import Registry
from hotpass.sources import Files


class Shelf:
    """Nothing is made or fetched before somebody asks. Not for several threads at a time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._kept: dict[tuple[object, ...], Files | None] = {}

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
        """The version's files. Raises RegistryError; ArtifactsChanged where somebody wrote into the copy."""
        key = ("files", facts.workspace, facts.model, facts.version, facts.created_at_ms)
        found = self._once(key, lambda: self._registry.download(facts, self._new()))
        assert found is not None
        return found

    def artifact(self, run_id: str, path: str) -> Path | None:
        """What the run keeps at `path`; None where there is nothing. Raises as `files`, and CallError."""
        return _path(
            self._once(
                ("artifact", run_id, path), lambda: self._registry.run_artifact(run_id, path, self._new())
            )
        )

    def dataset(self, run_id: str, name: str | None, context: str | None) -> Path | None:
        """The file behind a data set of the run. Raises as `files`, and NotAtHand."""
        return _path(
            self._once(
                ("dataset", run_id, name, context),
                lambda: self._registry.dataset_file(run_id, name, context, self._new()),
            )
        )

    def fetch(self, uri: str) -> Path:
        """What is at `uri`. Raises as `files`."""
        found = self._once(("uri", uri), lambda: self._registry.fetch(uri, self._new()))
        assert found is not None
        return found.path

    def _new(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder("files")))

    def _once(self, key: tuple[object, ...], fetch: Callable[[], Path | None]) -> Files | None:
        if key not in self._kept:
            path = fetch()
            self._kept[key] = None if path is None else Files(path, _digest(path))
            return self._kept[key]
        kept = self._kept[key]
        if kept is not None and _digest(kept.path) != kept.digest:
            raise ArtifactsChanged(
                f"somebody wrote into the copy of {key[0]} that gates read, while they ran: "
                f"{kept.path.name} is "
                "not what was fetched. Nothing that was measured counts. Look at the models that were loaded."
            )
        return kept


def _digest(path: Path) -> str:
    if path.is_dir():
        return digest_of_folder(path)
    return digest_of_file(path)


def _path(found: Files | None) -> Path | None:
    return None if found is None else found.path

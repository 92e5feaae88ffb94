"""A copy of files as they were at a git revision, and what messages call them:
`policies/lead.yaml@1f2e3d4c5b6a`.

The copy's own path says whose copy it is, so that whoever shows a path needs to be told nothing further.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_PREFIX = "hotpass-revision-"
#: Characters of a commit's id in messages and records.
SHORT = 12


class InCopy(NamedTuple):
    """A path in a copy: the copy's root, the short id of the commit, and the path in the repository."""

    root: Path
    commit: str
    path: PurePosixPath

    def __str__(self) -> str:
        return f"{self.path}@{self.commit}"


def in_copy(path: Path) -> InCopy | None:
    """What `path` is in the repository, if it is in a copy; None if it is not."""
    parts = path.parts
    at = next((index for index, part in enumerate(parts) if part.startswith(_PREFIX)), None)
    if at is None or at + 1 >= len(parts):
        return None
    import tempfile

    if os.path.realpath(Path(*parts[:at])) != os.path.realpath(tempfile.gettempdir()):
        return None  # somebody's own folder of such a name
    return InCopy(Path(*parts[: at + 2]), parts[at + 1], PurePosixPath(*parts[at + 2 :]))


def called(path: Path) -> str:
    """What messages call `path`."""
    return str(in_copy(path) or path)


@contextmanager
def new_copy(commit: str) -> Iterator[Path]:
    """An empty folder for the files of `commit` (its full id), which nobody else can read; gone afterwards.
    """
    import shutil  # these two take long to import, and a linter that runs at every commit needs no copy
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        root = folder / commit[:SHORT]
        root.mkdir()
        yield root
    finally:
        shutil.rmtree(folder, onerror=_make_writable)


def write(file: Path, content: bytes) -> None:
    """Writes a file of a copy, to be read only. Raises OSError, also where there is one already."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("xb") as stream:
        stream.write(content)
    file.chmod(stat.S_IRUSR)


def _make_writable(remove: object, path: str, error: object) -> None:
    """Some systems delete no file that is read-only; whatever else stays is the system's to clear away."""
    try:
        os.chmod(path, stat.S_IRWXU)
        os.unlink(path)
    except OSError:
        pass

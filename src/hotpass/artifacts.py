"""The digest of a model's files: what ties a decision to the files it was about."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hotpass.verdicts import digest_of

#: The version tag with the digest of the files that were registered, and that decisions are bound to.
DIGEST_TAG = "hotpass.artifact_digest"

_BLOCK = 1024 * 1024

#: A note about the download, not a file of the model: MLflow writes it beside the MLmodel file whenever
#: somebody loads `models:/name/version`, and, where artifacts are kept on this machine, into the store
#: itself.
_LEFT_BY_MLFLOW = frozenset({"registered_model_meta"})


def digest_of_folder(folder: str | Path) -> str:
    """SHA-256 (64 hex digits) over the sorted pairs of path and file hash of all files below `folder`.

    Paths are relative, with forward slashes, so that the digest is the same on every system. Raises
    ValueError where the folder has no file, which is never a model. The file `registered_model_meta` that
    MLflow leaves there on loading does not count.
    """
    root = Path(folder)
    files = ((file.relative_to(root).as_posix(), file) for file in root.rglob("*") if file.is_file())
    pairs = sorted((path, digest_of_file(file)) for path, file in files if path not in _LEFT_BY_MLFLOW)
    if not pairs:
        raise ValueError(f"{root} has no file")
    return digest_of([list(pair) for pair in pairs])


def digest_of_file(file: Path) -> str:
    """SHA-256 of the file's content, 64 hex digits."""
    state = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            state.update(block)
    return state.hexdigest()

"""What a run says of where its model comes from: the data, the commit, the libraries."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

LIBRARIES = ("mlflow", "scikit-learn", "skops", "numpy", "scipy", "pandas")
VERSIONS_TAG = "hotpass.versions"
COMMIT_TAG = "mlflow.source.git.commit"


def frame_digest(frame: pd.DataFrame) -> str:
    """32 hex digits of SHA-256 over the names, the types and all values of `frame`, in the order of its rows.

    MLflow's own digest looks at the first 10,000 rows only; its database takes at most 36 characters.
    """
    import pandas as pd

    state = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        state.update(f"{name}\0{column.dtype}\0".encode())
        try:
            hashes = pd.util.hash_pandas_object(column, index=False)
        except TypeError:  # values that cannot be hashed, such as lists
            hashes = pd.util.hash_pandas_object(column.map(repr), index=False)
        state.update(hashes.to_numpy().tobytes())
    return state.hexdigest()[:32]


def dataset_of(frame: pd.DataFrame, name: str, target: str | None, source: str | None) -> Any:
    """`frame` as an MLflow data set with a digest of all its rows."""
    import mlflow

    targets = target if target in frame.columns else None
    return mlflow.data.from_pandas(
        frame, source=source, targets=targets, name=name, digest=frame_digest(frame)
    )


def source_commit() -> str | None:
    """The commit checked out in the working directory; None outside of a git repository."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - whichever git is on the path
            capture_output=True, text=True, timeout=10, check=False, env={**os.environ,
            "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None


def library_versions() -> dict[str, str]:
    """The installed version of Python and of each library that a stored model depends on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found

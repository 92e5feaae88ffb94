"""Scores that a later task of the same session needs again, in a file in the scratch folder.

Anybody may write there, a model under test as well, so a file is believed only if it has the digest that the
gate's process has kept in memory since it was written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def keep(folder: Path, key: str, arrays: Mapping[str, np.ndarray | None], info: Mapping[str, Any]) -> str:
    """Writes one-dimensional arrays and JSON; returns the digest. A file that is there is replaced."""
    held = {name: array for name, array in arrays.items() if array is not None}
    shapes = [[name, array.dtype.str, len(array)] for name, array in held.items()]
    head = json.dumps({"arrays": shapes, "info": info}).encode()
    state = hashlib.sha256()
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f"{key}-")
    with os.fdopen(descriptor, "wb") as stream:
        for part in (
            len(head).to_bytes(8, "big"),
            head,
            *(np.ascontiguousarray(a).tobytes() for a in held.values()),
        ):
            stream.write(part)
            state.update(part)
    os.replace(temporary, _file(folder, key))
    return state.hexdigest()


def serve_as(folder: Path, key: str, other: str) -> None:
    """Has what was kept under `key` found under `other`, too, unless something is there."""
    with contextlib.suppress(OSError):  # where it cannot be, it is computed again
        os.link(_file(folder, key), _file(folder, other))


def read_kept(folder: Path, key: str, digest: str) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """What was kept; None where the file is gone or is not what was written."""
    state = hashlib.sha256()
    try:
        with _file(folder, key).open("rb") as stream:
            left = os.fstat(stream.fileno()).st_size - 8
            length = stream.read(8)
            size = int.from_bytes(length, "big")
            if size > left:
                return None
            head = stream.read(size)
            left -= size
            state.update(length + head)
            said = json.loads(head)
            arrays = {}
            for name, kind, count in said["arrays"]:
                dtype = np.dtype(str(kind))
                left -= count * dtype.itemsize
                # What is claimed is not there: no memory is taken for it.
                if left < 0 or dtype.hasobject or count < 0:
                    return None
                array = np.empty(count, dtype)
                stream.readinto(array.data)
                state.update(array.data)
                arrays[name] = array
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (arrays, said["info"]) if state.hexdigest() == digest else None


def _file(folder: Path, key: str) -> Path:
    return folder / f"scores-{key}"

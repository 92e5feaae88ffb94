"""Shared policies that were fetched, each under the SHA-256 of its bytes, so that nothing needs the network.

Whoever reads one checks the digest again: what lies here is trusted no further.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from hotpass.errors import CallError

VARIABLE = "HOTPASS_CACHE"


def file_of(digest: str) -> Path:
    """Where the file of this digest (`sha256:…`) is, or would be. Raises CallError for an empty
    HOTPASS_CACHE.
    """
    return cache_folder() / "shared" / f"{digest.removeprefix('sha256:')}.yaml"


def cache_folder() -> Path:
    """HOTPASS_CACHE, else the folder `hotpass` where the system keeps the caches of a user."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        if not named.strip():
            raise CallError(f"{VARIABLE} names an empty place. Unset it, or name a folder.")
        return Path(named).expanduser()
    # Three places, which is less than a dependency that knows them.
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local or Path.home() / "AppData" / "Local") / "hotpass" / "Cache"
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):  # others are to be ignored, says the specification
        return Path(given) / "hotpass"
    base = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return base / "hotpass"


def keep(digest: str, content: bytes) -> Path:
    """Puts the file of this digest into the cache, whole or not at all. Raises CallError."""
    import tempfile

    file = file_of(digest)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
            os.replace(name, file)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise CallError(
            f"{file} cannot be written: {error.strerror or error}. {VARIABLE} names another folder for it."
        ) from error
    return file

"""The guard's key: where it is kept, and how it is made at the first start."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from hotpass.errors import CallError


def default_key_file() -> Path:
    """`hotpass/guard.key` in the folder that the system has for state: $XDG_STATE_HOME (~/.local/state), on
    Windows %LOCALAPPDATA%.
    """
    if os.name == "nt":
        state = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    else:
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    try:
        return Path(state).expanduser() / "hotpass" / "guard.key"
    except RuntimeError:
        raise CallError(
            "the guard's key has no place: this user has no home folder. Name one: --key-file"
        ) from None


def make_key_file(path: Path) -> bool:
    """Makes a new key (32 random bytes, in hex) at `path`, which only its owner may read. Returns whether
    there was none.

    Of several servers that start at once, one makes it and the others find it, whole. Raises CallError.
    """
    if path.exists():
        return False
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, made = tempfile.mkstemp(prefix=".guard-key-", dir=path.parent)  # mode 600
        try:
            with os.fdopen(number, "w", encoding="ascii") as stream:
                stream.write(secrets.token_hex(32) + "\n")
            os.link(made, path)
        finally:
            os.unlink(made)
    except FileExistsError:
        if path.is_file():
            return False
        raise CallError(
            f"the guard's key cannot be made: {path.parent} is not a folder. Name another file: --key-file"
        ) from None
    except OSError as error:
        raise CallError(
            f"the guard's key {path} cannot be made: {error.strerror}. Name another file: --key-file"
        ) from None
    return True

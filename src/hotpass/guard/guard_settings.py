"""How a guard is set up. `hotpass serve` says it in the environment, since the server's workers are processes
of their own; whoever uses a `hotpass+…` URI in a client can say it there too.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hotpass.errors import CallError
from hotpass.ledger.seal import Seal
from hotpass.registry.calls import masked
from hotpass.settings import unmatched_rule

#: The scheme's prefix that makes a guarded store out of a plain one: `hotpass+sqlite:///mlflow.db`.
PREFIX = "hotpass+"

#: The databases that MLflow knows, by the schemes of their URIs.
DATABASES = ("postgresql", "mysql", "sqlite", "mssql")

OBSERVE = "HOTPASS_GUARD_OBSERVE"
AUTH = "HOTPASS_GUARD_AUTH"
KEY_FILE = "HOTPASS_GUARD_KEY_FILE"


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """What a guard needs to know. URIs are plain, without the guard's prefix."""

    registry_uri: str
    tracking_uri: str
    #: Records what would have been refused, and refuses nothing.
    observe: bool = False
    #: Whether the server authenticates, so that a user's name is more than a claim.
    auth: bool = False
    unmatched: Literal["builtin", "deny"] | None = None
    #: Where the guard's key is kept; None for a guard whose records carry no seal.
    key_file: Path | None = None

    @classmethod
    def from_environment(cls, registry_uri: str, tracking_uri: str | None = None) -> GuardSettings:
        """Raises CallError for a variable that makes no sense."""
        registry = registry_uri.removeprefix(PREFIX)
        tracking = (tracking_uri or registry).removeprefix(PREFIX)
        key_file = os.environ.get(KEY_FILE)
        return cls(
            registry_uri=registry,
            tracking_uri=tracking,
            observe=flag(OBSERVE),
            auth=flag(AUTH),
            unmatched=unmatched_rule(),
            key_file=Path(key_file) if key_file else None,
        )

    def seal(self) -> Seal | None:
        """The guard's seal; None without a key. Raises CallError for a key file that cannot be used."""
        if self.key_file is None:
            return None
        try:
            mode = self.key_file.stat().st_mode
            key = self.key_file.read_bytes().strip()
        except OSError as error:
            raise CallError(f"the guard's key {self.key_file} cannot be read: {error.strerror}") from None
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CallError(
                f"the guard's key {self.key_file} can be read by others. Run: chmod 600 {self.key_file}"
            )
        return Seal(key)


def check_guardable(uri: str) -> None:
    """Raises CallError for a store that is no database: what it holds can be changed past any server."""
    if uri.partition("://")[0].partition("+")[0] not in DATABASES:
        raise CallError(
            f"{masked(uri)} cannot be guarded, since it is no database. Take sqlite:///mlflow.db, or a "
            "PostgreSQL or MySQL database; `mlflow migrate-filestore` moves a folder of files into one."
        )


def flag(name: str) -> bool:
    """Whether the variable `name` says true. Raises CallError for what is neither true nor false."""
    value = os.environ.get(name, "false").strip().lower()
    if value not in ("true", "false", "1", "0", ""):
        raise CallError(f"{name} is {value!r}; it can be 'true' or 'false'")
    return value in ("true", "1")

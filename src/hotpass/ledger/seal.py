"""The guard's mark on a record: a MAC that nobody can make who has not the guard's key.

A record's hash names the record before it, so a seal over the hash holds the whole chain up to there. RFC
2104 (HMAC) with SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac

from hotpass.errors import CallError

#: The tag of a record's run that holds its seal.
TAG_SEAL = "hotpass.seal"
#: Fewest bytes of a key.
SHORTEST = 32


class Seal:
    """Makes and proves seals with one key. Its key never shows in a `repr`."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """Raises CallError for a key that is too short to be worth anything."""
        if len(key) < SHORTEST:
            raise CallError(f"the guard's key has {len(key)} bytes; it takes at least {SHORTEST}")
        self._key = key

    def of(self, text: str) -> str:
        """The seal of `text` (a record's hash, or what a head says): 64 hex digits."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def proves(self, text: str, seal: str | None) -> bool:
        """Whether `seal` was made for `text` with this key."""
        return seal is not None and hmac.compare_digest(self.of(text).encode(), seal.encode())

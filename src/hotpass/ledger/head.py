"""Where a chain ends, said outside of it: the tag `hotpass.head` of the registered model. Pure.

It is written in the transaction of a move, so that cutting off the newest records, together with the param
that names them, still shows. Its text is `SEQ ID HASH SEAL`; without a key the seal is `-`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from hotpass.ledger.record import Entry
from hotpass.ledger.seal import Seal

#: The registered model's tag.
TAG_HEAD = "hotpass.head"
#: In the place of the seal, where there is no key.
UNSEALED = "-"

_TEXT = re.compile(r"(\d{1,12}) (\S+) ([0-9a-f]{64}) ([0-9a-f]{64}|-)")


class Head(NamedTuple):
    """The record that a chain reached at least."""

    seq: int
    id: str
    hash: str
    seal: str = UNSEALED

    def __str__(self) -> str:
        return f"{self.seq} {self.id} {self.hash} {self.seal}"

    @classmethod
    def of(cls, entry: Entry, seal: Seal | None) -> Head:
        """The head of a chain that ends with `entry`."""
        record = entry.record
        bare = cls(record.seq, entry.id, entry.hash)
        return (
            bare
            if seal is None
            else bare._replace(seal=seal.of(bare._sealed(record.workspace, record.model)))
        )

    @classmethod
    def parse(cls, text: str) -> Head | None:
        """What `str()` of a head gives; None for anything else."""
        found = _TEXT.fullmatch(text)
        return cls(int(found[1]), found[2], found[3], found[4]) if found else None

    @property
    def is_sealed(self) -> bool:
        return self.seal != UNSEALED

    def proved(self, seal: Seal, workspace: str, model: str) -> bool:
        """Whether the guard with this key wrote it for this model."""
        return seal.proves(self._sealed(workspace, model), self.seal)

    def _sealed(self, workspace: str, model: str) -> str:
        return f"{self.seq} {self.id} {self.hash} {workspace} {model}"

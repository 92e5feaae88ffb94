"""Sizes as policies write them: `50MB`, `1.5 GB`, `512MiB`."""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_BY_WORD = {unit.lower(): size for unit, size in _UNITS.items()}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]{1,3})\Z", re.ASCII)
#: Bits, by how they are written; and letters that leave open what is meant.
_BITS = re.compile(r"[kKMGT]i?b\Z|[kKMGTb]\Z")

SIZE = {
    "description": "A size: 50MB (1 MB is 1,000,000 bytes), or 48MiB (1 MiB is 1,048,576).",
    "type": "string", "minLength": 2, "examples": ["50MB", "1.5GB", "512MiB"],
}  # fmt: skip


def parse_size(text: str) -> int:
    """`text` in bytes: 1 kB is 1000, 1 KiB is 1024.

    Raises ValueError, with a sentence for a person, for anything else, and for nothing (`0MB`).
    """
    found = _SIZE.match(text)
    if found is not None and _BITS.match(found[2]):
        raise ValueError(
            f"{text!r} leaves open whether bits or bytes are meant. Write MB for 1,000,000 bytes, or MiB for "
            "1,048,576."
        )
    size = _BY_WORD.get(found[2].lower()) if found else None
    if found is None or size is None:
        raise ValueError(f"{text!r} is not a size. Write a number and a unit: 500kB, 50MB, 1.5GB, 512MiB.")
    whole = int(Decimal(found[1]) * size)
    if not whole:
        raise ValueError(f"{text!r} is nothing at all. Write at least 1B.")
    return whole


def size_text(size: int) -> str:
    """`size` (bytes) with three digits: 10.5 kB, 48.2 MB."""
    for unit in ("TB", "GB", "MB", "kB"):
        if size >= _UNITS[unit]:
            return f"{float(f'{size / _UNITS[unit]:.3g}'):,g} {unit}"
    return "1 byte" if size == 1 else f"{size} bytes"

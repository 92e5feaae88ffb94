"""How a predictor and the measurer talk: a letter, a length, and what it says."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

#: What is said: a JSON object, or float64 scores.
WORDS, SCORES = b"J", b"S"
#: Bytes of a message, by kind. What is longer is none.
_LONGEST = {WORDS: 1 << 20, SCORES: 1 << 28}


class Broken(Exception):
    """What came is none of it."""


def say(out: BinaryIO, kind: bytes, content: bytes | memoryview) -> None:
    """Writes one message."""
    head = kind + len(content).to_bytes(8, "big")
    for part in (head, content):
        rest = memoryview(part).cast("B")
        while rest:
            rest = rest[out.write(rest) :]


def say_words(out: BinaryIO, **said: Any) -> None:
    """Writes a JSON object."""
    say(out, WORDS, json.dumps(said).encode())


def words(content: bytes | bytearray) -> dict[str, Any]:
    """A JSON object that was said; what it says is unusable is text. Raises Broken, also for what is nested
    too deep to be read.
    """
    try:
        said = json.loads(content)
    except (ValueError, RecursionError, MemoryError):
        raise Broken from None
    if not isinstance(said, dict) or not isinstance(said.get("unusable", ""), str):
        raise Broken
    return said


def hear(stream: BinaryIO) -> tuple[bytes, bytearray] | None:
    """The next message; None at the end. Raises Broken."""
    head = _read(stream, 9)
    if not head:
        return None
    kind, size = bytes(head[:1]), int.from_bytes(head[1:], "big")
    if len(head) < 9 or size > _LONGEST.get(kind, -1):
        raise Broken
    content = _read(stream, size)
    if len(content) < size:
        raise Broken
    return kind, content


def _read(stream: BinaryIO, size: int) -> bytearray:
    content = bytearray()
    while len(content) < size:
        part = stream.read(min(size - len(content), 1 << 20))
        if not part:
            break
        content += part
    return content

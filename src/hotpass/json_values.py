"""JSON values: whether something is one, and the one text and digest that the same value always has."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

Json = Any  # what json.dumps takes: str, int, float, bool, None, and lists and dicts of these

_PLAIN = frozenset({str, int, bool, type(None)})


def is_json(value: Json) -> bool:
    """Whether JSON can hold `value` as it is: no NaN, no infinity, only `str` keys, only JSON's types."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_json(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        for item in value:  # noqa: SIM110 - a generator expression takes twice the time
            if not is_json(item):
                return False
        return True
    return isinstance(value, str | int)


def canonical_json(value: Json) -> str:
    """JSON with sorted keys and no blanks: the same value always gives the same text.

    Raises ValueError on NaN and infinity, which JSON does not have.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Json) -> str:
    """SHA-256, as 64 hex digits, over the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def as_text(value: Json) -> str:
    """`value`, which must be a text. Raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def as_number(value: Json) -> int:
    """`value`, which must be a whole number. Raises TypeError for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not a whole number")
    return value

"""How messages put things: values and lists in plain words, and the likeliest meant spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_LIMIT = 60
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./ -]*[A-Za-z0-9_]\Z|[A-Za-z]\Z|([0-9]+[a-z]+)+\Z")


def shorten(text: str, limit: int = _LIMIT) -> str:
    """`text` on one line and of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def kind_of(value: Any) -> str:
    """What `value` is: "a list", "the text 'abc'", "empty"."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {shorten(repr(value))}"
    if isinstance(value, str):
        return f"the text {shorten(value)!r}" if value.strip() else "an empty text"
    return "a list" if isinstance(value, list | tuple) else "a mapping"


def flow(value: Any, *, quote: bool = False) -> str:
    """`value` as YAML on one line; texts in quotes where they need them, or always with `quote`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if (
        isinstance(value, str)
        and not quote
        and _PLAIN.match(value)
        and value not in ("true", "false", "null")
    ):
        return value
    return shorten(json.dumps(value, ensure_ascii=False, default=str))


def listed(names: Iterable[Any], last: str = "and", limit: int = 20) -> str:
    """`a, b and c`; the rest is counted where there are more than `limit`."""
    all_ = [str(name) for name in names]
    shown = all_[:limit] + ([f"{len(all_) - limit} more"] if len(all_) > limit else [])
    return f" {last} ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def closest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of `names` that `name` most likely stands for; None where none is close. Case does not
    matter.
    """
    import difflib

    lower = {known.lower(): known for known in names}
    wanted = name[:_LIMIT].lower().replace("-", "_").replace(" ", "_")
    close = difflib.get_close_matches(wanted, lower, n=1, cutoff=cutoff)
    return lower[close[0]] if close else None

"""A YAML file as a tree that knows where each value stands. `compose.py` makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Node:
    """A value and its place, counted from 1."""

    line: int
    column: int
    #: Nodes in it, itself included, and levels of collections, itself included: for the limits.
    size: int = field(default=1, repr=False)
    height: int = field(default=0, repr=False)
    #: False where it was reported as wrong already.
    sound: bool = field(default=True, repr=False)


@dataclass(slots=True)
class Scalar(Node):
    """A text, number, boolean or null."""

    value: str | int | float | bool | None = None


@dataclass(slots=True)
class List(Node):
    """A sequence."""

    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Map(Node):
    """A mapping, in the order of the file; no key twice."""

    entries: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)


def is_sound(node: Node) -> bool:
    """Whether nothing in `node` was reported as wrong already."""
    inner: list[Node] = []
    if isinstance(node, List):
        inner = node.items
    elif isinstance(node, Map):
        inner = [value for _, value in node.entries.values()]
    return node.sound and all(map(is_sound, inner))


def value_of(node: Node) -> Any:
    """`node`, which must be sound, as dicts, lists and scalars."""
    if isinstance(node, List):
        return [value_of(item) for item in node.items]
    if isinstance(node, Map):
        return {key: value_of(value) for key, (_, value) in node.entries.items()}
    assert isinstance(node, Scalar)
    return node.value


def find(node: Node, path: Sequence[str | int], *, key: bool = False) -> tuple[int, int]:
    """Line and column of what `path` leads to from `node`, or of the last thing on the way that exists.

    With `key`, the place of the key rather than of its value.
    """
    place = (node.line, node.column)
    for step in path:
        if isinstance(node, Map) and step in node.entries:
            found, node = node.entries[str(step)]
            place = (found.line, found.column) if key else (node.line, node.column)
        elif isinstance(node, List) and isinstance(step, int) and -1 < step < len(node.items):
            node = node.items[step]
            place = (node.line, node.column)
        else:
            break
    return place

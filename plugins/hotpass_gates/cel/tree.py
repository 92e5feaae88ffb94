"""Reads what CEL's type checker made of a rule: the tree of the expression, and what each name in it means.

The checker hands it over as a protocol buffer, `cel.expr.CheckedExpr`, whose field numbers are part of CEL's
specification (cel/expr/checked.proto and syntax.proto). Its wire format is four kinds of fields, which takes
less to read than the protobuf library takes to import.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["constant", "name", "select", "call", "list", "map", "loop"]

_CONSTANT, _NAME, _SELECT, _CALL, _LIST, _MAP, _LOOP = range(3, 10)


class Meaning(NamedTuple):
    """What a name was resolved to: a declared variable, or the overloads of a function that fit."""

    name: str
    overloads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression. `text` is the name, the selected field, the function or the loop's variable.

    `children` are a select's operand; a call's target, if it has one, and arguments; a loop's range, start,
    condition, step and result. `span` is where in the serialized rule the name of a call's function is.
    """

    id: int
    kind: Kind
    text: str = ""
    value: object = None
    children: tuple[Node, ...] = ()
    #: Of a select: whether it only asks if the field is there, as `has()` does.
    tests: bool = False
    span: tuple[int, int] = (0, 0)

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Tree:
    """A checked rule. `places` are offsets in characters, by the id of a node."""

    root: Node
    meanings: Mapping[int, Meaning]
    places: Mapping[int, int]


class _Field(NamedTuple):
    """One field of a message: a number as it is, anything else as the place of its bytes."""

    number: int
    value: int
    start: int
    end: int


def read_tree(data: bytes) -> Tree:
    """The tree in what `Expression.serialize()` gave. Raises ValueError for anything else."""
    try:
        # An `Any`: the name of the message, then the message.
        checked = [field for field in _fields(data, 0, len(data)) if field.number == 2]
        fields = list(_fields(data, checked[0].start, checked[0].end))
        meanings = dict(_meaning(data, field) for field in fields if field.number == 2)
        (expression,) = (field for field in fields if field.number == 4)
        root = _node(data, expression)
        places: dict[int, int] = {}
        for source in (field for field in fields if field.number == 5):
            for entry in _fields(data, source.start, source.end):
                if entry.number == 4:
                    pair = {part.number: part.value for part in _fields(data, entry.start, entry.end)}
                    places[pair.get(1, 0)] = pair.get(2, 0)
    except (IndexError, KeyError, struct.error) as error:
        raise ValueError("this is not a checked expression") from error
    return Tree(root, meanings, places)


def _fields(data: bytes, start: int, end: int) -> Iterator[_Field]:
    while start < end:
        tag, start = _varint(data, start)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, start = _varint(data, start)
            yield _Field(number, value, start, start)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            yield _Field(number, 0, start, start + size)
            start += size
        elif wire == 2:
            size, start = _varint(data, start)
            yield _Field(number, 0, start, start + size)
            start += size
        else:
            raise ValueError(f"a field of the kind {wire}")


def _varint(data: bytes, start: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[start]
        start += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, start
        shift += 7


def _text(data: bytes, field: _Field) -> str:
    return data[field.start : field.end].decode()


def _meaning(data: bytes, entry: _Field) -> tuple[int, Meaning]:
    key, name, overloads = 0, "", []
    for part in _fields(data, entry.start, entry.end):
        if part.number == 1:
            key = part.value
        else:
            for inner in _fields(data, part.start, part.end):
                if inner.number == 1:
                    name = _text(data, inner)
                elif inner.number == 3:
                    overloads.append(_text(data, inner))
    return key, Meaning(name, tuple(overloads))


def _node(data: bytes, message: _Field) -> Node:
    number = 0
    for field in _fields(data, message.start, message.end):
        if field.number == 2:
            number = field.value
        else:
            return _of_kind(data, number or _id_of(data, message), field)
    raise ValueError("a node without a kind")


def _id_of(data: bytes, message: _Field) -> int:
    return next((f.value for f in _fields(data, message.start, message.end) if f.number == 2), 0)


def _of_kind(data: bytes, number: int, body: _Field) -> Node:
    parts = list(_fields(data, body.start, body.end))
    below: tuple[Node, ...]
    if body.number == _CONSTANT:
        return Node(number, "constant", value=_constant(data, parts[0]) if parts else None)
    if body.number == _NAME:
        return Node(number, "name", _text(data, parts[0]))
    if body.number == _SELECT:
        named = {part.number: part for part in parts}
        below = (_node(data, named[1]),) if 1 in named else ()
        return Node(number, "select", _text(data, named[2]), children=below, tests=3 in named)
    if body.number == _CALL:
        (function,) = (part for part in parts if part.number == 2)
        # The target comes first, whatever the order in the message.
        below = tuple(_node(data, part) for wanted in (1, 3) for part in parts if part.number == wanted)
        return Node(
            number, "call", _text(data, function), children=below, span=(function.start, function.end)
        )
    if body.number == _LIST:
        return Node(number, "list", children=tuple(_node(data, part) for part in parts if part.number == 1))
    if body.number == _MAP:
        entries = [part for part in parts if part.number == 2]
        below = tuple(
            _node(data, inner)
            for entry in entries
            for inner in _fields(data, entry.start, entry.end)
            if inner.number in (3, 4)
        )
        return Node(number, "map", children=below)
    if body.number == _LOOP:
        variables = [_text(data, part) for part in parts if part.number in (1, 8)]
        below = tuple(
            _node(data, part) for wanted in (2, 4, 5, 6, 7) for part in parts if part.number == wanted
        )
        return Node(number, "loop", ",".join(variables), children=below)
    raise ValueError(f"a node of the kind {body.number}")


def _constant(data: bytes, part: _Field) -> object:
    if part.number == 2:
        return bool(part.value)
    if part.number == 3:
        return part.value - (1 << 64) if part.value >> 63 else part.value
    if part.number == 4:
        return part.value
    if part.number == 5:
        (number,) = struct.unpack("<d", data[part.start : part.end])
        return float(number)
    if part.number == 6:
        return _text(data, part)
    return None if part.number == 1 else data[part.start : part.end]

"""YAML to a tree that knows where each value stands: safely, with limits, and without surprises.

Only texts, whole and decimal numbers, `true`/`false` and `null` exist, as YAML 1.2's core schema has them:
`on`, `yes`, `24:00`, `0o10` and `2024-01-31` are texts. Refused: tags, merge keys, keys that are not text,
keys given twice, several documents, NaN and infinities, numbers with a leading zero (8 or 10, depending on
the reader), control characters, and anything over the limits below. Anchors and aliases work; what they
expand to counts.

The composing is our own, over PyYAML's events, because PyYAML's recurses (deep nesting would exhaust the
stack), keeps the last of two equal keys, and follows YAML 1.1.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn, TypeAlias

import yaml

from hotpass.errors import Problem
from hotpass.policy.nodes import List, Map, Node, Scalar
from hotpass.policy.words import shorten

#: Bytes in a file, collections within collections, nodes once aliases are expanded, and aliases.
MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_ALIASES = 256 * 1024, 20, 10_000, 100


class Limits(NamedTuple):
    """What a file may hold at most, and what it is called."""

    what: str = "policy"
    size: int = MAX_BYTES
    depth: int = MAX_DEPTH
    nodes: int = MAX_NODES
    aliases: int = MAX_ALIASES
    #: What to write instead of YAML's NaN and infinities.
    finite: str = "Write a finite number."


POLICY_LIMITS = Limits()

_MAX_NUMBER = 40  # characters
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+\Z")
_CONSTANTS = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], None),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}
# Control characters; line breaks that editors do not count; bidirectional controls, which show a text as it
# is not.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def parse(content: bytes, path: str, limits: Limits = POLICY_LIMITS) -> tuple[Node | None, list[Problem]]:
    """The tree of a file and what is wrong with it as YAML. The tree is None where it could not be read to
    the end.
    """
    composer = _Composer(path, limits)
    try:
        return composer.compose(_decode(content, composer)), composer.problems
    except _Stop:
        return None, composer.problems


#: An open collection, for a mapping the key that waits for its value, and the collection's anchor.
_Open: TypeAlias = "tuple[List | Map, Scalar | None, str | None]"


class _Stop(Exception):
    """Reading cannot go on; the problem is noted."""


class _Composer:
    def __init__(self, path: str, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node] = {}
        self.aliases = 0
        self.nodes = 0

    def note(self, line: int, column: int, message: str, remedy: str = "") -> None:
        self.problems.append(Problem(self.path, line, column, message, remedy, "invalid-yaml"))

    def stop(self, line: int, column: int, message: str, remedy: str = "") -> NoReturn:
        self.note(line, column, message, remedy)
        raise _Stop

    def compose(self, text: str) -> Node:
        root: Node | None = None
        open_: list[_Open] = []
        for event in self._events(text):
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self.stop(
                        line,
                        column,
                        "a second document begins here",
                        f"Keep one {self.limits.what} in a file, without '---'.",
                    )
                continue
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                if len(open_) >= self.limits.depth:
                    self.stop(
                        line,
                        column,
                        f"nested more than {self.limits.depth} levels deep",
                        f"A {self.limits.what} needs about six.",
                    )
                self._count(1, line, column)
                sound = self._check_tag(event, line, column)
                kind = Map if isinstance(event, yaml.MappingStartEvent) else List
                open_.append((kind(line, column, height=1, sound=sound), None, event.anchor))
                continue
            if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                node: Node
                node, _, anchor = open_.pop()
                if anchor is not None:
                    self.anchors[anchor] = node
            elif isinstance(event, yaml.ScalarEvent):
                self._count(1, line, column)
                node = self._scalar(event, line, column)
                if event.anchor is not None:
                    self.anchors[event.anchor] = node
            elif isinstance(event, yaml.AliasEvent):
                node = self._alias(str(event.anchor), len(open_), line, column)
            else:
                continue
            if not open_:
                root = node
            else:
                self._put(open_, node, (line, column) if isinstance(event, yaml.AliasEvent) else None)
        if root is None:
            self.stop(1, 1, "the file is empty", f"Write a {self.limits.what} in it, or delete it.")
        return root

    def _events(self, text: str) -> Iterator[Any]:
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            from hotpass.policy.yaml_errors import in_plain_words

            self.stop(*in_plain_words(error, text))
        except yaml.YAMLError as error:
            self.stop(1, 1, f"this is not YAML: {shorten(str(error))}", "Save it as plain UTF-8 text.")

    def _count(self, nodes: int, line: int, column: int) -> None:
        self.nodes += nodes
        if self.nodes > self.limits.nodes:
            self.stop(
                line,
                column,
                f"more than {self.limits.nodes:,} values, aliases expanded",
                f"Split the {self.limits.what} into several files.",
            )

    def _check_tag(self, event: Any, line: int, column: int) -> bool:
        if event.tag is None:
            return True
        tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
        self.note(
            line,
            column,
            f"the tag {shorten(tag)} is refused",
            f"Take it out: a {self.limits.what} needs no tags.",
        )
        return False

    def _put(self, open_: list[_Open], node: Node, alias_at: tuple[int, int] | None) -> None:
        parent, key, anchor = open_[-1]
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        if isinstance(parent, List):
            parent.items.append(node)
        elif key is None:
            open_[-1] = (parent, self._key(node, alias_at), anchor)
        else:
            open_[-1] = (parent, None, anchor)
            name = key.value
            if not isinstance(name, str):
                parent.sound = False
                return
            first = parent.entries.setdefault(name, (key, node))[0]
            if first is not key:
                self.note(
                    key.line, key.column,
                    f"the key {shorten(name)!r} is given twice; the first is at line {first.line}, "
                    f"column {first.column}", "Keep one of the two.",
                )  # fmt: skip

    def _key(self, node: Node, alias_at: tuple[int, int] | None) -> Scalar:
        line, column = alias_at or (node.line, node.column)
        if alias_at:
            self.note(line, column, "an alias stands where a key should", "Write the key out.")
        elif isinstance(node, List | Map):
            kind = "list" if isinstance(node, List) else "mapping"
            self.note(line, column, f"a {kind} stands where a key should", "Write a word and a colon.")
        elif isinstance(node, Scalar) and not isinstance(node.value, str):
            shown = json.dumps(node.value)
            self.note(line, column, f"the key {shown} is not a text", f'Put it in quotes: "{shown}".')
        elif isinstance(node, Scalar) and node.value == "<<":
            self.note(line, column, "the merge key << is not read", "Write the keys out.")
        elif isinstance(node, Scalar):
            return node
        return Scalar(line, column)

    def _alias(self, anchor: str, depth: int, line: int, column: int) -> Node:
        node = self.anchors.get(anchor)
        if node is None:
            self.note(
                line, column, f"the alias *{shorten(anchor)} has no anchor &{shorten(anchor)} before it",
                f'For a pattern, put it in quotes: "*{shorten(anchor)}".',
            )  # fmt: skip
            return Node(line, column, sound=False)
        self.aliases += 1
        if self.aliases > self.limits.aliases:
            self.stop(line, column, f"more than {self.limits.aliases} aliases", "Write the values out.")
        if depth + node.height > self.limits.depth:
            self.stop(
                line,
                column,
                f"nested more than {self.limits.depth} levels deep through an alias",
                "Write the value out.",
            )
        self._count(node.size, line, column)
        return node

    def _scalar(self, event: Any, line: int, column: int) -> Node:
        if not self._check_tag(event, line, column):
            return Node(line, column, sound=False)
        text: str = event.value
        # In the file a carriage return is half of a line break; within a text it hides what stands before it.
        found = _FORBIDDEN.search(text) or re.search("\r", text)
        if found:  # by an escape, since the file itself has none
            self.note(line, column, f"the control character U+{ord(found[0]):04X} in a text", "Delete it.")
            return Node(line, column, sound=False)
        if event.style or not event.implicit[0]:  # quoted or a block: a text whatever it looks like
            return Scalar(line, column, value=text)
        if text in _CONSTANTS:
            return Scalar(line, column, value=_CONSTANTS[text])
        problem = ""
        if _NOT_FINITE.match(text):
            problem, remedy = f"{text} is not a number one can compare with", self.limits.finite
        elif _LEADING_ZERO.match(text):
            problem, remedy = f"{shorten(text)} begins with a zero, which some readers take as octal", (
                f'Write {text.lstrip("+-0") or "0"}, or put it in quotes for a text.')  # fmt: skip
        elif _INT.match(text) or _FLOAT.match(text):
            if len(text) > _MAX_NUMBER:
                problem, remedy = (
                    f"a number of {len(text)} characters",
                    "Round it, or put it in quotes for a text.",
                )
            elif _INT.match(text):
                return Scalar(line, column, value=int(text))
            elif math.isinf(number := float(text)):
                problem, remedy = f"{text} is too large for a number", "Write one below 1e308."
            else:
                return Scalar(line, column, value=number)
        if problem:
            self.note(line, column, problem, shorten(remedy))
            return Node(line, column, sound=False)
        return Scalar(line, column, value=text)


def _decode(content: bytes, composer: _Composer) -> str:
    if len(content) > composer.limits.size:
        composer.stop(
            1,
            1,
            f"the file is larger than {composer.limits.size // 1024} KiB",
            "Split it, or move data out of it.",
        )
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        composer.stop(1, 1, "the file is UTF-16", "Save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        composer.stop(
            *_place(before, len(before)),
            f"byte 0x{content[error.start]:02x} is not UTF-8",
            "Save it as UTF-8.",
        )
    found = _FORBIDDEN.search(text)
    if found:
        if found[0] == "\0":
            composer.stop(
                *_place(text, found.start()), "a NUL byte, so this is no text file", "Save it as plain text."
            )
        composer.stop(
            *_place(text, found.start()),
            f"the control character U+{ord(found[0]):04X}",
            "Delete it.",
        )
    return text


def _place(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of `text[index]`."""
    before = re.split(r"\r\n|\r|\n", text[:index])
    return len(before), len(before[-1]) + 1

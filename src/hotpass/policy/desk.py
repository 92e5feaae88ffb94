"""What is wrong with one policy file, as it is read: problems and warnings with their places, and the checks
shared by all its parts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from hotpass.errors import CallError, Problem
from hotpass.policy.nodes import List, Map, Node, Scalar, is_sound, value_of
from hotpass.policy.words import closest, flow, kind_of, listed, shorten
from hotpass.stages import ModelStage, canonical, is_native

#: A key of the file and its value.
Field = tuple[Scalar, Node]

STAGES = tuple(stage.value for stage in ModelStage)


class Desk:
    """Collects what is wrong with the file at `path` (as messages show it)."""

    def __init__(self, path: str, problems: Sequence[Problem] = ()) -> None:
        self.path = path
        self.problems = list(problems)
        self.warnings: list[Problem] = []

    def note(
        self, at: Node | tuple[int, int], message: str, remedy: str = "", rule: str = "invalid-policy"
    ) -> None:
        """A problem at a node, or at a line and column."""
        self.problems.append(self._problem(at, message, remedy, rule))

    def warn(
        self, at: Node | tuple[int, int], message: str, remedy: str = "", rule: str = "doubtful-policy"
    ) -> None:
        """Something that is allowed and rarely meant."""
        self.warnings.append(self._problem(at, message, remedy, rule))

    def _problem(self, at: Node | tuple[int, int], message: str, remedy: str, rule: str) -> Problem:
        line, column = (at.line, at.column) if isinstance(at, Node) else at
        return Problem(self.path, line, column, message, remedy, rule)

    def where(self, at: Node) -> str:
        """`file:line:column` of a node."""
        return f"{self.path}:{at.line}:{at.column}"

    def fields(
        self, node: Map, known: Sequence[str], required: Sequence[str], what: str, at: Node
    ) -> Mapping[str, Field]:
        """The fields of `node` by name, after noting unknown and missing ones. `what` is "a policy" or the
        like.

        A misspelt key counts as the one that was likely meant, so that what stands below it is checked too.
        """
        found: dict[str, Field] = {}
        for name, field in node.entries.items():
            if name in known:
                found[name] = field
        for name, field in node.entries.items():
            if name in known:
                continue
            meant = closest(name, known)
            remedy = f"Did you mean {meant!r}?" if meant else f"The keys of {what} are {listed(known)}."
            self.note(field[0], f"unknown key {shorten(name)!r}", remedy, "unknown-key")
            if meant:
                found.setdefault(meant, field)
        for name in required:
            if name not in found:
                self.note(at, f"{what} needs the key {name!r}", f"Add `{name}:`.", "missing-key")
        return found

    def text(self, field: Field | None, what: str, example: str = "") -> str | None:
        """The text of a field; None, after noting why, where it is not one. An absent field is None too."""
        if field is None:
            return None
        return self.text_of(field[1], what, example)

    def text_of(self, node: Node, what: str, example: str = "", *, one_of_few: bool = False) -> str | None:
        """As `text`, for a value; `one_of_few` where quotes around a number would not make it right."""
        if not is_sound(node):
            return None
        value = value_of(node)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, bool | int | float) and not one_of_few:
            remedy = f"Put it in quotes: {flow(json.dumps(value), quote=True)}."
        else:
            remedy = f"For example: {example}" if example else ""
        self.note(node, f"{what} must be a text, and this is {kind_of(value)}", remedy, "wrong-type")
        return None

    def texts(self, field: Field | None, what: str, example: str) -> tuple[str, ...]:
        """The texts of a field that must be a list of at least one; those that are not are noted and left
        out.
        """
        if field is None:
            return ()
        node = field[1]
        if isinstance(node, List) and node.items:
            found = (self.text_of(item, f"each of {what}", example) for item in node.items)
            return tuple(text for text in found if text is not None)
        if is_sound(node):
            value = value_of(node)
            remedy = (
                f"Write [{flow(value, quote=True)}]."
                if isinstance(value, str) and value
                else f"For example: {example}"
            )
            kind = "an empty list" if value == [] else kind_of(value)
            self.note(node, f"{what} must be a list of texts, and this is {kind}", remedy, "wrong-type")
        return ()

    def mapping(self, node: Node, what: str, remedy: str) -> Map | None:
        """`node` if it is a mapping; None, after noting why, if it is not."""
        if isinstance(node, Map):
            return node
        if is_sound(node):
            kind = kind_of(value_of(node))
            self.note(node, f"{what} must be a mapping, and this is {kind}", remedy, "wrong-type")
        return None

    def stage(self, field: Field | None, what: str) -> str | None:
        """The stage that a field names, as MLflow spells it."""
        if field is None:
            return None
        node = field[1]
        if isinstance(node, Scalar) and node.value is None:
            hint = "For newly registered versions, write the word None." if what == "from" else ""
            leave = (
                "Leave `from` out for any stage. " if what == "from" else f"For example: {what}: Production"
            )
            self.note(node, f"{what!r} is empty", f"{leave}{hint}")
            return None
        name = self.text_of(node, repr(what), f"{what}: Production", one_of_few=True)
        if name is None:
            return None
        try:
            stage = canonical(name)
        except CallError:
            self.note(
                node, f"{shorten(name)!r} is not a stage",
                f"Use {listed(STAGES, 'or')}, or a name of your own: a letter, then letters, digits, - or _.",
                "unknown-stage",
            )  # fmt: skip
            return None
        meant = None if is_native(stage) else closest(stage, STAGES, cutoff=0.8)
        if meant and meant.lower() not in stage.lower():  # "PreProduction" is a name of somebody's own
            self.note(node, f"unknown stage {stage!r}", f"Did you mean {meant!r}?", "unknown-stage")
            return None
        return stage

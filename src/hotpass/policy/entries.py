"""The entries under `gates:`: which gate, its parameters, and the keys beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hotpass.gates import COMMON_KEYS, Gate, ParameterError
from hotpass.policy.desk import Desk, Field
from hotpass.policy.model import GateEntry
from hotpass.policy.nodes import List, Map, Node, Scalar, find, is_sound, value_of
from hotpass.policy.parameters import Validators
from hotpass.policy.words import closest, flow, kind_of, listed, shorten
from hotpass.verdicts import Enforcement

#: The order in which messages and the schema list the common keys.
COMMON = ("enforcement", "by", "name", "hint")
assert set(COMMON) == COMMON_KEYS

_LONGEST_NAME = 100


class GateReader:
    """Reads gate entries. `gates` are the known gate classes by name; one reader serves all files of a
    load.
    """

    def __init__(self, gates: Mapping[str, type[Gate]]) -> None:
        self.gates = gates
        self._validators = Validators()

    def read(self, field: Field | None, policy: str, desk: Desk) -> tuple[GateEntry, ...]:
        """The entries of a `gates:` field. What is wrong goes to `desk`, and entries that are wrong are
        left out.
        """
        if field is None:
            return ()
        node = field[1]
        if not isinstance(node, List) or not node.items:
            if is_sound(node):
                value = value_of(node)
                remedy = "Begin each gate with '- '." if value else "Nothing passes without a gate: name one."
                kind = "an empty list" if value == [] else kind_of(value)
                desk.note(node, f"'gates' must be a list of gates, and this is {kind}", remedy)
            return ()
        entries = [(item, self._entry(item, policy, desk)) for item in node.items]
        self._check_names([(item, entry) for item, entry in entries if entry is not None], desk)
        return tuple(entry for _, entry in entries if entry is not None)

    def _entry(self, item: Node, policy: str, desk: Desk) -> GateEntry | None:
        if isinstance(item, Scalar):
            name = desk.text_of(item, "a gate", "- signature", one_of_few=True)
            if name is None:
                return None
            return self._make(_Found(name, item, Scalar(item.line, item.column), {}), policy, desk)
        fields = desk.mapping(item, "a gate", "Write a gate's name, or `name: {parameters}`.")
        if fields is None:
            return None
        found = self._find(fields, desk)
        return None if found is None else self._make(found, policy, desk)

    def _find(self, item: Map, desk: Desk) -> _Found | None:
        """Which of the keys of `item` is the gate; the rest must be common keys."""
        common = {key: field for key, field in item.entries.items() if key in COMMON}
        others = {key: field for key, field in item.entries.items() if key not in COMMON}
        known = [key for key in others if key in self.gates]
        if len(known) > 1:
            desk.note(
                others[known[1]][0], f"one entry names several gates: {listed(known)}",
                "Begin each gate with '- ' on a line of its own.",
            )  # fmt: skip
            return None
        # A key that is no gate is either the gate, misspelt, or a misspelt common key.
        gate = known[0] if known else next(
            (key for key in others if closest(key, self.gates, 0.75) or not closest(key, COMMON)), None
        )  # fmt: skip
        for key, field in others.items():
            if key == gate:
                continue
            meant = closest(key, COMMON)
            remedy = f"Did you mean {meant!r}?" if meant else f"Beside a gate stand only {listed(COMMON)}."
            below = others[gate][1] if gate is not None else None
            if not meant and isinstance(below, Scalar) and below.value is None:
                remedy = f"If it is a parameter of {gate}, indent it further."
            desk.note(field[0], f"unknown key {shorten(key)!r} beside the gate", remedy, "unknown-key")
            if meant:
                common.setdefault(meant, field)
        if gate is None:
            if not others:
                desk.note(item, "this entry names no gate", f"The gates are {listed(self.gates)}.")
            return None
        return _Found(gate, *others[gate], common)

    def _make(self, found: _Found, policy: str, desk: Desk) -> GateEntry | None:
        before = len(desk.problems)
        enforcement, by = _enforcement(found.common, desk)
        name = _name(found.common.get("name"), desk)
        hint = desk.text(found.common.get("hint"), "'hint'") or ""
        gate = self._gate(found, desk)
        if gate is None or len(desk.problems) > before:
            return None
        value = value_of(found.value)
        return GateEntry(
            gate_name=found.name,
            gate=gate,
            name=name or found.name,
            policy=policy,
            where=desk.where(found.at),
            enforcement=enforcement,
            by=by,
            hint=hint,
            parameters={} if value is None else value,
        )

    def _gate(self, found: _Found, desk: Desk) -> Gate | None:
        kind = self.gates.get(found.name)
        if kind is None:
            meant = closest(found.name, self.gates)
            remedy = f"Did you mean {meant!r}?" if meant else (
                f"The gates are {listed(self.gates)}." if self.gates else "No plugin contributes a gate."
            )  # fmt: skip
            desk.note(
                found.at, f"unknown gate {shorten(found.name)!r}",
                f"{remedy} A gate of your own needs its plugin: see `hotpass plugins list`.",
                "unknown-gate",
            )  # fmt: skip
            return None
        if not is_sound(found.value):
            return None
        value = value_of(found.value)
        if value is None:
            if not kind.allows_bare_name():
                desk.note(found.at, f"{found.name} needs parameters", _usage(kind), "wrong-parameters")
                return None
            value = {}
        wrong = self._validators.check(kind, value)
        for path, at_key, message, remedy in wrong:
            place = find(found.value, path, key=at_key) if path else (found.at.line, found.at.column)
            desk.note(place, message, remedy, "wrong-parameters")
        return None if wrong else _instance(kind, value, found, desk)

    def _check_names(self, entries: Sequence[tuple[Node, GateEntry]], desk: Desk) -> None:
        seen: dict[str, GateEntry] = {}
        for item, entry in entries:
            first = seen.setdefault(entry.name, entry)
            if first is not entry:
                desk.warn(
                    item, f"two gates here have the name {entry.name!r}; the first is at {first.where}",
                    "Give each a `name:` of its own, so that a decision says which one it means.",
                )  # fmt: skip


class _Found(NamedTuple):
    """A gate entry as it stands in the file: the gate's name, its place, its parameters, and the common
    keys.
    """

    name: str
    at: Node
    value: Node
    common: Mapping[str, Field]


def _instance(kind: type[Gate], value: Any, found: _Found, desk: Desk) -> Gate | None:
    try:
        return kind(value)
    except ParameterError as error:
        place = find(found.value, error.path) if error.path else (found.at.line, found.at.column)
        desk.note(place, str(error), error.remedy, "wrong-parameters")
    except (Exception, SystemExit) as error:
        # A plugin's code ran, and whatever it does, this policy is not in force.
        kind_of_error = type(error).__name__
        why = shorten(str(error), 200) or kind_of_error
        remedy = "" if isinstance(error, ValueError) else f"It raised {kind_of_error}; tell its author."
        desk.note(found.at, f"{found.name} refuses these parameters: {why}", remedy, "wrong-parameters")
    return None


def _enforcement(common: Mapping[str, Field], desk: Desk) -> tuple[Enforcement, tuple[str, ...]]:
    field = common.get("enforcement")
    kinds = [kind.value for kind in Enforcement]
    by = desk.texts(common.get("by"), "'by'", "by: [head-of-risk]")
    if field is None:
        enforcement = Enforcement.MANDATORY
    else:
        text = desk.text_of(field[1], "'enforcement'", "enforcement: advisory", one_of_few=True)
        if text is None:
            return Enforcement.MANDATORY, by
        if text not in kinds:
            meant = closest(text, kinds)
            remedy = f"Did you mean {meant!r}?" if meant else f"Use {listed(kinds, 'or')}."
            desk.note(field[1], f"unknown enforcement {shorten(text)!r}", remedy)
            return Enforcement.MANDATORY, by
        enforcement = Enforcement(text)
    if enforcement is Enforcement.OVERRIDABLE and "by" not in common and field is not None:
        desk.note(
            field[1],
            "an overridable gate must say who may override it",
            "Add `by: [head-of-risk]` beside it.",
        )
    if enforcement is not Enforcement.OVERRIDABLE and "by" in common:
        desk.note(
            common["by"][0], f"'by' says who may override, and this gate is {enforcement}",
            "Add `enforcement: overridable`, or take `by` out.",
        )  # fmt: skip
    return enforcement, by


def _name(field: Field | None, desk: Desk) -> str | None:
    name = desk.text(field, "'name'", "name: good enough for leads")
    if field is not None and name is not None and (len(name) > _LONGEST_NAME or "\n" in name.strip()):
        desk.note(
            field[1],
            f"a name is one line of at most {_LONGEST_NAME} characters",
            "Put the rest under `hint`.",
        )
        return None
    return name


def _usage(kind: type[Gate]) -> str:
    examples = kind.schema.get("examples", ())
    return (
        f"For example: `- {kind.name}: {flow(examples[0])}`" if examples else f"Write `- {kind.name}: {{…}}`."
    )

"""A gate's parameters against its own JSON Schema, with what is wrong in plain words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from hotpass.errors import PluginError
from hotpass.gates import Gate
from hotpass.policy.words import closest, flow, kind_of, listed, shorten

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

#: A jsonschema ValidationError, whose stubs have every field as possibly unset.
_Error: TypeAlias = Any

_TYPES = {
    "string": "a text", "number": "a number", "integer": "a whole number", "object": "a mapping",
    "array": "a list", "boolean": "true or false", "null": "empty",
}  # fmt: skip
_FROM = {
    "minimum": "at least", "exclusiveMinimum": "more than",
    "maximum": "at most", "exclusiveMaximum": "less than",
}  # fmt: skip
_SIZES = {
    "minLength": ("shorter", "character"), "maxLength": ("longer", "character"),
    "minItems": ("shorter", "item"), "maxItems": ("longer", "item"),
    "minProperties": ("smaller", "key"), "maxProperties": ("larger", "key"),
}  # fmt: skip


class Wrong(NamedTuple):
    """One thing wrong with parameters: the path to it, whether its key is meant, what, and the remedy."""

    path: tuple[str | int, ...]
    at_key: bool
    message: str
    remedy: str


class Validators:
    """Validates parameters; keeps one validator for each gate."""

    def __init__(self) -> None:
        self._made: dict[type[Gate], Draft202012Validator] = {}
        # A thousand policies hold the same few parameters, and a schema takes longer to ask than a set.
        self._sound: set[tuple[type[Gate], str]] = set()

    def check(self, gate: type[Gate], value: Any) -> list[Wrong]:
        """All that is wrong with `value` as parameters of `gate`. Raises PluginError for a schema that is
        none.
        """
        known = gate, repr(value)
        if known in self._sound:
            return []
        try:
            errors = list(self._validator(gate).iter_errors(value))
            if not errors:
                self._sound.add(known)
            return list(dict.fromkeys(_explain(errors, gate.name)))
        except Exception as error:
            why = f"{type(error).__name__}: {shorten(str(error), 200)}"
            raise PluginError(f"gate {gate.name}: its schema cannot be used: {why}") from error

    def _validator(self, gate: type[Gate]) -> Draft202012Validator:
        if gate not in self._made:
            from jsonschema import Draft202012Validator
            from referencing import Registry

            # An empty registry: a `$ref` to another place must not be fetched from there.
            self._made[gate] = Draft202012Validator(dict(gate.schema), registry=Registry())
        return self._made[gate]


def _explain(errors: Iterable[_Error], gate: str) -> Iterator[Wrong]:
    meant: dict[tuple[str | int, ...], set[str]] = {}
    missing: list[tuple[tuple[str | int, ...], str, str]] = []
    for error in errors:
        path = tuple(error.absolute_path)
        if error.validator == "additionalProperties" and isinstance(error.instance, dict):
            for key, guess in _unknown_keys(error):
                if guess:
                    meant.setdefault(path, set()).add(guess)
                known = error.schema.get("properties", {})
                remedy = (
                    f"Did you mean {guess!r}?" if guess else (f"Known are {listed(known)}." if known else "")
                )
                yield Wrong((*path, key), True, f"unknown key {shorten(key)!r}", remedy)
        elif error.validator == "required":
            missing += [(path, key, _example(error.schema, key)) for key in error.validator_value
                        if key not in error.instance]  # fmt: skip
        elif error.validator in ("oneOf", "anyOf") and error.context:
            yield from _explain_choice(error, gate)
        else:
            yield _plain(error, path, gate)
    for path, key, example in missing:
        if key not in meant.get(path, ()):
            yield Wrong(path, True, f"{_subject(path, gate)} needs the key {key!r}", example)


def _unknown_keys(error: _Error) -> Iterator[tuple[str, str | None]]:
    import re

    known = error.schema.get("properties", {})
    patterns = error.schema.get("patternProperties", {})
    for key in error.instance:
        if key not in known and not any(re.search(pattern, key) for pattern in patterns):
            yield key, closest(key, [name for name in known if name not in error.instance])


def _explain_choice(error: _Error, gate: str) -> Iterator[Wrong]:
    """Of several forms that a value may have, what is wrong with the one that was most likely meant."""
    branches: dict[int, list[_Error]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    of_the_kind = [
        found for found in branches.values()
        if not any(_is_other_kind(inner) for inner in found)
    ]  # fmt: skip
    if of_the_kind:
        yield from _explain(sorted(of_the_kind, key=len)[0], gate)
        return
    flat = dict.fromkeys(kind for found in branches.values() for inner in found for kind in _wanted(inner))
    path = tuple(error.absolute_path)
    message = f"{_subject(path, gate)} must be {listed(flat, 'or')}, and this is {kind_of(error.instance)}"
    yield Wrong(path, False, message, _examples(error.schema))


def _wanted(error: _Error) -> list[str]:
    """The kinds of value, or the values, that a form asks for as a whole."""
    wanted = error.validator_value
    if error.relative_path:
        return []
    if error.validator == "type":
        return [_TYPES.get(name, name) for name in ([wanted] if isinstance(wanted, str) else wanted)]
    if error.validator in ("const", "enum"):
        return [flow(choice) for choice in (wanted if error.validator == "enum" else [wanted])]
    return []


def _is_other_kind(error: _Error) -> bool:
    """Whether the whole value is of another type than the form asks for."""
    if error.relative_path:
        return False
    if error.validator in ("const", "enum"):
        choices = [error.validator_value] if error.validator == "const" else error.validator_value
        return not any(type(choice) is type(error.instance) for choice in choices)
    return bool(error.validator == "type")


def _plain(error: _Error, path: tuple[str | int, ...], gate: str) -> Wrong:
    what, rule = _subject(path, gate), str(error.validator)
    wanted, value = error.validator_value, error.instance
    remedy = _examples(error.schema)
    if "propertyNames" in list(error.absolute_schema_path)[-2:]:
        rule_text = f"It must match the pattern {wanted}" if rule == "pattern" else ""
        return Wrong((*path, str(value)), True, f"{flow(value)} cannot be a key here", remedy or rule_text)
    if rule == "type":
        kinds = [wanted] if isinstance(wanted, str) else list(wanted)
        message = f"{what} must be {_kinds(kinds)}, and this is {kind_of(value)}"
        remedy = _retyped(kinds, value) or remedy
    elif rule in ("enum", "const"):
        choices = list(wanted) if rule == "enum" else [wanted]
        guess = closest(value, [c for c in choices if isinstance(c, str)]) if isinstance(value, str) else None
        message = f"{what} must be {listed(map(flow, choices), 'or')}, and this is {kind_of(value)}"
        remedy = f"Did you mean {guess!r}?" if guess else ""
    elif rule in _FROM:
        message = f"{what} must be {_FROM[rule]} {wanted}, and this is {shorten(repr(value))}"
    elif rule in _SIZES and not value:
        message = f"{what} is empty"
    elif rule in _SIZES:
        comparative, unit = _SIZES[rule]
        message = f"{what} must not be {comparative} than {wanted} {unit}{'' if wanted == 1 else 's'}"
    elif rule == "pattern":
        message = f"{what} cannot be {flow(value)}"
        remedy = remedy or f"It must match the pattern {wanted}"
    elif rule == "uniqueItems":
        message = f"{what} has the same item twice"
    elif error.schema is False or rule == "not":
        message = f"{what} is not allowed here"
    elif rule == "oneOf":
        message = f"{what} fits more than one of the forms that it may have"
    else:
        message = f"{what}: {shorten(error.message, 200)}"
    return Wrong(path, False, message, remedy)


def _subject(path: Sequence[str | int], gate: str) -> str:
    names = [step for step in path if isinstance(step, str)]
    item = f"item {path[-1] + 1} of " if path and isinstance(path[-1], int) else ""
    return item + (repr(shorten(names[-1])) if names else gate)


def _kinds(names: Iterable[str]) -> str:
    return listed([_TYPES.get(name, name) for name in names], "or")


def _retyped(kinds: Sequence[str], value: Any) -> str:
    """What to write instead, where `value` is of the wrong kind only because of its quotes, or for want of
    them.
    """
    if kinds == ["string"] and isinstance(value, bool | int | float):
        return f"Put it in quotes: {flow(json.dumps(value), quote=True)}."
    if not isinstance(value, str):
        return ""
    text = value.strip().lower()
    if kinds == ["boolean"] and text in ("yes", "on", "true", "no", "off", "false"):
        return f"Write {'true' if text in ('yes', 'on', 'true') else 'false'}."
    if kinds in (["number"], ["integer"]):
        for candidate, remedy in ((text, "Write {} without quotes."), (text.replace(",", "."), "Write {}.")):
            try:
                float(candidate)
            except ValueError:
                continue
            return remedy.format(candidate) if candidate not in ("nan", "inf", "-inf", "infinity") else ""
        if text.endswith("%"):
            return "Write it without the percent sign, as a share of one: 0.7 for 70 percent."
    return ""


def _example(schema: Mapping[str, Any], key: str) -> str:
    """How the missing `key` might be written."""
    values = schema.get("properties", {}).get(key, {}).get("examples", ())
    return f"For example: {key}: {flow(values[0])}" if values else f"Add `{key}:`."


def _examples(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return ""
    examples = schema.get("examples", ())
    if examples:
        return f"For example: {listed(map(flow, examples[:3]), 'or')}"
    return str(schema.get("description", ""))

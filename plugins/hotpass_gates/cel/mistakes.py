"""What CEL's parser and type checker say of a rule, in words for whoever wrote it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_ERROR = re.compile(r"^(?:[A-Z_]+: )?ERROR: <input>:(-?\d+):(-?\d+): (.*)$", re.MULTILINE)
_PERCENT = re.compile(r"\d%\s*(?:$|[&|)])")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '(.*)'$")
_UNEXPECTED = re.compile(
    r"Syntax error: (?:mismatched input|extraneous input|no viable alternative at input|"
    r"token recognition error at:|missing .* at) '(.*?)'(?: expecting .*)?$"
)
_NOT_SELECTABLE = re.compile(r"expression of type '([^']*)' cannot be the operand of a select operation")

_TYPES = {
    "double": "a number", "int": "a whole number", "uint": "a whole number", "string": "a text",
    "bool": "true or false", "bytes": "bytes", "null": "null", "null_type": "null",
    "google.protobuf.Duration": "a duration", "google.protobuf.Timestamp": "a time", "dyn": "anything",
    "duration": "a duration", "timestamp": "a time",
}  # fmt: skip

#: What other languages write, and CEL.
_ELSEWHERE = {
    "and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!", "is": "==",
    "True": "true", "False": "false", "None": "null", "=": "==", "&": "&&", "|": "||", "=>": ">=", "<>": "!=",
}  # fmt: skip

#: Functions of CEL that fit a candidate's fields, for suggestions.
FUNCTIONS = (
    "has", "size", "int", "double", "string", "duration", "timestamp", "matches", "startsWith", "endsWith",
    "contains", "exists", "all", "exists_one", "getDayOfWeek", "getHours", "getMonth", "getFullYear",
    "getDate", "getDayOfMonth", "getMinutes",
)  # fmt: skip


class Mistake(NamedTuple):
    """One thing that is wrong with a rule, with its place, and what to do about it."""

    message: str
    remedy: str = ""


class RuleError(ValueError):
    """A rule that is wrong; `mistakes` are all that was found."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(mistake.message for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class Unsettled(ValueError):
    """A rule that came to no answer for a candidate: a text that is no number, a division by zero."""


def mistakes_in(text: str, said: str, names: Iterable[str]) -> list[Mistake]:
    """The mistakes in the rule `text`, of which CEL `said` that; `names` are those that it may use."""
    found: dict[Mistake, None] = {}
    for line, column, what in _ERROR.findall(said):
        found[_mistake(text, int(line), int(column), what, tuple(names))] = None
        if "Syntax error" in what:  # those after the first are only its echo
            break
    if not found:
        deep = "recursion" in said
        found[Mistake(
            "the rule is nested too deeply" if deep else f"the rule cannot be read: {said.splitlines()[0]}",
            "Break it into several gates: all of them must pass." if deep else "",
        )] = None  # fmt: skip
    return list(found)


def place(text: str, offset: int) -> str:
    """Where the character at `offset` of `text` is, in words: `at column 12, ">= 0.75"`."""
    before = text[:offset]
    line = before.count("\n") + 1
    return _at(text, line, offset - (before.rfind("\n") + 1) + 1)


def type_words(name: str) -> str:
    """A type of CEL, as a person would say it."""
    if name.startswith("map"):
        return "a group of fields"
    return "a list" if name.startswith("list") else _TYPES.get(name, name)


def _at(text: str, line: int, column: int) -> str:
    rest = _split_at(text, line, column)[1].strip()
    shown = rest if len(rest) <= 24 else rest[:23] + "…"
    where = f"line {line}, column {column}" if "\n" in text else f"column {column}"
    return f"at {where}" + (f", {shown!r}" if shown else ", at its end")


def _mistake(text: str, line: int, column: int, what: str, names: tuple[str, ...]) -> Mistake:
    if line < 1:
        return Mistake("the rule is nested too deeply", "Break it into several gates: all of them must pass.")
    at = _at(text, line, column)
    undeclared = _UNDECLARED.search(what)
    if undeclared:
        return _unknown(undeclared[1], text, line, column, names)
    overload = _OVERLOAD.search(what)
    if overload:
        return _no_overload(overload[1], list(_split(overload[2].strip("()"))), at)
    select = _NOT_SELECTABLE.search(what)
    if select:
        return Mistake(f"{at}: {type_words(select[1])} has no fields, so nothing can follow its dot")
    unexpected = _UNEXPECTED.search(what)
    if unexpected:
        return Mistake(f"the rule cannot be read {at}", _meant(unexpected[1], text, line, column))
    return Mistake(f"the rule cannot be read {at}: {what.removeprefix('Syntax error: ')}")


def _split_at(text: str, line: int, column: int) -> tuple[str, str]:
    """What stands before the place on its line, and what from there on."""
    lines = text.split("\n")
    whole = lines[line - 1] if 0 < line <= len(lines) else ""
    return whole[: column - 1], whole[column - 1 :]


def _unknown(name: str, text: str, line: int, column: int, names: tuple[str, ...]) -> Mistake:
    is_call = _split_at(text, line, column)[1].startswith("(")
    # CEL gives the place of the last dot, or of the opening bracket.
    before = len(name) if is_call else len(name.rpartition(".")[0])
    at = _at(text, line, column - before)
    if is_call:
        near = difflib.get_close_matches(name, FUNCTIONS, n=1)
        remedy = f"Did you mean {near[0]}()?" if near else f"There are {', '.join(FUNCTIONS)}."
        return Mistake(f"{at}: there is no function {name}()", remedy)
    if name == "champion":
        return Mistake(
            f"{at}: champion cannot be used by itself",
            "Read champion.metrics.NAME, champion.tags.NAME, champion.params.NAME or champion.version; "
            "has_champion says whether there is one.",
        )  # fmt: skip
    if name in _ELSEWHERE:
        return Mistake(f"{at}: {name} is not CEL", f"Write {_ELSEWHERE[name]}.")
    dashed = re.search(r"(\w+)\.([\w-]*\w-)$", _split_at(text, line, column - before)[0])
    if dashed:
        in_brackets = f'{dashed[1]}["{dashed[2]}{name}"]'
        return Mistake(
            f"{at}: there is no field {name}", f"A name with a dash stands in brackets: {in_brackets}."
        )
    head, _, tail = name.partition(".")
    near = difflib.get_close_matches(name, names, n=1) or difflib.get_close_matches(head, names, n=1)
    if near:
        same_group = "." not in near[0] and tail
        remedy = f"Did you mean {near[0]}{'.' + tail if same_group else ''}?"
    else:
        remedy = f'A metric is written metrics.{name}, and a text stands in quotes: "{name}". The fields are '
        remedy += f"{', '.join(names)}."
    return Mistake(f"{at}: there is no field {name}", remedy)


def _no_overload(function: str, types: list[str], at: str) -> Mistake:
    words = " and ".join(type_words(name) for name in types)
    operator = function.strip("_").replace("@", "")
    if function == "_?_:_":
        return Mistake(f"{at}: the two sides of ? : must be of one type, and the first must be true or false")
    if function == "_[_]":
        return Mistake(f"{at}: {words} do not go together in [ ]")
    sides = set(types)
    remedy = ""
    if sides & {"null", "null_type"}:
        remedy = "has(metrics.NAME) says whether it is there."
    elif sides == {"double", "int"}:
        remedy = "Write the whole number with a decimal point: 1.0 for 1."
    elif "string" in sides and sides & {"double", "int"}:
        remedy = "A number stands without quotes; double(params.NAME) makes one of a text."
    elif "google.protobuf.Duration" in sides:
        remedy = 'Write a duration as duration("24h").'
    elif "google.protobuf.Timestamp" in sides:
        remedy = 'Write a time as timestamp("2026-01-31T00:00:00Z").'
    elif operator in ("&&", "||", "!"):
        remedy = f"On either side of {operator} stands something that is true or false."
    what = f"{operator}()" if operator.isidentifier() and operator != "in" else operator
    return Mistake(f"{at}: {what} does not go with {words}", remedy)


def _split(types: str) -> Iterator[str]:
    """The types in `double, map(string, int)`, one by one."""
    depth = start = 0
    for position, character in enumerate(types):
        depth += (character in "(<") - (character in ")>")
        if character == "," and not depth:
            yield types[start:position].strip()
            start = position + 1
    yield types[start:].strip()


def _meant(token: str, text: str, line: int, column: int) -> str:
    """What may have been meant, where another language's spelling stands at the place or just before it."""
    before, rest = _split_at(text, line, column)
    if _PERCENT.search(text):
        return "Write a share of one, without the percent sign: 0.5 for 50 percent."
    if re.search(r"\d$", before) and re.match(r",\d", rest):
        return "Write a decimal with a point: 0.5."
    here = re.match(r"\w+|[^\w\s]*", rest)
    for word in (token, here[0] if here else "", *before.split()[-1:]):
        if word in _ELSEWHERE:
            return f"Write {_ELSEWHERE[word]} for {word}."
    return "" if rest.strip() else "Something is missing there."

"""`required_tags`: tags that must be set, on the version, its run or the registered model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from hotpass.candidate import Candidate
from hotpass.demands import Demand
from hotpass.gates import Gate, ParameterError
from hotpass.verdicts import GateResult, Json, Verdict
from hotpass_gates.patterns import LONGEST_TEXT, compile_pattern

_PLACES = {"any": ("version", "run", "model"), "version": ("version",), "run": ("run",), "model": ("model",)}
_TESTS = ("equals", "one_of", "matches")
_OF = {
    "description": "Whose tag: of the version, its run, the registered model, or the first that has it.",
    "enum": list(_PLACES), "default": "any",
}  # fmt: skip


class _Wanted(NamedTuple):
    tag: str
    places: tuple[str, ...]
    values: frozenset[str] | None
    pattern: re.Pattern[str] | None
    words: str


class RequiredTags(Gate):
    """Tags are set, and say what the policy wants.

        - required_tags:
            owner: present
            dataset: {matches: "contacts_[0-9]{4}"}
            tier: {equals: gold}
            team: {one_of: [growth, sales], of: model}

    A tag is looked for on the version, then on its run, then on the registered model; the first that has it
    counts. `of: version` (or `run`, `model`) looks there alone; beside the tags it holds for all of them.
    An empty tag is not set. `matches` is a regular expression that the whole value must match, and a value
    of more than 256 characters never does.

    To pass: set the tag, for example with `client.set_model_version_tag(model, version, "owner", "me")`.
    """

    name = "required_tags"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "Tags that must be set. Keys are tag names, and `of`.",
        "type": "object",
        "minProperties": 1,
        "properties": {"of": _OF},
        "additionalProperties": {
            "description": "`present`, or what the value must be.",
            "oneOf": [
                {"const": "present", "description": "Any value but an empty one."},
                {
                    "type": "object",
                    "minProperties": 1,
                    "properties": {
                        "equals": {
                            "description": "The value, exactly.", "type": "string", "examples": ["gold"],
                        },
                        "one_of": {
                            "description": "The values that will do.",
                            "type": "array", "minItems": 1, "items": {"type": "string"},
                        },
                        "matches": {
                            "description": "A regular expression that the whole value must match.",
                            "type": "string", "minLength": 1, "maxLength": 500,
                            "examples": ["contacts_[0-9]{4}"],
                        },
                        "of": _OF,
                    },
                    "additionalProperties": False,
                },
            ],
            "examples": ["present", {"equals": "gold"}, {"matches": "contacts_[0-9]{4}"}],
        },
        "examples": [{"owner": "present"}],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__(parameters)
        everywhere = parameters.get("of", "any")
        self._wanted = tuple(
            _wanted(tag, {} if how == "present" else how, everywhere)
            for tag, how in parameters.items()
            if tag != "of"
        )
        if not self._wanted:
            raise ParameterError("no tag is named", (), "Name one: `owner: present`.")

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        reasons: list[str] = []
        remarks: list[str] = []
        evidence: dict[str, Json] = {}
        for wanted in self._wanted:
            tag = wanted.tag
            value, place = None, ""
            for place in wanted.places:
                value = candidate.tag(tag, place)
                if value:
                    break
            if not value:
                reasons.append(f"the tag {tag} is not set on the {', its '.join(wanted.places)}")
                continue
            evidence[tag] = {"value": value, "on": place}
            if _fits(wanted, value):
                remarks.append(f"{tag} is {value} on the {place}")
            elif wanted.pattern is not None and len(value) > LONGEST_TEXT:
                reasons.append(f"the tag {tag} on the {place} has {len(value)} characters, and at most "
                               f"{LONGEST_TEXT} are matched")  # fmt: skip
            else:
                reasons.append(f"the tag {tag} is {value!r} on the {place}, wanted {wanted.words}")
        if reasons:
            return GateResult(Verdict.FAILED, "; ".join(reasons), evidence)
        return GateResult(Verdict.PASSED, "; ".join(remarks), evidence)

    def explain(self) -> Sequence[str]:
        return [f"The tag {wanted.tag}{_on(wanted.places)} {_is(wanted)}." for wanted in self._wanted]

    def demands(self) -> Iterator[Demand]:
        for tag, places, values, pattern, _ in self._wanted:
            where = f"{places[0]}.tags" if len(places) == 1 else "tags"
            literal = pattern is not None and pattern.pattern == re.escape(pattern.pattern)
            yield Demand(
                f"{where}.{tag}", exact=True, name=f"the tag {tag}",
                one_of=frozenset({pattern.pattern}) if pattern is not None and literal else values,
                matches=pattern.pattern if pattern is not None and not literal else "",
            )  # fmt: skip


def _on(places: tuple[str, ...]) -> str:
    if len(places) > 1:
        return ""
    return " of the registered model" if places == ("model",) else f" of the {places[0]}"


def _is(wanted: _Wanted) -> str:
    if wanted.pattern is None:
        return f"is {wanted.words or 'set'}"
    return f"has the form {wanted.pattern.pattern} (a regular expression)"


def _fits(wanted: _Wanted, value: str) -> bool:
    if wanted.values is not None:
        return value in wanted.values
    if wanted.pattern is not None:
        return len(value) <= LONGEST_TEXT and wanted.pattern.fullmatch(value) is not None
    return True


def _wanted(tag: str, how: Mapping[str, Any], everywhere: str) -> _Wanted:
    given = [test for test in _TESTS if test in how]
    if len(given) > 1:
        raise ParameterError(f"the tag {tag} has {' and '.join(given)}", (tag,), "Give it one of them.")
    places = _PLACES[how.get("of", everywhere)]
    if "matches" in how:
        try:
            pattern = compile_pattern(how["matches"])
        except ValueError as error:
            raise ParameterError(str(error), (tag, "matches")) from error
        return _Wanted(tag, places, None, pattern, f"a match of {how['matches']}")
    values = frozenset([how["equals"]] if "equals" in how else how.get("one_of", ()))
    if given and "" in values:
        raise ParameterError(f"an empty value of the tag {tag} counts as not set, so it can never fit",
                             (tag, given[0]), "Leave the empty value out.")  # fmt: skip
    return _Wanted(tag, places, values if given else None, None, " or ".join(sorted(values)))

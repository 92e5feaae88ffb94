"""One cases file, from bytes to Cases: all that is wrong with it at once, each with its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from hotpass.cases import keys
from hotpass.cases.model import NOT_COVERED, Case, Expected, Place
from hotpass.cases.values import Values
from hotpass.engine import plan_of
from hotpass.errors import CallError, Problem
from hotpass.excusing import NO_OVERRIDE, Override, check_override
from hotpass.gates import MeasuringGate
from hotpass.policy.compose import Limits, parse
from hotpass.policy.desk import Desk, Field
from hotpass.policy.model import GateEntry, Policy, PolicySet
from hotpass.policy.nodes import List, Map, Node, Scalar, is_sound, value_of
from hotpass.policy.words import closest, kind_of, listed, shorten
from hotpass.stages import ModelStage
from hotpass.testing.building import NOW, candidate

LIMITS = Limits(
    "set of cases",
    size=4 * 1024 * 1024,
    nodes=400_000,
    aliases=10_000,
    finite="For a metric that is none, write nan, inf or -inf.",
)

_CASE_KEYS, _VERSION_KEYS, _EXPECT_KEYS = tuple(keys.CASE), tuple(keys.VERSION), tuple(keys.EXPECT)
_OF_CANDIDATE = ("to", "approvals", "requester", "rollback", "measured")
_LONGEST_NAME = 200
_MOST_PROBLEMS = 50
_BEGIN = "Begin with `cases:`, and each case with `- case: what it shows`."


class Read(NamedTuple):
    """What came of a file; `cases` are those in which nothing is wrong."""

    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]


def read_cases(content: bytes, path: str, policy: Policy | None) -> Read:
    """The cases in `content`, a file's bytes. `path` is what messages call it, `policy` the one beside it, or
    None where that is wrong itself: then the cases are read, and there are none.
    """
    root, problems = parse(content, path, LIMITS)
    desk = Desk(path, problems)
    cases = () if root is None else tuple(_cases(root, path, policy, desk))
    found = sorted(map(_of_cases, set(desk.problems)))
    if len(found) > _MOST_PROBLEMS:
        last, more = found[_MOST_PROBLEMS - 1], len(found) - _MOST_PROBLEMS
        found[_MOST_PROBLEMS:] = [Problem(
            path, last.line, last.column, f"and {more} more problems", "", "invalid-cases"
        )]  # fmt: skip
    return Read(cases, tuple(found))


def _of_cases(problem: Problem) -> Problem:
    """`problem` as one of a cases file, where it was noted as one of a policy."""
    return replace(problem, rule="invalid-cases") if problem.rule == "invalid-policy" else problem


def _cases(root: Node, path: str, policy: Policy | None, desk: Desk) -> Iterator[Case]:
    node = desk.mapping(root, "a cases file", _BEGIN)
    if node is None:
        return
    fields = desk.fields(node, tuple(keys.FILE), ("cases",), "a cases file", node)
    defaults = None
    if "defaults" in fields:
        given = desk.mapping(
            fields["defaults"][1], "'defaults'", "Write below it what every case begins with."
        )
        if given is not None:
            known = tuple(key for key in keys.CASE if key != "case")
            sound = desk.fields(given, known, (), "defaults", given)
            defaults = merged(None, Map(given.line, given.column, entries=dict(sound)))
    policies = None if policy is None else PolicySet.of([policy])
    values = Values(desk, NOW)
    seen: dict[str, Node] = {}
    for item in _items(fields.get("cases"), desk):
        below = desk.mapping(item, "a case", _BEGIN)
        if below is None:
            continue
        before = len(desk.problems)
        case = _case(below, merged(defaults, below), path, policies, values)
        name_at = below.entries["case"][1] if "case" in below.entries else item
        name = value_of(name_at) if isinstance(name_at, Scalar) else None
        first = seen.setdefault(name, item) if isinstance(name, str) else item
        if first is not item:
            desk.note(name_at, f"a second case {shorten(str(name))!r}; the first is at line {first.line}",
                      "Give it a name of its own.")  # fmt: skip
        if case is not None and len(desk.problems) == before:
            yield case


def _items(field: Field | None, desk: Desk) -> list[Node]:
    if field is None:
        return []
    node = field[1]
    if isinstance(node, List) and node.items:
        return node.items
    if is_sound(node):
        value = value_of(node)
        kind = "an empty list" if value == [] else kind_of(value)
        desk.note(
            node, f"'cases' must be a list of cases, and this is {kind}", "Begin each with `- case: …`."
        )
    return []


def merged(base: Node | None, over: Node) -> Node:
    """`over` laid over `base`, mapping by mapping; an empty value takes away what stands below it. That is
    JSON Merge Patch, RFC 7396.
    """
    if not isinstance(over, Map):
        return over
    entries = dict(base.entries) if isinstance(base, Map) else {}
    for name, (key, value) in over.entries.items():
        if isinstance(value, Scalar) and value.value is None:
            entries.pop(name, None)
        else:
            below = entries.get(name)
            entries[name] = (key, merged(below[1] if below else None, value))
    return Map(over.line, over.column, sound=over.sound, entries=entries)


def _case(given: Map, full: Node, path: str, policies: PolicySet | None, values: Values) -> Case | None:
    assert isinstance(full, Map)
    desk = values.desk
    fields = desk.fields(full, _CASE_KEYS, ("case", "to", "expect"), "a case", given)
    values.now = NOW
    if "now" in fields:
        values.now = values.moment("now", fields["now"][1]) or NOW
    read = values.read(keys.CASE, fields)
    name = str(read.get("case", ""))
    if len(name) > _LONGEST_NAME or "\n" in name.strip():
        desk.note(fields["case"][1], f"a case is named in one line of at most {_LONGEST_NAME} characters")
    arguments = _arguments(fields, read, values)
    expected = _expected(fields.get("expect"), values)
    if policies is None or expected is None or "to" not in read:
        return None
    (policy,) = policies.policies
    model = str(read.get("model") or name_covered_by(policy))
    arguments |= {"model": model, "to": policies.spelling_of(model, read["to"])}
    if "stage" in arguments:
        arguments["stage"] = policies.spelling_of(model, arguments["stage"])
    else:
        arguments["stage"] = _origin(policy, arguments["to"], bool(read.get("rollback")))
    override = Override(
        read.get("overrides", ()), read.get("requester", NO_OVERRIDE.actor), f"in the case {name!r}"
    )
    at: Node = given
    try:
        entries = _entries(policies, arguments) if policy.covers(model) else ()
        if override.gates and entries:
            at = fields["overrides"][1]
            check_override(entries, override)
    except CallError as error:
        desk.note(at, str(error))
        return None
    _check_verdicts(expected, entries, arguments, policy.covers(model), desk)
    _check_measured(read.get("measured", ()), policy, fields, desk)
    return Case(
        name.strip(), path, Place(given.line, given.column), model, values.now, arguments, expected, entries,
        override,
    )  # fmt: skip


def _entries(policies: PolicySet, arguments: Mapping[str, Any]) -> tuple[GateEntry, ...]:
    """The gates that the move of such a candidate calls for."""
    who = {key: arguments[key] for key in ("model", "stage", "to", "rollback", "aliases") if key in arguments}
    return plan_of(policies, candidate(**who)).entries


def _arguments(fields: Mapping[str, Field], read: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """What `candidate` takes, but for the model and, where it is not given, the stage."""
    arguments = {key: read[key] for key in _OF_CANDIDATE if key in read}
    if "candidate" in fields:
        arguments.update(_version("candidate", fields["candidate"][1], values))
    if "champion" in fields:
        arguments["champion"] = _version("champion", fields["champion"][1], values)
    return arguments


def _version(what: str, node: Node, values: Values) -> dict[str, Any]:
    below = values.desk.mapping(node, repr(what), f"For example: {what}: {{metrics: {{roc_auc: 0.81}}}}")
    if below is None:
        return {}
    fields = values.desk.fields(below, _VERSION_KEYS, (), f"a {what}", below)
    read = values.read(keys.VERSION, fields)
    if "created_at" in read:
        at: datetime = read.pop("created_at")
        read["created_at_ms"] = round(at.timestamp() * 1000)
    return read


def _expected(field: Field | None, values: Values) -> Expected | None:
    if field is None:
        return None
    node = values.desk.mapping(field[1], "'expect'", "For example: expect: {outcome: allowed}")
    if node is None:
        return None
    fields = values.desk.fields(node, _EXPECT_KEYS, ("outcome",), "what to expect", node)
    read = values.read(keys.EXPECT, fields)
    if "outcome" not in read:
        return None
    places = {name: Place(key.line, key.column) for name, (key, _) in fields.items()}
    if "verdicts" in fields and isinstance(fields["verdicts"][1], Map):
        below = fields["verdicts"][1].entries
        places |= {f"verdicts.{name}": Place(key.line, key.column) for name, (key, _) in below.items()}
    return Expected(
        read["outcome"], read.get("verdicts", {}), read.get("message", ()), read.get("passes_at"), places
    )


def _check_measured(measured: Iterable[str], policy: Policy, fields: Mapping[str, Field], desk: Desk) -> None:
    """Notes each gate that is said to have measured something, and that the policy does not have."""
    ways = [*(promotion.gates for promotion in policy.promotions), policy.rollback or ()]
    can = {entry.gate_name for way in ways for entry in way if isinstance(entry.gate, MeasuringGate)}
    for name in measured:
        if name not in can:
            remedy = f"Those that do are {listed(sorted(can))}." if can else "Take it out."
            desk.note(
                fields["measured"][1], f"the policy has no gate {shorten(name)!r} that measures", remedy
            )


def _check_verdicts(
    expected: Expected,
    entries: tuple[GateEntry, ...],
    arguments: Mapping[str, Any],
    covered: bool,
    desk: Desk,
) -> None:
    """Notes each verdict that is expected of no gate, or of several."""
    count = Counter(entry.name for entry in entries)
    move = "this rollback" if arguments.get("rollback") else (
        f"a move from {arguments['stage']} to {arguments['to']}"
    )  # fmt: skip
    for name in expected.verdicts:
        at = expected.places[f"verdicts.{name}"]
        if expected.outcome == NOT_COVERED:
            desk.note(at, f"a verdict of {shorten(name)!r} where the policy is not to cover the model",
                      "Take it out, or expect another outcome.")  # fmt: skip
        elif not covered:
            pass  # the outcome says so already
        elif not entries:
            desk.note(at, f"no gate is asked about {move}", "Take the verdict out; `message` can say why.")
        elif name not in count:
            meant = closest(name, count)
            has = f"It has {listed(count)}."
            remedy = f"Did you mean {meant!r}? {has}" if meant else has
            desk.note(at, f"the policy has no gate {shorten(name)!r} for {move}", remedy)
        elif count[name] > 1:
            places = listed(entry.where for entry in entries if entry.name == name)
            desk.note(at, f"{count[name]} gates are named {shorten(name)!r}: {places}",
                      "Give each a `name:` of its own in the policy.")  # fmt: skip


def _origin(policy: Policy, to_stage: str, rollback: bool) -> str:
    """Where a candidate is, of which the case does not say it."""
    if rollback:
        return ModelStage.ARCHIVED.value
    leading = policy.entries_to(to_stage)
    return (leading[0].from_stage if leading else None) or ModelStage.NONE.value


def name_covered_by(policy: Policy) -> str:
    """A model's name that the first of the policy's patterns fits."""
    return policy.models[0].replace("*", "model").replace("?", "x")

"""What a valid policy becomes, and how gates' own objections are placed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hotpass.candidate import Candidate
from hotpass.errors import PluginError
from hotpass.gates import Gate, ParameterError
from hotpass.policy.entries import GateReader
from hotpass.policy.model import Policy
from hotpass.policy.reader import Read, read_policy
from hotpass.verdicts import Enforcement, GateResult, passed


class Sample(Gate):
    """A gate whose objections the test says."""

    name = "sample"
    schema: ClassVar[Mapping[str, Any]] = {"type": "object"}
    objection: ClassVar[BaseException | None] = None

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters)
        if self.objection is not None:
            raise self.objection

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        return passed("yes")


class Span(Sample):
    """A gate with one parameter that needs no name."""

    name = "span"
    schema: ClassVar[Mapping[str, Any]] = {"type": "string"}


def read(text: str, *gates: type[Gate]) -> Read:
    return read_policy(
        text.encode(), "p.yaml", GateReader({gate.name: gate for gate in gates or (Sample, Span)})
    )


def policy(text: str) -> Policy:
    found = read(text)
    assert found.problems == ()
    assert found.policy is not None
    return found.policy


FULL = """\
policy: full-1.0
description: All that there is.
models: [a, "b_*"]
aliases: [Champion]
promotions:
  - to: production
    from: staging
    archive_existing: false
    gates:
      - sample
      - span: 24h
        enforcement: overridable
        by: [head, deputy]
        name: long enough
        hint: Wait.
      - sample: {x: [1, {y: 0.5}]}
        enforcement: advisory
        name: other
  - to: Canary
    gates:
      - sample:
rollback:
  gates:
    - sample: {}
"""


def test_everything_arrives() -> None:
    found = policy(FULL)
    assert (found.name, found.description, found.models) == ("full-1.0", "All that there is.", ("a", "b_*"))
    assert found.aliases == ("Champion",)
    assert found.guarded_aliases() == {"production", "canary", "champion"}
    production, canary = found.promotions
    assert (production.to_stage, production.from_stage, production.archive_existing) == (
        "Production",
        "Staging",
        False,
    )
    assert production.where == "p.yaml:6:5"
    assert (canary.to_stage, canary.from_stage, canary.archive_existing) == ("Canary", None, None)
    bare, span, other = production.gates
    assert (bare.name, bare.gate_name, bare.parameters, bare.enforcement) == (
        "sample", "sample", {}, Enforcement.MANDATORY,
    )  # fmt: skip
    assert (span.name, span.gate_name, span.parameters) == ("long enough", "span", "24h")
    assert (span.enforcement, span.by, span.hint) == (Enforcement.OVERRIDABLE, ("head", "deputy"), "Wait.")
    assert span.where == "p.yaml:11:9"
    assert span.policy == "full-1.0"
    assert other.parameters == {"x": [1, {"y": 0.5}]}
    assert isinstance(other.gate, Sample)
    assert other.gate.parameters == {"x": [1, {"y": 0.5}]}
    assert canary.gates[0].parameters == {}
    assert found.rollback is not None
    assert [gate.where for gate in found.rollback] == ["p.yaml:24:7"]
    assert found.covers("a")
    assert found.covers("b_1")
    assert not found.covers("A")


def test_no_rollback_is_none() -> None:
    assert policy(FULL[: FULL.index("rollback")]).rollback is None


def test_an_overridable_gate_that_says_by_whom_is_nothing_to_warn_of() -> None:
    said = one_gate("sample: {}") + "        enforcement: overridable\n        by: [ana]\n"
    assert (read(said).problems, read(said).warnings) == ((), ())


def one_gate(entry: str) -> str:
    return f"policy: a\nmodels: [a]\npromotions:\n  - to: Staging\n    gates:\n      - {entry}\n"


@pytest.mark.parametrize(
    ("objection", "column", "message", "remedy"),
    [
        (ParameterError("too much", ("x", 1, "y"), "Less."), 29, "too much", "Less."),
        (ParameterError("too much", ("x", 9)), 21, "too much", ""),
        (ParameterError("all of it"), 9, "all of it", ""),
        (ValueError("not that"), 9, "sample refuses these parameters: not that", ""),
        (KeyError("x"), 9, "sample refuses these parameters: 'x'", "It raised KeyError; tell its author."),
        (SystemExit(0), 9, "sample refuses these parameters: 0", "It raised SystemExit; tell its author."),
    ],
    ids=repr,
)
def test_an_objection_of_the_gate_itself_is_placed(
    objection: BaseException, column: int, message: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sample, "objection", objection)
    (problem,) = read(one_gate("sample: {x: [1, {y: 2}]}")).problems
    assert (problem.line, problem.column) == (6, column)
    assert (problem.message, problem.remedy) == (message, remedy)


def test_a_schema_that_is_none_is_the_plugins_fault() -> None:
    class Broken(Sample):
        """Its schema is broken."""

        name = "broken"
        schema: ClassVar[Mapping[str, Any]] = {"type": "object", "properties": {"x": {"pattern": "("}}}

    with pytest.raises(PluginError, match="gate broken: its schema cannot be used"):
        read(one_gate("broken: {x: a}"), Broken)


def test_a_schema_elsewhere_is_not_fetched(tmp_path: Path) -> None:
    elsewhere = tmp_path / "schema.json"
    elsewhere.write_text('{"type": "object"}')

    class Remote(Sample):
        """Its schema is elsewhere."""

        name = "remote"
        schema: ClassVar[Mapping[str, Any]] = {"$ref": elsewhere.as_uri()}

    with pytest.raises(PluginError, match=r"gate remote: its schema cannot be used: .*Unresolvable"):
        read(one_gate("remote: {x: a}"), Remote)


def warnings(text: str) -> list[str]:
    found = read(text)
    assert found.problems == ()
    return [f"{w.line}:{w.column} {w.message}" for w in found.warnings]


def test_one_name_twice_is_a_warning() -> None:
    twice = one_gate("sample\n      - {sample: {x: 1}}")
    assert warnings(twice) == ["7:9 two gates here have the name 'sample'; the first is at p.yaml:6:9"]
    assert warnings(twice.replace("{sample: {x: 1}}", "{sample: {x: 1}, name: second}")) == []


def test_equal_problems_through_an_alias_are_said_once() -> None:
    text = one_gate("&g {sample: {}, enforcement: never}\n      - *g\n      - *g")
    assert [p.message for p in read(text).problems] == ["unknown enforcement 'never'"]


def test_without_any_plugin_the_message_says_so() -> None:
    found = read_policy(one_gate("sample").encode(), "p.yaml", GateReader({}))
    assert found.problems[0].remedy.startswith("No plugin contributes a gate.")

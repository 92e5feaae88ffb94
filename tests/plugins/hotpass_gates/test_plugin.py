"""What holds for every default gate."""

from __future__ import annotations

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from hotpass.gates import check_gate_class
from hotpass.plugins import create_manager, gate_classes, gate_owners
from hotpass.testing import candidate, judge, make
from hotpass.verdicts import Verdict

NAMES = [
    "approvals", "champion_comparison", "expression", "freshness", "input_example", "lineage",
    "metric_threshold", "required_tags", "signature", "staging_dwell",
]  # fmt: skip
GATES = gate_classes(create_manager())


def test_the_default_gates_register_like_anybody_s():
    owners = gate_owners(create_manager())
    assert [name for name in GATES if owners[name] == "gates"] == NAMES
    assert set(owners.values()) == {"gates", "evaluation"}


@pytest.mark.parametrize("name", NAMES)
def test_schema(name):
    schema = GATES[name].schema
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["description"]
    for place in described(schema):
        assert place.get("description") or "const" in place, place


def described(schema):
    """Every schema of a property, at any depth: an editor shows its description."""
    for value in schema.get("properties", {}).values():
        yield value
        yield from described(value)
    for branch in schema.get("oneOf", ()):
        yield from described(branch)
    if isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]
        yield from described(schema["additionalProperties"])


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_in_the_schema_are_sound_parameters(name):
    examples = GATES[name].schema.get("examples", [])
    assert examples or name == "input_example"
    for example in examples:
        assert make(name, example).parameters == example


def examples_in(docstring):
    """The YAML examples of a docstring: its blocks that are indented deeper than the text."""
    blocks, block = [], []
    for line in [*docstring.splitlines(), ""]:
        if line.startswith("        ") or (block and not line.strip()):
            block.append(line)
        elif block:
            blocks.append("\n".join(block))
            block = []
    return [yaml.safe_load(text) for text in [*blocks, *(["\n".join(block)] if block else [])]]


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_says_how_to_pass_and_its_examples_are_sound(name):
    gate = check_gate_class(GATES[name], "gates")
    assert "To pass:" in gate.__doc__
    examples = examples_in(gate.__doc__)
    assert examples
    for ((entry,),) in ((example,) for example in examples):
        if isinstance(entry, str):
            assert gate.allows_bare_name()
            entry = {entry: {}}
        ((named, parameters),) = entry.items()
        assert named == name
        make(name, parameters)


@pytest.mark.parametrize("name", NAMES)
def test_a_candidate_about_which_nothing_is_known_never_passes(name):
    parameters = {
        "approvals": {"at_least": 1},
        "champion_comparison": {"roc_auc": {"may_lose_at_most": 1}},
        "expression": "metrics.roc_auc < 1.0 || true",
        "freshness": "30d",
        "metric_threshold": {"roc_auc": {"at_most": 1}},
        "required_tags": {"owner": "present"},
        "staging_dwell": "1s",
    }.get(name, {})
    expected = Verdict.PENDING if name == "approvals" else Verdict.FAILED  # somebody can still approve
    for facts in ({}, {"run": False, "model_file": False}, {"champion": {}}):
        assert judge(name, parameters, candidate(**facts)).verdict is expected

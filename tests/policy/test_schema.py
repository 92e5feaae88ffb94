"""The composed schema: fresh, valid, and in agreement with the loader; and the reference beside it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from jsonschema import Draft202012Validator

from hotpass.cases import schema as cases
from hotpass.cases.reference import cases_reference
from hotpass.errors import PluginError
from hotpass.gates import Gate
from hotpass.plugins import create_manager, gate_classes
from hotpass.policy import extends_reference, reference, schema, waiver_schema
from hotpass.policy.compose import parse
from hotpass.policy.loader import load_policies
from hotpass.policy.nodes import value_of

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "policies"
GATES = gate_classes(create_manager())
VALIDATOR = Draft202012Validator(schema.compose_schema(GATES))


def accepts(policy: object) -> bool:
    return bool(VALIDATOR.is_valid(policy))


def with_entry(entry: object) -> dict[str, Any]:
    return {"policy": "a", "models": ["a"], "promotions": [{"to": "Staging", "gates": [entry]}]}


def test_the_committed_schema_is_fresh() -> None:
    committed = (POLICIES / schema.FILE).read_text(encoding="utf-8")
    assert committed == schema.schema_text(GATES), "run `hotpass policy schema --write`"
    of_cases = (POLICIES / cases.FILE).read_text(encoding="utf-8")
    assert of_cases == cases.schema_text(), "run `hotpass policy schema --write`"
    of_waivers = (POLICIES / waiver_schema.FILE).read_text(encoding="utf-8")
    assert of_waivers == waiver_schema.schema_text(), "run `hotpass policy schema --write`"


def test_the_committed_reference_is_fresh() -> None:
    committed = (POLICIES / reference.FILE).read_text(encoding="utf-8")
    assert committed == reference.reference(GATES, [cases_reference()]), (
        "run `hotpass policy reference --write`"
    )


def test_it_is_a_schema_of_its_draft() -> None:
    composed = schema.compose_schema(GATES)
    assert composed["$schema"] == schema.DIALECT
    Draft202012Validator.check_schema(composed)


def test_the_projects_own_policy_is_valid_to_another_validator() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    for file in sorted(POLICIES.glob("*.yaml")):
        its_schema = cases.FILE if file.name.endswith(".cases.yaml") else schema.FILE
        done = subprocess.run(
            [tool, "--schemafile", POLICIES / its_schema, file], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_projects_own_policy_is_valid_without_a_warning() -> None:
    (policy,) = load_policies(POLICIES).policies
    assert policy.covers("lead_scoring_model")
    assert {entry.to_stage for entry in policy.promotions} >= {"Staging", "Production"}


#: Wrong in a way that a schema does not see: misspelt stages, gates' own objections, what stands twice.
NOT_FOR_A_SCHEMA = {
    "approvals_never_enough", "comparison_direction", "comparison_without_metric", "from_equals_to",
    "extends_itself", "extends_not_there", "lineage_asks_nothing",
    "promotion_twice", "stage_misspelt", "stages_differ_in_case", "tags_bad_pattern", "threshold_impossible",
}  # fmt: skip


def invalid_policies_that_are_yaml() -> Iterator[tuple[str, object]]:
    for file in sorted((ROOT / "tests" / "invalid_policies").glob("*.yaml")):
        root, problems = parse(file.read_bytes(), file.name)
        if root is not None and not problems:
            yield file.stem, value_of(root)


@pytest.mark.parametrize(("name", "policy"), invalid_policies_that_are_yaml())
def test_what_the_loader_refuses_an_editor_marks(name: str, policy: object) -> None:
    assert accepts(policy) == (name in NOT_FOR_A_SCHEMA)


@pytest.mark.parametrize(
    ("entry", "valid"),
    [
        ("signature", True),
        ({"signature": {}}, True),
        ({"signature": None}, True),
        ("metric_threshold", False),
        ({"metric_threshold": None}, False),
        ({"staging_dwell": "24h"}, True),
        ({"staging_dwell": {"at_least": "24h"}, "name": "a day", "hint": "Wait."}, True),
        ({"signature": {}, "enforcement": "advisory"}, True),
        ({"signature": {}, "enforcement": "overridable"}, False),
        ({"signature": {}, "enforcement": "overridable", "by": ["me"]}, True),
        ({"signature": {}, "by": ["me"]}, False),
        ({"signature": {}, "input_example": {}}, False),
        ({"enforcement": "advisory"}, False),
        ("unheard_of", False),
        ({"unheard_of": {}}, False),
    ],
)
def test_entries(entry: object, valid: bool) -> None:
    assert accepts(with_entry(entry)) == valid


class Referring(Gate):
    """Its schema refers to a part of itself."""

    name = "referring"
    schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "$defs": {"share": {"type": "number", "maximum": 1}},
        "additionalProperties": {"$ref": "#/$defs/share"},
    }

    def evaluate(self, candidate: Any, now: Any) -> Any:
        raise NotImplementedError


def test_references_within_a_gates_schema_still_lead_into_it() -> None:
    composed = Draft202012Validator(schema.compose_schema({"referring": Referring}))
    assert composed.is_valid(with_entry({"referring": {"a": 0.5}}))
    assert not composed.is_valid(with_entry({"referring": {"a": 1.5}}))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"type": "objekt"}, "gate referring: its schema is not a JSON Schema: at type"),
        ({"properties": {"a": {"minimum": "1"}}}, "at properties/a/minimum"),
        ({"default": {1, 2}}, "gate referring: its schema is not JSON"),
    ],
)
def test_a_schema_that_is_none_names_its_gate(
    broken: Mapping[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Referring, "schema", broken)
    with pytest.raises(PluginError) as caught:
        schema.compose_schema({"referring": Referring})
    assert message in str(caught.value)


def test_without_gates_no_entry_is_valid() -> None:
    assert not Draft202012Validator(schema.compose_schema({})).is_valid(with_entry("signature"))


def test_the_reference_has_every_gate_and_its_parameters() -> None:
    text = reference.reference({**GATES, "referring": Referring})
    for name in [*GATES, "referring"]:
        assert f"## {name}\n" in text
    assert "Its schema refers to a part of itself." in text
    assert text.count("```") % 2 == 0


def test_the_example_in_the_reference_is_a_valid_policy(tmp_path: Path) -> None:
    text = reference.reference(GATES)
    example = text[text.index("```yaml\n") + 8 :]
    file = tmp_path / "example.yaml"
    file.write_text(example[: example.index("```")])
    assert load_policies(file).policies[0].name == "lead-scoring"


def test_the_example_of_shared_policies_fits_the_schema() -> None:
    for text in re.findall(r"```yaml\n(.*?)```", extends_reference.ABOUT, re.DOTALL):
        root, problems = parse(text.encode(), "README.md")
        assert root is not None
        assert not problems
        assert accepts(value_of(root))


@pytest.mark.parametrize(
    ("further", "valid"),
    [
        ({"models": ["a"]}, False),
        ({"shared": True}, False),
        ({"models": ["a"], "extends": [{"folder": "..", "path": "a.yaml"}]}, True),
        ({"shared": True, "extends": [{"folder": "..", "path": "a.yaml"}]}, True),
        ({"shared": False, "models": ["a"], "promotions": with_entry("signature")["promotions"]}, True),
        ({"shared": True, "promotions": with_entry("signature")["promotions"]}, True),
        ({"shared": True, "models": ["a"], "promotions": with_entry("signature")["promotions"]}, False),
        ({"models": ["a"], "extends": []}, False),
        ({"models": ["a"], "extends": [{"folder": "..", "path": "../a.yaml"}]}, False),
        ({"models": ["a"], "extends": [{"git": "x", "revision": "main", "path": "a.yaml"}]}, False),
    ],
)
def test_shared_and_extending_policies(further: dict[str, Any], valid: bool) -> None:
    assert accepts({"policy": "a", **further}) == valid


def test_every_example_of_every_gate_fits_its_schema() -> None:
    for gate in GATES.values():
        for example in json.loads(json.dumps(gate.schema.get("examples", []))):
            assert accepts(with_entry({gate.name: example})), (gate.name, example)

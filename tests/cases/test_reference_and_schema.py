"""What the reference shows works, and the schema, the reference and the reader agree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hotpass.cases import keys
from hotpass.cases.keys import Key
from hotpass.cases.reading import read_cases
from hotpass.cases.reference import cases_reference
from hotpass.cases.schema import cases_schema
from hotpass.cases.suite import run_suite
from hotpass.policy.loader import gates_of, load_policies

POLICY = """\
policy: leads
models: ["lead_*"]
promotions:
  - to: Production
    from: Staging
    gates:
      - champion_comparison: {first_champion: allow, roc_auc: {may_lose_at_most: 0.005}}
      - required_tags: {owner: present}
      - staging_dwell: 24h
"""
VALIDATOR = Draft202012Validator(cases_schema())
INVALID = Path(__file__).parent.parent / "invalid_cases"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leads.yaml").write_text(POLICY)
    return tmp_path


def test_the_example_in_the_reference_is_as_it_says() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", cases_reference(), re.DOTALL)
    Path("leads.cases.yaml").write_text(example)
    ran = run_suite([Path()], gates_of())
    assert (ran.found.problems, ran.differing) == ((), [])
    assert [str(result.decision.outcome) for result in ran.results] == ["allowed", "denied", "allowed"]


def in_a_case(table: Mapping[str, Key], name: str, value: Any) -> dict[str, Any]:
    case: dict[str, Any] = {"case": "a", "to": "Staging", "expect": {"outcome": "denied"}}
    if table is keys.VERSION:
        case["candidate"] = {name: value}
    elif table is keys.EXPECT:
        case["expect"] |= {name: value}
    else:
        case[name] = value
    return {"cases": [case]}


EXAMPLES = [
    (table, name, key.example)
    for table in (keys.CASE, keys.VERSION, keys.EXPECT)
    for name, key in table.items()
]


@pytest.mark.parametrize(("table", "name", "example"), EXAMPLES, ids=[name for _, name, _ in EXAMPLES])
def test_the_example_of_each_key_is_right(table: Mapping[str, Key], name: str, example: Any) -> None:
    assert example is not None
    file = in_a_case(table, name, example)
    assert VALIDATOR.is_valid(file)
    assert read_cases(yaml.safe_dump(file).encode(), "a.cases.yaml", None).problems == ()
    assert f"- `{name}`: " in cases_reference()
    for wrong in ([["x"]], {"x": {"y": []}}):
        broken = in_a_case(table, name, wrong)
        assert name == "evidence" or not VALIDATOR.is_valid(broken)
        assert (
            name == "evidence" or read_cases(yaml.safe_dump(broken).encode(), "a.cases.yaml", None).problems
        )


@pytest.mark.parametrize(
    "name",
    ["unknown_keys", "outcome", "numbers", "records", "people", "texts", "candidate_is_a_text", "no_cases",
     "cases_empty", "cases_is_a_mapping", "defaults_is_a_list", "a_list", "defaults"],
)  # fmt: skip
def test_the_schema_refuses_what_the_reader_refuses(name: str) -> None:
    assert not VALIDATOR.is_valid(yaml.safe_load((INVALID / f"{name}.yaml").read_text()))


_SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.sampled_from(
    ["25h ago", "Staging", "Production", "allowed", "denied", "nan", "ana", "2026-01-15T12:00:00Z"]
)  # fmt: skip
_KEYS = st.sampled_from(
    [
        *keys.FILE,
        *keys.CASE,
        *keys.VERSION,
        *keys.EXPECT,
        "value",
        "name",
        "at",
        "since",
        "inputs",
        "signature",
    ]
)
_ANY = st.recursive(
    _SCALARS,
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(_KEYS | st.text(max_size=4), below, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.dictionaries(st.sampled_from(list(keys.CASE)), _ANY, max_size=8), min_size=1, max_size=3),
    _ANY,
)
def test_whatever_stands_in_a_file_is_read_or_refused(cases: list[Any], defaults: Any) -> None:
    (policy,) = load_policies("leads.yaml").policies
    content = yaml.safe_dump({"defaults": defaults, "cases": cases}, allow_unicode=True).encode()
    read = read_cases(content, "leads.cases.yaml", policy)
    assert all(problem.line and problem.message for problem in read.problems)

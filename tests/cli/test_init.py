"""`hotpass init`: the policy folder that it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hotpass.cli.starter import DEFAULT_DWELL
from hotpass.policy.loader import load_policies
from support.commands import Hotpass


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_it_writes_passes_lint_and_covers_what_train_registers(hotpass: Hotpass) -> None:
    ran = hotpass("init")

    assert (ran.code, ran.err) == (0, "")
    assert sorted(file.name for file in Path("policies").iterdir()) == [
        "README.md", "cases.schema.json", "lead_scoring.cases.yaml", "lead_scoring.yaml",
        "policy.schema.json",
    ]  # fmt: skip
    assert hotpass("policy", "lint").code == 0
    (policy,) = load_policies("policies").policies
    assert policy.covers("lead_scoring_model"), "the name that `hotpass train` registers under by default"
    assert not policy.covers("churn")
    assert [(entry.from_stage, entry.to_stage) for entry in policy.promotions] == [
        (None, "Staging"), ("Staging", "Production"), ("Production", "Archived"),
    ]  # fmt: skip
    dwell = [
        gate.parameters for entry in policy.promotions for gate in entry.gates if gate.name == "staging_dwell"
    ]
    assert dwell == [DEFAULT_DWELL]


def test_the_next_steps_that_it_prints_work(hotpass: Hotpass) -> None:
    ran = hotpass("init", "rules/scoring", "--model", "churn", "--dwell", "90s")

    steps = [line.split() for line in ran.out.splitlines() if line.startswith("  hotpass ")]
    assert steps == [
        ["hotpass", "policy", "lint", "rules/scoring"],
        ["hotpass", "policy", "test", "rules/scoring"],
        ["hotpass", "check", "MODEL", "latest", "--to", "Staging", "--policies", "rules/scoring"],
    ]
    assert hotpass(*steps[0][1:]).out == (
        "rules/scoring/churn.yaml: ok: policy churn, 3 promotions, 11 gates\n"
    )
    assert hotpass(*steps[1][1:]).code == 0
    assert "staging_dwell: 90s" in Path("rules/scoring/churn.yaml").read_text()


@pytest.mark.parametrize(
    ("pattern", "dwell"), [("*", "1s"), ("ÄÖ?", "3650d"), ("a-*-b", "1d12h"), ("plain", "2w")]
)
def test_its_cases_pass_and_cover_every_gate_both_ways(hotpass: Hotpass, pattern: str, dwell: str) -> None:
    assert hotpass("init", "--model", pattern, "--dwell", dwell).code == 0
    ran = hotpass("policy", "test", "--require-coverage", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.json["cases"]) >= 10


@pytest.mark.parametrize("pattern", ['a "quoted" \\ name', "model-*", "ÄÖ*", "*", "'", "x" * 255, "a, b # c"])
def test_any_name_of_a_model_makes_a_policy_that_covers_it(hotpass: Hotpass, pattern: str) -> None:
    assert hotpass("init", "--model", pattern).code == 0

    (policy,) = load_policies("policies").policies
    assert policy.models == (pattern,)


def test_it_writes_over_nothing(hotpass: Hotpass) -> None:
    hotpass("init")
    Path("policies/lead_scoring.yaml").write_text("mine")
    Path("policies/README.md").unlink()

    ran = hotpass("init")

    assert ran.code == 2
    assert ran.err == (
        "Error: policies/lead_scoring.yaml, policies/lead_scoring.cases.yaml, policies/policy.schema.json, "
        "policies/cases.schema.json are there already; nothing was written. "
        "Name another folder, or move them away.\n"
    )
    assert Path("policies/lead_scoring.yaml").read_text() == "mine"
    assert not Path("policies/README.md").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["init", "--dwell", "5"], "Error: --dwell: '5' is not a duration. Write whole numbers with w, d, h"),
        (["init", "--dwell", "0s"], "Error: --dwell: '0s' is no time at all."),
        (["init", "--model", "a:b"], "Error: --model: 'a:b' is not the name of a model."),
        (["init", "--model", " "], "Error: --model: ' ' is not the name of a model."),
        (["init", "--model", "a\nb"], "Error: --model: 'a\\nb' is not the name of a model."),
        (["init", "file"], "Error: file cannot be written: File exists."),
        (["init", "file/below"], "Error: file/below cannot be written: Not a directory."),
    ],
)
def test_a_mistake_writes_nothing(hotpass: Hotpass, words: list[str], message: str) -> None:
    Path("file").write_text("")

    ran = hotpass(*words)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(message)
    assert list(Path().iterdir()) == [Path("file")]


def test_its_first_line_names_the_schema_beside_it(hotpass: Hotpass) -> None:
    hotpass("init")

    text = Path("policies/lead_scoring.yaml").read_text()
    assert text.splitlines()[0] == "# yaml-language-server: $schema=policy.schema.json"
    assert yaml.safe_load(text)["models"] == ["lead_scoring*"]

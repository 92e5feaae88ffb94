"""The pre-commit hooks that teams use on their policy folders do what pre-commit will run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
GOOD = """\
policy: leads
models: ["leads"]
promotions:
  - to: Production
    gates:
      - signature
"""


CASES = """\
cases:
  - case: a model without a signature
    to: Production
    expect: {outcome: denied}
"""
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}


def run(hook, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs the hook's command as pre-commit does, without file names."""
    program, *arguments = shlex.split(hook["entry"])
    command = [str(Path(sys.executable).parent / program), *arguments, *hook["args"]]
    assert hook["pass_filenames"] is False
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def test_lint_fails_for_a_broken_policy_only(tmp_path):
    hook = HOOKS["hotpass-policy-lint"]
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "leads.yaml").write_text(GOOD)
    assert run(hook, tmp_path).returncode == 0
    (policies / "same.yaml").write_text(GOOD.replace("signature", "signatur"))
    done = run(hook, tmp_path)
    assert done.returncode == 2
    assert "same.yaml:6" in done.stdout + done.stderr


def test_test_fails_for_a_case_that_differs_only(tmp_path):
    hook = HOOKS["hotpass-policy-test"]
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "leads.yaml").write_text(GOOD)
    (policies / "leads.cases.yaml").write_text(CASES)
    assert run(hook, tmp_path).returncode == 0
    (policies / "leads.cases.yaml").write_text(CASES.replace("denied", "allowed"))
    done = run(hook, tmp_path)
    assert done.returncode == 1
    assert "leads.cases.yaml:2:5: a model without a signature" in done.stdout


def test_there_are_no_other_hooks():
    assert list(HOOKS) == ["hotpass-policy-lint", "hotpass-policy-test"]


@pytest.mark.parametrize(
    ("file", "is_policy"),
    [
        ("policies/leads.yaml", True),
        ("policies/team/leads.yml", True),
        ("policies/leads.cases.yaml", True),
        ("src/policies/leads.yaml", False),
    ],
)
@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_it_runs_when_a_policy_changes(hook, file, is_policy):
    assert bool(re.search(hook["files"], file)) is is_policy

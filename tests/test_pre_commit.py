"""The pre-commit hook that teams use on their policy folders does what pre-commit will run."""

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


@pytest.fixture
def hook():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return hook


def run(hook, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs the hook's command as pre-commit does, without file names."""
    program, *arguments = shlex.split(hook["entry"])
    command = [str(Path(sys.executable).parent / program), *arguments, *hook["args"]]
    assert hook["pass_filenames"] is False
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def test_it_fails_for_a_broken_policy_only(hook, tmp_path):
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "leads.yaml").write_text(GOOD)
    assert run(hook, tmp_path).returncode == 0
    (policies / "same.yaml").write_text(GOOD.replace("signature", "signatur"))
    done = run(hook, tmp_path)
    assert done.returncode == 2
    assert "same.yaml:6" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "is_policy"),
    [("policies/leads.yaml", True), ("policies/team/leads.yml", True), ("src/policies/leads.yaml", False)],
)
def test_it_runs_when_a_policy_changes(hook, file, is_policy):
    assert bool(re.search(hook["files"], file)) is is_policy

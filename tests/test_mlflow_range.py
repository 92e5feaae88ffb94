"""The ends of the stated range of dependencies, MLflow first of all: the whole promotion story runs on both.

These tests install packages, so they are marked slow: `uv run pytest -m slow tests/test_mlflow_range.py`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
STORY = ROOT / "tests" / "support" / "story.py"


def lowest_mlflow() -> str:
    """The lowest MLflow that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (mlflow,) = (
        requirement
        for requirement in map(Requirement, project["optional-dependencies"]["ml_scoring"])
        if requirement.name == "mlflow"
    )
    (lowest,) = (bound.version for bound in mlflow.specifier if bound.operator == ">=")
    return lowest


def run(*command: str | Path, env: dict[str, str], cwd: Path = ROOT) -> str:
    """What `command` wrote; it must succeed."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
def test_the_story_runs_at_both_ends_of_the_range(resolution, tmp_path, given_environment):
    environment = tmp_path / "venv"
    python = environment / "bin" / "python"
    env = {name: value for name, value in given_environment.items() if name != "VIRTUAL_ENV"}
    run("uv", "venv", "--python", sys.executable, environment, env=env)
    run("uv", "pip", "install", "--python", python, "--resolution", resolution, ".[ml_scoring]", env=env)
    story = tmp_path / "story"
    story.mkdir()
    said = run(python, STORY, story, env=env, cwd=story)
    assert said.splitlines()[-1] == "story: ok"
    used = re.search(r"mlflow (\d+\.\d+)", said)
    assert used is not None
    if resolution == "lowest-direct":
        assert used.group(1) == lowest_mlflow()
    else:
        assert tuple(map(int, used.group(1).split("."))) > tuple(map(int, lowest_mlflow().split(".")))

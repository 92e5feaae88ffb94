"""What a bare machine gets from pip: a light base install that names what it lacks, and an extra that has it.

These tests install packages, so they are marked slow: `uv run pytest -m slow tests/test_install.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIGHT = {"hotpass", "jsonschema", "pluggy", "pyyaml", "rich", "typer"}
HEAVY = {
    "matplotlib",
    "mlflow",
    "mlflow-skinny",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "skops",
}


class Venv:
    """A new virtual environment, and what runs in it."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.env = {name: value for name, value in env.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
        # Not `python -m venv`: some systems ship Python without what that needs.
        subprocess.run(
            ["uv", "venv", "--quiet", "--seed", "--python", sys.executable, folder], check=True, env=self.env
        )

    def run(self, program: str, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "bin" / program, *arguments],
            cwd=cwd,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def install(self, what: str) -> set[str]:
        """Installs from the repository as the README says; returns the names of all packages then there."""
        done = self.run("python", "-m", "pip", "install", "--quiet", what, cwd=ROOT)
        assert done.returncode == 0, done.stderr[-4000:]
        listed = self.run("python", "-m", "pip", "list", "--format", "json", cwd=ROOT)
        return {package["name"].lower() for package in json.loads(listed.stdout)}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_base_install_is_light_and_names_what_it_lacks(tmp_path, given_environment):
    venv = Venv(tmp_path / "venv", given_environment)
    packages = venv.install(".")
    assert packages >= LIGHT
    assert packages & HEAVY == set()

    linted = venv.run("hotpass", "policy", "lint", ROOT / "policies", cwd=tmp_path)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    listed = venv.run("hotpass", "plugins", "list", cwd=tmp_path)
    assert listed.returncode == 0, listed.stdout + listed.stderr

    checked = venv.run("hotpass", "check", "lead_scoring_contacts", "1", "--to", "Production", cwd=tmp_path)
    said = checked.stdout + checked.stderr
    assert checked.returncode == 2, said
    assert "pip install" in said
    assert "hotpass[ml_scoring]" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_extra_installs_all_that_the_story_needs(tmp_path, given_environment):
    venv = Venv(tmp_path / "venv", given_environment)
    assert venv.install(".[ml_scoring]") >= LIGHT | HEAVY
    story = tmp_path / "story"
    story.mkdir()
    done = venv.run("python", ROOT / "tests" / "support" / "story.py", story, cwd=story)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "story: ok"

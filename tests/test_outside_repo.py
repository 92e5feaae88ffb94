"""A repository of somebody else's, in an environment that pip made: a gate, a policy that uses it, cases, a
waiver, a shared policy and the pre-commit hooks. Every command works there, and it uses public names only.

It installs packages, so it is marked slow: `uv run pytest -m slow tests/test_outside_repo.py`.
"""

from __future__ import annotations

import ast
import importlib
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SHARED = """\
policy: baseline
description: What the company asks of every model.
shared: true
promotions:
  - to: Production
    from: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.7}
"""
POLICY = """\
policy: leads
description: Which lead models may serve in Europe.
models: ["leads_*"]
extends:
  - folder: ../shared
    path: baseline.yaml
promotions:
  - to: Staging
    gates:
      - row_count: {at_least: 100}
  - to: Production
    from: Staging
    gates:
      - row_count: {at_least: 1000}
      - expression:
          rule: '!has_champion || metrics.roc_auc >= champion.metrics.roc_auc - 0.01'
          message: A successor may lose one point of ROC AUC, and no more.
        name: successor
"""
CASES = """\
defaults:
  candidate:
    metrics: {roc_auc: 0.8}
    params: {validation_rows: "1000"}
cases:
  - case: may be tried
    to: Staging
    expect: {outcome: allowed}
  - case: nobody counted
    to: Staging
    candidate: {params: {validation_rows: }}
    expect: {outcome: denied, verdicts: {row_count: failed}}
  - case: the first of all
    to: Production
    expect: {outcome: allowed}
  - case: a successor that loses too much
    to: Production
    champion: {metrics: {roc_auc: 0.82}}
    expect: {outcome: denied, verdicts: {successor: failed, row_count: passed}}
  - case: too few rows, and worse than the company allows
    to: Production
    candidate: {metrics: {roc_auc: 0.6}, params: {validation_rows: "999"}}
    expect: {outcome: denied, verdicts: {row_count: failed, metric_threshold: failed}}
"""
WAIVER = """\
waiver: the-fair
policy: leads
gate: row_count
model: leads_eu
versions: [2]
to: Production
reason: The fair begins tomorrow, and there are no more rows to be had.
granted_by: head-of-risk
granted: {granted:%Y-%m-%dT%H:%M:%SZ}
expires: {expires:%Y-%m-%dT%H:%M:%SZ}
"""
#: Two versions as any script registers them: one on enough rows, one not.
REGISTER = """\
import mlflow

client = mlflow.MlflowClient()
client.create_registered_model("leads_eu")
for rows in ("1000", "900"):
    with mlflow.start_run() as run:
        mlflow.log_metric("roc_auc", 0.8)
        mlflow.log_param("validation_rows", rows)
        mlflow.log_text("weights", "model/weights.txt")
    client.create_model_version("leads_eu", f"runs:/{run.info.run_id}/model", run.info.run_id)
"""
PRE_COMMIT = """\
repos:
  - repo: {release}
    rev: "0.1.0"
    hooks:
      - id: hotpass-policy-lint
        additional_dependencies: ["hotpass[cel]", "{project}"]
      - id: hotpass-policy-test
        args: [policies, --require-cases]
        additional_dependencies: ["hotpass[cel]", "{project}"]
"""


class Outside:
    """The repository, and the environment in which its commands run."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        self.project = folder / "row_count"
        dropped = ("HOTPASS_", "MLFLOW_", "PYTHONPATH", "VIRTUAL_ENV", "GIT_", "CI", "GITHUB_")
        self.env = {name: value for name, value in environment.items() if not name.startswith(dropped)}
        self.env |= {
            "HOME": str(folder / "home"), "PRE_COMMIT_HOME": str(folder / "pre-commit"), "NO_COLOR": "1",
            "PATH": f"{self.bin}:{self.env['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true", "COLUMNS": "200",
            **{f"GIT_{who}_{what}": "me@example.org" for who in ("AUTHOR", "COMMITTER")
               for what in ("NAME", "EMAIL")},
        }  # fmt: skip
        (folder / "home").mkdir(parents=True)

    def run(self, command: str, *more: str | Path, code: int = 0, cwd: Path | None = None) -> str:
        """What the command printed; it must end with this code, and without a traceback."""
        done = subprocess.run(
            [*shlex.split(command), *more], cwd=cwd or self.project, env=self.env, capture_output=True,
            text=True, timeout=900, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{command}: {done.returncode}\n{said[-6000:]}"
        assert "Traceback" not in said, said
        return done.stdout if code == 0 else said

    def write(self, path: str, text: str) -> None:
        file = self.project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory, given_environment: dict[str, str]) -> Outside:
    folder = tmp_path_factory.mktemp("outside")
    there = Outside(folder, given_environment)
    release(there, folder / "hotpass")
    there.run("uv venv --quiet --seed --python", sys.executable, folder / "venv", cwd=folder)
    there.run("python -m pip wheel --quiet --no-deps --wheel-dir wheels ./hotpass", cwd=folder)
    (wheel,) = (folder / "wheels").iterdir()
    there.run("python -m pip install --quiet", f"{wheel}[ml_scoring,testing,cel]", "pre-commit", cwd=folder)
    there.run("hotpass plugins new row_count", cwd=folder)
    there.run("python -m pip install --quiet -e .[test]")
    return there


def release(there: Outside, folder: Path) -> None:
    """Hotpass as a repository with a tag, from what is in the working tree here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, env=there.env, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for command in ("init --quiet", "add --all --force", "commit --quiet -m release", "tag 0.1.0"):
        there.run(f"git {command}", cwd=folder)


def test_what_the_scaffold_wrote_passes_all_that_its_readme_says(outside: Outside) -> None:
    assert "18 passed" in outside.run("pytest -q")
    assert "row_count: ok: 1 gate" in outside.run("hotpass plugins check")
    assert outside.run("hotpass plugins check row_count") == "row_count: ok: 1 gate\n"
    assert "row-count 0.1.0" in outside.run("hotpass plugins list")
    assert "ok: policy row-count" in outside.run("hotpass policy lint")
    assert "5 cases" in outside.run("hotpass policy test --require-cases --require-coverage")


def test_a_policy_of_its_own_with_a_shared_one_and_cases(outside: Outside) -> None:
    outside.write("shared/baseline.yaml", SHARED)
    outside.write("policies/leads.yaml", POLICY)
    outside.write("policies/leads.cases.yaml", CASES)
    outside.run("hotpass policy schema --write")
    outside.run("hotpass policy reference --write")
    assert "## row_count" in (outside.project / "policies" / "README.md").read_text()
    assert "row_count" in (outside.project / "policies" / "policy.schema.json").read_text()
    outside.run("hotpass policy lint --strict")
    assert "10 cases" in outside.run("hotpass policy test --require-cases")
    assert "23 passed" in outside.run("pytest -q")
    explained = outside.run("hotpass policy explain")
    assert "At least 1000 rows stood behind the evaluation." in explained
    assert "champion.metrics.roc_auc - 0.01" in explained
    outside.write("policies/leads.yaml", POLICY.replace("at_least: 1000", "at_leest: 1000"))
    assert "Did you mean 'at_least'?" in outside.run("hotpass policy lint", code=2)
    outside.write("policies/leads.yaml", POLICY.replace("has_champion", "has_champoin"))
    assert "Did you mean has_champion?" in outside.run("hotpass policy lint", code=2)
    outside.write("policies/leads.yaml", POLICY)


@pytest.mark.parametrize("form", ["json", "junit", "sarif", "github", "markdown"])
def test_every_form_of_report(outside: Outside, form: str) -> None:
    for command in ("hotpass policy lint --format", "hotpass policy test --format"):
        said = outside.run(command, form)
        if form in ("json", "sarif"):
            json.loads(said)


def test_the_hooks_run_by_pre_commit(outside: Outside) -> None:
    """Those of the scaffold, in this environment; then those of Hotpass itself, in pre-commit's own."""
    for command in ("init --quiet -b main", "add --all", "commit --quiet -m first"):
        outside.run(f"git {command}")
    local = outside.run("pre-commit run --all-files")
    assert local.count("Passed") == 3
    config = PRE_COMMIT.format(release=outside.folder / "hotpass", project=outside.project)
    outside.write("hooks.yaml", config)
    released = "pre-commit run --all-files --config hooks.yaml"
    assert outside.run(released).count("Passed") == 2
    broken = POLICY.replace("row_count: {at_least: 100}", "row_cuont: {at_least: 100}")
    outside.write("policies/leads.yaml", broken)
    for command in ("pre-commit run --all-files", released):
        said = outside.run(command, code=1)
        assert "policies/leads.yaml:10:9: unknown gate 'row_cuont'" in said
        assert "Did you mean 'row_count'?" in said
    outside.write("policies/leads.yaml", POLICY)
    (outside.project / "hooks.yaml").unlink()


def test_a_registry_is_judged_by_it(outside: Outside) -> None:
    outside.env["MLFLOW_TRACKING_URI"] = f"sqlite:///{outside.folder / 'mlflow.db'}"
    outside.run("python -c", REGISTER, cwd=outside.folder)
    outside.run("hotpass promote leads_eu 1 --to Staging")
    outside.run("hotpass promote leads_eu 1 --to Production")
    outside.run("hotpass promote leads_eu 2 --to Staging")
    denied = outside.run("hotpass check leads_eu 2 --to Production", code=1)
    assert "900 validation rows, 1000 wanted" in denied
    now = datetime.now(UTC)
    waiver = WAIVER.format(granted=now, expires=now + timedelta(days=1))
    outside.write("policies/waivers/fair.yaml", waiver)
    outside.run("hotpass policy lint --strict")
    assert "waived by head-of-risk" in outside.run("hotpass promote leads_eu 2 --to Production")
    assert "(row_count waived)" in outside.run("hotpass history leads_eu")
    assert "leads_eu" in outside.run("hotpass scan")

    strict = POLICY.replace("at_least: 1000", "at_least: 950").replace("at_least: 100}", "at_least: 1000}")
    outside.write("policies/leads.yaml", strict)
    diff = outside.run("hotpass policy diff HEAD")
    assert "row_count" in diff
    back = json.loads(outside.run("hotpass policy backtest --since 1d --against HEAD --json"))
    assert "leads_eu" in json.dumps(back)
    judged = outside.run("hotpass check leads_eu 2 --to Production --policies-from HEAD", code=1)
    assert "1000 wanted" in judged, "a pull request is judged by its base, which has no waiver yet"
    outside.write("policies/leads.yaml", POLICY)


def test_it_uses_public_names_only(outside: Outside) -> None:
    used: list[tuple[str, str]] = []
    for file in outside.project.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0].startswith(
                "hotpass"
            ):
                used += [(node.module or "", alias.name) for alias in node.names]
            elif isinstance(node, ast.Import):
                used += [(alias.name, "") for alias in node.names if alias.name.startswith("hotpass")]
    assert {module for module, _ in used} == {"hotpass", "hotpass.testing"}
    for module, name in used:
        assert name in importlib.import_module(module).__all__, (module, name)
    hooks = yaml.safe_load((outside.project / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert {hook["entry"].split()[0] for hook in hooks} == {"hotpass"}

"""The pytest plugin, in pytest runs of their own: what it collects, how a failure reads, and that nobody else
notices it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hotpass.cases.finding  # noqa: F401 - else every inner run would import it, and PyYAML, anew

pytest_plugins = "pytester"

Run = Callable[..., tuple[int, str]]

POLICY = """\
policy: leads
models: ["lead_*"]
promotions:
  - to: Production
    from: Staging
    gates:
      - metric_threshold: {roc_auc: {at_least: 0.7}}
"""
CASES = """\
cases:
  - case: good
    to: Production
    candidate: {metrics: {roc_auc: 0.8}}
    expect: {outcome: allowed}
  - case: bad, of course
    to: Production
    candidate: {metrics: {roc_auc: 0.6}}
    expect: {outcome: allowed}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "leads.yaml").write_text(POLICY)
    (tmp_path / "policies" / "leads.cases.yaml").write_text(CASES)
    return tmp_path


@pytest.fixture
def run(pytester: pytest.Pytester, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs pytest in this process, without the plugins of other projects; gives the exit code and what it
    printed.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.chdir(folder)

    def run(*words: str) -> tuple[int, str]:
        done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "hotpass.pytest_plugin", *words)
        return int(done.ret), f"{done.stdout}\n{done.stderr}"

    return run


def run_apart(*words: str, others: bool = False) -> tuple[int, str]:
    """As `run`, in a process of its own; with `others` also the plugins of other projects."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    environment = dict(os.environ)
    if not others:
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        command += ["-p", "hotpass.pytest_plugin"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    return done.returncode, done.stdout + done.stderr


def test_each_case_is_a_test_and_a_failure_is_the_difference(run: Run) -> None:
    code, out = run("-v")
    assert code == 1
    assert "policies/leads.cases.yaml::good PASSED" in out
    assert "policies/leads.cases.yaml::bad, of course FAILED" in out
    assert (
        "policies/leads.cases.yaml:6:5: bad, of course\n"
        "    outcome: expected allowed, got denied\n"
        "        metric_threshold failed: roc_auc is 0.6, wanted at least 0.7 (policies/leads.yaml:7:9)\n"
    ) in out
    assert "Traceback" not in out
    assert "1 failed, 1 passed" in out


def test_one_case_can_be_asked_for(run: Run) -> None:
    code, out = run("policies/leads.cases.yaml::good")
    assert (code, "1 passed" in out) == (0, True)
    assert "1 passed, 1 deselected" in run("-k", "good")[1]


def test_it_is_found_by_itself_and_works_with_xdist() -> None:
    code, out = run_apart("-n", "1", others=True)
    assert code == 1
    assert "1 failed, 1 passed" in out
    assert "FAILED policies/leads.cases.yaml::bad, of course - policies/leads.cases.yaml:6:5: bad" in out


def test_a_wrong_file_is_an_error_of_collection(folder: Path, run: Run) -> None:
    (folder / "policies" / "leads.cases.yaml").write_text(CASES.replace("outcome", "outcme"))
    code, out = run()
    assert code == 2
    assert "policies/leads.cases.yaml:5:14: unknown key 'outcme'\n    Did you mean 'outcome'?" in out
    assert "Traceback" not in out


def test_a_wrong_policy_is_one_too(folder: Path, run: Run) -> None:
    (folder / "policies" / "leads.yaml").write_text(POLICY.replace("metric_threshold", "metric_treshold"))
    code, out = run()
    assert code == 2
    assert "policies/leads.yaml:7:9: unknown gate 'metric_treshold'" in out


def test_cases_of_a_policy_that_is_gone_are_not_left_out(folder: Path, run: Run) -> None:
    (folder / "policies" / "leads.yaml").rename(folder / "policies" / "lead.yaml")
    code, out = run()
    assert code == 2
    assert "there is no policy leads.yaml beside it" in out


def test_a_file_of_somebody_else_s_is_none_of_its_business(folder: Path, run: Run) -> None:
    (folder / "policies" / "leads.yaml").unlink()
    (folder / "policies" / "leads.cases.yaml").write_text("- input: 1\n  output: 2\n")
    code, out = run()
    assert (code, "no tests ran" in out) == (5, True)


def test_it_can_be_turned_off(folder: Path, run: Run) -> None:
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\nhotpass_cases = false\n")
    assert run()[0] == 5
    assert run("-o", "hotpass_cases=false")[0] == 5


def test_gates_of_the_folder_that_the_root_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    (folder / "gates").mkdir()
    (folder / "gates" / "rows.py").write_text(
        "from hotpass import Gate, hookimpl, passed\n"
        "class Rows(Gate):\n"
        "    '''Rows are known.'''\n"
        "    name = 'rows'\n"
        "    schema = {'type': 'object'}\n"
        "    def evaluate(self, candidate, now): return passed('there are')\n"
        "@hookimpl\n"
        "def hotpass_gates(): return [Rows]\n"
    )
    (folder / "policies" / "leads.yaml").write_text(
        POLICY.replace("metric_threshold: {roc_auc: {at_least: 0.7}}", "rows")
    )
    code, out = run()
    assert code == 2
    assert "unknown gate 'rows'" in out
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\n[tool.hotpass]\nplugins = "gates"\n')
    monkeypatch.chdir(folder / "policies")
    assert run()[0] == 0
    (folder / "gates" / "rows.py").write_text("1 / 0\n")
    code, out = run()
    assert code == 2
    assert "rows.py failed to load: ZeroDivisionError" in out


def test_nobody_else_notices_it(folder: Path) -> None:
    (folder / "policies" / "leads.cases.yaml").unlink()
    (folder / "test_else.py").write_text(
        "import json, sys\n"
        "def test_it():\n"
        "    open('loaded.json', 'w').write(json.dumps(sorted(sys.modules)))\n"
    )
    code, out = run_apart()
    assert (code, "1 passed" in out) == (0, True)
    loaded = set(json.loads(Path("loaded.json").read_text()))
    ours = {name for name in loaded if name.partition(".")[0].startswith("hotpass")}
    assert ours == {"hotpass", "hotpass.pytest_plugin"}
    assert not loaded & {"mlflow", "jsonschema", "yaml", "typer", "pandas", "numpy"}


def test_cases_load_nothing_heavy(folder: Path) -> None:
    (folder / "conftest.py").write_text(
        "import sys\n"
        "def pytest_unconfigure():\n"
        "    print('loaded', sorted({'mlflow', 'sklearn', 'pandas', 'numpy', 'typer'} & set(sys.modules)))\n"
    )
    code, out = run_apart("-k", "good")
    assert (code, out.splitlines()[-1]) == (0, "loaded []")

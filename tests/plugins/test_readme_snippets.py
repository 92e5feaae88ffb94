"""Every block of plugins/README.md does what the text around it says."""

from __future__ import annotations

import importlib
import logging
import os
import re
import subprocess
import sys
import tomllib
from datetime import timedelta
from inspect import isfunction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
import yaml
from typer.testing import CliRunner

from hotpass import hookspecs
from hotpass.cli.app import main
from hotpass.engine import evaluate, vetoes
from hotpass.plugins import GROUP, create_manager, gate_classes, register
from hotpass.policy.loader import load_policies
from hotpass.requests import ScoringRequest, TrainingRequest, TrainingResult
from hotpass.testing import NOW, candidate, judge, make
from hotpass.verdicts import Verdict

README_FILE = Path(__file__).resolve().parents[2] / "plugins" / "README.md"
README = README_FILE.read_text()
HOOKS = [name for name, value in vars(hookspecs).items() if name.startswith("hotpass_") and isfunction(value)]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def section(heading: str) -> str:
    return README.split(f"### {heading}\n", 1)[1].split("\n### ", 1)[0]


def named(path: str, language: str) -> str:
    (block,) = [block for block in blocks(README, language) if block.startswith(f"# {path}\n")]
    return block


def plugin(hook: str):
    """The one Python block under the heading of `hook`, as a module, and a manager that has it."""
    (code,) = (code for code in blocks(section(hook), "python") if "hookimpl" in code)
    module = type(sys)(hook)
    exec(compile(code, f"plugins/README.md, {hook}", "exec"), module.__dict__)
    manager = create_manager(entry_points=False)
    register(manager, module, hook)
    return module, manager


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The files of the first part, where the text says they are."""
    monkeypatch.chdir(tmp_path)
    for path, language in [
        ("gates/minimum_rows.py", "python"),
        ("tests/test_minimum_rows.py", "python"),
        ("tests/test_any_candidate.py", "python"),
        ("policies/lead.yaml", "yaml"),
        ("policies/lead.cases.yaml", "yaml"),
    ]:
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(named(path, language))
    return tmp_path


def test_every_hook_has_a_section_with_an_example():
    assert re.findall(r"^### (hotpass_\w+)$", README, re.MULTILINE) == HOOKS
    assert [
        hook
        for hook in HOOKS
        if hook not in blocks(README, "python")[0] and not blocks(section(hook), "python")
    ] == []


def test_every_python_block_compiles():
    for code in blocks(README, "python"):
        compile(code, "plugins/README.md", "exec")


def test_the_policy_with_the_gate_in_its_folder_loads_and_judges(project):
    policies = load_policies("policies", plugins="gates")
    facts = {"metrics": {"roc_auc": 0.8}}
    good = evaluate(policies, candidate(params={"validation_rows": "1000"}, **facts), NOW)
    assert good.allowed
    assert [judgement.entry.name for judgement in good.judgements] == ["metric_threshold", "minimum_rows"]
    assert not evaluate(policies, candidate(params={"validation_rows": "999"}, **facts), NOW).allowed
    unclear = evaluate(policies, candidate(params={"validation_rows": "many"}, **facts), NOW)
    assert unclear.judgements[1].result.verdict is Verdict.FAILED
    assert "'many'" in unclear.judgements[1].result.message


def test_the_gate_that_measures_does_so_in_a_process_of_its_own(tmp_path, monkeypatch):
    package = tmp_path / "our_gates"
    package.mkdir()
    for name in ("__init__", "largest"):
        (package / f"{name}.py").write_text(named(f"our_gates/{name}.py", "python"))
    model, scratch = tmp_path / "model", tmp_path / "scratch"
    for folder in (model, scratch):
        folder.mkdir()
    (model / "MLmodel").write_text("flavors: {}")
    monkeypatch.syspath_prepend(tmp_path)
    (gate,) = importlib.import_module("our_gates").hotpass_gates()
    judged = candidate(files=model, scratch=scratch)
    assert gate(11).evaluate(judged, NOW).verdict is Verdict.PASSED
    result = gate(10).evaluate(judged, NOW)
    assert (result.verdict, dict(result.evidence)) == (Verdict.FAILED, {"size": 11})


def command(words: str) -> list[str]:
    """The one line of a console block that begins with these words, as arguments."""
    (line,) = [
        line
        for block in blocks(README, "console")
        for line in block.splitlines()
        if line.startswith(f"$ hotpass {words}")
    ]
    return line.removeprefix("$ hotpass ").split()


def test_the_lint_command_passes_and_a_slip_is_named_with_its_place(project, capsys):
    arguments = command("policy lint")
    assert main(arguments) == 0
    file = project / "policies" / "lead.yaml"
    file.write_text(file.read_text().replace("at_least: 1", "at_leest: 1"))
    capsys.readouterr()
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert "lead.yaml:8:24" in said.out + said.err
    assert "lead.yaml:15:24" in said.out + said.err
    assert "at_least" in said.out + said.err


def test_the_tests_of_the_gate_pass_and_can_fail(project):
    def run() -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", "policies"]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(project / "gates"), *sys.path]),
            "HOTPASS_PLUGINS": "gates",
        }
        return subprocess.run(
            words, capture_output=True, text=True, timeout=120, env=environment, check=False
        )

    good = run()
    assert good.returncode == 0, good.stdout
    assert "10 passed" in good.stdout, "eight tests and two cases"
    gate = project / "gates" / "minimum_rows.py"
    gate.write_text(gate.read_text().replace("rows >= self.at_least", "rows > self.at_least"))
    assert run().returncode == 1


def test_the_cases_and_the_check_find_nothing_and_can(project, capsys):
    assert main(command("policy test")) == 0
    assert "2 cases" in capsys.readouterr().out
    assert main(command("plugins check")) == 0
    assert capsys.readouterr().out == "gates/minimum_rows.py: ok: 1 gate\n"
    gate = project / "gates" / "minimum_rows.py"
    gate.write_text(gate.read_text().replace("not logged.isdecimal()", "False"))
    assert main(command("plugins check")) == 1
    assert "raised ValueError" in capsys.readouterr().out


def test_the_rule_in_one_line_can_be_read():
    (block,) = [block for block in blocks(README, "yaml") if block.startswith("- expression:")]
    ((entry,),) = [yaml.safe_load(block)]
    make("expression", entry["expression"])


def test_links_to_the_reference_of_policies():
    policies = README_FILE.parent.parent / "policies" / "README.md"
    headings = {
        line.lstrip("# ").lower() for line in policies.read_text().splitlines() if line.startswith("#")
    }
    links = re.findall(r"\]\(\.\./policies/README\.md#([\w-]+)\)", README)
    assert sorted(links) == ["cases", "expression"]
    assert set(links) <= headings


def test_judging_by_name():
    (code,) = [block for block in blocks(README, "python") if 'judge("champion_comparison"' in block]
    exec(compile(code, "plugins/README.md", "exec"), {})


def test_the_entry_point_is_in_the_group_that_is_read():
    shipped = tomllib.loads(named("pyproject.toml", "toml"))
    assert shipped["project"]["entry-points"] == {GROUP: {"our_gates": "our_gates"}}


def test_what_a_gate_may_read_exists():
    table = README.split("## What a gate may read", 1)[1].split("\n## ", 1)[0]
    who = candidate(champion={})
    names = re.findall(r"`candidate\.(\w+)|`\.(\w+)`", table)
    assert len(names) > 12
    for name in (first or second for first, second in names):
        assert hasattr(who, name), name


def test_metrics():
    _, manager = plugin("hotpass_metrics")
    ((metric,),) = manager.hook.hotpass_metrics()
    target, score, weight = np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.8, 0.1]), np.array([3.0, 1.0, 1.0])
    assert metric.compute(target, score, None) == 0.5
    assert metric.compute(target, score, weight) == 0.75
    with pytest.raises(ValueError, match=r"above 0\.5"):
        metric.compute(target, score * 0.1, None)
    assert "`mean_won: {direction: higher" in section("hotpass_metrics")


def test_veto():
    _, manager = plugin("hotpass_veto")
    ask, friday = vetoes(manager), NOW + timedelta(days=1)
    assert ask(candidate(), NOW) == []
    assert ask(candidate(), friday) == [("hotpass_veto", "nothing goes to Production on a Friday")]
    assert ask(candidate(to="Staging", stage="None"), friday) == []
    assert ask(candidate(rollback=True), friday) == []


def test_evidence():
    module, manager = plugin("hotpass_evidence")
    gate = gate_classes(manager)["no_open_incidents"]
    for count, verdict in [(0, "passed"), (2, "failed")]:
        module.INCIDENTS["lead_scoring_model"] = count
        supplied = manager.hook.hotpass_evidence(candidate=candidate(), name="open_incidents")
        assert judge(gate, {}, candidate(evidence={"open_incidents": supplied})).verdict == verdict
    assert manager.hook.hotpass_evidence(candidate=candidate(), name="something else") is None
    assert judge(gate, {}, candidate()).verdict == "failed"


def test_evidence_in_a_rule_and_in_cases(tmp_path):
    (code,) = (code for code in blocks(section("hotpass_evidence"), "python") if "assert_fails" in code)
    exec(compile(code, "plugins/README.md", "exec"), {})
    (gate,) = (code for code in blocks(section("hotpass_evidence"), "python") if "hookimpl" in code)
    (tmp_path / "incidents.py").write_text(gate)
    (tmp_path / "incidents.cases.yaml").write_text(named("policies/incidents.cases.yaml", "yaml"))
    (tmp_path / "incidents.yaml").write_text(
        "policy: p\nmodels: [lead_scoring_model]\npromotions:\n  - "
        "{to: Production, gates: [no_open_incidents]}\n"
    )
    assert main(["policy", "test", str(tmp_path), "--plugins", str(tmp_path)]) == 0


@pytest.fixture
def decision(project):
    policies = load_policies("policies", plugins="gates")
    facts = {"metrics": {"roc_auc": 0.8}, "params": {"validation_rows": "1000"}}
    return evaluate(policies, candidate(version=7, **facts), NOW)


def test_decided(decision, caplog):
    _, manager = plugin("hotpass_decided")
    with caplog.at_level(logging.INFO):
        manager.hook.hotpass_decided(decision=decision)
    assert caplog.messages == ["lead_scoring_model 7: allowed"]


def test_promoted(decision, project):
    _, manager = plugin("hotpass_promoted")
    manager.hook.hotpass_promoted(decision=decision)
    assert (project / "reload-requests" / "lead_scoring_model").read_text() == "7"


def test_train():
    _, manager = plugin("hotpass_train")
    leads = pd.DataFrame({"age": [1, 2, 3, 4], "city": list("abab"), "won": [0, 1, 0, 1]})
    assert manager.hook.hotpass_train(request=TrainingRequest(leads, "won")) is None
    result = manager.hook.hotpass_train(request=TrainingRequest(leads, "won", estimator="always_the_average"))
    assert isinstance(result, TrainingResult)
    assert result.feature_columns == ("age", "city")
    assert result.metrics["log_loss"] == pytest.approx(0.6931, abs=1e-4)
    assert result.rows == {"train": 4}


def test_score():
    class Ranker:
        def rank(self, frame):
            return [0.5] * len(frame)

    _, manager = plugin("hotpass_score")
    leads = pd.DataFrame({"age": [1, 2]})
    assert manager.hook.hotpass_score(request=ScoringRequest(Ranker(), leads)) == [0.5, 0.5]
    assert manager.hook.hotpass_score(request=ScoringRequest(object(), leads)) is None


def test_cli():
    _, manager = plugin("hotpass_cli")
    app = typer.Typer()
    app.callback()(lambda: None)
    manager.hook.hotpass_cli(app=app)
    result = CliRunner().invoke(app, ["oncall"])
    assert result.exit_code == 0
    assert result.output == "ana\n"

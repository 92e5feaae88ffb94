"""`hotpass plugins check`: what it finds, in a plugin where everything is wrong and in those that are right.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hotpass.checking.candidates import TRIALS
from hotpass.checking.checking import check_plugins
from hotpass.errors import CallError, PluginError
from hotpass.gates import MeasuringGate
from hotpass.plugins import create_manager, gate_classes
from hotpass.testing import NOW
from hotpass.verdicts import Verdict
from support.commands import Hotpass

BAD = Path(__file__).parent / "plugins_check" / "bad"
GOLDEN = BAD.with_name("findings.txt")
HOTPASS = Path(sys.executable).with_name("hotpass")

GOOD = '''
from hotpass import Gate, failed, hookimpl, passed

class NoOpenIncidents(Gate):
    """Nobody is putting out a fire that this model lit."""

    name = "no_open_incidents"
    schema = {"type": "object", "properties": {}, "additionalProperties": False}

    def evaluate(self, candidate, now):
        try:
            count = candidate.evidence("open_incidents")
        except KeyError:
            return failed("nobody says how many incidents are open")
        return (passed if count == 0 else failed)("open incidents", count=str(count)[:100])

@hookimpl
def hotpass_gates():
    return [NoOpenIncidents]

@hookimpl
def hotpass_evidence(candidate, name):
    return 0 if name == "open_incidents" else None

@hookimpl
def hotpass_veto(candidate, now):
    return "not on a Thursday" if now.weekday() == 3 else None

@hookimpl
def hotpass_promoted(decision):
    raise AssertionError("hooks that do something are not called")
'''


def test_the_default_plugins_are_sound(hotpass: Hotpass) -> None:
    ran = hotpass("plugins", "check")
    assert (ran.code, ran.err) == (0, "")
    measuring = [gate for gate in gate_classes(create_manager()).values() if issubclass(gate, MeasuringGate)]
    others = len(gate_classes(create_manager())) - len(measuring)
    assert ran.out.splitlines() == [
        f"evaluation: ok: {len(measuring)} gates",
        f"gates: ok: {others} gates",
        "scoring: ok: loads; nothing in it can be tried",
        "training: ok: loads; nothing in it can be tried",
    ]


def test_what_it_finds() -> None:
    """As a process: the plugin must neither get among the output nor end the command."""
    done = subprocess.run(
        [HOTPASS, "plugins", "check", "bad/bad.py", "--plugins", BAD],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    said = done.stdout.replace("a plugin may print something\n", "", 1)  # this process loads it, too
    if os.environ.get("WRITE_EXPECTED"):
        GOLDEN.write_text(said)
    assert said == GOLDEN.read_text()
    assert done.stderr.rstrip().endswith("problems found")
    assert "gate fine" not in said


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_stream_that_the_caller_closed_is_not_the_plugins_fault(closed: str) -> None:
    done = subprocess.run(
        f"{HOTPASS} plugins check scoring gates {closed}", shell=True, timeout=60, check=False
    )
    assert done.returncode == 0


def test_a_sound_plugin_and_what_json_says(hotpass: Hotpass, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GOOD)
    ran = hotpass("plugins", "check", "--plugins", tmp_path, f"{tmp_path.name}/mine.py", "--json")
    assert ran.code == 0, ran.out
    assert ran.json["findings"] == []
    assert [(part["kind"], part["name"]) for part in ran.json["tried"]] == [
        ("gate", "no_open_incidents"), ("hook", "hotpass_evidence"), ("hook", "hotpass_veto"),
    ]  # fmt: skip
    (tmp_path / "mine.py").write_text(
        GOOD.replace('return 0 if name == "open_incidents" else None', "return 1")
    )
    ran = hotpass("plugins", "check", "--plugins", tmp_path, "--json")
    assert ran.code == 1
    (finding,) = ran.json["findings"]
    assert (finding["kind"], finding["name"]) == ("hook", "hotpass_evidence")
    assert finding["remedy"]


def test_the_time_limit(hotpass: Hotpass, tmp_path: Path) -> None:
    slow = GOOD.replace("        try:\n", "        import time\n        time.sleep(1.2)\n        try:\n")
    (tmp_path / "mine.py").write_text(slow)
    ran = hotpass("plugins", "check", "--plugins", tmp_path, f"{tmp_path.name}/mine.py")
    assert ran.code == 1
    assert "gate no_open_incidents: did not come to an end in 1 s: it judges a candidate" in ran.out
    assert "--time-limit" in ran.out
    bad = hotpass("plugins", "check", "--time-limit", "1")
    assert bad.code == 2
    assert "--time-limit: '1' is not a duration" in bad.err


def test_what_cannot_be_loaded_is_an_error(hotpass: Hotpass, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        GOOD.replace("def hotpass_veto(candidate, now)", "def hotpass_veto(candidat)")
    )
    ran = hotpass("plugins", "check", "--plugins", tmp_path)
    assert ran.code == 2
    assert "hotpass_veto(candidate: " in ran.err, "the right signature"
    (tmp_path / "mine.py").write_text(
        GOOD.replace('"""Nobody is putting out a fire that this model lit."""', "")
    )
    with pytest.raises(PluginError, match="it needs a docstring"):
        check_plugins(folders=[tmp_path])
    with pytest.raises(CallError, match="Did you mean gates"):
        check_plugins(["gate"])


def test_one_who_checks_a_folder_from_pyproject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates" / "mine.py").write_text(GOOD)
    (tmp_path / "pyproject.toml").write_text('[tool.hotpass]\nplugins = "gates"\n')
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(
        [HOTPASS, "plugins", "check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert "gates/mine.py: ok: 1 gate and 2 hooks" in done.stdout


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.about)
def test_every_trial_can_be_judged_by_every_default_gate(trial) -> None:
    gates = gate_classes(create_manager())
    for name, parameters in {
        "metric_threshold": {"roc_auc": {"at_most": 0.5}},
        "required_tags": {"owner": "present"},
        "staging_dwell": "1s",
        "approvals": {"at_least": 1},
    }.items():
        verdict = gates[name](parameters).evaluate(trial.make(), NOW).verdict
        assert verdict is not Verdict.PASSED or trial.may_pass

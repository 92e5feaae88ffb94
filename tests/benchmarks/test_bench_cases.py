"""`hotpass policy test` per case, with eight gates, beside what one would do without it: a parametrized
pytest test that judges every gate, and `hotpass check` on versions that have to be registered first. Then a
folder of 1,000 policies with a case each, and how long the command takes to start.

Run with `uv run pytest -m benchmark tests/benchmarks`. Nothing is asserted about time; that all say the same
is.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hotpass import api
from hotpass.plugins import create_manager, gate_classes
from support.policies import EIGHT_GATES, policy_set
from support.stores import Store
from support.versions import make_version

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
HOTPASS = Path(sys.executable).with_name("hotpass")
CASES, BY_HAND, REGISTERED, POLICIES, STARTS, ROUNDS = 3_000, 300, 20, 1_000, 11, 3
TARGET, START = 1_000, 0.3

DEFAULTS = """\
defaults:
  to: Production
  candidate:
    metrics: {roc_auc: 0.81, precision: 0.66, recall: 0.4, log_loss: 0.41}
    tags: {owner: ana}
    run_tags: {mlflow.source.git.commit: 0123456789abcdef0123456789abcdef01234567a}
    datasets: [{name: contacts_2025, digest: 1a2b3c4d, context: training}]
    started_at: 3d ago
    in_stage_since: 30h ago
    signature: {inputs: {completeness: double, intent: double}, outputs: {score: double}}
    input_example: true
  champion: {metrics: {roc_auc: 0.80, precision: 0.64}}
cases:
"""
CASE = """\
  - case: number {number}
    candidate: {{metrics: {{roc_auc: 0.{number}}}}}
    expect: {{outcome: denied, verdicts: {{metric_threshold: failed, signature: passed}}}}
"""
BY_HAND_TEST = """\
from datetime import timedelta
import pytest
from hotpass.plugins import create_manager, gate_classes
from hotpass.testing import NOW, candidate, judge

GATES = gate_classes(create_manager())
WANTED = {gates!r}

@pytest.mark.parametrize("number", range(1000, {end}))
def test_a_case(number):
    who = candidate(
        metrics={{"roc_auc": float(f"0.{{number}}"), "precision": 0.66, "recall": 0.4, "log_loss": 0.41}},
        tags={{"owner": "ana"}},
        run_tags={{"mlflow.source.git.commit": "0123456789abcdef0123456789abcdef01234567a"}},
        datasets=[("contacts_2025", "1a2b3c4d", "training")],
        started_at=NOW - timedelta(days=3), in_stage_since=NOW - timedelta(hours=30),
        signature={{"inputs": {{"completeness": "double", "intent": "double"}}, "outputs": {{"score":
        "double"}}}}, input_example=True, champion={{"metrics": {{"roc_auc": 0.80, "precision": 0.64}}}},
    )
    said = {{name: judge(GATES[name], wanted, who).verdict for name, wanted in WANTED.items()}}
    assert said["metric_threshold"] == "failed" and said["signature"] == "passed"
"""


@pytest.fixture(autouse=True, scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Modules are compiled once, as those of an installed package are, whatever this environment says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("compiled")))
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


def write(folder: Path, name: str, cases: range) -> None:
    """A policy with eight gates, and cases of it."""
    policy = {
        "policy": name, "models": [f"{name}_*"],
        "promotions": [{
            "to": "Production", "from": "Staging",
            "gates": [{gate: wanted} if wanted else gate for gate, wanted in EIGHT_GATES.items()],
        }],
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(policy, sort_keys=False))
    text = DEFAULTS + "".join(CASE.format(number=number) for number in cases)
    (folder / f"{name}.cases.yaml").write_text(text)


def run(command: list[str | Path], says: str, folder: Path) -> tuple[float, float]:
    """How long `command` took by the clock and on the processor."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    before, begun = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env=environment)
    wall, after = time.perf_counter() - begun, os.times()
    assert says in done.stdout, done.stdout
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return wall, used


def median(command: list[str | Path], says: str, folder: Path, rounds: int = ROUNDS) -> tuple[float, float]:
    """As `run`, the median of several times, after one that fills the caches."""
    run(command, says, folder)
    taken = [run(command, says, folder) for _ in range(rounds)]
    return statistics.median(wall for wall, _ in taken), statistics.median(used for _, used in taken)


def checked(store: Store, registered: int) -> tuple[float, float]:
    """Seconds that a version took to register, and that `check` took of it, by the clock."""
    begun = time.perf_counter()
    versions = [
        make_version(store, "leads", metrics={"roc_auc": 0.1, "precision": 0.66}, tags={"owner": "ana"})
        for _ in range(registered)
    ]
    made = time.perf_counter() - begun
    with api.connect(policies=policy_set(production=EIGHT_GATES), registry_uri=store.uri) as session:
        session.check("leads", versions[0], "Production")
        begun = time.perf_counter()
        outcomes = {session.check("leads", version, "Production").outcome for version in versions}
    assert outcomes == {"denied"}
    return made / registered, (time.perf_counter() - begun) / registered


def test_a_case_beside_what_one_would_do_without(
    tmp_path: Path, sqlite_store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(EIGHT_GATES) <= set(gate_classes(create_manager()))
    folder = tmp_path / "policies"
    write(folder, "leads", range(1000, 1000 + CASES))
    (tmp_path / "test_by_hand.py").write_text(BY_HAND_TEST.format(gates=EIGHT_GATES, end=1000 + BY_HAND))
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ours = median([HOTPASS, "policy", "test", "policies"], f"{CASES} cases, all as expected", tmp_path)
    collected = median([*pytest_, "-p", "hotpass.pytest_plugin", "policies"], f"{CASES} passed", tmp_path)
    by_hand = median([*pytest_, "test_by_hand.py"], f"{BY_HAND} passed", tmp_path)
    made, check = checked(sqlite_store, REGISTERED)
    rows = {
        "hotpass policy test": (ours[0] / CASES, ours[1] / CASES),
        "pytest, the same cases": (collected[0] / CASES, collected[1] / CASES),
        "pytest, judging by hand": (by_hand[0] / BY_HAND, by_hand[1] / BY_HAND),
        "hotpass check, SQLite": (check, check),
        "registering a version for it": (made, made),
    }
    one = rows["hotpass policy test"]
    with capsys.disabled():
        print(f"\n\na case with {len(EIGHT_GATES)} gates, the start of the process included")
        for name, (wall, used) in rows.items():
            print(f"  {name:29} {wall * 1000:8.3f} ms by the clock, {used * 1000:8.3f} ms of the processor, "
                  f"{used / one[1]:7.1f} times")  # fmt: skip
        word = "met" if 1 / one[0] >= TARGET else "MISSED"
        print(f"  {1 / one[0]:,.0f} cases a second by the clock; target: thousands ({TARGET:,}): {word}")


def test_a_folder_of_a_thousand_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "policies"
    for number in range(POLICIES):
        write(folder, f"p{number:04}", range(1234, 1235))
    wall, used = median(
        [HOTPASS, "policy", "test", "policies"], f"{POLICIES} cases, all as expected", tmp_path
    )
    with capsys.disabled():
        print(f"\n\n{POLICIES:,} policies with a case each")
        print(f"  {wall:.2f} s by the clock, {used:.2f} s of the processor, median of {ROUNDS}")


def test_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    wall, used = median([HOTPASS, "policy", "test", "policies"], "all as expected", ROOT, STARTS)
    with capsys.disabled():
        word = "met" if wall < START else "MISSED"
        print(f"\n\nhotpass policy test policies: {wall * 1000:.0f} ms by the clock, {used * 1000:.0f} ms of "
              f"the processor, median of {STARTS}; target: {START * 1000:.0f} ms: {word}")  # fmt: skip

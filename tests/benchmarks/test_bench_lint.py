"""`hotpass policy lint` beside `check-jsonschema` on the same file and beside `mlflow --version`: whole
processes, taken in turn in one run, by the median. And lint of a folder of 1,000 policies, by itself and
beside reading them without the warnings that reason about rules.

Run with `uv run pytest -m benchmark tests/benchmarks`. Nothing is asserted about time; that each says what it
should is.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hotpass.policy.loader import gates_of, read_places
from hotpass.policy.warnings import warnings_of

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
POLICY, SCHEMA = Path("policies/lead_scoring.yaml"), Path("policies/policy.schema.json")
ROUNDS, ROUNDS_OF_MLFLOW = 15, 5

COMMANDS: dict[str, tuple[list[str | Path], str]] = {
    "hotpass policy lint": (
        [BIN / "hotpass", "policy", "lint", POLICY],
        f"{POLICY}: ok: policy lead-scoring",
    ),
    "check-jsonschema": ([BIN / "check-jsonschema", "--schemafile", SCHEMA, POLICY], "ok -- validation done"),
    "mlflow --version": ([BIN / "mlflow", "--version"], "mlflow, version 3"),
    "python -c pass": ([sys.executable, "-c", "pass"], ""),
}


def seconds(command: list[str | Path], says: str) -> float:
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    taken = time.perf_counter() - begun
    assert done.stdout.startswith(says)
    return taken


def test_lint_beside_check_jsonschema_and_mlflow(capsys: pytest.CaptureFixture[str]) -> None:
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for command, says in COMMANDS.values():
        seconds(command, says)  # once to fill the caches of the disk and of Python
    for turn in range(ROUNDS):
        for name, (command, says) in COMMANDS.items():
            if name != "mlflow --version" or turn < ROUNDS_OF_MLFLOW:
                taken[name].append(seconds(command, says))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    lint = medians["hotpass policy lint"]
    with capsys.disabled():
        print(f"\n\nlint of {POLICY}, a process each, median")
        for name, median in medians.items():
            print(f"  {name:20} {median * 1000:8.0f} ms, of {len(taken[name])}")
        for name, most in (("check-jsonschema", 1.0), ("mlflow --version", 1 / 8)):
            ratio = lint / medians[name]
            word = "met" if ratio <= most else "MISSED"
            print(f"  lint takes {ratio:.3f} of {name}; target: at most {most:g}: {word}")


#: Which models the policies are about: each a team's own, with one policy for all; and all of them the same.
FOLDERS = {"each for models of its own": "team_{number:04}_*", "all for the same models": "*"}
POLICIES, ROUNDS_OF_MANY, MOST_SECONDS = 999, 5, 2.0


def many(folder: Path, models: str) -> None:
    """Writes a thousand policies into `folder`: our own, each with another bound and for other models."""
    text = (ROOT / POLICY).read_text()
    folder.mkdir()
    for number in range(POLICIES):
        own = text.replace("policy: lead-scoring", f"policy: p{number:04}")
        own = own.replace("0.70", f"0.{700 + number % 100}")
        own = own.replace("lead_scoring_*", models.format(number=number))
        (folder / f"p{number:04}.yaml").write_text(own)
    everybody = text.replace("policy: lead-scoring", "policy: everybody").replace("lead_scoring_*", "*")
    everybody = everybody.replace("0.70", "0.75")
    (folder / "everybody.yaml").write_text(everybody)


def processor_seconds(command: list[str | Path]) -> tuple[float, float, str]:
    """How long `command` took by the clock and on the processor, and what it printed."""
    before, begun = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    after = os.times()
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return time.perf_counter() - begun, used, done.stdout


def test_lint_of_a_thousand_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for which, (name, models) in enumerate(FOLDERS.items()):
        folder = tmp_path / str(which)
        many(folder, models)
        command: list[str | Path] = [BIN / "hotpass", "policy", "lint", folder]
        taken = [processor_seconds(command) for _ in range(ROUNDS_OF_MANY)]
        said = taken[0][2]
        assert said.count(": ok: ") == POLICIES + 1
        assert "asks for nothing new" in said
        begun = time.perf_counter()
        report = read_places([folder], gates_of())
        reading = time.perf_counter() - begun
        begun = time.perf_counter()
        warned = len(warnings_of(report.policies))
        reasoning = time.perf_counter() - begun
        wall, used = (statistics.median(one[part] for one in taken) for part in (0, 1))
        with capsys.disabled():
            print(f"\n\nlint of {POLICIES + 1:,} policies, {name}: {warned:,} warnings")
            word = "met" if wall < MOST_SECONDS else "MISSED"
            print(f"  {wall:.2f} s by the clock, {used:.2f} s of the processor, median of {ROUNDS_OF_MANY}")
            print(f"  target: under {MOST_SECONDS:g} s by the clock: {word}")
            print(f"  the warnings about rules take {reasoning / reading:.2f} of reading the files")

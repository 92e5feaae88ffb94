"""`hotpass policy lint` beside `check-jsonschema` on the same file and beside `mlflow --version`: whole
processes, taken in turn in one run, by the median.

Run with `uv run pytest -m benchmark tests/benchmarks`. Nothing is asserted about time; that each says what it
should is.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

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

"""Intervals of AUC beside calls of scikit-learn's roc_auc_score, and five million rows.

Each runs in a process of its own with one thread; seconds are of the processor, so that neighbours do not
count.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]
BANK, MANY, RESAMPLES = 41_188, 5_000_000, 2000

MADE = """
import json, resource, sys, time
import numpy as np
rows = int(sys.argv[1])
random = np.random.default_rng(0)
won = (random.random(rows) < 0.11).astype(float)
ours, theirs = (1 / (1 + np.exp(-won - random.normal(size=rows))) for _ in range(2))
weight = np.ones(rows)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
"""
OURS = """
from hotpass_evaluation.statistics import Measured, Metric, Sample, measure
names = json.loads(sys.argv[2])
sample = Sample(won, ours, theirs, weight if sys.argv[3] == "weight" else None)
if sys.argv[3] != "weight":
    del weight
measure(Sample(won[:500], ours[:500], theirs[:500]), [Metric("roc_auc")], confidence=0.95)
before = peak()
start = time.process_time()
found = measure(sample, [Metric(*name) for name in names], confidence=0.95, resamples=2000)
seconds = time.process_time() - start
assert all(isinstance(one, Measured) for one in found), found
print(json.dumps([seconds, peak(), peak() - before, [[one.gain.low, one.gain.high, one.gain.method] for one in
found]]))
"""
THEIRS = """
from sklearn.metrics import roc_auc_score
calls = int(sys.argv[2])
gains = np.empty(calls)
start = time.process_time()
for call in range(calls):
    drawn = random.integers(0, rows, rows)
    gains[call] = roc_auc_score(won[drawn], ours[drawn]) - roc_auc_score(won[drawn], theirs[drawn])
print(json.dumps([time.process_time() - start, peak(), 0, np.quantile(gains, [0.05, 0.95]).tolist()]))
"""
CUT = {"threshold": 0.5}
EVERY = [
    ("roc_auc", {}), ("average_precision", {}), ("lift", {"top": 10}), ("capture", {"top": 20}),
    ("log_loss", {}), ("brier", {}), ("accuracy", CUT), ("precision", CUT), ("recall", CUT), ("f1", CUT),
    ("expected_value", {**CUT, "values": {"true_positive": 100, "false_positive": -5}}),
]  # fmt: skip


def _run(code: str, *arguments: object) -> tuple[float, float, float, list]:
    one_core = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-c", MADE + code, *map(str, arguments)],
        env=os.environ | one_core, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return tuple(json.loads(done.stdout.splitlines()[-1]))  # type: ignore[return-value]


def test_resamples_of_auc_beside_scikit_learn(capsys: pytest.CaptureFixture[str]) -> None:
    part = RESAMPLES // 40
    theirs, *_ = _run(THEIRS, BANK, part)
    theirs *= 40
    ours, _, memory, [[low, high, method]] = _run(OURS, BANK, json.dumps([("roc_auc", {})]), "weight")
    assert "bootstrap over rows" in method
    exact, _, _, [[exact_low, exact_high, _]] = _run(OURS, BANK, json.dumps([("roc_auc", {})]), "")
    assert low == pytest.approx(exact_low, abs=0.1 * (exact_high - exact_low))
    assert high == pytest.approx(exact_high, abs=0.1 * (exact_high - exact_low))
    every, *_ = _run(OURS, BANK, json.dumps(EVERY), "")
    target = "reached" if ours <= 3 else "MISSED"
    with capsys.disabled():
        print(
            f"\n{RESAMPLES:,} paired resamples of AUC on {BANK:,} rows, one core\n"
            f"  roc_auc_score, {2 * RESAMPLES:,} calls (of which {2 * part} were made): {theirs:7.1f} s\n"
            f"  by weights: {ours:.2f} s, {memory:.0f} MiB   {theirs / ours:.0f}x (target 3 s: {target})\n"
            f"  DeLong, no resamples: {exact:.3f} s\n"
            f"  all {len(EVERY)} metrics of a classifier, both models: {every:.2f} s"
        )


def test_five_million_rows(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{MANY:,} rows, two models, {RESAMPLES:,} resamples, one core"]
    for what, names, weight in (
        ("roc_auc, DeLong", EVERY[:1], ""),
        ("roc_auc, average_precision, lift, weighted", EVERY[:3], "weight"),
        (f"all {len(EVERY)} metrics of a classifier", EVERY, ""),
        ("rmse, mae, r2", [("rmse", {}), ("mae", {}), ("r2", {})], ""),
    ):
        seconds, peak, memory, _ = _run(OURS, MANY, json.dumps(names), weight)
        target = "reached" if peak <= 1024 and seconds <= 120 else "MISSED"
        lines.append(
            f"  {what:44} {seconds:5.1f} s, peak {peak:5.0f} MiB, of it {memory:4.0f} beyond the rows "
            f"(target 120 s, 1,024 MiB: {target})"
        )
    with capsys.disabled():
        print("\n" + "\n".join(lines))

"""Five million rows judged by the `evaluation` gate, with the memory that each process takes at its peak.

`limits: {memory: 2GiB}` is set; all processes together should stay within it as well.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from hotpass.testing import candidate, judge
from hotpass.verdicts import Verdict
from hotpass_evaluation.gates.evaluation import Evaluation
from support.small_models import store

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]
ROWS, PART = 5_000_000, 250_000
LIMIT = 2 << 30
NUMBERS = [f"n{number}" for number in range(7)]
TEXT = ["job", "region"]
JOBS, REGIONS = np.array(["admin", "services", "retired", "student"]), np.array(list("abcdefghij"))


def made_up(rows: int, seed: int) -> pd.DataFrame:
    """Seven numbers, two texts and the target `y`, a fifth of it 1."""
    random = np.random.default_rng(seed)
    data = pd.DataFrame(random.normal(size=(rows, len(NUMBERS))), columns=NUMBERS)
    job, region = random.integers(0, len(JOBS), rows), random.integers(0, len(REGIONS), rows)
    strength = data["n0"] + 0.5 * data["n1"] + 0.3 * data["n2"] + 0.2 * job - 2.4
    data["job"], data["region"] = JOBS[job], REGIONS[region]
    data["y"] = (random.random(rows) < 1 / (1 + np.exp(-strength))).astype(np.int64)
    return data


class Watch(threading.Thread):
    """Looks at the memory (RSS) of all processes that this one has started, ten times a second. `peaks`: by
    program; `together`: the most that all had at one time, in bytes.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peaks: dict[str, int] = defaultdict(int)
        self.together = 0
        self._over = threading.Event()

    def run(self) -> None:
        me = psutil.Process(os.getpid())
        while not self._over.wait(0.1):
            total = 0
            for process in me.children(recursive=True):
                try:
                    size, said = process.memory_info().rss, process.cmdline()
                except psutil.Error:
                    continue
                total += size
                name = said[-1].rpartition(".")[2] if said else "?"
                self.peaks[f"{name} {process.pid}"] = max(self.peaks[f"{name} {process.pid}"], size)
            self.together = max(self.together, total)

    def stop(self) -> None:
        """Ends it."""
        self._over.set()
        self.join()


def test_five_million_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, numbers in (("challenger", NUMBERS), ("champion", NUMBERS[:2])):
        train = made_up(20_000, 1)
        prepared = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(), TEXT))
        model = make_pipeline(prepared, LogisticRegression())
        store(model.fit(train[numbers + TEXT], train["y"]), tmp_path / name)
    file = tmp_path / "holdout.parquet"
    with pq.ParquetWriter(file, pa.Schema.from_pandas(made_up(10, 0))) as writer:
        for part in range(ROWS // PART):
            writer.write_table(pa.Table.from_pandas(made_up(PART, 100 + part), schema=writer.schema))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    judged = candidate(
        files=tmp_path / "challenger", champion={"files": tmp_path / "champion"}, scratch=scratch
    )
    parameters = {
        "data": str(file), "target": "y", "overlap": "unchecked",
        "limits": {"memory": "2GiB", "time": "30m"},
        "metrics": {
            "roc_auc": {"at_least": 0.7, "better_by": 0}, "log_loss": {"better_by": 0},
            "precision": {"threshold": 0.4, "at_least": 0.4}, "lift_at_10": {"at_least": 2},
        },
    }  # fmt: skip
    watch = Watch()
    watch.start()
    began = time.perf_counter()
    try:
        result = judge(Evaluation, parameters, judged)
    finally:
        seconds = time.perf_counter() - began
        watch.stop()
    with capsys.disabled():
        print(
            f"\n{ROWS:,} rows, {file.stat().st_size / 1e6:,.0f} MB of Parquet, two models: {seconds:,.1f} s"
        )
        print(f"  {result.verdict}: {result.message}")
        print(f"  {'process':24} {'peak MiB':>10}")
        for name, peak in sorted(watch.peaks.items(), key=lambda one: -one[1]):
            if peak > 50 << 20:
                print(f"  {name:24} {peak / 2**20:>10,.0f}")
        share = watch.together / LIMIT
        print(f"  {'all at one time':24} {watch.together / 2**20:>10,.0f}   {share:.2f} of 2 GiB")
    assert result.verdict is Verdict.PASSED
    assert max(watch.peaks.values()) < LIMIT
    assert watch.together < LIMIT

"""`hotpass score` beside a bare loop over the same chunks: read_csv, predict_proba, to_csv.

Each runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hotpass.ml import init_mlflow
from hotpass.transform.scoring import train_lead_scoring_model
from support.leads import bank_marketing
from support.stores import Store

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]
SMALL, LARGE = 100_000, 5_000_000
CHUNK = 50_000

OURS = """
import resource, sys, time
from pathlib import Path
from hotpass.ml import load_model
from hotpass.transform.bulk import score_file
model = load_model("leads", version=1).model
start = time.perf_counter()
done = score_file(model, Path(sys.argv[1]), Path(sys.argv[2]), chunk_rows={chunk}, force=True)
seconds = time.perf_counter() - start
"""
BARE = """
import resource, sys, time
import mlflow, pandas as pd
model = mlflow.sklearn.load_model("models:/leads/1")
columns = list(model.feature_names_in_)
start = time.perf_counter()
with open(sys.argv[2], "w") as out:
    for number, chunk in enumerate(pd.read_csv(sys.argv[1], sep=";", chunksize={chunk})):
        chunk["score"] = model.predict_proba(chunk[columns])[:, 1]
        chunk.to_csv(out, sep=";", index=False, header=number == 0)
seconds = time.perf_counter() - start
"""
TAIL = """
import json
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def _measure(code: str, source: Path, target: Path) -> tuple[float, float]:
    """Seconds, without the start of the process and the loading of the model, and peak memory in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", code.format(chunk=CHUNK) + TAIL, str(source), str(target)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, peak


def _write(file: Path, rows: int) -> None:
    """The bank's contacts, over and over."""
    text = bank_marketing().drop(columns="y").to_csv(sep=";", index=False)
    header, _, body = text.partition("\n")
    lines = body.splitlines(keepends=True)
    with file.open("w") as stream:
        stream.write(header + "\n")
        for start in range(0, rows, len(lines)):
            stream.writelines(lines[: rows - start])


@pytest.mark.parametrize("estimator", ["logistic_regression", "gradient_boosting"])
def test_score_beside_a_bare_loop(
    estimator: str, sqlite_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init_mlflow()
    train_lead_scoring_model(
        bank_marketing(), "y", enable_mlflow=True, mlflow_model_name="leads", estimator=estimator
    )
    lines = [f"hotpass score beside read_csv, predict_proba, to_csv in chunks of {CHUNK:,} ({estimator})"]
    peaks = {}
    for rows in (SMALL, LARGE):
        source = tmp_path / "leads.csv"
        _write(source, rows)
        bare, bare_peak = _measure(BARE, source, tmp_path / "bare.csv")
        ours, our_peak = _measure(OURS, source, tmp_path / "ours.csv")
        peaks[rows] = our_peak
        ratio = bare / ours
        lines.append(
            f"  {rows:>9,} rows: hotpass {rows / ours:9,.0f} rows/s, {our_peak:4.0f} MiB   "
            f"bare {rows / bare:9,.0f} rows/s, {bare_peak:4.0f} MiB   {ratio:.2f}x "
            f"(target 0.90x: {'reached' if ratio >= 0.9 else 'MISSED'})"
        )
        with (tmp_path / "ours.csv").open() as stream:
            assert sum(1 for _ in stream) == rows + 1
        for file in tmp_path.glob("*.csv"):
            file.unlink()
    grown = peaks[LARGE] - peaks[SMALL]
    lines.append(f"  memory from {SMALL:,} to {LARGE:,} rows: {grown:+.0f} MiB")
    with capsys.disabled():
        print("\n" + "\n".join(lines))

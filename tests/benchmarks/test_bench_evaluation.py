"""The `evaluation` gate on the bank's contacts beside the same metrics by hand: scikit-learn, and a bootstrap
that calls its functions once a resample. One run, with one thread for each library.

Both are told with and without what both must do, which is to predict.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hotpass.testing import candidate, judge
from hotpass_evaluation.gates.evaluation import Evaluation
from support.leads import BANK_CSV, bank_marketing
from support.small_models import store

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]
RESAMPLES = 2000
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

BY_HAND = """
import json, sys, time
from pathlib import Path
import numpy as np, pandas as pd
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from hotpass.ml.serialization import load_folder
file, ours, theirs, resamples = sys.argv[1:]
start = time.perf_counter()
data = pd.read_csv(file)
target = (data["y"].astype(str).isin(["1", "yes"])).to_numpy().astype(int)
read = time.perf_counter()
scores = []
for folder in (ours, theirs):
    model = load_folder(Path(folder), "model")
    scores.append(model.predict_proba(data[list(model.feature_names_in_)])[:, 1])
predicted = time.perf_counter()
seconds, found = {}, {}
random = np.random.default_rng(0)
for metric in (roc_auc_score, average_precision_score, log_loss):
    began = time.perf_counter()
    gains = []
    # Fewer where it takes long, and counted up.
    for _ in range(int(resamples) // 10):
        rows = random.integers(0, len(target), len(target))
        one, other = (metric(target[rows], score[rows]) for score in scores)
        gains.append(one - other)
    seconds[metric.__name__] = (time.perf_counter() - began) * 10
    found[metric.__name__] = [metric(target, score) for score in scores] + list(np.quantile(gains, (0.05,
    0.95)))
print(json.dumps({"read": read - start, "predict": predicted - read, "metrics": seconds, "found": found}))
"""
IN_PROCESS = """
import json, sys, time
import numpy as np
from hotpass_evaluation.statistics import Metric, Sample, measure
arrays = np.load(sys.argv[1])
sample = Sample(arrays["target"], arrays["ours"], arrays["theirs"])
# Where rows belong together DeLong's formula does not hold, and they are drawn.
drawn = sample._replace(group=np.arange(len(arrays["target"])))
found = {}
for label, name, rows in (
    ("roc_auc", "roc_auc", sample), ("roc_auc in groups", "roc_auc", drawn),
    ("average_precision", "average_precision", sample), ("log_loss", "log_loss", sample),
):
    began = time.perf_counter()
    (measured,) = measure(rows, [Metric(name, {})], confidence=0.95, resamples=int(sys.argv[2]))
    found[label] = [time.perf_counter() - began, measured.gain.method, measured.gain.low, measured.gain.high]
print(json.dumps(found))
"""


def _run(code: str, *arguments: Any) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        check=False, capture_output=True, text=True, env={**os.environ, **ONE_THREAD},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_beside_scikit_learn_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    for name, value in ONE_THREAD.items():
        monkeypatch.setenv(name, value)
    table = bank_marketing()
    numbers = list(table.drop(columns="y").select_dtypes("number"))
    text = [one for one in table.columns if one not in numbers and one != "y"]
    table[numbers] = table[numbers].astype(float)
    train = table.sample(8000, random_state=1)
    won = train["y"].astype(str).isin(["1", "yes"]).astype(int)
    models = {}
    for name, estimator in (
        ("challenger", HistGradientBoostingClassifier(max_iter=60, random_state=0)),
        ("champion", LogisticRegression(max_iter=500)),
    ):
        prepared = make_column_transformer(
            (StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), text)
        )
        models[name] = make_pipeline(prepared, estimator).fit(train[numbers + text], won)
        store(models[name], tmp_path / name)
    file = tmp_path / "holdout.csv"
    table.to_csv(file, index=False)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    judged = candidate(
        files=tmp_path / "challenger", champion={"files": tmp_path / "champion"}, scratch=scratch
    )
    parameters = {
        "data": str(file), "target": "y", "overlap": "unchecked", "resamples": RESAMPLES,
        "metrics": {name: {"better_by": 0} for name in ("roc_auc", "average_precision", "log_loss")},
    }  # fmt: skip
    began = time.perf_counter()
    result = judge(Evaluation, parameters, judged)
    gate = time.perf_counter() - began
    # The same scores again, which a second gate with the same data reads: all but scoring.
    began = time.perf_counter()
    judge(Evaluation, parameters, judged)
    again = time.perf_counter() - began

    hand = _run(BY_HAND, file, tmp_path / "challenger", tmp_path / "champion", RESAMPLES)
    features = table[numbers + text]
    np.savez(
        tmp_path / "scores.npz", target=table["y"].astype(str).isin(["1", "yes"]).to_numpy().astype(float),
        ours=models["challenger"].predict_proba(features)[:, 1],
        theirs=models["champion"].predict_proba(features)[:, 1],
    )  # fmt: skip
    ours = _run(IN_PROCESS, tmp_path / "scores.npz", RESAMPLES)
    names = {
        "roc_auc": "roc_auc_score",
        "average_precision": "average_precision_score",
        "log_loss": "log_loss",
    }
    with capsys.disabled():
        print(f"\n{len(table):,} rows of {BANK_CSV.name}, {RESAMPLES:,} resamples, one thread; "
              f"by hand {RESAMPLES // 10} of them, times 10")  # fmt: skip
        print(f"  {'paired gain of':20} {'gate s':>8} {'by hand s':>10} {'ratio':>7}  by")
        for name, (took, method, *_) in ours.items():
            seconds = hand["metrics"][names[name.split()[0]]]
            print(f"  {name:20} {took:>8.3f} {seconds:>10.1f} {seconds / took:>6.0f}x  {method}")
        by_hand = sum(hand["metrics"].values())
        statistics = sum(ours[name][0] for name in names)
        print(f"  {'all of it':20} {statistics:>8.2f} {by_hand:>10.1f} {by_hand / statistics:>6.0f}x")
        print(f"  the gate: {gate:.1f} s, of which statistics {statistics:.1f} s, reading the scores again "
              f"and one process {again - statistics:.1f} s, scoring (two processes, reading, predicting) "
              f"{gate - again:.1f} s")  # fmt: skip
        whole = hand["read"] + hand["predict"] + by_hand
        print(f"  by hand, whole: {whole:.1f} s, of which reading {hand['read']:.1f} s and predicting "
              f"{hand['predict']:.1f} s; {whole / gate:.0f} times the gate's")  # fmt: skip
        print(f"  {result.verdict}: {result.message}")
    for name, other in names.items():
        measured = result.evidence["metrics"][f"{name}.better_by"]
        challenger, champion = hand["found"][other][:2]
        assert measured["challenger"] == pytest.approx(challenger, abs=1e-9)
        assert measured["champion"] == pytest.approx(champion, abs=1e-9)
    assert ours["roc_auc in groups"][0] < 3

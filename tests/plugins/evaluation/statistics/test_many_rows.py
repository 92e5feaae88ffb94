"""What is done where rows are too many to be drawn one by one gives what drawing them does."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from hotpass_evaluation.statistics import Measured, Metric, Sample, draws, measure, plugin_metrics
from support.judged import customers, made_up

CUT = {"threshold": 0.5}
METRICS = [
    Metric("roc_auc"),
    Metric("average_precision"),
    Metric("lift", {"top": 10}),
    Metric("capture", {"top": 20}),
    Metric("f1", CUT),
    Metric("rmse"),
    Metric("r2"),
]


def _measured(sample: Sample, metrics: list[Metric], resamples: int = 800) -> list[Measured]:
    found = measure(sample, metrics, confidence=0.95, resamples=resamples)
    assert all(isinstance(one, Measured) for one in found)
    return [one for one in found if isinstance(one, Measured)]


@pytest.mark.parametrize("kind", ["weighted", "grouped", "plain"])
def test_blocks_are_as_wide_as_rows(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    sample = customers(random, 20_000)
    if kind != "grouped":
        sample = Sample(*(None if array is None else array[:10_000] for array in sample))._replace(group=None)  # type: ignore[arg-type]
    if kind == "weighted":
        sample = sample._replace(weight=random.integers(1, 4, 10_000).astype(float))
    by_rows = _measured(sample, METRICS)
    monkeypatch.setattr(draws, "_ROW_BY_ROW", 0)
    in_blocks = _measured(sample, METRICS)
    assert any("1,000 random blocks" in one.challenger.method for one in in_blocks)
    for rows, blocks in zip(by_rows, in_blocks, strict=True):
        for left, right in ((rows.challenger, blocks.challenger), (rows.gain, blocks.gain)):
            assert left is not None
            assert right is not None
            assert left.value == pytest.approx(right.value, rel=1e-12)
            width = left.high - left.low
            assert right.low == pytest.approx(left.low, abs=0.1 * width), (rows.metric, left, right)
            assert right.high == pytest.approx(left.high, abs=0.1 * width), (rows.metric, left, right)


def test_a_plugins_metric_is_judged_without_parts_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(won, score, weight):
        return sk.roc_auc_score(won, score)

    metric = Metric("mine", {"compute": compute, "higher_is_better": True})
    sample = made_up(np.random.default_rng(6), 2000)
    [drawn] = _measured(sample, [metric], 300)
    [exact] = _measured(sample, [Metric("roc_auc")])
    monkeypatch.setattr(plugin_metrics, "_AFFORDABLE", 0)
    [jackknifed] = _measured(sample, [metric], 300)
    assert "jackknife of 100 parts" in jackknifed.challenger.method
    assert jackknifed.resamples == 0
    assert drawn.resamples == 300
    assert exact.gain is not None
    width = exact.gain.high - exact.gain.low
    for found in (drawn.gain, jackknifed.gain):
        assert found is not None
        assert found.value == pytest.approx(exact.gain.value)
        assert found.high - found.low == pytest.approx(width, rel=0.25)

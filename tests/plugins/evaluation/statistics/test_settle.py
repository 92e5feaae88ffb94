"""How many rows would settle it."""

from __future__ import annotations

import numpy as np
import pytest

from hotpass_evaluation.statistics import Interval, Measured, Metric, Sample, measure, rows_to_settle


@pytest.mark.parametrize(
    ("interval", "margin", "rows", "settles"),
    [
        (Interval(0.01, -0.01, 0.03, ""), 0.0, 2000, 8000),
        (Interval(-0.01, -0.05, 0.01, ""), 0.0, 2000, 8000),
        (Interval(0.0, -0.01, 0.01, ""), -0.006, 1000, 2800),
        (Interval(0.01, 0.005, 0.03, ""), 0.0, 2000, 2000),
        (Interval(0.0, -0.01, 0.01, ""), 0.0, 2000, None),
        (Interval(1e-17, -0.01, 0.01, ""), 0.0, 2000, None),
        (Interval(0.01, -0.01, 0.03, ""), 0.01, 2000, None),
        (Interval(0.01, float("-inf"), 0.03, ""), 0.0, 2000, None),
    ],
)
def test_rows_to_settle(interval: Interval, margin: float, rows: int, settles: int | None) -> None:
    assert rows_to_settle(interval, margin, rows) == settles


def test_so_many_rows_do_settle_it() -> None:
    """The same rows over and over keep the estimate: the bound then passes the margin, and not long before.
    """
    random = np.random.default_rng(3)
    target = (random.random(400) < 0.3).astype(float)
    sample = Sample(target, random.normal(size=400) + 1.1 * target, random.normal(size=400) + 0.9 * target)

    def gain(rows: int) -> Interval:
        over = np.arange(rows) % 400
        assert sample.champion is not None
        many = Sample(sample.target[over], sample.challenger[over], sample.champion[over])
        [found] = measure(many, [Metric("roc_auc")], confidence=0.95)
        assert isinstance(found, Measured)
        assert found.gain is not None
        return found.gain

    first = gain(400)
    assert first.low < 0 < first.value
    rows = rows_to_settle(first, 0.0, 400)
    assert rows is not None
    assert gain(-(-rows // 400) * 400).low > 0
    assert gain(rows * 2 // 3 // 400 * 400).low < 0

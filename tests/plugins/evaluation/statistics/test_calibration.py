"""How often an equally good challenger is promoted, and how often a better one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hotpass_evaluation.statistics import Measured, Metric, Sample, measure
from support.judged import made_up

ALPHA = 0.05
METRICS = [
    Metric("accuracy", {"threshold": 0.5}),
    Metric("roc_auc"),
    Metric("average_precision"),
    Metric("brier"),
    Metric("lift", {"top": 10}),
    Metric("f1", {"threshold": 0.3}),
]


def _equal(random: np.random.Generator, rows: int, better: float = 0.0) -> Sample:
    """Decisions of two models that differ in a tenth of the rows; the challenger is right in `better` more of
    them.
    """
    target = (random.random(rows) < 0.3).astype(float)
    right = random.random(rows) < 0.85
    differ = random.random(rows) < 0.1
    ours = np.where(differ, random.random(rows) < 0.5 + 5 * better, right)
    theirs = np.where(differ, ~ours, right)
    scores = [np.where(hits, target, 1 - target) * 0.8 + 0.1 for hits in (ours, theirs)]
    return Sample(target, scores[0], scores[1])


def _promotions(make, metrics: list[Metric], rounds: int, rows: int, resamples: int) -> np.ndarray:
    """Of each metric: how often the rule promotes, and how often the naive one."""
    promoted = np.zeros((len(metrics), 2), dtype=int)
    for number in range(rounds):
        sample = make(np.random.default_rng([17, number]), rows)
        for place, found in enumerate(
            measure(sample, metrics, confidence=1 - ALPHA, resamples=resamples, seed=number)
        ):
            assert isinstance(found, Measured)
            assert found.gain is not None
            promoted[place] += found.gain.low > 0, found.gain.value > 0
    return promoted


def _at_most(count: int, rounds: int, level: float) -> bool:
    """Whether `count` of `rounds` could be of a rule that errs at `level` at most; wrongly denied once in
    1,000.
    """
    return bool(stats.binomtest(count, rounds, level, alternative="greater").pvalue > 0.001)


def test_decisions_of_equal_models_are_promoted_at_most_at_the_level() -> None:
    [[ours, naive]] = _promotions(_equal, METRICS[:1], 500, 2000, 200)
    assert _at_most(ours, 500, ALPHA), ours
    assert 200 < naive < 300
    [[better, _]] = _promotions(lambda r, n: _equal(r, n, 0.02), METRICS[:1], 100, 2000, 200)
    assert better > 75


def test_scores_of_equal_models_are_promoted_at_most_at_the_level() -> None:
    promoted = _promotions(lambda r, n: made_up(r, n, lead=0.0), METRICS, 150, 600, 500)
    for metric, (ours, naive) in zip(METRICS, promoted, strict=True):
        assert _at_most(ours, 150, ALPHA), (metric.name, ours)
        assert 45 < naive < 105, (metric.name, naive)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_calibration_and_power(capsys: pytest.CaptureFixture[str]) -> None:
    rounds = 1000
    [[ours, naive]] = _promotions(_equal, METRICS[:1], 4000, 2000, 200)
    assert _at_most(ours, 4000, ALPHA), ours
    lines = [
        f"equally good models (n = 2,000, 10% of decisions differ): gain.low > 0 promotes {ours / 40:.1f}%, "
        f"value > value {naive / 40:.1f}%"
    ]
    promoted = _promotions(lambda r, n: made_up(r, n, lead=0.0), METRICS, rounds, 2000, 1000)
    for metric, (ours, naive) in zip(METRICS, promoted, strict=True):
        lines.append(f"  {metric.name:18} equal models: {ours / 10:5.1f}%   naive {naive / 10:5.1f}%")
        assert _at_most(ours, rounds, ALPHA), (metric.name, ours)
        assert 400 < naive < 600
    lines.append("power: how often a truly better challenger is promoted (naive)")
    for rows in (500, 2000, 8000):
        promoted = _promotions(made_up, METRICS, 100, rows, 500)
        powers = ", ".join(
            f"{metric.name} {ours}% ({naive}%)"
            for metric, (ours, naive) in zip(METRICS, promoted, strict=True)
        )
        lines.append(f"  n = {rows:>5,}: {powers}")
    with capsys.disabled():
        print("\n" + "\n".join(lines))

"""How often the intervals hold the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from hotpass_evaluation.statistics import Measured, Metric, Sample, measure
from support.judged import bank, caravan, customers, made_up, prices

CUT = {"threshold": 0.5}
VALUES = {"true_positive": 100, "false_positive": -5}
CLASSIFIERS = [
    Metric("roc_auc"),
    Metric("average_precision"),
    Metric("log_loss"),
    Metric("brier"),
    Metric("accuracy", CUT),
    Metric("precision", CUT),
    Metric("recall", CUT),
    Metric("f1", CUT),
    Metric("lift", {"top": 10}),
    Metric("capture", {"top": 20}),
    Metric("expected_value", CUT | {"values": VALUES}),
]
REGRESSORS = [Metric("rmse"), Metric("mae"), Metric("r2")]
Make = Callable[[np.random.Generator, int], Sample]


def _measured(
    sample: Sample, metrics: list[Metric], confidence: float, resamples: int, seed: int
) -> list[Measured]:
    found = measure(sample, metrics, confidence=confidence, resamples=resamples, seed=seed)
    assert all(isinstance(one, Measured) for one in found)
    return [one for one in found if isinstance(one, Measured)]


def _missed(
    make: Make, truth: Sample, metrics: list[Metric], rows: int, rounds: int, resamples: int
) -> np.ndarray:
    """Of each metric, of the challenger and of the gain: how often the truth lies below a two-sided 95%
    interval, and above it; shape (metrics, 2, 2).
    """
    known = _measured(truth, metrics, 0.95, 200, 0)
    missed = np.zeros((len(metrics), 2, 2), dtype=int)
    for number in range(rounds):
        sample = make(np.random.default_rng([23, number]), rows)
        found = _measured(sample, metrics, 0.975, resamples, number)
        for place, (one, true) in enumerate(zip(found, known, strict=True)):
            for which, (interval, exact) in enumerate(
                ((one.challenger, true.challenger), (one.gain, true.gain))
            ):
                assert interval is not None
                assert exact is not None
                missed[place, which] += exact.value < interval.low, exact.value > interval.high
    return missed


def _could_be(held: int, rounds: int, low: float, high: float) -> bool:
    """Whether coverage between `low` and `high` explains it; wrongly denied once in 1,000."""
    below = stats.binomtest(held, rounds, low, alternative="less").pvalue
    above = stats.binomtest(held, rounds, high, alternative="greater").pvalue
    return bool(min(below, above) > 0.001)


def _of_a_population(population: Sample) -> Make:
    """Rows drawn, with replacement, from real ones, whose figures are then the truth."""

    def make(random: np.random.Generator, rows: int) -> Sample:
        drawn = random.integers(0, len(population.target), rows)
        return Sample(*(None if array is None else array[drawn] for array in population))  # type: ignore[arg-type]

    return make


MADE: dict[str, tuple[Make, list[Metric], int]] = {
    "made up": (made_up, CLASSIFIERS, 1000),
    "customers": (customers, CLASSIFIERS, 2000),
    "prices": (prices, REGRESSORS, 1000),
}


@pytest.mark.parametrize("kind", MADE)
def test_intervals_hold_the_truth(kind: str) -> None:
    make, metrics, rows = MADE[kind]
    rounds = 100
    truth = make(np.random.default_rng(99), 300_000)
    missed = _missed(make, truth, metrics, rows // 2, rounds, 200)
    for metric, both in zip(metrics, missed, strict=True):
        for counts in both:
            assert _could_be(rounds - counts.sum(), rounds, 0.93, 0.975), (metric.name, counts)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", [*MADE, "bank", "caravan"])
def test_coverage(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    rounds = 1500
    if kind in MADE:
        make, metrics, rows = MADE[kind]
        truth = make(np.random.default_rng(99), 3_000_000)
    else:
        truth = bank() if kind == "bank" else caravan()
        make, metrics, rows = _of_a_population(truth), CLASSIFIERS, 2000
        if kind == "caravan":
            metrics = [metric._replace(parameters={**metric.parameters, "threshold": 0.1})
                       if "threshold" in metric.parameters else metric for metric in CLASSIFIERS]  # fmt: skip
    missed = _missed(make, truth, metrics, rows, rounds, 1000)
    lines = [f"coverage of 95% intervals, {kind}, n = {rows:,}, {rounds:,} samples (truth below, above)"]
    wrong = []
    for metric, both in zip(metrics, missed, strict=True):
        shown = []
        for what, counts in zip(("value", "gain"), both, strict=True):
            held, (below, above) = 1 - counts.sum() / rounds, counts / rounds
            shown.append(f"{what} {held:6.1%} ({below:.1%}, {above:.1%})")
            if not _could_be(rounds - counts.sum(), rounds, 0.93, 0.97):
                wrong.append((metric.name, what, held))
        lines.append(f"  {metric.name:18} {'   '.join(shown)}")
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert not wrong

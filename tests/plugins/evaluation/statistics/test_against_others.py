"""DeLong's and McNemar's tests, and the bootstrap, as other libraries have them: on real rows and made ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from MLstatkit import Delong_test
from scipy import stats
from sklearn import metrics as sk
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from hotpass_evaluation.statistics import Measured, Metric, Sample, measure
from support.judged import bank, caravan, made_up

SAMPLES = {
    "bank": bank,
    "caravan": caravan,
    "made": lambda: made_up(np.random.default_rng(0), 1500),
    "few": lambda: made_up(np.random.default_rng(1), 60),
    "tied": lambda: _tied(made_up(np.random.default_rng(2), 1500)),
    "alike": lambda: made_up(np.random.default_rng(4), 3000, lead=0.0),
}


def _tied(sample: Sample) -> Sample:
    assert sample.champion is not None
    return sample._replace(challenger=sample.challenger.round(1), champion=sample.champion.round(1))


@pytest.fixture(params=SAMPLES)
def sample(request: pytest.FixtureRequest) -> Sample:
    made: Callable[[], Sample] = SAMPLES[request.param]
    return made()


def _one(sample: Sample, metric: Metric, **options: float) -> Measured:
    [found] = measure(sample, [metric], confidence=options.pop("confidence", 0.975), **options)  # type: ignore[arg-type]
    assert isinstance(found, Measured)
    return found


def test_delong_is_that_of_mlstatkit(sample: Sample) -> None:
    found = _one(sample, Metric("roc_auc"))
    assert found.gain is not None
    assert found.champion is not None
    z, p_value, _, ci, champion, challenger, _ = Delong_test(
        sample.target, sample.champion, sample.challenger
    )
    assert found.challenger.value == pytest.approx(challenger, abs=1e-12)
    assert found.champion.value == pytest.approx(champion, abs=1e-12)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)
    error = found.gain.value / z
    low, high = found.gain.value - 1.959964 * error, found.gain.value + 1.959964 * error
    few = min(sum(sample.target == 1), sum(sample.target == 0)) < 30
    near = 0.4 if few else 0.05  # Student's t, where the rows that differ are few.
    assert low - near * error < found.gain.low <= low
    assert high <= found.gain.high < high + near * error
    width = ci[1] - ci[0]
    if not few:
        assert found.challenger.high - found.challenger.low == pytest.approx(width, rel=0.03)


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5])
def test_mcnemar_is_that_of_statsmodels(sample: Sample, threshold: float) -> None:
    assert sample.champion is not None
    found = _one(sample, Metric("accuracy", {"threshold": threshold}))
    won = sample.target == 1
    ours, theirs = (sample.challenger >= threshold) == won, (sample.champion >= threshold) == won
    table = [[sum(ours & theirs), sum(ours & ~theirs)], [sum(~ours & theirs), sum(~ours & ~theirs)]]
    assert found.p_value == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9, abs=1e-300)
    recall = _one(sample, Metric("recall", {"threshold": threshold}))
    table = [
        [sum(won & ours & theirs), sum(won & ours & ~theirs)],
        [sum(won & ~ours & theirs), sum(won & ~ours & ~theirs)],
    ]
    assert recall.p_value == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9, abs=1e-300)
    assert found.challenger[1:3] == pytest.approx(
        proportion_confint(ours.sum(), len(ours), alpha=0.05, method="jeffreys"), abs=1e-9
    )


def test_a_verdict_on_accuracy_agrees_with_mcnemars_exact_test() -> None:
    """For whatever few rows differ, in favour of either: a bound beyond 0 never without p <= alpha."""
    passed = 0
    for rows in (30, 1000):
        for gained in range(15):
            for lost in range(15 - gained):
                won = np.ones(rows)
                ours, theirs = np.ones(rows), np.ones(rows)
                theirs[:gained] = 0
                ours[gained : gained + lost] = 0
                found = _one(
                    Sample(won, ours, theirs), Metric("accuracy", {"threshold": 0.5}), confidence=0.95
                )
                assert found.gain is not None
                differing = gained + lost
                p_value = (
                    stats.binomtest(gained, differing, alternative="greater").pvalue if differing else 1.0
                )
                assert found.gain.low <= found.gain.value <= found.gain.high
                if p_value > 0.05:
                    assert found.gain.low <= 0, (rows, gained, lost)
                else:
                    passed += found.gain.low > 0
    assert passed > 40


@pytest.mark.parametrize(("gained", "lost", "rows"), [(1, 0, 44), (0, 0, 20), (7, 2, 80), (30, 25, 400)])
@pytest.mark.parametrize("confidence", [0.9, 0.975, 0.999])
def test_tangos_interval_solves_his_equation(gained: int, lost: int, rows: int, confidence: float) -> None:
    """Where McNemar's exact test is not the more careful one."""
    won, ours, theirs = np.ones(rows), np.ones(rows), np.ones(rows)
    theirs[:gained] = 0
    ours[gained : gained + lost] = 0
    ours[-1] -= 0.01
    found = _one(Sample(won, ours, theirs), Metric("accuracy", {"threshold": 0.5}), confidence=confidence)
    assert found.gain is not None
    z = stats.norm.ppf(confidence)
    exact = (
        stats.binomtest(gained, gained + lost).proportion_ci(2 * confidence - 1) if gained + lost else None
    )
    for bound, side, of_exact in ((found.gain.low, z, "low"), (found.gain.high, -z, "high")):
        if exact and bound == pytest.approx((2 * getattr(exact, of_exact) - 1) * (gained + lost) / rows):
            continue
        assert _score(gained, lost, rows, bound) == pytest.approx(side, abs=1e-3)


def _score(gained: int, lost: int, rows: int, difference: float) -> float:
    """Tango's statistic, its nuisance parameter found by maximising the likelihood itself."""
    from scipy.optimize import minimize_scalar

    def unlikely(only_lost: float) -> float:
        chances = np.array([only_lost + difference, only_lost, 1 - 2 * only_lost - difference])
        if (chances <= 0).any():
            return 1e9
        return -float(np.array([gained, lost, rows - gained - lost]) @ np.log(chances))

    ends = max(0.0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12
    best = minimize_scalar(unlikely, bounds=ends, method="bounded", options={"xatol": 1e-12}).x
    variance = rows * (2 * best + difference * (1 - difference))
    return (gained - lost - rows * difference) / float(np.sqrt(variance))


def test_the_bootstrap_is_that_of_scipy() -> None:
    sample = made_up(np.random.default_rng(3), 300)
    known = {
        "average_precision": sk.average_precision_score,
        "f1": lambda won, score: sk.f1_score(won, score >= 0.3),
    }
    for name, compute in known.items():
        metric = Metric(name, {"threshold": 0.3} if name == "f1" else {})
        weighed = sample._replace(weight=np.ones(300))

        def lead(won, ours, theirs, compute=compute):
            return compute(won, ours) - compute(won, theirs)

        theirs = stats.bootstrap(
            (sample.target, sample.challenger, sample.champion), lead, paired=True, vectorized=False,
            n_resamples=400, method="percentile", confidence_level=0.9, rng=np.random.default_rng(0),
        )  # fmt: skip
        gain = _one(weighed, metric, confidence=0.95).gain
        assert gain is not None
        width = theirs.confidence_interval.high - theirs.confidence_interval.low
        assert gain.low == pytest.approx(theirs.confidence_interval.low, abs=0.12 * width), name
        assert gain.high == pytest.approx(theirs.confidence_interval.high, abs=0.12 * width), name


def test_delong_and_the_bootstrap_agree_on_real_rows() -> None:
    sample = caravan()
    exact = _one(sample, Metric("roc_auc"))
    drawn = _one(sample._replace(weight=np.ones(len(sample.target))), Metric("roc_auc"))
    assert "bootstrap" in drawn.challenger.method
    for left, right in ((exact.challenger, drawn.challenger), (exact.gain, drawn.gain)):
        assert left is not None
        assert right is not None
        width = left.high - left.low
        assert right.low == pytest.approx(left.low, abs=0.06 * width)
        assert right.high == pytest.approx(left.high, abs=0.06 * width)

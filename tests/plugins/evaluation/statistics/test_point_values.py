"""Values are scikit-learn's, for any scores, with ties and weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from hotpass_evaluation.statistics import Measured, Metric, Sample, measure

VALUES = {"true_positive": 100, "false_positive": -5, "false_negative": -20}
CUT = {"threshold": 0.5}


def _expected_value(won, score, weight):
    called = score >= 0.5
    worth = np.select([called & (won == 1), called, won == 1], [100, -5, -20], 0)
    return np.average(worth, weights=weight)


def _capture(won, score, weight):
    """By the longest way: every order of tied rows is as likely, so each gets its tie's mean of the target.
    """
    weight = np.ones(len(won)) if weight is None else weight
    left, taken = 0.3 * weight.sum(), 0.0
    for level in sorted(set(score), reverse=True):
        tied = score == level
        part = min(1.0, left / weight[tied].sum())
        taken += part * (weight * won)[tied].sum()
        left -= part * weight[tied].sum()
        if left <= 1e-12:
            break
    return taken / (weight * won).sum()


CLASSIFIERS = [
    (Metric("roc_auc"), lambda t, s, w: sk.roc_auc_score(t, s, sample_weight=w)),
    (Metric("average_precision"), lambda t, s, w: sk.average_precision_score(t, s, sample_weight=w)),
    (Metric("log_loss"), lambda t, s, w: sk.log_loss(t, s, sample_weight=w, labels=[0, 1])),
    (Metric("brier_score"), lambda t, s, w: sk.brier_score_loss(t, s, sample_weight=w)),
    (Metric("accuracy", CUT), lambda t, s, w: sk.accuracy_score(t, s >= 0.5, sample_weight=w)),
    (Metric("precision", CUT), lambda t, s, w: sk.precision_score(t, s >= 0.5, sample_weight=w)),
    (Metric("recall", CUT), lambda t, s, w: sk.recall_score(t, s >= 0.5, sample_weight=w)),
    (Metric("f1", CUT), lambda t, s, w: sk.f1_score(t, s >= 0.5, sample_weight=w)),
    (
        Metric("f_beta", CUT | {"beta": 2}),
        lambda t, s, w: sk.fbeta_score(t, s >= 0.5, beta=2, sample_weight=w),
    ),
    (Metric("expected_value", CUT | {"values": VALUES}), _expected_value),
    (Metric("capture", {"top": 30}), _capture),
    (Metric("lift_at_30"), lambda t, s, w: _capture(t, s, w) / 0.3),
    (Metric("mine", {"compute": _expected_value, "higher_is_better": True}), _expected_value),
]
REGRESSORS = [
    (Metric("rmse"), lambda t, s, w: sk.root_mean_squared_error(t, s, sample_weight=w)),
    (Metric("mae"), lambda t, s, w: sk.mean_absolute_error(t, s, sample_weight=w)),
    (Metric("r2"), lambda t, s, w: sk.r2_score(t, s, sample_weight=w)),
]


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Few levels of scores, so that there are ties; both classes twice, and a positive that is called one."""
    rows = draw(st.integers(8, 60))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    levels = draw(st.sampled_from([3, 10, 10**9]))
    target = (random.random(rows) < 0.4).astype(float)
    target[:4] = 0, 0, 1, 1
    scores = random.integers(0, levels + 1, (2, rows)) / levels
    scores[:, 3] = 1.0
    weight = random.integers(1, 5, rows) / 2 if draw(st.booleans()) else None
    return Sample(target, scores[0], scores[1], weight)


@settings(max_examples=60, deadline=None)
@given(samples())
def test_classifiers_are_measured_as_scikit_learn_does(sample: Sample) -> None:
    found = measure(sample, [metric for metric, _ in CLASSIFIERS], confidence=0.95, resamples=200)
    for (metric, known), one in zip(CLASSIFIERS, found, strict=True):
        assert isinstance(one, Measured), (metric, one)
        assert one.champion is not None
        assert one.gain is not None
        value = known(sample.target, sample.challenger, sample.weight)
        other = known(sample.target, sample.champion, sample.weight)
        assert one.challenger.value == pytest.approx(value, abs=1e-9), metric
        assert one.champion.value == pytest.approx(other, abs=1e-9), metric
        sign = -1 if metric.name in ("log_loss", "brier_score") else 1
        assert one.gain.value == pytest.approx(sign * (value - other), abs=1e-9), metric
        for interval in (one.challenger, one.champion, one.gain):
            assert interval.low <= interval.value + 1e-9, metric
            assert interval.high >= interval.value - 1e-9, metric


@settings(max_examples=30, deadline=None)
@given(samples(), st.sampled_from([0.0, 1e6]))
def test_regressors_are_measured_as_scikit_learn_does(sample: Sample, far: float) -> None:
    noise = np.random.default_rng(0).normal(size=(3, len(sample.target)))
    target = sample.target * 3 + noise[0] + far
    moved = Sample(target, target + noise[1], target + 2 * noise[2], sample.weight)
    found = measure(moved, [metric for metric, _ in REGRESSORS], confidence=0.95, resamples=200)
    for (metric, known), one in zip(REGRESSORS, found, strict=True):
        assert isinstance(one, Measured)
        assert one.gain is not None
        value = known(moved.target, moved.challenger, moved.weight)
        other = known(moved.target, moved.champion, moved.weight)
        sign = 1 if metric.name == "r2" else -1
        assert one.challenger.value == pytest.approx(value, rel=1e-7)
        assert one.gain.value == pytest.approx(sign * (value - other), rel=1e-6, abs=1e-7)
        assert one.positives is None


def test_a_threshold_of_its_own_for_the_champion() -> None:
    sample = Sample(
        *np.array([[1, 1, 0, 0, 1, 0], [0.9, 0.6, 0.1, 0.2, 0.7, 0.3], [0.4, 0.3, 0.1, 0.0, 0.3, 0.2]])
    )
    [own] = measure(
        sample, [Metric("accuracy", {"threshold": 0.5, "champion_threshold": 0.25})], confidence=0.95
    )
    assert isinstance(own, Measured)
    assert own.champion is not None
    assert (own.challenger.value, own.champion.value) == (1.0, 1.0)
    [same] = measure(sample, [Metric("accuracy", {"threshold": 0.5})], confidence=0.95)
    assert isinstance(same, Measured)
    assert same.champion is not None
    assert same.champion.value == 0.5

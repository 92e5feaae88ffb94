"""What a report draws is what scikit-learn draws, in fewer points."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import auc, precision_recall_curve, roc_auc_score, roc_curve

from hotpass_evaluation.work.curves import MOST, bars, calibration, classifier_curves

RANDOM = np.random.default_rng(0)
ROWS = 20_000
SCORE = RANDOM.random(ROWS)
TARGET = (RANDOM.random(ROWS) < SCORE**2).astype(float)
WEIGHT = RANDOM.exponential(1, ROWS)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
def test_roc_in_few_points_encloses_the_same_area(weight):
    roc = classifier_curves(TARGET, SCORE, weight)["roc"]
    assert 100 < len(roc["x"]) <= MOST
    assert (roc["x"][0], roc["y"][0], roc["x"][-1], roc["y"][-1]) == (0, 0, 1, 1)
    area = roc_auc_score(TARGET, SCORE, sample_weight=weight)
    assert auc(roc["x"], roc["y"]) == pytest.approx(area, abs=2e-4)


def test_points_lie_on_the_curves_of_scikit_learn():
    curves = classifier_curves(TARGET[:150], SCORE[:150], WEIGHT[:150])
    x, y, _ = roc_curve(TARGET[:150], SCORE[:150], sample_weight=WEIGHT[:150], drop_intermediate=False)
    assert np.allclose(curves["roc"]["x"], x, atol=1e-6)
    assert np.allclose(curves["roc"]["y"], y, atol=1e-6)
    precision, recall, _ = precision_recall_curve(TARGET[:150], SCORE[:150], sample_weight=WEIGHT[:150])
    assert np.allclose(curves["precision_recall"]["x"], recall[-2::-1], atol=1e-6)
    assert np.allclose(curves["precision_recall"]["y"], precision[-2::-1], atol=1e-6)


def test_ties_are_one_point():
    target = np.array([1.0, 0.0, 1.0, 0.0])
    roc = classifier_curves(target, np.full(4, 0.5), None)["roc"]
    assert roc == {"x": [0.0, 1.0], "y": [0.0, 1.0]}


def test_calibration_is_that_of_scikit_learn():
    drawn = calibration(TARGET, SCORE, None)
    share, mean = calibration_curve(TARGET, SCORE, n_bins=10, strategy="quantile")
    assert np.allclose(drawn["x"], mean, atol=1e-3)
    assert np.allclose(drawn["y"], share, atol=1e-3)


def test_calibration_does_not_part_equal_scores():
    score = np.repeat([0.1, 0.9], [75, 25])
    assert calibration(np.repeat([0.0, 1.0], [75, 25]), score, None) == {"x": [0.1, 0.9], "y": [0.0, 1.0]}
    assert calibration(np.ones(5), np.full(5, 0.5), None) == {"x": [0.5], "y": [1.0]}


def test_one_class_has_no_curves_and_no_weight_no_points():
    one = classifier_curves(np.ones(10), SCORE[:10], None)
    assert one["roc"] == one["precision_recall"] == {"x": [], "y": []}
    some = classifier_curves(TARGET[:10], SCORE[:10], np.zeros(10))
    assert all(curve == {"x": [], "y": []} for curve in some.values())


def test_bars_are_shares_over_the_same_edges():
    low, high = bars({"a": SCORE, "b": SCORE**2}, WEIGHT)
    assert low["edges"] == high["edges"]
    assert (low["edges"][0], low["edges"][-1], len(low["edges"])) == (0, 1, len(low["heights"]) + 1)
    assert sum(low["heights"]) == pytest.approx(1, abs=1e-4)
    (flat,) = bars({"a": np.full(3, 7.0)}, None)
    assert max(flat["heights"]) == 1

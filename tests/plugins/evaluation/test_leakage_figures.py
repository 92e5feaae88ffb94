"""What a single column tells of the target."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import TargetEncoder

from hotpass_evaluation.statistics import alone

RNG = np.random.default_rng(7)
TARGET = (RNG.random(4000) < 0.2).astype(float)
FOLD = alone.folds(TARGET, classes=True)


def measured(values: np.ndarray, *, texts: bool = False) -> alone.Alone:
    return alone.of_classes(values, TARGET, FOLD, texts=texts, alpha=0.05)


def test_folds_have_each_class_in_the_same_shares() -> None:
    for fold in range(alone.FOLDS):
        assert TARGET[fold == FOLD].sum() == pytest.approx(TARGET.sum() / alone.FOLDS, abs=1)


def test_noise_tells_nothing_however_many_values_it_has() -> None:
    for values, texts in ((RNG.normal(size=4000), False), (RNG.integers(0, 1500, 4000).astype(float), True)):
        assert measured(values, texts=texts).value < 0.54


@pytest.mark.parametrize("sign", [1, -1])
def test_order_both_ways(sign: int) -> None:
    values = sign * (TARGET + RNG.normal(size=4000))
    found = measured(values)
    assert found.value == pytest.approx(roc_auc_score(TARGET, sign * values), abs=0.01)
    assert found.low < found.value < found.high


def test_values_that_no_order_shows() -> None:
    """Near zero the lead was won; far from it, on either side, it was lost."""
    values = np.where(
        TARGET == 1, RNG.normal(0, 0.3, 4000), RNG.choice([-1, 1], 4000) * RNG.uniform(0.5, 2, 4000)
    )
    found = measured(values)
    assert max(roc_auc_score(TARGET, values), roc_auc_score(TARGET, -values)) < 0.6
    assert found.how == "values"
    assert found.value > 0.85


def test_what_is_missing_tells() -> None:
    values = RNG.normal(size=4000)
    values[(TARGET == 0) & (RNG.random(4000) < 0.9)] = np.nan
    found = measured(values)
    assert found.value > 0.92
    assert found.gives_away == 0, "a tenth of those who did not buy have one too"


def test_a_code_that_only_buyers_have_gives_them_away_however_few() -> None:
    values = RNG.integers(0, 5, 4000).astype(float)
    values[(TARGET == 1) & (RNG.random(4000) < 0.2)] = 9
    found = measured(values, texts=True)
    assert found.value < 0.65
    assert found.gives_away == pytest.approx(0.2, abs=0.05)


def test_copies_of_the_target() -> None:
    for copy in (TARGET, 1 - TARGET, TARGET * 1000 + RNG.random(4000)):
        assert measured(copy).value == 1
        assert measured(copy).gives_away > 0.9


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_out_of_fold_is_what_scikit_learn_encodes(seed: int, width: int) -> None:
    """Its rows judge themselves by no fold of their own either: with its own smoothing the order is much
    alike.
    """
    rng = np.random.default_rng(seed)
    cell = rng.integers(0, width, 1000)
    target = (rng.random(1000) < 0.1 + 0.8 * (cell / width)).astype(float)
    fold = alone.folds(target, classes=True, seed=seed)
    ours = alone.out_of_fold(cell, target, fold)
    assert ours.min() >= 0
    assert ours.max() <= 1
    for held_out in range(alone.FOLDS):
        learn = fold != held_out
        encoder = TargetEncoder(smooth=10.0, target_type="continuous").fit(cell[learn, None], target[learn])
        theirs = encoder.transform(cell[~learn, None])[:, 0]
        assert ours[~learn] == pytest.approx(theirs)


def test_numbers() -> None:
    target = RNG.normal(size=3000)
    fold = alone.folds(target, classes=False)
    noise = alone.of_numbers(RNG.normal(size=3000), target, fold, texts=False, z=1.64)
    copy = alone.of_numbers(target * 3 + 1, target, fold, texts=False, z=1.64)
    half = alone.of_numbers(target + RNG.normal(size=3000), target, fold, texts=False, z=1.64)
    assert noise.value < 0.02
    assert copy.value > 0.97
    assert 0.4 < half.low < half.value < half.high < 0.6

"""Ties, constants, one class, no rows, one row, broken numbers: each has a defined answer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hotpass_evaluation.statistics import KNOWN, Measured, Metric, Sample, Undefined, measure

CUT = {"threshold": 0.5}
VALUES = {"true_positive": 10, "false_positive": -1}
PARAMETERS = {
    name: {
        key: value
        for key, value in {"threshold": 0.5, "top": 10, "values": VALUES}.items()
        if key in known.required
    }
    for name, known in KNOWN.items()
}
ALL = [Metric(name, PARAMETERS[name]) for name in KNOWN]
CLASSIFIERS = [metric for metric in ALL if KNOWN[metric.name].needs == "classifier"]


def _made(rows: int = 300, seed: int = 0) -> Sample:
    random = np.random.default_rng(seed)
    target = (random.random(rows) < 0.3).astype(float)
    scores = 1 / (1 + np.exp(-random.normal(size=(2, rows)) - target + 0.5))
    return Sample(target, scores[0], scores[1])


def _one(sample: Sample, metric: Metric, confidence: float = 0.95) -> Measured:
    [found] = measure(sample, [metric], confidence=confidence, resamples=500)
    assert isinstance(found, Measured), found
    return found


def _why(sample: Sample, metric: Metric) -> str:
    [found] = measure(sample, [metric], confidence=0.95, resamples=500)
    assert isinstance(found, Undefined), found
    return str(found)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
@pytest.mark.parametrize("kind", ["plain", "weighted", "grouped"])
def test_identical_models_gain_exactly_nothing(metric: Metric, kind: str) -> None:
    sample = _made()
    rows = np.arange(len(sample.target))
    sample = sample._replace(
        champion=sample.challenger.copy(),
        weight=1.0 + rows % 3 if kind == "weighted" else None,
        group=rows // 5 if kind == "grouped" else None,
    )
    gain = _one(sample, metric).gain
    assert gain is not None
    assert gain[:3] == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
@pytest.mark.parametrize(("rows", "says"), [(0, "there are no rows"), (1, "one row by itself")])
def test_no_row_and_one_row_are_no_evidence(metric: Metric, rows: int, says: str) -> None:
    sample = _made()
    few = Sample(sample.target[:rows], sample.challenger[:rows], sample.champion[:rows])  # type: ignore[index]
    assert says in _why(few, metric)


@pytest.mark.parametrize("metric", CLASSIFIERS, ids=lambda metric: metric.name)
def test_one_class_only(metric: Metric) -> None:
    sample = _made()
    lost = sample._replace(target=np.zeros(300))
    [found] = measure(lost, [metric], confidence=0.95, resamples=500)
    if metric.name in ("roc_auc", "average_precision", "lift", "capture"):
        assert "all 300 rows are negative" in str(found)
    elif metric.name in ("recall", "f_beta", "f1"):
        assert "none of the 300 rows is positive" in str(found)
    else:
        assert isinstance(found, Measured)
        assert math.isfinite(found.challenger.value)


def test_constant_scores_tell_nothing_apart() -> None:
    flat = _made()._replace(challenger=np.full(300, 0.4))
    found = _one(flat, Metric("roc_auc"))
    assert found.challenger.value == 0.5
    assert 0.45 < found.challenger.low < 0.5 < found.challenger.high < 0.55
    assert found.gain is not None
    assert found.gain.high < 0
    assert _one(flat, Metric("lift", {"top": 10})).challenger.value == pytest.approx(1.0)
    assert _one(flat, Metric("average_precision")).challenger.value == pytest.approx(flat.target.mean())
    assert "no row has a score of the challenger that reaches the threshold 0.5" in _why(
        flat, Metric("precision", CUT)
    )
    assert _one(flat, Metric("recall", CUT)).challenger.value == 0.0
    assert _one(flat, Metric("f1", CUT)).challenger.value == 0.0


@pytest.mark.parametrize("few", [5, 50])
def test_perfect_separation_of_few_rows_is_not_certainty(few: int) -> None:
    target = np.repeat([0.0, 1.0], [200, few])
    random = np.random.default_rng(1)
    scores = target / 2 + 0.49 * random.random((2, 200 + few))
    found = _one(Sample(target, scores[0], scores[1]), Metric("roc_auc"))
    assert found.challenger[:3] == (1.0, pytest.approx(0.05 ** (1 / few)), 1.0)
    assert found.gain is not None
    assert found.gain.value == 0.0
    assert found.gain.low == pytest.approx(0.05 ** (1 / few) - 1)
    for name, parameters in (("average_precision", {}), ("capture", {"top": 50}), ("accuracy", CUT)):
        one = _one(Sample(target, scores[0], scores[1]), Metric(name, parameters))
        assert one.challenger.value == pytest.approx(1.0)
        assert 0.5 < one.challenger.low < 0.9995, name


def test_three_lucky_rows_are_never_a_better_model() -> None:
    """The champion but for three rows, all of them turned to the right side: a sign test has p = 1/8."""
    sample = _made(2000)
    assert sample.champion is not None
    missed = np.flatnonzero((sample.target == 1) & (sample.champion < 0.5))[:3]
    better = sample.champion.copy()
    better[missed] = 0.99
    lucky = sample._replace(challenger=better)
    for metric in CLASSIFIERS:
        gain = _one(lucky, metric).gain
        assert gain is not None
        if metric.name not in ("log_loss", "brier", "brier_score"):
            assert gain.value > 0, metric
        assert gain.low <= 0, (metric, gain)
    for kind in ({"weight": np.ones(2000)}, {"group": np.arange(2000)}):
        for metric in CLASSIFIERS:
            gain = _one(lucky._replace(**kind), metric).gain
            assert gain is not None
            assert gain.low <= 0, (metric, gain)


def test_rows_without_weight_are_not_there() -> None:
    sample = _made()
    zeros = np.where(np.arange(300) < 200, 1.0, 0.0)
    there = Sample(*(None if a is None else a[:200] for a in sample))  # type: ignore[arg-type]
    for metric in CLASSIFIERS:
        weighed = _one(sample._replace(weight=zeros), metric)
        assert weighed.rows == 200
        assert weighed.challenger.value == pytest.approx(_one(there, metric).challenger.value)
    assert "there are no rows" in _why(sample._replace(weight=np.zeros(300)), Metric("roc_auc"))


def test_a_group_counts_once() -> None:
    """Every row ten times over is no more evidence, if the group says so."""
    sample = _made(200)
    ten = Sample(*(None if a is None else np.repeat(a, 10) for a in sample))  # type: ignore[arg-type]
    grouped = ten._replace(group=np.repeat(np.arange(200), 10))
    for metric in CLASSIFIERS:
        once, fooled, counted = (_one(each, metric).gain for each in (sample, ten, grouped))
        assert once is not None
        assert fooled is not None
        assert counted is not None
        width = once.high - once.low
        assert (fooled.high - fooled.low) < 0.5 * width, metric
        assert 0.75 * width < counted.high - counted.low < 1.25 * width, metric


@pytest.mark.parametrize("kind", ["plain", "weighted", "grouped"])
def test_a_single_positive_has_no_spread(kind: str) -> None:
    sample = _made(100)._replace(target=np.eye(1, 100)[0])
    rows = np.arange(100)
    sample = sample._replace(
        weight=1.0 + rows if kind == "weighted" else None, group=rows // 5 if kind == "grouped" else None
    )
    for name in ("roc_auc", "average_precision", "lift"):
        assert "that of a single row or group" in _why(sample, Metric(name, PARAMETERS[name]))


def test_groups_of_one_row_and_few_groups() -> None:
    sample = _made(100)
    alone = _one(sample._replace(group=np.arange(100)), Metric("roc_auc"))
    assert "over groups" in alone.challenger.method
    assert "there are 9 groups" in _why(sample._replace(group=np.arange(100) % 9), Metric("roc_auc"))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("challenger", np.nan, "challenger is NaN or infinite in 1 of 300 rows"),
        ("champion", np.inf, "champion is NaN or infinite in 1 of 300 rows"),
        ("target", np.nan, "target is NaN or infinite in 1 of 300 rows"),
        ("target", 2.0, "the target must be 0 or 1 where a classifier is judged, not 2"),
        ("weight", -1.0, "weight is negative in 1 of 300 rows"),
    ],
)
def test_broken_numbers_are_refused(field: str, value: float, says: str) -> None:
    sample = _made()._replace(weight=np.ones(300))
    array = getattr(sample, field).copy()
    array[7] = value
    with pytest.raises(ValueError, match=says):
        measure(sample._replace(**{field: array}), [Metric("roc_auc")], confidence=0.95)


def test_arrays_must_fit() -> None:
    with pytest.raises(ValueError, match=r"champion has the shape \(299,\), where \(300,\) is needed"):
        measure(_made()._replace(champion=np.ones(299)), [Metric("roc_auc")], confidence=0.95)
    with pytest.raises(ValueError, match="target holds"):
        measure(_made()._replace(target=np.array(["no"] * 300)), [Metric("roc_auc")], confidence=0.95)  # type: ignore[arg-type]


def test_probabilities_are_asked_for_where_they_count() -> None:
    margins = _made()._replace(champion=np.linspace(-3, 4, 300))
    assert "the champion's scores go from -3 to 4" in _why(margins, Metric("log_loss"))
    assert _one(margins, Metric("roc_auc")).challenger.value > 0.5


def test_a_constant_target_has_nothing_to_explain() -> None:
    flat = Sample(np.full(50, 7.0), np.random.default_rng(0).normal(size=50))
    assert "the target is the same in every row" in _why(flat, Metric("r2"))
    assert _one(flat, Metric("rmse")).challenger.value > 0


def test_a_top_that_is_no_row() -> None:
    assert "the top 1% of 20 rows is not a single row" in _why(_made(20), Metric("lift", {"top": 1}))


def test_the_same_seed_gives_the_same_bounds_whatever_else_is_measured() -> None:
    alone = _one(_made(), Metric("average_precision"))
    among = measure(_made(), CLASSIFIERS, confidence=0.95, resamples=500)[1]
    assert alone == among
    other = measure(_made(), [Metric("average_precision")], confidence=0.95, resamples=500, seed=1)[0]
    assert isinstance(other, Measured)
    assert other.challenger.value == alone.challenger.value
    assert other.challenger.low != alone.challenger.low


@pytest.mark.parametrize("metric", CLASSIFIERS, ids=lambda metric: metric.name)
def test_more_confidence_is_a_wider_interval(metric: Metric) -> None:
    levels = [0.9, 0.95, 0.99, 0.999, 0.9999]
    found = measure(_made(), [metric] * 5, confidence=levels, resamples=500)
    for interval in ("challenger", "gain"):
        widths = [getattr(one, interval).high - getattr(one, interval).low for one in found]
        assert widths == sorted(widths)
        assert len(set(widths)) == 5


def test_a_metric_of_a_plugin_that_breaks_is_undefined() -> None:
    def broken(target, score, weight):
        raise ZeroDivisionError("no rows of that kind")

    metric = Metric("mine", {"compute": broken, "higher_is_better": True})
    assert _why(_made(), metric) == "it could not be computed: ZeroDivisionError: no rows of that kind"
    nowhere = Metric("mine", {"compute": lambda t, s, w: math.nan, "higher_is_better": True})
    assert _why(_made(), nowhere) == "it came out as nan"


@pytest.mark.parametrize("scale", [1e-300, 1e200, 1e308])
@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_only_the_proportions_of_weights_count(metric: Metric, scale: float) -> None:
    sample = _made()
    weight = 1.0 / (1 + np.arange(300) % 4)
    [known] = measure(sample._replace(weight=weight), [metric], confidence=0.95, resamples=300)
    [found] = measure(sample._replace(weight=weight * scale), [metric], confidence=0.95, resamples=300)
    assert isinstance(known, Measured)
    assert isinstance(found, Measured)
    for one, other in ((known.challenger, found.challenger), (known.gain, found.gain)):
        assert one is not None
        assert other is not None
        assert one[:3] == pytest.approx(other[:3], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ["rmse", "r2", "mae"])
def test_numbers_too_large_to_compute_with_are_undefined(name: str) -> None:
    sample = _made()
    assert "too large" in _why(sample._replace(challenger=sample.challenger * 1.7e308), Metric(name))


def test_a_gain_in_a_single_row_has_no_bounds_and_is_no_overflow() -> None:
    random = np.random.default_rng(0)
    target = random.normal(size=200)
    champion = target + random.normal(size=200)
    challenger = champion.copy()
    challenger[0] = target[0]
    found = _one(Sample(target, challenger, champion), Metric("rmse"))
    assert found.gain is not None
    assert (found.gain.low, found.gain.high) == (-math.inf, math.inf)

"""What a policy may say of a metric, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from hotpass_evaluation.statistics import KNOWN, Metric, Sample, measure
from hotpass_evaluation.statistics.known import checked, higher_is_better

SAMPLE = Sample(np.array([0.0, 1, 0, 1]), np.array([0.1, 0.9, 0.2, 0.8]))


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        (Metric("roc_uac"), "no metric is called roc_uac. Did you mean roc_auc?"),
        (Metric("accuracy"), "accuracy needs threshold"),
        (
            Metric("accuracy", {"treshold": 0.5}),
            "accuracy has no parameter treshold. Did you mean threshold?",
        ),
        (
            Metric("accuracy", {"threshold": "half"}),
            "accuracy: threshold must be a finite number, not 'half'",
        ),
        (Metric("roc_auc", {"threshold": 0.5}), "roc_auc has no parameter threshold"),
        (Metric("lift", {"top": 0}), "lift: top is a percentage between 0 and 100, not 0"),
        (Metric("lift_at_10", {"top": 20}), "lift_at_10 says top by its name"),
        (Metric("lift_at_100"), "lift_at_100: top is a percentage"),
        (Metric("f_beta", {"threshold": 0.5, "beta": 0}), "f_beta: beta must be above 0"),
        (Metric("f1", {"threshold": 0.5, "beta": 2}), "f1 has no parameter beta"),
        (Metric("expected_value", {"threshold": 0.5, "values": {}}), "must say what true_positive"),
        (
            Metric("expected_value", {"threshold": 0.5, "values": {"true_postive": 1}}),
            "has no outcome true_postive. Did you mean true_positive?",
        ),
        (Metric("mine", {"compute": max}), "mine does not say whether higher is better"),
    ],
)
def test_mistakes_are_told_in_words(metric: Metric, says: str) -> None:
    with pytest.raises(ValueError) as error:
        measure(SAMPLE, [metric], confidence=0.95)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"confidence": 0.5}, "confidence must be above 0.5 and below 1, not 0.5"),
        ({"confidence": 95}, "confidence must be above 0.5 and below 1, not 95"),
        ({"confidence": [0.9, 0.9]}, "there are 1 metrics and 2 confidences"),
        ({"confidence": "0.95"}, "confidence must be above 0.5 and below 1, not 0.95"),
        ({"confidence": [float("nan")]}, "confidence must be above 0.5 and below 1, not nan"),
        ({"confidence": 0.9, "resamples": 2000.5}, "resamples must be 200 or more, not 2000.5"),
        ({"confidence": 0.9, "resamples": 10}, "resamples must be 200 or more, not 10"),
    ],
)
def test_impossible_calls(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        measure(SAMPLE, [Metric("roc_auc")], **given)  # type: ignore[arg-type]


def test_directions_and_names() -> None:
    assert higher_is_better(Metric("lift_at_10"))
    assert not higher_is_better(Metric("brier"))
    assert not higher_is_better(Metric("mine", {"compute": max, "higher_is_better": False}))
    assert checked(Metric("capture_at_2.5")) == Metric("capture", {"top": 2.5})
    assert checked(Metric("f1", {"threshold": 0.5})).name == "f_beta"


def test_the_names_are_read_without_numpy() -> None:
    code = (
        "import sys; from hotpass_evaluation.statistics import KNOWN, rows_to_settle, Interval;"
        "print(len(KNOWN), 'numpy' in sys.modules, rows_to_settle(Interval(.01, -.01, .03, ''), 0, 2000))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(KNOWN)), "False", "8000"]

from __future__ import annotations

import pytest

from hotpass.spoken import all_of, any_of, duration_words, metric_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("roc_auc", "ROC AUC"), ("brier_score", "Brier score"), ("val_f1_score", "validation F1 score"),
        ("lift_at_10", "lift at 10"), ("r2", "R²"), ("latency_ms", "latency ms"), ("_", "_"), ("x", "x"),
        ("matthews_corrcoef", "Matthews correlation"),
    ],
)  # fmt: skip
def test_metrics(name: str, words: str) -> None:
    assert metric_words(name) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("24h", "24 hours"), ("1h", "1 hour"), ("1d12h", "1 day and 12 hours"),
        ("2w 1d 3m", "2 weeks, 1 day and 3 minutes"), ("90s", "90 seconds"),
        ("0d24h", "24 hours"), ("001d", "1 day"),
    ],
)  # fmt: skip
def test_durations_as_they_are_written(text: str, words: str) -> None:
    assert duration_words(text) == words


def test_lists() -> None:
    assert all_of([]) == ""
    assert all_of(["ana"]) == "ana"
    assert all_of(["ana", "ben"]) == "ana and ben"
    assert any_of(["ana", "ben", "cleo"]) == "ana, ben or cleo"
    assert any_of([str(number) for number in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 or 2 more"

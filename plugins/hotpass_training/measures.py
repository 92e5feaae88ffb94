"""What a model reached: metrics, and the threshold that makes a decision of a score."""

from __future__ import annotations

import numpy as np

#: Names, in the order in which people read them.
METRICS = ("roc_auc", "average_precision", "precision", "recall", "brier_score", "log_loss")


def measure(won: np.ndarray, scores: np.ndarray, called: np.ndarray) -> dict[str, float]:
    """The metrics of `scores` (in [0, 1]) against `won` (0 or 1), both of shape (rows,); by scikit-learn's
    definitions.

    `called` says of each row whether the decision threshold calls it a win; precision and recall rest on it.
    Precision is NaN where no row is called one.
    """
    from sklearn import metrics

    return {
        "roc_auc": float(metrics.roc_auc_score(won, scores)),
        "average_precision": float(metrics.average_precision_score(won, scores)),
        "precision": float(metrics.precision_score(won, called, zero_division=np.nan)),
        "recall": float(metrics.recall_score(won, called, zero_division=np.nan)),
        "brier_score": float(metrics.brier_score_loss(won, scores)),
        "log_loss": float(metrics.log_loss(won, scores, labels=[0, 1])),
    }


def best_threshold(won: np.ndarray, scores: np.ndarray) -> float:
    """The threshold with the highest F1 on these rows, half-way to the next lower score; a score at or above
    it is a win.

    A fixed 0.5 would call nearly no lead a win where few are won. A tie goes to the higher threshold.
    """
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(won, scores)
    total = precision[:-1] + recall[:-1]
    f1 = np.divide(2 * precision[:-1] * recall[:-1], total, out=np.zeros_like(total), where=total > 0)
    best = len(f1) - 1 - int(np.argmax(f1[::-1]))
    below = thresholds[best - 1] if best else 0.0
    return float((thresholds[best] + below) / 2)

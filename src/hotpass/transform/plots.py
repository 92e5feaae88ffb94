"""ROC, precision-recall and calibration, drawn as a run's artifacts.

Figures are made without pyplot, whose figures are shared by all threads and kept until somebody closes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_SIZE = (5.0, 4.5)  # inches


def validation_plots(won: Any, scores: Any, subtitle: str = "") -> Mapping[str, Any]:
    """Figures by artifact name, for scores in [0, 1] against `won` (0 or 1), both of shape (rows,)."""
    won, scores = np.asarray(won, dtype=int), np.asarray(scores, dtype=float)
    return {
        "plots/roc.png": _roc(won, scores, subtitle),
        "plots/precision_recall.png": _precision_recall(won, scores, subtitle),
        "plots/calibration.png": _calibration(won, scores, subtitle),
    }


def _roc(won: np.ndarray, scores: np.ndarray, subtitle: str) -> Any:
    from sklearn.metrics import roc_auc_score, roc_curve

    false_share, true_share, _ = roc_curve(won, scores)
    figure, axes = _axes("ROC", subtitle, "share of lost leads called won", "share of won leads found")
    axes.plot([0, 1], [0, 1], linestyle=":", color="gray", label="chance")
    axes.plot(false_share, true_share, label=f"model, area {roc_auc_score(won, scores):.3f}")
    axes.legend(loc="lower right")
    return figure


def _precision_recall(won: np.ndarray, scores: np.ndarray, subtitle: str) -> Any:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    precision, recall, _ = precision_recall_curve(won, scores)
    figure, axes = _axes("Precision and recall", subtitle, "recall", "precision")
    axes.axhline(won.mean(), linestyle=":", color="gray", label=f"chance, {won.mean():.3f}")
    axes.plot(recall, precision, drawstyle="steps-post",
              label=f"model, average {average_precision_score(won, scores):.3f}")  # fmt: skip
    axes.legend(loc="upper right")
    return figure


def _calibration(won: np.ndarray, scores: np.ndarray, subtitle: str) -> Any:
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss

    share_won, mean_score = calibration_curve(won, scores, n_bins=10, strategy="quantile")
    figure, axes = _axes("Calibration", subtitle, "mean score (tenths of the leads)", "share that was won")
    axes.plot([0, 1], [0, 1], linestyle=":", color="gray", label="perfect")
    axes.plot(
        mean_score, share_won, marker="o", label=f"model, Brier score {brier_score_loss(won, scores):.3f}"
    )
    axes.legend(loc="upper left")
    return figure


def _axes(title: str, subtitle: str, x: str, y: str) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(
        title=f"{title}\n{subtitle}" if subtitle else title,
        xlabel=x,
        ylabel=y,
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
    return figure, axes

"""The plots of a run, drawn from the validation rows."""

from __future__ import annotations

import io
import sys
import threading

import numpy as np
import pytest

from hotpass.transform.plots import validation_plots

WON, SCORES = np.array([1, 0, 1, 0, 0, 1]), np.array([0.9, 0.2, 0.6, 0.6, 0.1, 0.4])


def test_three_figures_that_show_what_the_metrics_say():
    figures = validation_plots(WON, SCORES, "6 held-out rows")
    assert list(figures) == ["plots/roc.png", "plots/precision_recall.png", "plots/calibration.png"]
    for figure in figures.values():
        (axes,) = figure.axes
        assert "6 held-out rows" in axes.get_title()
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        png = io.BytesIO()
        figure.savefig(png, format="png")
        assert png.getvalue().startswith(b"\x89PNG")
    legend = [text.get_text() for text in figures["plots/roc.png"].axes[0].get_legend().get_texts()]
    assert legend == ["chance", "model, area 0.833"]


@pytest.mark.parametrize("scores", [np.full(6, 0.3), np.array([0, 0, 0, 1, 1, 1.0])])
def test_scores_that_say_little_can_be_drawn(scores):
    assert len(validation_plots(WON, scores)) == 3


def test_no_state_is_shared():
    validation_plots(WON, SCORES)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []
    threads = [threading.Thread(target=validation_plots, args=(WON, SCORES)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

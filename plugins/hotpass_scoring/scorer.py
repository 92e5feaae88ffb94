"""Scores leads with a scikit-learn classifier, or with weighted signals."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotpass.errors import CallError
from hotpass.requests import ScoringRequest
from hotpass.transform.lead_scorer import LeadScorer
from hotpass.transform.model_inputs import as_inputs, infinite_columns


def score(request: ScoringRequest) -> np.ndarray | None:
    """A score in [0, 1] for each row; None for a model that is neither. Raises CallError for rows it cannot
    read.
    """
    model, frame = request.model, request.frame
    if isinstance(model, LeadScorer):
        return model.score(frame).to_numpy()
    if not hasattr(model, "predict_proba"):
        return None
    place = _place_of_won(model)
    inputs = as_inputs(model, frame)
    try:
        return np.asarray(model.predict_proba(inputs), dtype=float)[:, place]
    except (ValueError, TypeError) as error:
        named = hasattr(inputs, "columns")  # an array has places only
        infinite = infinite_columns(frame[[n for n in inputs.columns if n in frame]]) if named else ()
        hint = f"\nInfinite numbers count as missing; {', '.join(infinite)} has some." if infinite else ""
        raise CallError(f"the model cannot score these rows: {error}{hint}") from error


def _place_of_won(model: Any) -> int:
    """Which column of `predict_proba` is the chance of being won: that of the class 1, True or yes."""
    classes = list(getattr(model, "classes_", [0, 1]))
    won = [
        place
        for place, name in enumerate(classes)
        if str(name).strip().lower() in ("1", "1.0", "true", "yes", "y")
    ]
    if len(classes) != 2 or len(won) != 1:
        raise CallError(
            f"the model tells {', '.join(map(str, classes))} apart; it must tell leads that are won (1) "
            "from those that are not (0)."
        )
    return won[0]

"""A lead's score from weighted signals: for teams that have no won and lost leads to learn from yet."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from hotpass.errors import CallError
from hotpass.transform.features import as_numbers

#: The signals that the refining pipeline writes for every lead, each in [0, 1], and how much each counts.
DEFAULT_WEIGHTS: Mapping[str, float] = {
    "completeness": 0.20,
    "email_confidence": 0.20,
    "phone_confidence": 0.15,
    "source_priority": 0.15,
    "intent_signal_score": 0.30,
}

#: How far outside [0, 1] a signal may lie and still be taken for a rounding error.
_SLACK = 1e-9


class LeadScorer:
    """The weighted mean of signals that lie in [0, 1]; so does the score.

    Weights are made to sum to 1. A signal that is missing for a lead counts as 0: what is not known speaks
    for nobody. (Were its weight shared among the others, a lead of which one good thing is known would come
    first.)
    """

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        """Raises CallError for weights that are negative, not finite, or all zero."""
        given = dict(DEFAULT_WEIGHTS if weights is None else weights)
        wrong = [name for name, weight in given.items() if not math.isfinite(weight) or weight < 0]
        if wrong:
            raise CallError(
                f"weights must be finite and not negative; these are not: {', '.join(map(str, wrong))}."
            )
        total = math.fsum(given.values())
        if not total > 0:
            raise CallError("at least one weight must be above 0.")
        #: Signal -> its share of the score; they sum to 1.
        self.weights: dict[str, float] = {name: weight / total for name, weight in given.items()}

    def contributions(self, frame: pd.DataFrame) -> pd.DataFrame:
        """What each signal adds to the score of each lead: a row a lead, a column a signal.

        Raises CallError for signals that are not columns of `frame`, and for values outside [0, 1].
        """
        missing = [name for name in self.weights if name not in frame.columns]
        if missing:
            raise CallError(
                f"these signals are not among the columns: {', '.join(missing)}. Add them, or score by "
                "others: "
                "LeadScorer({signal: weight, …})"
            )
        return pd.DataFrame(
            {name: self._signal(frame[name]) * weight for name, weight in self.weights.items()},
            index=frame.index,
        )

    def score(self, frame: pd.DataFrame) -> pd.Series:
        """A score in [0, 1] for each row of `frame`, under its index. Raises as `contributions`."""
        return self.contributions(frame).sum(axis=1).clip(0.0, 1.0).rename("score")

    def reasons(self, frame: pd.DataFrame, most: int = 3) -> pd.Series:
        """For each lead its strongest signals as text: `intent_signal_score 0.27, completeness 0.18`."""
        added = self.contributions(frame)
        names = list(added.columns)
        return pd.Series(
            [_strongest(dict(zip(names, row, strict=True)), most) for row in added.to_numpy()],
            index=frame.index, name="reasons", dtype="object",
        )  # fmt: skip

    @staticmethod
    def _signal(column: pd.Series) -> pd.Series:
        values = as_numbers(column)
        outside = (values < -_SLACK) | (values > 1 + _SLACK)
        if outside.any():
            raise CallError(
                f"the signal {column.name} must lie in [0, 1]; {int(outside.sum())} rows lie outside, for "
                f"example {values[outside].iloc[0]:g}. Scale it first."
            )
        return values.clip(0.0, 1.0).fillna(0.0)


def _strongest(added: Mapping[str, float], most: int) -> str:
    ranked = sorted(added.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {value:.2f}" for name, value in ranked[:most] if np.round(value, 2) > 0)

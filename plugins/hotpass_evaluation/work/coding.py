"""Target values as 0 and 1, and which class of a model is the positive one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from hotpass.texts import shown
from hotpass_evaluation.unusable import Unusable

YES = frozenset({"yes", "y", "true", "t", "1"})
NO = frozenset({"no", "n", "false", "f", "0"})
_MOST_SHOWN = 6


class Target:
    """Codes the target column `name` batch by batch, and counts what it cannot code.

    `positive` is what the policy says; None: 1, true or yes.
    """

    def __init__(self, name: str, positive: Any, *, numbers: bool) -> None:
        self.name, self.positive, self.numbers = name, positive, numbers
        self.missing = 0
        self._wrong: dict[str, None] = {}
        self._seen: dict[str, None] = {}
        self._parts: list[np.ndarray] = []

    def add(self, column: pa.Array) -> None:
        """Raises Unusable for a value that is neither class, or no number."""
        self.missing += column.null_count
        self._parts.append(self._numbers(column) if self.numbers else self._classes(column))

    def values(self, rows: int) -> np.ndarray:
        """All of them, (rows,) float64. Raises Unusable for missing ones, and for a positive value that is
        none.
        """
        values = np.concatenate(self._parts) if self._parts else np.empty(0)
        self._parts = []
        missing = self.missing or int(np.isnan(values).sum())
        if missing:
            raise Unusable(
                f"{missing} of {rows} rows have no value in the target {shown(self.name)}. What "
                "really happened "
                "must be known of every row: leave those out"
            )
        if not self.numbers and self.positive is not None and not values.any():
            raise Unusable(
                f"no row has the positive value {shown(self.positive)!r} in {shown(self.name)}. It holds: "
                f"{_listed(self._seen)}"
            )
        if self.numbers and np.isinf(values).any():
            raise Unusable(f"the target {shown(self.name)} holds infinite values. Leave those rows out")
        return values

    def _numbers(self, column: pa.Array) -> np.ndarray:
        try:
            return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), float)
        except (pa.ArrowException, NotImplementedError):
            raise Unusable(
                f"the target {shown(self.name)} must hold numbers for a regressor; it holds {column.type}"
            ) from None

    def _classes(self, column: pa.Array) -> np.ndarray:
        coded = column.dictionary_encode()
        values = coded.dictionary.to_pylist()
        codes = np.array([self._code(value) for value in values] or [np.nan])
        wrong = [words(value) for value, code in zip(values, codes, strict=False) if code < 0]
        if wrong:
            raise Unusable(
                f"the target {shown(self.name)} must say which class each row is of: 1 or 0, yes or no, true "
                f"or false. It also holds: {_listed(wrong)}. Name the value that the score is for, for "
                f"example positive: {wrong[0]}"
            )
        indices = coded.indices.fill_null(0).to_numpy(zero_copy_only=False)
        return codes[indices] if len(indices) else np.empty(0)

    def _code(self, value: Any) -> float:
        if len(self._seen) < 100:
            self._seen[words(value)] = None
        if is_positive(value, self.positive):
            return 1.0
        return 0.0 if self.positive is not None or words(value) in NO else -1.0


def words(value: Any) -> str:
    """A value as text in lower case: the same for 1, 1.0 and "1", and for True and "true"."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().lower()


def is_positive(value: Any, positive: Any) -> bool:
    """Whether `value` is the positive class; `positive` is what the policy says, None or true: 1, true or
    yes.
    """
    if positive is None or positive is True:
        return words(value) in YES
    if positive is False:
        return words(value) in NO
    return words(value) == words(positive)


def looks_like_classes(column: pa.Array) -> bool:
    """Whether all values are yes and no in one of the ways of writing them."""
    return all(words(value) in YES | NO for value in column.unique().drop_null().to_pylist())


def positive_index(classes: Sequence[Any], positive: Any, model: str) -> int:
    """Which of the `classes` that a classifier knows is the positive one. Raises Unusable."""
    found = [place for place, value in enumerate(classes) if is_positive(value, positive)]
    if not found:  # the data may say yes and no, and the model was trained on 1 and 0
        found = [place for place, value in enumerate(classes) if words(value) in YES]
        if len(classes) != 2:
            found = []
    if len(found) != 1:
        raise Unusable(
            f"{model} knows the classes {_listed(words(value) for value in classes)}, and none of "
            "them is plainly "
            "the positive one. Name it: positive: …"
        )
    return found[0]


def _listed(values: Iterable[str]) -> str:
    listed = [shown(value)[:40] for value in values]
    return ", ".join(listed[:_MOST_SHOWN]) + (" …" if len(listed) > _MOST_SHOWN else "")

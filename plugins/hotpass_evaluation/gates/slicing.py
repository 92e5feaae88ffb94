"""`by:` and `disparity:` of the gate `slices`: their schema, and what they ask."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from hotpass.gates import ParameterError
from hotpass.verdicts import Json

_COLUMN = {"type": "string", "minLength": 1}
_CUT: dict[str, Any] = {
    "description": "A column of numbers, cut at these values or into so many parts of equal numbers of rows.",
    "type": "object", "minProperties": 1, "maxProperties": 1,
    "additionalProperties": {
        "type": "object",
        "properties": {
            "bins": {
                "description": "Where a new bin begins.", "type": "array", "minItems": 1, "maxItems": 100,
                "items": {"type": "number"}, "examples": [[30, 60]],
            },
            "quantiles": {
                "description": "How many parts.", "type": "integer", "minimum": 2, "maximum": 100,
                "examples": [4],
            },
        },
        "additionalProperties": False, "minProperties": 1, "maxProperties": 1,
    },
    "examples": [{"age": {"bins": [30, 60]}}],
}  # fmt: skip
_ONE: list[dict[str, Any]] = [{"description": "A column: each value is a slice.", **_COLUMN}, _CUT]

#: JSON Schema of `by:`.
BY: dict[str, Any] = {
    "description": "What makes a slice: a column, a column cut into bins, or a list of these, crossed.",
    "type": "array", "minItems": 1,
    "items": {"oneOf": [*_ONE, {
        "description": "Crossed: each combination is a slice.",
        "type": "array", "minItems": 2, "maxItems": 4, "items": {"oneOf": _ONE},
    }]},
    "examples": [["job", {"age": {"bins": [30, 60]}}, ["job", "age"]]],
}  # fmt: skip

#: What fairlearn calls its measures, and what is held against the limit.
MEASURES = {
    "demographic_parity_difference": "the largest difference between the shares that are decided for",
    "demographic_parity_ratio": "the smallest ratio of the shares that are decided for",
    "equal_opportunity_difference": "the largest difference between the true positive rates",
    "equal_opportunity_ratio": "the smallest ratio of the true positive rates",
    "equalized_odds_difference": "the largest difference between the true or the false positive rates",
    "equalized_odds_ratio": "the smallest ratio of the true or of the false positive rates",
}


def _limit(name: str, what: str) -> dict[str, Any]:
    word = "at_least" if name.endswith("ratio") else "at_most"
    return {
        "description": f"fairlearn's: {what}.",
        "type": "object",
        "properties": {word: {"type": "number", "minimum": 0, "maximum": 1}},
        "required": [word],
        "additionalProperties": False,
        "examples": [{word: 0.8 if name.endswith("ratio") else 0.1}],
    }


#: JSON Schema of `disparity:`.
DISPARITY: dict[str, Any] = {
    "description": "How differently the model's decisions may treat groups, by fairlearn's definitions.",
    "type": "object",
    "properties": {
        "between": {
            "description": "The columns whose values (or bins, where `by` cuts them) are the groups.",
            "type": "array", "minItems": 1, "uniqueItems": True, "items": _COLUMN, "examples": [["marital"]],
        },
        "threshold": {
            "description": "Scores from here on are decided for; `logged`: what the run logged as "
            "decision_threshold.",
            "oneOf": [{"type": "number"}, {"const": "logged"}], "examples": [0.5, "logged"],
        },
        **{name: _limit(name, what) for name, what in MEASURES.items()},
    },
    "required": ["between", "threshold"],
    "additionalProperties": False,
    "examples": [{"between": ["marital"], "threshold": "logged",
                  "demographic_parity_difference": {"at_most": 0.1}}],
}  # fmt: skip


class Slicing(NamedTuple):
    """How each column is cut (`{}`: by its values), and which make slices, alone or together."""

    columns: dict[str, dict[str, Json]]
    by: list[list[str]]

    @classmethod
    def of(cls, by: list[Any], between: list[str]) -> Slicing:
        """Of a policy. A column that is cut once is cut everywhere. Raises ParameterError."""
        columns: dict[str, dict[str, Json]] = {}
        lists: list[list[str]] = []
        for place, entry in enumerate(by):
            parts = entry if isinstance(entry, list) else [entry]
            names = []
            for part in parts:
                name, how = (part, {}) if isinstance(part, str) else next(iter(part.items()))
                names.append(name)
                _check(name, how, ("by", place))
                if how and columns.get(name) and columns[name] != how:
                    raise ParameterError(f"{name} is cut in two ways", ("by", place), "Cut it in one.")
                columns[name] = how or columns.get(name, {})
            if len(set(names)) < len(names):
                raise ParameterError(f"a column is crossed with itself: {', '.join(names)}", ("by", place))
            if names in lists:
                raise ParameterError(f"{', '.join(names)} is there twice", ("by", place), "Leave one out.")
            lists.append(names)
        for name in between:
            columns.setdefault(name, {})
        return cls(columns, lists)

    def in_words(self) -> str:
        """`job; age below 30, 30 to 60 and from 60; job with age`."""
        return "; ".join(" with ".join(names) for names in self.by)


class Disparity(NamedTuple):
    """One limit on one measure between the groups of one column."""

    between: str
    measure: str
    limit: float

    @property
    def ratio(self) -> bool:
        """Whether more is better."""
        return self.measure.endswith("ratio")


def disparities_of(said: Mapping[str, Any] | None) -> list[Disparity]:
    """Raises ParameterError where nothing is asked."""
    if said is None:
        return []
    found = [
        Disparity(column, name, float(next(iter(said[name].values()))))
        for column in said["between"] for name in MEASURES if name in said
    ]  # fmt: skip
    if not found:
        raise ParameterError(
            "disparity has no limit", ("disparity",),
            "Write one, such as `demographic_parity_difference: {at_most: 0.1}`.",
        )  # fmt: skip
    return found


def _check(name: str, how: Mapping[str, Any], path: tuple[str | int, ...]) -> None:
    bins = how.get("bins", [])
    if any(high <= low for low, high in pairwise(bins)):
        raise ParameterError(
            f"the bins of {name} do not ascend: {bins}", (*path, name, "bins"), "Write them in order."
        )

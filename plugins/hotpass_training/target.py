"""Reads the target column: which leads were won."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from hotpass.errors import CallError

#: What people write for won and lost, in lower case.
YES = frozenset({"yes", "y", "true", "t", "1", "1.0"})
NO = frozenset({"no", "n", "false", "f", "0", "0.0"})
_MOST_SHOWN = 6


class Target(NamedTuple):
    """`values`: 0 or 1 for each row that says; `known`: for each row of the data set whether it says."""

    values: np.ndarray
    known: np.ndarray


def read_target(column: pd.Series) -> Target:
    """The target as 0 and 1: from numbers, booleans, or yes/no, true/false, y/n, t/f in any letter case.

    Rows without a value are left out. Raises CallError for other values and where one class is missing.
    """
    text = column.astype("object").map(_as_text, na_action="ignore")
    known = text.notna() & (text != "")
    values = text[known]
    wrong = sorted(set(values) - YES - NO)
    if wrong:
        shown = ", ".join(wrong[:_MOST_SHOWN]) + (" …" if len(wrong) > _MOST_SHOWN else "")
        raise CallError(
            f"the target column {column.name!r} must say of each lead whether it was won: 1 or 0, yes or "
            f"no, true or false. It also holds: {shown}. Recode it, or leave those rows out."
        )
    won = values.isin(YES).to_numpy(dtype=np.int64)
    if not len(won):
        raise CallError(f"the target column {column.name!r} has no value at all.")
    if won.min() == won.max():
        kind = "won" if won[0] else "lost"
        raise CallError(
            f"all {len(won)} leads with a value in {column.name!r} were {kind}. Nothing can be learnt from "
            "one kind alone: add leads of the other."
        )
    return Target(won, known.to_numpy(dtype=bool))


def _as_text(value: object) -> str:
    return str(value).strip().lower()

"""Figures with their intervals as the evaluation gates say them."""

from __future__ import annotations

import math

from hotpass.decimals import as_read, number_text

_MOST_DECIMALS = 8
_FEW = 4


def counted(number: int, noun: str = "") -> str:
    """`8,238 rows`; `1 row`."""
    return f"{number:,}" + (f" {noun}{'' if number == 1 else 's'}" if noun else "")


def percent(share: float) -> str:
    """`0.975` as `97.5%`."""
    return f"{number_text(float(f'{share * 100:.6g}'))}%"


def decimals_for(value: float, low: float, high: float, limit: float | None = None) -> int:
    """So many decimals that the interval has two digits, and more where rounding would put an end of it on
    the other side of `limit`.
    """
    half = (high - low) / 2
    few = min(max(1 - math.floor(math.log10(half)), 0), _MOST_DECIMALS) if half > 0 else _FEW
    if limit is None:
        return few
    return next(
        (some for some in range(few, _MOST_DECIMALS)
         if all(_side(round(end, some), limit) == _side(end, limit) for end in (value, low, high))),
        _MOST_DECIMALS,
    )  # fmt: skip


def rounded(value: float, decimals: int) -> str:
    """`value` with so many decimals, thousands apart, and no minus before a zero."""
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text


def _side(value: float, limit: float) -> int:
    left, right = as_read(value), as_read(limit)
    return (left > right) - (left < right)

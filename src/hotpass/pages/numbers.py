"""Numbers and times as the report writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def number(value: object) -> str:
    """`0.7931`, `41,188`, `1.2e-07`; a true value, None and text in words."""
    if value is None:
        return "–"  # noqa: RUF001
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.1f}"
    return f"{value:.4g}"


def moment(value: datetime) -> str:
    """`2026-11-24 17:43:49 UTC`."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def is_number(value: object) -> bool:
    """Whether it is a number, and neither a truth value nor infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300

"""Short times as policies write them: `50ms`, `1.5s`, `800us`; and shares such as `20 percent`."""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {"us": Decimal("0.001"), "ms": Decimal(1), "s": Decimal(1000), "m": Decimal(60_000)}
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) ?(us|ms|s|m)\Z", re.ASCII)

SPAN = {
    "description": "A time in us, ms (thousandths of a second), s or m (minutes).",
    "type": "string", "minLength": 2, "examples": ["50ms", "1.5s"],
}  # fmt: skip

PERCENT = {"type": "string", "pattern": "^[0-9]{1,6}([.][0-9]{1,6})? percent$", "examples": ["20 percent"]}


def parse_span(text: str) -> float:
    """`text` in milliseconds. Raises ValueError, with a sentence for a person, for anything else and for
    `0s`.
    """
    found = _SPAN.match(text)
    if found is None:
        raise ValueError(
            f"{text!r} is not a time. Write a number and us, ms (thousandths of a second), s or m: "
            "50ms, 1.5s."
        )
    span = float(Decimal(found[1]) * _UNITS[found[2]])
    if not span:
        raise ValueError(f"{text!r} is no time at all. Write at least 1us.")
    return span


def parse_percent(text: str) -> float:
    """`20 percent`, which fits the schema PERCENT, as 20.0."""
    return float(text.split()[0])


def span_text(milliseconds: float) -> str:
    """With three digits: 840 us, 12.3 ms, 4.05 s."""
    if milliseconds < 1:
        return f"{milliseconds * 1000:.3g} us"
    if milliseconds < 1000:
        return f"{milliseconds:.3g} ms"
    return f"{float(f'{milliseconds / 1000:.3g}'):,g} s"

"""Durations as policies write them: `30s`, `15m`, `24h`, `7d`, `2w`, and combinations such as `1d12h`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(
    "".join(rf"(?:(?P<{word}>\d{{1,9}}){unit} ?)?" for unit, word in _UNITS.items()), re.ASCII
)

#: Longer is taken for a slip of the pen.
LONGEST = timedelta(days=3650)

_NOTHING = timedelta()


def parse_duration(text: str) -> timedelta:
    """`text` as a duration: whole numbers with `w`, `d`, `h`, `m` (minutes) or `s`, the largest unit first.

    Raises ValueError, with a sentence for a person, for anything else, for nothing (`0h`) and for more than
    ten years.
    """
    found = _DURATION.fullmatch(text) if text and text == text.strip() else None
    if found is None:
        raise ValueError(f"{text!r} is not a duration. Write whole numbers with w, d, h, m (minutes) or s, "
                         "the largest first: 30s, 15m, 24h, 7d, 2w, 1d12h.")  # fmt: skip
    parts = {word: int(number) for word, number in found.groupdict().items() if number is not None}
    try:
        duration = timedelta(**parts)
    except OverflowError:
        duration = timedelta.max
    if not duration:
        raise ValueError(f"{text!r} is no time at all. Write at least 1s, or leave it out.")
    if duration > LONGEST:
        raise ValueError(f"{text!r} is longer than ten years. Is the unit right?")
    return duration


def duration_text(duration: timedelta) -> str:
    """`duration` as policies write it, in whole seconds, of which the last is rounded up: `1d 12h`.

    A negative one has a minus sign; what is zero is `0s`.
    """
    size = abs(duration)
    seconds = size.seconds + (size.microseconds > 0)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(size.days * 24 + hours, 24)
    parts = [
        f"{count}{unit}"
        for count, unit in ((days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s"))
        if count
    ]
    return ("-" if duration < _NOTHING else "") + (" ".join(parts) or "0s")

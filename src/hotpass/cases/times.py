"""Moments as cases write them: `2026-01-15T12:00:00Z`, `now`, `25h ago`, `in 2h`."""

from __future__ import annotations

from datetime import UTC, datetime

from hotpass.durations import parse_duration

_EXAMPLES = "Write 25h ago, in 2h, now, or a time with its zone: 2026-01-15T12:00:00Z."


def moment(text: str, now: datetime) -> datetime:
    """`text` as a moment in UTC, counted from `now` where it is a distance.

    Raises ValueError, with a sentence for a person, for anything else, and for a time without zone.
    """
    if text == "now":
        return now
    try:
        if text.endswith(" ago"):
            return now - parse_duration(text.removesuffix(" ago").strip())
        if text.startswith("in "):
            return now + parse_duration(text.removeprefix("in ").strip())
    except OverflowError:
        raise ValueError(f"{text!r} is before or after all time that there is. {_EXAMPLES}") from None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time. {_EXAMPLES}") from None
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone. Add one: {at.isoformat()}Z.")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is before or after all time that there is. {_EXAMPLES}") from None

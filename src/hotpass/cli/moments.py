"""Moments and spans of time as the commands show them."""

from __future__ import annotations

from datetime import UTC, datetime

from hotpass.durations import duration_text


def moment(at: datetime) -> str:
    """`2026-03-01 09:30:00 UTC`, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def from_now(at: datetime, now: datetime | None = None) -> str:
    """`in 23h 59m`, or `now` for what is past; seconds only below an hour."""
    left = at - (now or datetime.now(UTC))
    if left.total_seconds() <= 0:
        return "now"
    return "in " + coarse(left.total_seconds())


def coarse(seconds: float) -> str:
    """A span in at most two units: `3d 4h`, `23h 59m`, `4m 10s`, `5s`; rounded up to whole seconds."""
    from datetime import timedelta

    return " ".join(duration_text(timedelta(seconds=seconds)).split()[:2])

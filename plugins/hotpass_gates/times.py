"""A duration among a gate's parameters."""

from __future__ import annotations

from datetime import timedelta

from hotpass.durations import parse_duration
from hotpass.gates import ParameterError


def duration_parameter(text: str, *path: str) -> timedelta:
    """`text` as a duration. Raises ParameterError that leads to `path`."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ParameterError(str(error), path) from error

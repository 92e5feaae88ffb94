"""Runs work in a process of its own, without credentials, within limits of time and memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hotpass.verdicts import Json


class Limits(NamedTuple):
    """What a worker may use: wall-clock seconds, and bytes of address space (None: no limit)."""

    seconds: float
    memory: int | None


class WorkerFailed(Exception):
    """The work could not be done. The message says why, for people."""


def run(module: str, job: Mapping[str, Json], *, folder: Path, limits: Limits) -> Json:
    """What `module`, run as a program, answers to `job`. Raises WorkerFailed."""
    raise NotImplementedError

"""Stops all that runs below a process, and lets it run again."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

_ROOT = Path("/proc")


def stop_below(process: int) -> list[int]:
    """Stops all processes below `process`; or that one, where nothing is below it or the system does not say.
    Returns those that were stopped.
    """
    stopped: list[int] = []
    if not hasattr(signal, "SIGSTOP"):
        return stopped
    # What one of them started meanwhile is found the next time.
    while more := [one for one in _below(process) or [process] if one not in stopped]:
        for one in more:
            _tell(one, signal.SIGSTOP)
        stopped += more
    return stopped


def go_on(processes: list[int]) -> None:
    """Lets them run again; those that have ended are left out."""
    for one in processes:
        _tell(one, signal.SIGCONT)


def _tell(process: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process, what)


def _below(process: int) -> list[int]:
    parents: dict[int, int] = {}
    with suppress(OSError):
        for name in os.listdir(_ROOT):
            if name.isdecimal():
                with suppress(OSError, IndexError, ValueError):
                    # The name of the program is in brackets and may have any in it.
                    said = (_ROOT / name / "stat").read_bytes().rpartition(b")")[2]
                    parents[int(name)] = int(said.split(None, 2)[1])
    found = [process]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]

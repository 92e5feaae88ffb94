"""On Linux, what a worker leaves behind whose first process was killed (see `reaping`) comes to the process
that started the worker, which ends it.

Nobody else's processes are ended, nor taken note of when they end. What is ended was adopted by this process
or started by it, began after the worker did, is in another session than this process, and bears a mark that
workers get and cannot get rid of: that they gain no rights, or, where this process may gain none itself, a
limit of processor time.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hotpass.workers import kernel

#: Seconds for ending what keeps making new processes.
_LONGEST = 5.0
_PARENT, _SESSION, _BEGAN = 1, 3, 19  # in /proc/PID/stat, from the state on
_CAP_SYS_RESOURCE = 24
_ROOT = Path("/proc")


class _Adoption:
    """Counts those who want it, over all threads: it belongs to the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = 0
        self._before = True

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """While it is entered, this process adopts."""
        with self._lock:
            if not self._wanted:
                self._before = kernel.adopts()
                kernel.adopt_orphans()
            self._wanted += 1
        try:
            yield
        finally:
            with self._lock:
                self._wanted -= 1
                if not self._wanted and not self._before:
                    kernel.adopt_orphans(False)


#: Of this process.
adoption = _Adoption()


def began(process: int) -> int:
    """When `process` began, as the system counts; 0 where it does not say."""
    fields = _stat(process)
    return int(fields[_BEGAN]) if fields else 0


def end_those_of(since: int, code: int) -> bool:
    """Ends what a worker that began at `since`, and ended with `code`, may have left to this process. False
    where something may still be left.
    """
    if sys.platform != "linux":
        return True
    if not kernel.adopts() or not can_tell():
        # Only by a signal does the first process of a worker end before all others have.
        return code >= 0
    until, passes = time.monotonic() + _LONGEST, 0
    while time.monotonic() < until:
        left = _left(since)
        # Twice: what is started during one pass may hide from it.
        passes = 0 if left else passes + 1
        if passes == 2:
            return True
        for process in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.002 if left else 0)
        for process in left:
            with suppress(ChildProcessError):
                os.waitpid(process, os.WNOHANG)
    return False


def _left(since: int) -> list[int]:
    """Children of this process that come from workers. The first process of a worker bears no mark."""
    me, session, found = str(os.getpid()), str(os.getsid(0)), []
    for entry in _ROOT.iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdecimal() else []
        if not fields or fields[_PARENT] != me or fields[_SESSION] == session:
            continue
        if int(fields[_BEGAN]) >= since and _is_marked(entry.name):
            found.append(int(entry.name))
    return found


def can_tell() -> bool:
    """Whether this process sees all of its processes, and those of workers bear a mark that others do not."""
    try:
        if (_ROOT / "self").readlink().name != str(os.getpid()):
            return False
        for line in (_ROOT / "self" / "mounts").read_text().splitlines():
            _, place, _, options, *_ = line.split(" ")
            hidden = [one for one in options.split(",") if one.startswith("hidepid=")]
            if place == str(_ROOT) and any(one not in ("hidepid=0", "hidepid=off") for one in hidden):
                return False
        status = _status("self")
        may_raise = bool(int(status["CapEff"], 16) >> _CAP_SYS_RESOURCE & 1)
        return status["NoNewPrivs"] == "0" or (not may_raise and not _is_limited("self"))
    except (OSError, ValueError, KeyError):
        return False


def _is_marked(process: str) -> bool:
    try:
        if _status("self")["NoNewPrivs"] == "0":
            return _status(process)["NoNewPrivs"] == "1"
        return _is_limited(process)
    except (OSError, KeyError):
        return False


def _is_limited(process: str) -> bool:
    for line in (_ROOT / process / "limits").read_text().splitlines():
        if line.startswith("Max cpu time"):
            return line.split()[4] != "unlimited"
    return False


def _status(process: str) -> dict[str, str]:
    lines = (_ROOT / process / "status").read_text(errors="replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _stat(process: int) -> list[str]:
    """From the state on; empty where there is no such process."""
    try:
        # The name of the program is in brackets and may have any in it.
        return (_ROOT / str(process) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []

"""On Linux, the first process of a worker does nothing but end those that the second one leaves behind, also
where they went into sessions of their own.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from hotpass.workers import kernel

#: Seconds for ending what keeps making new processes.
_LONGEST = 5.0


def split() -> None:
    """Returns in a child that does the work; this process waits for it, ends all that is left, and exits as
    the child did: with its code, or by the signal that ended it.
    """
    if not kernel.adopt_orphans():
        return
    kernel.die_with_parent(signal.SIGTERM)
    # Blocked until somebody waits for it: what comes before is not lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD, signal.SIGINT})
    child = os.fork()
    if child == 0:
        kernel.die_with_parent(signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGCHLD, signal.SIGINT})
        return
    _watch(child)


def _watch(child: int) -> NoReturn:
    for stream in (0, 1, 2):
        os.close(stream)
    kernel.be_private()
    status = None
    while status is None:
        if signal.sigwait({signal.SIGTERM, signal.SIGCHLD, signal.SIGINT}) != signal.SIGCHLD:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        status = _reap(child)
    if not _end_the_rest():
        os.kill(os.getpid(), signal.SIGKILL)  # leaves them to whoever started this
    if os.WIFSIGNALED(status):
        ending = os.WTERMSIG(status)
        with suppress(OSError, ValueError):
            signal.signal(ending, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {ending})
        os.kill(os.getpid(), ending)
        time.sleep(1)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _reap(child: int | None) -> int | None:
    """Takes note of all that have ended. The status of `child`, if it has; -1 where there is no child."""
    found = None
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found if child is not None else -1
        if not ended:
            return found
        if ended == child:
            found = status


def _end_the_rest() -> bool:
    until = time.monotonic() + _LONGEST
    while _reap(None) is None:
        if time.monotonic() > until:
            return False
        for process in _children():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.002)
    return True


def _children() -> list[int]:
    """Processes whose parent is this one. The kernel need not offer `/proc/self/task/*/children`."""
    me, found = str(os.getpid()), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, IndexError):
                # The name of the program is in brackets and may have any in it.
                if (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1] == me:
                    found.append(int(entry.name))
    return found

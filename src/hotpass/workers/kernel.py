"""What Linux is asked for, through prctl; elsewhere each of these does nothing."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PDEATHSIG, _GET_DUMPABLE, _SET_DUMPABLE = 1, 3, 4
_SET_CHILD_SUBREAPER, _GET_CHILD_SUBREAPER, _NO_NEW_PRIVS = 36, 37, 38

#: Address space for the code of libraries and for what they reserve and never use, beyond the data.
_FOR_CODE = 4 << 30

#: Bytes of a file that a process may write where its memory is limited to less.
_FILE = 4 << 30


def _prctl(option: int, value: int = 0) -> int:
    if sys.platform != "linux":
        return -1
    try:
        # libc itself, already loaded; the arguments that an option does not use must be 0.
        return int(ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3))
    except (OSError, AttributeError):
        return -1


def die_with_parent(signal: int) -> None:
    """This process gets `signal` when the thread that started it ends."""
    _prctl(_PDEATHSIG, signal)


def adopt_orphans(adopt: bool = True) -> bool:
    """Processes that are left behind below this one become its children, or, with `adopt` false, no longer
    do. Says whether that is so now.
    """
    return _prctl(_SET_CHILD_SUBREAPER, int(adopt)) == 0


def adopts() -> bool:
    """Whether processes that are left behind below this one become its children."""
    found = ctypes.c_int(0)
    _prctl(_GET_CHILD_SUBREAPER, ctypes.addressof(found))
    return bool(found.value)


def gain_no_rights() -> None:
    """No program that this process starts has more rights than it has."""
    _prctl(_NO_NEW_PRIVS, 1)


def be_private() -> None:
    """Other processes of this user cannot read this one's memory or environment."""
    _prctl(_SET_DUMPABLE, 0)


class _Privacy:
    """Counts those who want it, over all threads: it belongs to the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = 0
        self._before = 1

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._wanted:
                self._before = _prctl(_GET_DUMPABLE)
                be_private()
            self._wanted += 1
        try:
            yield
        finally:
            with self._lock:
                self._wanted -= 1
                # 2 is what the system sets for itself, and cannot be set.
                if not self._wanted and self._before == 1:
                    _prctl(_SET_DUMPABLE, 1)

    def stay(self) -> None:
        """This process stays private, if somebody has it so now, to its end."""
        with self._lock:
            self._wanted += 1


#: While it is entered, this process is private (see `be_private`).
privacy = _Privacy()


def limit(seconds: float, memory: int | None) -> bool:
    """Limits this process and, each alone, those that it starts: to `memory` bytes of data, to files of so
    many bytes or 4 GiB, which also bounds those in memory, and to far more processor time than `seconds` of
    the clock should take. Says whether memory is limited now.
    """
    try:
        import resource
    except ImportError:  # Windows
        return memory is None

    def at_most(name: str, value: int) -> bool:
        kind = getattr(resource, name, None)
        if kind is None:
            return False
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            return False
        return True

    at_most("RLIMIT_CORE", 0)
    # The clock stops it long before; this is for what is left of it should nobody look at the clock.
    at_most("RLIMIT_CPU", int(seconds * (os.cpu_count() or 1)) + 60)
    if memory is None:
        return True
    at_most("RLIMIT_FSIZE", max(memory, _FILE))
    # Data is what it asked for and may write to. Address space, the usual limit, counts libraries too, which
    # with many processors reserve far more than they use.
    counts_data = sys.platform == "linux" and at_most("RLIMIT_DATA", memory)
    return at_most("RLIMIT_AS", memory + (_FOR_CODE if counts_data else 0)) or counts_data


def memory_limit() -> int | None:
    """Bytes of data that this process may have; None where that is not limited, or nobody says."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return None if soft == resource.RLIM_INFINITY else soft

"""The policies in force: read at start, and again when the files change.

A broken edit keeps the last good policies in force and is told by `problems`; so does a folder that went
away.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING

from hotpass.errors import CallError, HotpassError
from hotpass.limits import with_time_limit
from hotpass.policy.extends import extended_files
from hotpass.policy.loader import content_of, load_policies, policy_files
from hotpass.policy.model import PolicySet
from hotpass.policy.revision import materialized
from hotpass.settings import env_gate_time_limit

if TYPE_CHECKING:
    import pluggy

log = logging.getLogger("hotpass")

#: What tells that a file is another one than before: path, inode, size, and in ns the times of its last
#: change. Nobody can set the second one (ctime), which tells an edit that kept the first.
Fingerprint = tuple[tuple[str, int, int, int, int], ...]

#: Seconds by which the times of two changes may differ and be the same to the file system; FAT has 2 s.
COARSE = 2.0
#: Seconds between two looks where nobody asks.
WATCH = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading the files. `policies` are the last good ones, in force since `since`.

    `problems` says why the files as they are now are not in force; "" where they are. `settled` is False for
    files so fresh that another change could have left the same `fingerprint`, and `at` is when they were
    read, in seconds since the epoch.
    """

    policies: PolicySet
    since: datetime
    problems: str
    fingerprint: Fingerprint
    at: float
    settled: bool
    #: What the policy files extended then, wherever it lies.
    extended: tuple[Path, ...]


class PoliciesInForce:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        """Looks in HOTPASS_POLICIES, then pyproject.toml, as everything does; with HOTPASS_POLICIES_FROM, in
        that git revision, as it is now and stays.

        Raises PolicyError, PluginError, and CallError where nobody named a place: a guard without policies
        would guard nothing.
        """
        with contextlib.ExitStack() as copy:
            rules = copy.enter_context(materialized(None, judging=True, cli=False))
            self.manager: pluggy.PluginManager = rules.manager()
            # A process that multiprocessing forked runs nothing else at its end.
            Finalize(self, copy.pop_all().close, exitpriority=0)
        self._places, self._is_fixed = rules.policies, rules.revision is not None
        if not self._places.configured:
            raise CallError(
                "a guard needs policies. Name their folder in HOTPASS_POLICIES (hotpass serve --policies); "
                "`hotpass init` writes a first one"
            )
        self._places = self._places._replace(paths=tuple(path.absolute() for path in self._places.paths))
        self._limit = env_gate_time_limit()
        self._lock = threading.Lock()
        seen, extended = self._look_anew()
        policies = self._load()
        self._reading = _reading(policies, datetime.now(UTC), "", seen, extended)

    def watch(self) -> None:
        """Looks at the files every second from now on, so that all workers of a server have the same last
        good policies, whichever of them was asked in the meantime.
        """

        def look() -> None:
            while True:
                time.sleep(WATCH)
                try:
                    self.reading()
                except Exception:  # the thread must go on, and the next request meets the same
                    log.exception("the policies could not be looked at")

        threading.Thread(target=look, name="hotpass-policies", daemon=True).start()

    def _load(self) -> PolicySet:
        found = load_policies(self._places.paths, manager=self.manager)
        return found if self._limit is None else with_time_limit(found, self._limit)

    def current(self) -> PolicySet:
        """The policies in force, after a look at the files: one `stat` for each."""
        return self.reading().policies

    def reading(self) -> Reading:
        """As `current`, with what there is to say about them."""
        found = self._reading
        if self._is_as_before(found, self._look(found.extended)):
            return found
        with self._lock:
            # another thread may have read them meanwhile
            if not self._is_as_before(self._reading, self._look(self._reading.extended)):
                self._reading = self._read_again(self._reading)
            return self._reading

    def _is_as_before(self, before: Reading, seen: Fingerprint) -> bool:
        return seen == before.fingerprint and (before.settled or time.time() < before.at + COARSE)

    def _read_again(self, before: Reading) -> Reading:
        seen, extended = self._look_anew()
        try:
            policies = self._load()
        except HotpassError as error:
            problems = str(error)
        except Exception as error:  # whatever is wrong with them, the last good ones stay
            problems = f"the policies cannot be read: {type(error).__name__}: {error}"
        else:
            if policies.refs() == before.policies.refs():
                return _reading(before.policies, before.since, "", seen, extended)
            log.warning("policies read again: %s", ", ".join(policy.name for policy in policies.policies))
            return _reading(policies, datetime.now(UTC), "", seen, extended)
        if problems != before.problems:
            log.error("the policies changed and are broken; the last good ones stay in force: %s", problems)
        return _reading(before.policies, before.since, problems, seen, extended)

    def _look(self, extended: tuple[Path, ...] = ()) -> Fingerprint:
        if self._is_fixed:
            return ()
        places = self._places.paths
        return tuple(_stat(path) for path in (*places, *policy_files(places), *extended))

    def _look_anew(self) -> tuple[Fingerprint, tuple[Path, ...]]:
        """As `_look`, and what the files extend now. Of each file it is noted what it is before it is read,
        so that none can change in between unseen.
        """
        seen = self._look()
        extended = [
            (file, _stat(file)) for file in extended_files(policy_files(self._places.paths), content_of)
        ]
        files = tuple(file for file, _ in extended)
        return () if self._is_fixed else (*seen, *(found for _, found in extended)), files


def _reading(
    policies: PolicySet, since: datetime, problems: str, seen: Fingerprint, extended: tuple[Path, ...]
) -> Reading:
    now = time.time()
    youngest = max((max(mtime, ctime) for _, _, _, mtime, ctime in seen), default=0) / 1e9
    return Reading(policies, since, problems, seen, now, youngest < now - COARSE, extended)


def _stat(path: Path) -> tuple[str, int, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, -1, 0, 0
    return str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

"""The policies in force: read at start, and again when the files change.

A broken edit keeps the last good policies in force and is told by `problems`; so does a folder that went
away.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hotpass.errors import CallError, HotpassError
from hotpass.plugins import create_manager
from hotpass.policy.discovery import plugin_folders, policy_places
from hotpass.policy.loader import load_policies
from hotpass.policy.model import PolicySet

if TYPE_CHECKING:
    import pluggy

log = logging.getLogger("hotpass")

#: What tells that a file is another one than before: path, time of change in ns, size, inode.
Fingerprint = tuple[tuple[str, int, int, int], ...]


class PoliciesInForce:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        """Looks in HOTPASS_POLICIES, then pyproject.toml, as everything does.

        Raises PolicyError, PluginError, and CallError where nobody named a place: a guard without policies
        would guard nothing.
        """
        self.manager: pluggy.PluginManager = create_manager(plugin_folders())
        self._places = policy_places()
        if not self._places.configured:
            raise CallError(
                "a guard needs policies. Name their folder in HOTPASS_POLICIES (hotpass serve --policies); "
                "`hotpass init` writes a first one"
            )
        self._places = self._places._replace(paths=tuple(path.absolute() for path in self._places.paths))
        self._lock = threading.Lock()
        self._fingerprint = self._look()
        self._policies = load_policies(self._places.paths, manager=self.manager)
        self.since = datetime.now(UTC)
        #: Why the files as they are now are not in force; "" where they are.
        self.problems = ""

    def current(self) -> PolicySet:
        """The policies in force, after a look at the files: one `stat` for each."""
        seen = self._look()
        if seen == self._fingerprint:
            return self._policies
        with self._lock:
            if seen != self._fingerprint:
                self._read_again(seen)
        return self._policies

    def _read_again(self, seen: Fingerprint) -> None:
        try:
            policies = load_policies(self._places.paths, manager=self.manager)
        except HotpassError as error:
            self.problems = str(error)
            log.error("the policies changed and are broken; the last good ones stay in force: %s", error)
        else:
            self._policies, self.problems, self.since = policies, "", datetime.now(UTC)
            log.info("policies read again: %s", ", ".join(policy.name for policy in policies.policies))
        self._fingerprint = seen

    def _look(self) -> Fingerprint:
        return tuple(sorted(_stats(self._places.paths)))


def _stats(places: tuple[Path, ...]) -> Iterator[tuple[str, int, int, int]]:
    for place in places:
        if not place.is_dir():
            yield _stat(place)
            continue
        yield _stat(place)
        for folder, _, files in os.walk(place):
            for name in files:
                if name.endswith((".yaml", ".yml")):
                    yield _stat(Path(folder, name))


def _stat(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, -1, 0
    return str(path), found.st_mtime_ns, found.st_size, found.st_ino

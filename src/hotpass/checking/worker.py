"""The process in which plugins run while they are checked."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import pluggy

from hotpass.checking.findings import Unit
from hotpass.checking.gate_trials import Steps, try_gate
from hotpass.checking.hook_trials import HOOKS
from hotpass.plugins import create_manager, gate_classes, gate_owners


def work(pipe: Connection, folders: Sequence[Path], plugins: Sequence[str], done: Sequence[Unit]) -> None:
    """Tries every part of `plugins` that is not in `done`. Sends each Unit when it begins, each Begun and
    Found of it, and None at the end.
    """
    _keep_streams()
    manager = create_manager(folders)
    for unit, steps in units(manager, plugins):
        if unit in done:
            continue
        pipe.send(unit)
        for step in steps:
            pipe.send(step)
    pipe.send(None)
    pipe.close()


def _keep_streams() -> None:
    """What a plugin prints must not get among the findings, and it must not wait for somebody to type."""
    nothing = os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:  # the caller closed it
        sys.stderr = os.fdopen(nothing, "w", encoding="utf-8", closefd=False)
    sys.stdout = sys.stderr
    os.dup2(sys.stderr.fileno(), 1)
    os.dup2(nothing, 0)


def units(manager: pluggy.PluginManager, plugins: Sequence[str]) -> Iterator[tuple[Unit, Steps]]:
    """Every part of `plugins` that can be tried, and the steps of trying it, which begin when they are
    iterated.
    """
    gates, owners = gate_classes(manager), gate_owners(manager)
    for plugin in plugins:
        for name, gate in gates.items():
            if owners[name] == plugin:
                yield Unit(plugin, "gate", name), try_gate(gate)
        for hook, trials in HOOKS.items():
            for impl in getattr(manager.hook, hook).get_hookimpls():
                if impl.plugin_name == plugin:
                    yield Unit(plugin, "hook", hook), trials(impl)

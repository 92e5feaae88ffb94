"""Has plugins tried in a process of their own, and ends that process when it takes too long."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pluggy

from hotpass.checking.findings import Begun, Finding, Found, Unit
from hotpass.checking.worker import units, work
from hotpass.errors import CallError
from hotpass.plugins import create_manager
from hotpass.policy.words import closest, listed

#: Seconds that the process may take before the first plugin is tried: it imports all of them.
_START = 60.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it. `tried` has every part that was tried, also those in which something was found."""

    plugins: tuple[str, ...]
    tried: tuple[Unit, ...]
    findings: tuple[Finding, ...]


def check_plugins(
    names: Sequence[str] = (), folders: Sequence[Path] = (), *, time_limit: float = 1.0
) -> Checked:
    """Tries the plugins `names`, or all that are installed and in `folders`. No call of a gate or a hook may
    take longer than `time_limit` seconds.

    Raises PluginError for a plugin that cannot be loaded or breaks the contract, and CallError for a name
    that no plugin has.
    """
    manager = create_manager(folders)
    plugins = _selected(manager, names)
    to_try = [unit for unit, _ in units(manager, plugins)]
    done: list[Unit] = []
    findings: list[Finding] = []
    while len(done) < len(to_try):
        before = len(done)
        _run(list(folders), plugins, done, findings, time_limit)
        if len(done) == before:  # it did not even begin
            findings.append(Finding(to_try[before], "the process that was to try it did not start, or ended"))
            break
    return Checked(plugins, tuple(done), tuple(findings))


def _selected(manager: pluggy.PluginManager, names: Sequence[str]) -> tuple[str, ...]:
    known = [name for name, plugin in manager.list_name_plugin() if plugin is not None]
    for name in names:
        if name not in known:
            near = closest(name, known)
            hint = f"Did you mean {near}?" if near else f"There are {listed(known)}."
            raise CallError(f"there is no plugin {name!r}. {hint} `hotpass plugins list` shows them.")
    return tuple(dict.fromkeys(names)) or tuple(known)


def _run(
    folders: list[Path], plugins: tuple[str, ...], done: list[Unit], findings: list[Finding], limit: float
) -> None:
    """Runs one process until it is through, or until a unit has to be given up; adds to `done` and
    `findings`.
    """
    unit: Unit | None = None
    begun = why = remedy = ""
    with _process(folders, plugins, done) as (pipe, process):
        while True:
            if not pipe.poll(limit if begun else _START):
                why = f"did not come to an end in {limit:g} s"
                remedy = "Do nothing that can wait for ever; --time-limit gives it longer."
                break
            try:
                step = pipe.recv()
            except EOFError:
                process.join(_START)
                why = f"ended the process (exit code {process.exitcode})"
                remedy = "Raise an exception, or return what is wrong."
                break
            if step is None:
                return
            if isinstance(step, Unit):
                unit, begun = step, ""
                done.append(unit)
            elif isinstance(step, Begun):
                begun = step.what
            elif isinstance(step, Found) and unit is not None:
                findings.append(Finding(unit, *step))
    if unit is not None:
        findings.append(Finding(unit, f"{why}: it {begun}" if begun else why, remedy))


@contextmanager
def _process(
    folders: list[Path], plugins: tuple[str, ...], done: list[Unit]
) -> Iterator[tuple[Connection, SpawnProcess]]:
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe(duplex=False)
    process = spawn.Process(target=work, args=(there, folders, plugins, tuple(done)), daemon=True)
    process.start()
    there.close()
    try:
        yield here, process
    finally:
        here.close()
        if process.is_alive():
            process.kill()
        process.join()
        process.close()

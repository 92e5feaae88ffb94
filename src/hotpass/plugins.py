"""Finds plugins, checks them and puts them in order. A manager is made for each use; there is no global one.

A plugin that fails to load is an error that names it, never only a log line: a policy whose gate is missing
because of a broken plugin must not be read as a policy without that gate.
"""

from __future__ import annotations

import importlib.metadata
import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pluggy

from hotpass import hookspecs
from hotpass.copies import called
from hotpass.errors import PluginError
from hotpass.gates import Gate, check_gate_class
from hotpass.modules import GROUP as GROUP
from hotpass.modules import file_of, import_file


def create_manager(folders: Sequence[str | Path] = (), *, entry_points: bool = True) -> pluggy.PluginManager:
    """A manager with all plugins of the entry-point group `hotpass` and all modules of `folders`.

    Raises PluginError, naming every plugin at fault, for one that cannot be imported, for a misspelt hook and
    for a hook with a wrong argument.
    """
    manager = pluggy.PluginManager("hotpass")
    manager.add_hookspecs(hookspecs)
    wrong: list[str] = []
    if entry_points:
        # The default plugins register like anybody's, but first: pluggy calls the last registered first, so a
        # team's own trainer is asked before the default one.
        found = sorted(
            importlib.metadata.entry_points(group=GROUP),
            key=lambda point: (not point.value.startswith("hotpass_"), point.name, point.value),
        )
        seen: set[str] = set()
        for point in found:
            if point.value in seen:  # the same distribution found twice on sys.path
                continue
            seen.add(point.value)
            try:
                plugin = point.load()
                _register(manager, plugin, point.name)
            except PluginError as error:
                wrong.append(str(error))
            except (Exception, SystemExit) as error:  # one that ends the process has failed too
                wrong.append(
                    f"plugin {point.name} ({point.value}) failed to load: {type(error).__name__}: {error}"
                )
    for folder in folders:
        wrong.extend(_load_folder(manager, Path(folder)))
    if wrong:
        raise PluginError("\n".join(wrong))
    return manager


def register(manager: pluggy.PluginManager, plugin: object, name: str) -> None:
    """Adds one plugin by hand, with the same checks. Raises PluginError."""
    _register(manager, plugin, name)


def gate_classes(manager: pluggy.PluginManager) -> dict[str, type[Gate]]:
    """All gates that the plugins contribute, by name. Raises PluginError for a broken or a duplicate one."""
    gates: dict[str, type[Gate]] = {}
    owner: dict[str, str] = {}
    wrong: list[str] = []
    for impl in manager.hook.hotpass_gates.get_hookimpls():
        try:
            contributed = _contributed(impl)
        except (Exception, SystemExit) as error:
            wrong.append(f"plugin {impl.plugin_name}: hotpass_gates() raised {type(error).__name__}: {error}")
            continue
        for gate in contributed:
            try:
                checked = check_gate_class(gate, impl.plugin_name)
            except PluginError as error:
                wrong.append(str(error))
                continue
            if checked.name in gates:
                wrong.append(
                    f"gate {checked.name!r} comes from two plugins: {owner[checked.name]} and "
                    f"{impl.plugin_name}. "
                    "Rename one of them."
                )
                continue
            gates[checked.name] = checked
            owner[checked.name] = impl.plugin_name
    if wrong:
        raise PluginError("\n".join(wrong))
    return dict(sorted(gates.items()))


def _contributed(impl: pluggy.HookImpl) -> list[Any]:
    """What one plugin's hotpass_gates() returns, not checked yet."""
    gates: Any = impl.function()
    return list(gates or ())


def gate_owners(manager: pluggy.PluginManager) -> dict[str, str]:
    """The plugin that contributes each gate, by the gate's name."""
    return {
        gate.name: impl.plugin_name
        for impl in manager.hook.hotpass_gates.get_hookimpls()
        for gate in _contributed(impl)
    }


def _load_folder(manager: pluggy.PluginManager, folder: Path) -> Iterable[str]:
    if not folder.is_dir():
        return [
            f"plugin folder {called(folder)} does not exist. Create it, or name another with --plugins or "
            "HOTPASS_PLUGINS."
        ]
    wrong = []
    files = sorted(
        file for file in folder.glob("*.py") if not file.name.startswith(("_", "test_", "conftest"))
    )
    if not files:
        return [f"plugin folder {called(folder)} has no Python file. Put a gate in it, or do not name it."]
    for file in files:
        name = f"{folder.name}/{file.name}"
        first = manager.get_plugin(name)
        if first is not None:
            wrong.append(
                f"plugin {called(file)} has the name {name}, and so has {getattr(first, '__file__', first)}. "
                "Rename one of the folders or files, or name the folder only once."
            )
            continue
        try:
            _register(manager, import_file(file), name)
        except PluginError as error:
            wrong.append(str(error))
        except (Exception, SystemExit) as error:
            wrong.append(f"plugin {called(file)} failed to load: {type(error).__name__}: {error}")
    return wrong


def _register(manager: pluggy.PluginManager, plugin: object, name: str) -> None:
    try:
        manager.register(plugin, name=name)
        manager.check_pending()
        _check_parameters(manager, plugin)
    except (pluggy.PluginValidationError, ValueError) as error:
        if manager.has_plugin(name):
            manager.unregister(name=name)
        raise PluginError(f"plugin {name}: {error}{_signature_hint(plugin)}") from error


def _check_parameters(manager: pluggy.PluginManager, plugin: object) -> None:
    """Raises ValueError for a hook with a parameter that pluggy passes nothing to: one with a default, one
    that only takes a keyword, *args or **kwargs. A veto would see its default, and say nothing.
    """
    for caller in manager.get_hookcallers(plugin) or ():
        for impl in caller.get_hookimpls():
            if impl.plugin is not plugin:
                continue
            for parameter in inspect.signature(impl.function).parameters.values():
                by_position = parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
                if not by_position or parameter.default is not parameter.empty:
                    raise ValueError(
                        f"{caller.name} has the parameter `{parameter}`, which nothing is passed to. Write "
                        "it without defaults, *args, **kwargs and keyword-only parameters:"
                    )


def _signature_hint(plugin: object) -> str:
    """The right signature of every hook whose name `plugin` uses, and the names of all hooks for one it
    misspells.
    """
    specs = {n: f for n, f in vars(hookspecs).items() if n.startswith("hotpass_") and inspect.isfunction(f)}
    mine = [n for n in dir(plugin) if n.startswith("hotpass_") and callable(getattr(plugin, n, None))]
    lines = []
    for name in mine:
        if name in specs:
            lines.append(f"    {name}{inspect.signature(specs[name])}")
        else:
            import difflib

            close = difflib.get_close_matches(name, specs, n=1)
            suggestion = close[0] if close else None
            lines.append(f"    there is no hook {name}" + (
                f"; did you mean {suggestion}{inspect.signature(specs[suggestion])}?" if suggestion
                else f"; the hooks are {', '.join(sorted(specs))}"
            ))  # fmt: skip
    return ("\n" + "\n".join(lines)) if lines else ""


def files_with(manager: pluggy.PluginManager, hook: str) -> list[Path]:
    """The files of plugin folders that `manager` has and that answer `hook`, in the order of their paths."""
    answering = (plugin for plugin in manager.get_plugins() if hasattr(plugin, hook))
    return sorted(file for file in map(file_of, answering) if file is not None)

"""`hotpass plugins`: what is loaded, and from where."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hotpass.cli import output
from hotpass.cli.options import JsonOption, PluginsOption, PoliciesFromOption
from hotpass.cli.plugins_check import check
from hotpass.cli.plugins_new import new
from hotpass.copies import called
from hotpass.texts import shown

if TYPE_CHECKING:
    import pluggy

app = typer.Typer(no_args_is_help=True, help="List, check and write plugins.")
app.command()(check)
app.command()(new)


@app.callback()
def group() -> None:
    """List, check and write plugins."""


@app.command("list")
def list_(
    plugins: PluginsOption = None, policies_from: PoliciesFromOption = None, as_json: JsonOption = False
) -> None:
    """List the plugins: where each comes from, the hooks it answers, and the gates it contributes."""
    from hotpass.policy.revision import materialized

    with materialized(policies_from, plugins=plugins, only="plugins") as rules:
        found = describe(rules.manager())
    if as_json:
        output.print_json({"plugins": found})
        return
    if not found:
        output.say("There is no plugin, so there is no gate. Install hotpass, or name a folder: --plugins.")
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table("plugin", "from", "hooks", "gates", box=box.SIMPLE_HEAD)
    for plugin in found:
        cells = ([plugin["name"]], [plugin["from"]], plugin["hooks"], plugin["gates"])
        table.add_row(*(Text("\n".join(map(shown, cell))) for cell in cells))
    output.console().print(table)


def describe(manager: pluggy.PluginManager) -> list[dict[str, Any]]:
    """Each plugin of `manager`, in the order in which they were registered, as plain JSON types."""
    from hotpass.plugins import gate_classes, gate_owners

    gate_classes(manager)  # raises for a gate that breaks the contract
    owners = gate_owners(manager)
    found = []
    for name, plugin in manager.list_name_plugin():
        if plugin is None:
            continue
        hooks = sorted(caller.name for caller in manager.get_hookcallers(plugin) or ())
        gates = sorted(gate for gate, owner in owners.items() if owner == name)
        found.append({"name": name, "from": _origin(plugin), "hooks": hooks, "gates": gates})
    return found


def _origin(plugin: object) -> str:
    """The distribution and version that a plugin is part of, or the file that it was read from."""
    import importlib.metadata

    from hotpass.plugins import GROUP

    module = inspect.getmodule(plugin) if not inspect.ismodule(plugin) else plugin
    name = getattr(module, "__name__", "")
    for point in importlib.metadata.entry_points(group=GROUP):
        if point.dist is not None and point.value.partition(":")[0] == name:
            return f"{point.dist.name} {point.dist.version}"
    file = getattr(module, "__file__", "")
    return called(Path(file)) if file else name

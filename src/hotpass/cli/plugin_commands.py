"""Commands that plugins add by the hook `hotpass_cli`."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from hotpass.cli import output
from hotpass.errors import HotpassError, PluginError

if TYPE_CHECKING:
    import typer

PANEL = "From plugins"


def add_plugin_commands(app: typer.Typer, taken: Container[str], *, required: bool) -> None:
    """Adds the commands of all plugins to `app`. Raises PluginError, naming the plugin, for one that cannot
    be added.

    With `required` False (the list of commands is wanted, not one of them) a broken plugin is a line on
    stderr.
    """
    try:
        _add(app, taken)
    except HotpassError as error:
        if required:
            raise
        output.print_error(error)


def _add(app: typer.Typer, taken: Container[str]) -> None:
    import typer

    from hotpass.plugins import create_manager
    from hotpass.policy.discovery import plugin_folders

    manager = create_manager(plugin_folders())
    owner: dict[str, str] = {}
    for impl in manager.hook.hotpass_cli.get_hookimpls():
        # An app of its own for each plugin, so that it is known whose a command is.
        its_own = typer.Typer()
        try:
            impl.function(*([its_own] if impl.argnames else []))
            names = list(typer.main.get_group(its_own).commands)
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"plugin {impl.plugin_name}: hotpass_cli() raised {type(error).__name__}: {error}"
            ) from error
        for name in names:
            if name in taken or name in owner:
                whose = f"plugin {owner[name]}" if name in owner else "Hotpass itself"
                raise PluginError(
                    f"plugin {impl.plugin_name}: the command {name!r} is one of {whose}. Rename it."
                )
            owner[name] = impl.plugin_name
        for command in its_own.registered_commands:
            command.rich_help_panel = PANEL
        for group in its_own.registered_groups:
            group.rich_help_panel = PANEL
        app.registered_commands += its_own.registered_commands
        app.registered_groups += its_own.registered_groups

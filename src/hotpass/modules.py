"""Where the code of plugins comes from: the entry-point group, and files of plugin folders as modules."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from hotpass.copies import called
from hotpass.errors import PluginError

#: The entry-point group in which installed plugins register.
GROUP = "hotpass"

_FOLDER = "hotpass_folder_"


def import_file(file: Path) -> ModuleType:
    """The file of a plugin folder, imported. Raises PluginError, and whatever the file itself raises."""
    path = file.resolve()
    # The path is part of the module's name, so that gates of two folders never share a module.
    name = f"{_FOLDER}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"plugin {called(file)} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling of a plugin's classes look it up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def file_of(plugin: object) -> Path | None:
    """The file of a plugin folder that `plugin` was imported from; None for one that is installed."""
    if isinstance(plugin, ModuleType) and plugin.__name__.startswith(_FOLDER) and plugin.__file__:
        return Path(plugin.__file__)
    return None

"""The environment and the folders of a worker."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

#: What a worker is told of this process's environment. Nothing else: a name that is not here may be a
#: secret's.
_TOLD = frozenset({
    "PATH", "LANG", "LANGUAGE", "TZ", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "JAVA_HOME", "SPARK_HOME", "HADOOP_HOME",
    "PYARROW_IGNORE_TIMEZONE", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS",
    "PROCESSOR_ARCHITECTURE",
})  # fmt: skip
_TOLD_STARTS = ("LC_", "OMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "VECLIB_", "NUMEXPR_", "KMP_")

#: Secrets have no place under these names either.
_NEVER = ("TOKEN", "PASSWORD", "PASSWD", "SECRET", "CREDENTIAL")

#: Of the entry points of plugins.
_GROUP = "hotpass"


def environment(folder: Path, given: Mapping[str, str], module: str = "hotpass") -> dict[str, str]:
    """What a worker gets that runs `module`, and whose folders are below `folder`, of the environment
    `given`.
    """
    told = {
        name: value
        for name, value in given.items()
        if (name.upper() in _TOLD or name.upper().startswith(_TOLD_STARTS))
        and not any(word in name.upper() for word in _NEVER)
    }
    home, temporary = str(folder / "home"), str(folder / "tmp")
    return {
        **told,
        "HOME": home, "USERPROFILE": home, "TMPDIR": temporary, "TEMP": temporary, "TMP": temporary,
        "PYTHONPATH": os.pathsep.join(_import_places(module)),
        "PYTHONIOENCODING": "utf-8:backslashreplace",
        # Arenas for each thread, and memory kept against a need that never comes, would count as used.
        "MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system",
        # Libraries that report their use do so in the name of whoever runs Hotpass.
        "DO_NOT_TRACK": "true",
    }  # fmt: skip


def _import_places(module: str) -> list[str]:
    """Where this process imports from, but for the working directory: what lies there is not ours, unless
    Hotpass itself, one of its plugins or `module` does.
    """
    here = os.path.realpath(os.curdir)
    places = [place for place in sys.path if place]
    if any(os.path.realpath(place) == here for place in places) and here not in _homes(module):
        places = [place for place in places if os.path.realpath(place) != here]
    return [str(Path(place).absolute()) for place in places]


def _homes(module: str) -> set[str]:
    """The folders that Hotpass, `module` and the plugins that were imported were found in."""
    plugins = (point.module.partition(".")[0] for point in importlib.metadata.entry_points(group=_GROUP))
    wanted = {"hotpass", module.partition(".")[0], *(name for name in plugins if name in sys.modules)}
    return {os.path.realpath(home) for name in wanted for home in _found_in(name)}


def _found_in(name: str) -> Iterable[Path]:
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            return [Path(place).parent for place in spec.submodule_search_locations]
        if spec is not None and spec.origin:
            return [Path(spec.origin).parent]
    return []


def make_folders(folder: Path) -> Path:
    """The folders that `environment` names, below the empty `folder`; returns the one to work in."""
    for name in ("home", "tmp", "work"):
        (folder / name).mkdir(mode=0o700)
    return folder / "work"

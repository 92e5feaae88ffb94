"""The environment and the folders of a worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
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


def environment(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """What a worker gets, whose folders are below `folder`, of the environment `given`."""
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
        "PYTHONPATH": os.pathsep.join(_import_places()),
        "PYTHONIOENCODING": "utf-8:backslashreplace",
        # Arenas for each thread, and memory kept against a need that never comes, would count as used.
        "MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system",
        # Libraries that report their use do so in the name of whoever runs Hotpass.
        "DO_NOT_TRACK": "true",
    }  # fmt: skip


def _import_places() -> list[str]:
    """Where this process imports from, but for the working directory: what lies there is not ours."""
    return [str(Path(place).absolute()) for place in sys.path if place]


def make_folders(folder: Path) -> Path:
    """The folders that `environment` names, below the empty `folder`; returns the one to work in."""
    for name in ("home", "tmp", "work"):
        (folder / name).mkdir(mode=0o700)
    return folder / "work"

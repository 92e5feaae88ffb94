"""Writes a small, complete and tested plugin project: what `hotpass plugins new` does.

The files in `project/` are the project, with `{{name}}` for the name of the package and of its gate,
`{{Name}}` for that of its class, `{{dist}}` for that of the distribution and `{{version}}` for Hotpass's.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import keyword
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from hotpass.errors import CallError
from hotpass.gates import COMMON_KEYS
from hotpass.plugins import GROUP, create_manager, gate_owners

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
_LONGEST = 50
#: Folders of the project.
_FOLDERS = frozenset({"policies", "src", "tests"})


def write_project(name: str, into: Path = Path()) -> list[Path]:
    """Writes the project NAME into a new folder of that name in `into`; returns its files, sorted.

    All of it is there in the end, or nothing. Raises CallError for a name that cannot be one, for a folder
    that has something in it already, and for one that cannot be written.
    """
    check_name(name)
    target = into / name
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise CallError(f"{target} is there already, and is not a folder. Name another, or another --into.")
    try:
        if target.is_dir() and any(target.iterdir()):
            raise CallError(
                f"{target} is there already and has something in it; nothing was written. Name another, or "
                "another folder with --into."
            )
        into.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=into))
        try:
            written = _fill(partial, name)
            partial.chmod(0o777 & ~_umask())  # mkdtemp's is for its owner alone
            if target.is_dir():
                target.rmdir()  # it is empty, and not everywhere may one be renamed onto it
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    except OSError as error:
        raise CallError(f"{error.filename or target} cannot be written: {error.strerror}.") from None
    return [target / file for file in written]


def check_name(name: str) -> None:
    """Raises CallError where a package and a gate cannot be called `name`, with a name that could be."""
    if not _NAME.match(name) or len(name) > _LONGEST:
        better = "_".join(re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()))
        better = better.lstrip("0123456789_")[:_LONGEST].rstrip("_")
        raise CallError(
            f"{name!r} cannot be the name of a package and a gate: it must be lower case letters, digits and "
            f"single underscores, beginning with a letter, at most {_LONGEST} characters."
            + (f" Did you mean {better}?" if _NAME.match(better) else " For example: minimum_rows")
        )
    taken = ""
    if keyword.iskeyword(name):
        taken = "is a word of Python"
    elif name in COMMON_KEYS:
        taken = "is a key of every policy entry"
    elif name in _FOLDERS:
        taken = "is a folder of the project"
    elif name in sys.stdlib_module_names or _is_installed(name):
        taken = "is a package that is installed already"
    elif name in {point.name for point in importlib.metadata.entry_points(group=GROUP)}:
        taken = "is the name of a plugin that is installed already"
    else:
        owner = gate_owners(create_manager()).get(name)
        if owner is not None:
            taken = f"is a gate of the plugin {owner}"
    if taken:
        raise CallError(f"{name} {taken}. Choose another name: what the gate checks, such as minimum_rows.")


def _is_installed(package: str) -> bool:
    spec = importlib.util.find_spec(package)
    return spec is not None and spec.origin is not None  # a mere folder on the path has none


def _fill(folder: Path, name: str) -> list[Path]:
    """Writes the files into `folder`; returns their paths in it."""
    words = {
        "{{name}}": name,
        "{{Name}}": "".join(word.capitalize() for word in name.split("_")),
        "{{dist}}": name.replace("_", "-"),
        "{{version}}": importlib.metadata.version("hotpass"),
    }
    written = []
    for path, text in _templates(files("hotpass.scaffold") / "project", Path()):
        relative = Path(_put_in(str(path), words))
        file = folder / relative
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_put_in(text, words), encoding="utf-8", newline="\n")
        written.append(relative)
    return sorted(written)


def _templates(folder: Traversable, path: Path) -> list[tuple[Path, str]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _templates(entry, path / entry.name)
        elif entry.name.endswith(".template"):
            text = entry.read_text(encoding="utf-8")
            found.append((path / entry.name.removesuffix(".template"), text))
    return found


def _put_in(text: str, words: Mapping[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def _umask() -> int:
    umask = os.umask(0o022)
    os.umask(umask)
    return umask

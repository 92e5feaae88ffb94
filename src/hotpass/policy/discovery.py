"""Where policies and plugin folders are looked for, when the call does not say.

The argument comes first, then the environment (`HOTPASS_POLICIES`, `HOTPASS_PLUGINS`: several places are
separated as in PATH), then `[tool.hotpass]` in the nearest pyproject.toml upward from the working directory
(relative to that file). A place that is named and wrong is an error, never a reason to look further.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from hotpass.copies import in_copy
from hotpass.errors import PolicyError, Problem

Place = str | os.PathLike[str]

Setting = Literal["policies", "plugins"]

#: What `[tool.hotpass]` in pyproject.toml may hold, and the variable that comes before each.
VARIABLES: dict[Setting, str] = {"policies": "HOTPASS_POLICIES", "plugins": "HOTPASS_PLUGINS"}
SETTINGS = tuple(VARIABLES)

#: Where the command line also looks for policies.
CLI_DEFAULT = Path("policies")


class Places(NamedTuple):
    """Files or folders, and who named them. `configured` is False where nobody did."""

    paths: tuple[Path, ...] = ()
    source: str = ""
    configured: bool = False


def policy_places(place: Place | Sequence[Place] | None = None, *, cli: bool = False) -> Places:
    """Where policies are. With `cli`, `./policies` counts as named if it exists and nothing else is.

    Raises PolicyError for an empty argument or variable and for a pyproject.toml that cannot be understood.
    """
    found = _places(place, "policies")
    if not found.configured and cli and CLI_DEFAULT.exists():
        return Places((CLI_DEFAULT,), f"./{CLI_DEFAULT}", configured=True)
    return found


def plugin_folders(folders: Place | Sequence[Place] | None = None) -> tuple[Path, ...]:
    """The plugin folders to load. An empty sequence counts as no argument. Raises PolicyError as
    `policy_places` does.
    """
    return _places(folders or None, "plugins").paths


def _places(place: Place | Sequence[Place] | None, setting: Setting) -> Places:
    found = asked_for(place, setting)
    file = None if found.configured else nearest_pyproject()
    return found if file is None else of_pyproject(file, setting)


def asked_for(place: Place | Sequence[Place] | None, setting: Setting) -> Places:
    """What the call or the environment names; not `configured` where neither does. Raises PolicyError."""
    variable = VARIABLES[setting]
    if place is not None:
        several = [place] if isinstance(place, str | os.PathLike) else list(place)
        return _named(several, "the call", f"Name a folder or a file, or leave it out to use {variable}.")
    value = os.environ.get(variable)
    if value is None:
        return Places()
    return _named(
        value.split(os.pathsep) if value.strip() else [],
        variable,
        f"Unset {variable}, or name folders in it, separated by {os.pathsep!r}.",
    )


def of_pyproject(file: Path, setting: Setting) -> Places:
    """What `[tool.hotpass]` of a pyproject.toml names, relative to that file. Raises PolicyError."""
    wanted = read_settings(file).get(setting)
    if wanted is None:
        return Places()
    found = _named(
        wanted, f"[tool.hotpass] {setting} in {shown(file)}", f"Name a folder, or take {setting!r} out."
    )
    return found._replace(paths=tuple(file.parent / path for path in found.paths))


def _named(values: Sequence[Place], source: str, remedy: str) -> Places:
    paths = [os.fspath(value) for value in values]
    if not paths or not all(path.strip() for path in paths):
        raise PolicyError([Problem(source, 0, 0, "it names an empty place", remedy)])
    if any("\0" in path for path in paths):
        raise PolicyError([Problem(source, 0, 0, "it names a place with a NUL character in it", remedy)])
    try:
        return Places(tuple(Path(path).expanduser() for path in paths), source, configured=True)
    except RuntimeError as error:  # ~somebody, and there is no such user
        raise PolicyError([Problem(source, 0, 0, f"{error}", "Write the path out.")]) from error


def nearest_pyproject(start: Path | None = None) -> Path | None:
    """The nearest pyproject.toml, upward from `start` (the working directory). Raises PolicyError where one
    cannot even look.
    """
    try:
        here = start or Path.cwd()
        files = (folder / "pyproject.toml" for folder in (here, *here.parents))
        return next((file for file in files if file.is_file()), None)
    except OSError as error:
        raise PolicyError(
            [
                Problem(
                    "pyproject.toml", 0, 0, f"it cannot be looked for: {error}", "Change to another folder."
                )
            ]
        ) from error


def read_settings(file: Path) -> dict[str, list[str]]:
    """`[tool.hotpass]` of a pyproject.toml: each setting as a list of paths. Raises PolicyError."""
    import tomllib

    name = shown(file)
    try:
        content: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        remedy = "Hotpass looks for [tool.hotpass] there; mend the file."
        raise PolicyError([Problem(name, 0, 0, f"it cannot be read: {error}", remedy)]) from error
    tool = content.get("tool", {})
    table = tool.get("hotpass", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise PolicyError(
            [Problem(name, 0, 0, "[tool.hotpass] is not a table", "Write `[tool.hotpass]` on a line.")]
        )
    problems, settings = [], {}
    for key, value in table.items():
        values = [value] if isinstance(value, str) else value
        if key not in SETTINGS:
            close = difflib.get_close_matches(key, SETTINGS, n=1)
            remedy = f"Did you mean {close[0]!r}?" if close else f"It may hold {' and '.join(SETTINGS)}."
            problems.append(Problem(name, 0, 0, f"[tool.hotpass] has an unknown key {key!r}", remedy))
        elif not isinstance(values, list) or not all(isinstance(item, str) for item in values):
            remedy = f'Write {key} = "folder", or a list of such texts.'
            problems.append(
                Problem(name, 0, 0, f"[tool.hotpass] {key} is neither a text nor a list of texts", remedy)
            )
        else:
            settings[key] = values
    if problems:
        raise PolicyError(problems)
    return settings


def shown(path: Path) -> str:
    """`path` as messages show it: relative to the working directory where it lies below that, and as it is
    in the repository, with the commit, where it is in a copy of a revision.
    """
    copied = in_copy(path)
    if copied is not None:
        return str(copied)
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)

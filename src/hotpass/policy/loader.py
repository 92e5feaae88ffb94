"""Loads all policies in force: finds their files, reads each, and says everything that is wrong at once."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hotpass.errors import PolicyError, Problem
from hotpass.gates import Gate
from hotpass.policy.compose import MAX_BYTES
from hotpass.policy.discovery import Place, Places, plugin_folders, policy_places, shown
from hotpass.policy.entries import GateReader
from hotpass.policy.extends import Extender
from hotpass.policy.model import Policy, PolicySet
from hotpass.policy.reader import read_policy
from hotpass.policy.waiver_reader import WaiverFiles
from hotpass.policy.waivers import Waiver, is_waiver

if TYPE_CHECKING:
    import pluggy

SUFFIXES = (".yaml", ".yml")
#: How the name of a file with cases ends, which is no policy.
CASES = tuple(f".cases{suffix}" for suffix in SUFFIXES)
_MOST_FILES = 1_000
_MOST_FOLDERS = 1_000


@dataclass(frozen=True, slots=True)
class Report:
    """What came of reading policy files. A file with a problem gives no policy, and no waiver.

    `beside` are those of the waivers that were found in a folder with policies; `shared` the policies that
    are only there to be extended.
    """

    policies: tuple[Policy, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    waivers: tuple[Waiver, ...] = ()
    beside: tuple[Waiver, ...] = ()
    shared: tuple[Policy, ...] = ()


def load_policies(
    place: Place | Sequence[Place] | Places | None = None,
    *,
    manager: pluggy.PluginManager | None = None,
    plugins: Place | Sequence[Place] | None = None,
    cli: bool = False,
) -> PolicySet:
    """All policies at `place`: a file, a folder, several of them, or Places that were found already.

    Without a place: `HOTPASS_POLICIES`, then `[tool.hotpass] policies` in the nearest pyproject.toml, then,
    with `cli`, `./policies`; where none of them names one, an empty PolicySet that says so (`configured` is
    False). Gates come from `manager`, or else from the installed plugins and the plugin folders `plugins`
    (found in the same way).

    Raises PolicyError, with all problems of all files, for a place that is missing, empty or broken;
    PluginError for a plugin that is.
    """
    places = place if isinstance(place, Places) else policy_places(place, cli=cli)
    if not places.configured:
        return PolicySet()
    report = read_places(places.paths, gates_of(manager, plugins))
    if report.problems:
        raise PolicyError(report.problems)
    if not report.policies:  # else a place with waivers alone would be one without any rule
        what, remedy = "it holds waivers and no policy", "Name the folder that holds both."
        if report.shared:
            what = "it holds only policies that are `shared`, and those are there to be extended"
            remedy = "Name the folder of the policies that extend them."
        raise PolicyError([Problem(shown(path), 0, 0, what, remedy) for path in places.paths])
    return PolicySet(report.policies, places.source, configured=True, waivers=report.waivers)


def gates_of(
    manager: pluggy.PluginManager | None = None, plugins: Place | Sequence[Place] | None = None
) -> Mapping[str, type[Gate]]:
    """The gates of `manager`, or of a new one with the plugin folders `plugins`. Raises PluginError."""
    from hotpass.plugins import create_manager, gate_classes

    return gate_classes(manager if manager is not None else create_manager(plugin_folders(plugins)))


def read_places(places: Iterable[Path], gates: Mapping[str, type[Gate]]) -> Report:
    """Reads the policy files at `places` with these gates by name."""
    reader, waivers = GateReader(gates), WaiverFiles()
    extender = Extender(reader, content_of)
    policies: list[Policy] = []
    problems: list[Problem] = []
    warnings: list[Problem] = []
    shared: list[Policy] = []
    first: dict[str, str] = {}
    seen: set[str] = set()
    for place in places:
        for file in _files(place, problems):
            real = os.path.realpath(file)
            if real in seen:  # named both by itself and by its folder
                continue
            seen.add(real)
            content = content_of(file, problems)
            if content is None:
                continue
            if is_waiver(file, place):
                found, warned = waivers.read(content, file, place)
                problems.extend(found)
                warnings.extend(warned)
                continue
            read = read_policy(content, shown(file), reader)
            problems.extend(read.problems)
            warnings.extend(read.warnings)
            if read.policy is None:
                continue
            name, path = read.policy.name, read.policy.path
            if name in first:
                problems.append(Problem(path, *read.name_at, f"the policy {name!r} is also in {first[name]}",
                                        "Give one of them another name."))  # fmt: skip
                continue
            first[name] = path
            policy, wrong = extender.extended(read, file, content)
            problems.extend(wrong)
            if policy is not None:
                (shared if read.shared else policies).append(policy)
    # A shared file's problems are found again through each policy that extends it.
    return Report(
        tuple(policies), tuple(dict.fromkeys(problems)), tuple(warnings), tuple(waivers.all),
        tuple(waivers.beside), tuple(shared),
    )  # fmt: skip


def policy_files(places: Iterable[Path]) -> list[Path]:
    """The files that `read_places` would read, as far as they can be listed."""
    problems: list[Problem] = []
    return [file for place in places for file in _files(place, problems)]


def cases_files(folders: Iterable[Path]) -> list[Path]:
    """The files with cases in `folders` and below, as far as they can be listed."""
    problems: list[Problem] = []
    return [file for folder in folders for file in _below(folder, problems, _is_cases)]


def _is_policy(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not _is_cases(name)


def _is_cases(name: str) -> bool:
    return name.lower().endswith(CASES)


def _files(place: Path, problems: list[Problem]) -> Iterator[Path]:
    """The policy files at `place`: itself, or those in the folder and below, in the order of their names."""
    name = shown(place)
    try:
        is_folder = stat.S_ISDIR(place.stat().st_mode)
    except FileNotFoundError:
        what = "a link to nothing" if place.is_symlink() else "it does not exist"
        problems.append(
            Problem(name, 0, 0, what, "Create it, or name the folder or file that holds your policies.")
        )
        return
    except (OSError, ValueError) as error:
        problems.append(
            Problem(name, 0, 0, f"it cannot be opened: {_reason(error)}", "Check its permissions.")
        )
        return
    if not is_folder and _is_cases(place.name):
        remedy = "Run them with `hotpass policy test`, and name the policy here."
        problems.append(Problem(name, 0, 0, "it holds the cases of a policy, and no policy", remedy))
        return
    if not is_folder:
        yield place
        return
    before, counts = len(problems), {False: 0, True: 0}
    for file in _below(place, problems, _is_policy):
        is_one = is_waiver(file, place)
        counts[is_one] += 1
        if counts[is_one] > _MOST_FILES:
            problems.append(
                Problem(
                    name, 0, 0, f"it holds more than {_MOST_FILES:,} policy files", "Name a smaller folder."
                )
            )
            return
        yield file
    if not counts[False] and not is_waiver(place / "any", place) and len(problems) == before:
        problems.append(Problem(name, 0, 0, "the folder holds no policy file (*.yaml or *.yml)",
                                "Put a policy in it: `hotpass init` writes one."))  # fmt: skip


def _below(folder: Path, problems: list[Problem], wanted: Callable[[str], bool]) -> Iterator[Path]:
    # Linked folders are followed, since a policy that is silently not read would be worse; each real one
    # once.
    waiting, visited = [folder], set()
    while waiting:
        here = waiting.pop(0)
        real = os.path.realpath(here)
        if real in visited:
            continue
        visited.add(real)
        if len(visited) > _MOST_FOLDERS:
            problems.append(Problem(shown(folder), 0, 0, f"it holds more than {_MOST_FOLDERS:,} folders",
                                    "Name the folder that holds the policies."))  # fmt: skip
            return
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            problems.append(
                Problem(shown(here), 0, 0, f"it cannot be opened: {_reason(error)}", "Check its permissions.")
            )
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                is_folder = entry.is_dir()
            except OSError as error:  # a circle of links, or a link to what may not be looked at
                why = f"it cannot be opened: {_reason(error)}"
                problems.append(Problem(shown(Path(entry.path)), 0, 0, why, "Mend the link, or delete it."))
                continue
            if is_folder:
                waiting.append(Path(entry.path))
            elif wanted(entry.name):
                yield Path(entry.path)


def content_of(file: Path, problems: list[Problem], most: int = MAX_BYTES) -> bytes | None:
    """The bytes of `file`, at most one more than `most`; None, after noting why, where they cannot be had."""
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for somebody to write to it.
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                problems.append(
                    Problem(shown(file), 0, 0, "it is not a regular file", "Put the policy in a plain file.")
                )
                return None
            return stream.read(most + 1)
    except FileNotFoundError:
        problems.append(Problem(shown(file), 0, 0, "a link to nothing", "Mend the link, or delete it."))
    except (OSError, ValueError) as error:
        problems.append(
            Problem(shown(file), 0, 0, f"it cannot be read: {_reason(error)}", "Check its permissions.")
        )
    return None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

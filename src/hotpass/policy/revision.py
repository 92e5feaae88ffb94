"""Policies, plugin folders and what lies in them as they are at a git revision: `--policies-from REV`.

In CI a pull request is judged by its base branch and not by itself:

    with materialized("origin/main", policies, plugins) as rules:
        manager = rules.manager()
        found = rules.load(manager)

The places are looked for as ever (the call, the environment, `[tool.hotpass]` in the nearest pyproject.toml,
`./policies`), and everything, that pyproject.toml too, is read from the revision. What is read lies in a copy
that lasts as long as the `with` block, since a plugin may open a file beside itself whenever it is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from hotpass.copies import SHORT, in_copy, new_copy, write
from hotpass.errors import CallError, PolicyError, Problem
from hotpass.gitfiles import Entry, Objects, Repository, commit_of, repository_of
from hotpass.policy.discovery import (
    CLI_DEFAULT,
    Place,
    Places,
    Setting,
    asked_for,
    of_pyproject,
    plugin_folders,
    policy_places,
)
from hotpass.policy.extends import extended_files
from hotpass.policy.loader import content_of, policy_files

if TYPE_CHECKING:
    import pluggy

    from hotpass.policy.model import PolicySet

#: Names the revision where the command line does not, for all commands that judge models. It is no setting in
#: pyproject.toml: a pull request may change that file.
VARIABLE = "HOTPASS_POLICIES_FROM"

#: Files in a copy, bytes in all of them, and bytes in one.
MOST_FILES, MOST_BYTES, LARGEST = 10_000, 128 * 1024 * 1024, 32 * 1024 * 1024


class Revision(NamedTuple):
    """What a call named, the full id of the commit that this is, and the root of the work tree."""

    name: str
    commit: str
    root: Path

    def __str__(self) -> str:
        short = self.commit[:SHORT]
        return f"commit {short}" if self.commit.startswith(self.name) else f"{self.name} (commit {short})"


class NoPolicies(PolicyError):
    """The revision has no policy folder, and nobody named one."""


class Rules(NamedTuple):
    """What judges: the places of policies and the plugin folders, on disk or in the copy of a revision.

    Pass them on as they are. An empty `plugins` means none, and not that `plugin_folders` should look again.
    """

    policies: Places
    plugins: tuple[Path, ...]
    revision: Revision | None = None

    def manager(self) -> pluggy.PluginManager:
        """A new manager with the installed plugins and these folders. Raises PluginError."""
        from hotpass.plugins import create_manager

        return create_manager(self.plugins)

    def load(self, manager: pluggy.PluginManager) -> PolicySet:
        """The policies, with the gates of `manager`. Raises PolicyError."""
        from hotpass.policy.loader import load_policies

        return load_policies(self.policies, manager=manager)


@contextmanager
def materialized(
    rev: str | None,
    policies: Place | Sequence[Place] | None = None,
    plugins: Place | Sequence[Place] | None = None,
    *,
    judging: bool = False,
    cli: bool = True,
    only: Setting | None = None,
) -> Iterator[Rules]:
    """The rules at the revision `rev`, or those on disk where it is None.

    With `judging`, HOTPASS_POLICIES_FROM counts: commands that judge models are `judging`, and those whose
    subject is the policy files themselves (lint, test, explain) are not. `cli` looks in `./policies` too.
    With `only`, the others are not looked for. Raises CallError for a revision that
    does not exist or is ambiguous, for one that contradicts the variable, and for places outside the
    repository; PolicyError for what is wrong with the places.
    """
    named = os.environ.get(VARIABLE) if judging else None
    wanted = rev if rev is not None else named
    policies, plugins = policies or None, plugins or None
    if wanted is None:
        places = policy_places(policies, cli=cli) if only != "plugins" else Places()
        yield Rules(places, plugin_folders(plugins) if only != "policies" else ())
        return
    repository = repository_of(_here())
    commit = commit_of(wanted, repository.root)
    if named is not None and rev is not None and commit != commit_of(named, repository.root):
        raise CallError(
            f"{VARIABLE} says {named!r}, and --policies-from says {rev!r}, which is another commit. The "
            "variable is there so that nothing in a pull request can choose who judges it: leave the option "
            "out."
        )
    with new_copy(commit) as root:
        with Objects(repository.root) as objects:
            copy = _Copy(repository, Revision(wanted, commit, repository.root), objects, root)
            rules = copy.rules(policies, plugins, cli=cli, only=only)
        yield rules


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise CallError(f"the working directory cannot be used: {error}") from error


class _Copy:
    """Fills the copy of a revision in `root` with what is asked for."""

    def __init__(self, repository: Repository, revision: Revision, objects: Objects, root: Path) -> None:
        self._repository = repository
        self._revision = revision
        self._objects = objects
        self._root = root
        self._tree = objects.root(revision.commit)
        self._taken: set[PurePosixPath] = set()
        self._files = self._bytes = 0

    def rules(
        self,
        policies: Place | Sequence[Place] | None,
        plugins: Place | Sequence[Place] | None,
        *,
        cli: bool,
        only: Setting | None,
    ) -> Rules:
        places = self._places(policies, "policies") if only != "plugins" else Places()
        if not places.configured and only != "plugins":
            default = self._repository.prefix / CLI_DEFAULT.as_posix()
            if not cli or self._entry(default) is None:
                raise NoPolicies([Problem(
                    f"{default}@{self._revision.commit[:SHORT]}", 0, 0,
                    f"there is no such folder at {self._revision}, and nothing else names one",
                    "Name the policies with --policies, HOTPASS_POLICIES or [tool.hotpass] in "
                    "pyproject.toml.",
                )])  # fmt: skip
            places = Places((self._root / default,), f"./{CLI_DEFAULT}", configured=True)
        folders = self._places(plugins, "plugins").paths if only != "policies" else ()
        for path in (*places.paths, *folders):
            self.take(self._path_of(path))
        self._take_extended(places.paths)
        source = f"{places.source} at {self._revision}"
        return Rules(places._replace(source=source), folders, self._revision)

    def _places(self, given: Place | Sequence[Place] | None, setting: Setting) -> Places:
        """Where they are in the copy."""
        found = asked_for(given, setting)
        if found.configured:
            here = _here()
            inner = [self._inside(here / path, found.source) for path in found.paths]
            return found._replace(paths=tuple(self._root / path for path in inner))
        for folder in (self._repository.prefix, *self._repository.prefix.parents):
            file = folder / "pyproject.toml"
            entry = self._entry(file)
            if entry is not None and entry.is_file:
                self.take(file)
                return of_pyproject(self._root / file, setting)
        return Places()

    def _inside(self, path: Path, source: str) -> PurePosixPath:
        """`path`, in the work tree, as a path in the repository. Raises CallError for one outside.

        Only the way to the repository's root is looked at on disk. What lies below it may be the work of a
        pull request, links too.
        """
        absolute = Path(os.path.normpath(path))
        for above in reversed((absolute, *absolute.parents)):
            if os.path.realpath(above) == os.path.realpath(self._repository.root):
                return PurePosixPath(absolute.relative_to(above).as_posix())
        raise CallError(
            f"{source} names {path}, which is not in the repository {self._repository.root}, so it cannot be "
            f"read at {self._revision}. Name one in the repository, or leave --policies-from and {VARIABLE} "
            "out."
        )

    def _path_of(self, path: Path) -> PurePosixPath:
        """A path in the copy, as pyproject.toml may have made it, as a path in the repository."""
        found = in_copy(Path(os.path.normpath(path)))
        if found is None or found.root != self._root:
            raise CallError(
                f"[tool.hotpass] in the pyproject.toml at {self._revision} names a place outside the "
                "repository, which has no revision. Name one in it."
            )
        return found.path

    def _entry(self, path: PurePosixPath) -> Entry | None:
        """What is at `path`; None for nothing. Raises CallError where a link or a submodule is on the way."""
        found = self._tree
        for index, part in enumerate(path.parts):
            if not found.is_folder:
                if found.is_file:
                    return None
                self._refuse(PurePosixPath(*path.parts[:index]), found)
            entry = self._objects.names(found).get(part)
            if entry is None:
                return None
            found = entry
        return found

    def _take_extended(self, places: Sequence[Path]) -> None:
        """What the policies extend from folders of the repository. Of what is not there, reading tells."""
        for file in extended_files(policy_files(places), content_of):
            inner = in_copy(file)
            if inner is not None and inner.root == self._root and self._entry(inner.path) is not None:
                self.take(inner.path)  # before what it extends itself is asked for

    def take(self, path: PurePosixPath) -> None:
        """Puts the file or folder at `path` into the copy, once. Raises CallError where there is none, and
        for links and submodules.
        """
        if path in self._taken or self._taken & {*path.parents}:
            return
        entry = self._entry(path)
        if entry is None:
            raise CallError(f"there is no {path} at {self._revision}")
        self._take(path, entry)

    def _take(self, path: PurePosixPath, entry: Entry) -> None:
        if path in self._taken:
            return
        if entry.is_folder:
            try:
                (self._root / path).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CallError(f"{path} at {self._revision} cannot be copied: {error}") from error
            for name, inner in self._objects.names(entry).items():
                self._take(path / name, inner)
        elif entry.is_file:
            self._write(path, entry)
        else:
            self._refuse(path, entry)
        self._taken.add(path)

    def _write(self, path: PurePosixPath, entry: Entry) -> None:
        self._files += 1
        if self._files > MOST_FILES:
            raise CallError(f"policies and plugin folders at {self._revision} hold over {MOST_FILES:,} files")
        content = self._objects.read(entry.id, "blob", most=min(LARGEST, MOST_BYTES - self._bytes))
        self._bytes += len(content)
        try:
            write(self._root / path, content)
        except (OSError, ValueError) as error:
            raise CallError(f"{path} at {self._revision} cannot be copied: {error}") from error

    def _refuse(self, path: PurePosixPath, entry: Entry) -> None:
        remedy = (
            "Its target may lie outside the revision; name the folder itself, or commit a copy."
            if entry.kind == "a link" else "Its files are not in this repository."
        )  # fmt: skip
        raise CallError(f"{path} is {entry.kind} at {self._revision}, which is not followed. {remedy}")

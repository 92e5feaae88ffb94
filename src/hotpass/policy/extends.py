"""What a policy extends is found, read and put in front of its own gates.

An extending policy adds and never loosens: a promotion that the shared policy has keeps all its gates, and to
a stage that the shared policy promotes to there is no other way in.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from hotpass.copies import SHORT, in_copy
from hotpass.errors import CallError, Problem, mask
from hotpass.policy import cache
from hotpass.policy.discovery import shown
from hotpass.policy.entries import GateReader
from hotpass.policy.extensions import COMMIT, Extension, InFolder, InGit, extensions_in
from hotpass.policy.merging import Layer, merged
from hotpass.policy.model import Policy, PolicyFile
from hotpass.policy.reader import Read, read_policy
from hotpass.policy.words import shorten

#: Files in a chain of which each extends the next.
DEEPEST = 10

Reader = Callable[[Path, list[Problem]], bytes | None]


class Source(NamedTuple):
    """A policy file, and where it came from. `file` is where it lies, `name` what messages call it; one that
    is `fetched` lies in the cache, far from the files beside it.
    """

    file: Path
    name: str
    fetched: bool = False

    @classmethod
    def of(cls, file: Path) -> Source:
        return cls(file, shown(file))

    @property
    def key(self) -> str:
        return os.path.realpath(self.file)


class _Done(NamedTuple):
    """What came of a shared file: the policy with all that it extends, or how many problems there are."""

    policy: Policy | None
    problems: tuple[Problem, ...]


class Extender:
    """Of one load: each shared file is read once, however many policies extend it."""

    def __init__(self, gates: GateReader, content_of: Reader) -> None:
        """`content_of` reads a file, and notes why it cannot."""
        self._gates = gates
        self._content_of = content_of
        self._known: dict[tuple[str, str], _Done] = {}

    def extended(self, read: Read, file: Path, content: bytes) -> tuple[Policy | None, list[Problem]]:
        """The policy of `file`, whose `content` was read, with what it extends; None, and the problems, where
        that cannot be had.
        """
        source = Source.of(file)
        policy, problems = self._extend(read, source, content, (source,))
        return policy, problems

    def _extend(
        self, read: Read, source: Source, content: bytes, chain: tuple[Source, ...]
    ) -> tuple[Policy | None, list[Problem]]:
        assert read.policy is not None
        policy = replace(read.policy, files=_files(source, content))
        layers: list[Layer] = []
        problems: list[Problem] = []
        for extension in read.extends:
            found = self._find(extension, source, chain, problems)
            if found is not None:
                layers.append(Layer(found, Problem(source.name, extension.line, extension.column, "")))
        if problems or not layers:
            return (None if problems else policy), problems
        return merged(policy, layers)

    def _find(
        self, extension: Extension, source: Source, chain: tuple[Source, ...], problems: list[Problem]
    ) -> Policy | None:
        def note(message: str, remedy: str = "") -> None:
            rule = "extends"
            problems.append(Problem(source.name, extension.line, extension.column, message, remedy, rule))

        target = (
            _in_folder(extension, source, note) if isinstance(extension, InFolder)
            else _in_git(extension, source, note)
        )  # fmt: skip
        if target is None:
            return None
        circle = next((at for at, one in enumerate(chain) if one.key == target.key), None)
        if circle is not None:
            names = [one.name for one in chain[circle:]] + [target.name]
            note(f"it extends itself: {' extends '.join(names)}", "Take one of these out.")
            return None
        if len(chain) > DEEPEST:
            note(f"more than {DEEPEST} policies extend one another", "Extend the last one directly.")
            return None
        content = self._content_of(target.file, problems)
        if content is None or not _is_as_pinned(extension, content, target, note):
            return None
        done = self._read(target, content, (*chain, target))
        if done.policy is None:
            problems.extend(problem for problem in done.problems if problem not in problems)
            note(f"it extends {target.name}, in which something is wrong")
        return done.policy

    def _read(self, target: Source, content: bytes, chain: tuple[Source, ...]) -> _Done:
        key = (target.key, target.name)
        if key not in self._known:
            read = read_policy(content, target.name, self._gates)
            if read.policy is None:
                done = _Done(None, read.problems)
            else:
                policy, problems = self._extend(read, target, content, chain)
                done = _Done(policy, tuple(problems))
            self._known[key] = done
        return self._known[key]


def _files(source: Source, content: bytes) -> tuple[PolicyFile, ...]:
    """The file to look at again before a promotion; a commit's cannot change."""
    if source.fetched or in_copy(source.file) is not None:
        return ()
    # Absolute, since a process may change its directory before the file is looked at again.
    return (PolicyFile(os.path.abspath(source.file), hashlib.sha256(content).hexdigest()),)


def file_in_folder(extension: InFolder, file: Path) -> Path:
    """Where what `file` extends from a folder should be."""
    return Path(os.path.normpath(file.parent / extension.folder / extension.path))


def extended_files(files: Iterable[Path], content_of: Reader) -> Iterator[Path]:
    """The files that `files` extend, and those that these extend, whether they are there or not; one that is
    fetched, where it lies in the cache. Each is read only once the next one is asked for.
    """
    waiting = [Source.of(file) for file in files]
    seen = {source.key for source in waiting}
    while waiting:
        source = waiting.pop()
        for extension in extensions_in(content_of(source.file, []) or b"", source.name):
            if isinstance(extension, InGit):
                if not extension.is_pinned:
                    continue
                found = Source(cache.file_of(extension.digest), str(extension), fetched=True)
            elif source.fetched:
                continue
            else:
                found = Source.of(file_in_folder(extension, source.file))
            if found.key not in seen:
                seen.add(found.key)
                yield found.file
                waiting.append(found)


def _in_folder(extension: InFolder, source: Source, note: Callable[..., None]) -> Source | None:
    if source.fetched:
        note(
            f"a policy from a git repository cannot extend the folder {shorten(extension.folder)!r}",
            "Nothing would pin what stands there: extend it by `git`, `revision` and `digest`.",
        )
        return None
    file = file_in_folder(extension, source.file)
    copy = in_copy(source.file)
    if copy is not None and getattr(in_copy(file), "root", None) != copy.root:
        note(
            f"{extension} is outside the repository, and cannot be read at commit {copy.commit}",
            "Move it into the repository, or extend it by `git`, `revision` and `digest`.",
        )
        return None
    try:
        there = file.exists()
    except OSError as error:
        note(f"{shown(file)} cannot be opened: {error.strerror or error}", "Check its permissions.")
        return None
    if there:
        return Source.of(file)
    try:
        near = difflib.get_close_matches(file.name, os.listdir(file.parent), n=1)
    except OSError:
        note(
            f"there is no folder {shown(file.parent)}", "`folder` is relative to the file that it stands in."
        )
        return None
    note(f"there is no {shown(file)}", f"Did you mean {near[0]!r}?" if near else (
        "`folder` is relative to the file that it stands in, and `path` to `folder`."))  # fmt: skip
    return None


def _in_git(extension: InGit, source: Source, note: Callable[..., None]) -> Source | None:
    if not re.fullmatch(COMMIT, extension.revision):
        note(
            f"the revision {shorten(extension.revision)!r} can come to mean another commit",
            f"Write the id of a commit, all of it. {_now(extension, source)}",
        )
    if not extension.digest:
        note(
            "a shared policy in git needs the key 'digest': no other file is then ever read",
            "`hotpass policy fetch` says what to write.",
        )
    if not extension.is_pinned:
        return None
    try:
        file = cache.file_of(extension.digest)
        there = file.exists()
    except (CallError, OSError) as error:
        note(f"{extension} cannot be looked for in the cache: {error}")
        return None
    if not there:
        copy = in_copy(source.file)
        which = f" --policies-from {copy.commit}" if copy else ""
        note(
            f"{extension} at {extension.revision[:SHORT]} is not in the cache",
            f"Run `hotpass policy fetch{which}`: once fetched, it is there without a network.",
        )
        return None
    return Source(file, f"{extension.path}@{extension.revision[:SHORT]}", fetched=True)


def _now(extension: InGit, source: Source) -> str:
    """What a revision that can move is now, where that is known without a network."""
    from hotpass.gitfiles import commit_of

    here = source.file.parent / extension.url
    if "://" not in extension.url and not source.fetched and here.is_dir():
        try:
            return f"It is {commit_of(extension.revision, here)} now."
        except CallError as error:
            return f"What it is now is not known: {error}"
    return "`hotpass policy fetch` says which it is now."


def _is_as_pinned(extension: Extension, content: bytes, target: Source, note: Callable[..., None]) -> bool:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if not extension.digest or digest == extension.digest:
        return True
    if target.fetched:
        note(
            f"the copy of {extension} in the cache has the digest {digest}, and {extension.digest} is wanted",
            f"Somebody changed {mask(str(target.file))}: `hotpass policy fetch` fetches it again.",
        )
    else:
        note(
            f"{target.name} has the digest {digest}, and {extension.digest} is wanted",
            f"Read what changed in it; to accept it, write `digest: {digest}`.",
        )
    return False

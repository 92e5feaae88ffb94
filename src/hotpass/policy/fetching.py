"""Fetches the shared policies that policies extend from git, so that reading them needs no network.

Nothing else in Hotpass reaches for the network because of a policy: a promotion, a guard and a linter find
what was fetched, or say that it was not.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from hotpass.copies import SHORT, in_copy
from hotpass.errors import CallError, Problem, mask
from hotpass.gitfiles import NETWORK, Objects, git
from hotpass.policy import cache
from hotpass.policy.compose import MAX_BYTES
from hotpass.policy.extends import Reader, Source, file_in_folder
from hotpass.policy.extensions import COMMIT, InFolder, InGit, extensions_in
from hotpass.policy.words import shorten

State = Literal["fetched", "in the cache", "not fetched"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of one entry under `extends:`; `where` is its place, `digest` that of the file's bytes."""

    where: str
    url: str
    revision: str
    path: str
    digest: str
    state: State


@dataclass(frozen=True, slots=True)
class Fetching:
    """All entries, in the order of the files, and what kept some from being fetched."""

    found: tuple[Fetched, ...]
    problems: tuple[Problem, ...]


def fetch_all(
    files: Iterable[Path],
    content_of: Reader,
    repository: Path | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Fetching:
    """Fetches what the policy `files` extend from git, and what that extends, where it is not in the cache.

    `repository` is the work tree that files of a copy come from, for a repository named by its path. `tell`
    hears of each fetch before it begins. Raises CallError for a cache that cannot be used.
    """
    run = _Run(content_of, repository, tell)
    for file in files:
        content = content_of(file, [])  # what is wrong with the file itself, lint tells
        if content is not None:
            run.follow(Source.of(file), content)
    return Fetching(tuple(run.found.values()), tuple(dict.fromkeys(run.problems)))


class _Run:
    def __init__(self, content_of: Reader, repository: Path | None, tell: Callable[[str], None]) -> None:
        self._content_of = content_of
        self._repository = repository
        self._tell = tell
        self._seen: set[tuple[str, str]] = set()
        self.found: dict[str, Fetched] = {}
        self.problems: list[Problem] = []

    def follow(self, source: Source, content: bytes) -> None:
        """Fetches what `source` extends, and goes on to what that extends."""
        waiting = [(source, content)]
        while waiting:
            source, content = waiting.pop()
            if (source.key, source.name) in self._seen:
                continue
            self._seen.add((source.key, source.name))
            for extension in extensions_in(content, source.name):
                further = (
                    self._in_folder(extension, source) if isinstance(extension, InFolder)
                    else self._in_git(extension, source)
                )  # fmt: skip
                if further is not None:
                    waiting.append(further)

    def _in_folder(self, extension: InFolder, source: Source) -> tuple[Source, bytes] | None:
        if source.fetched:
            return None
        file = file_in_folder(extension, source.file)
        content = self._content_of(file, [])
        return None if content is None else (Source.of(file), content)

    def _in_git(self, extension: InGit, source: Source) -> tuple[Source, bytes] | None:
        name = f"{extension.path}@{extension.revision[:SHORT]}"
        if extension.is_pinned:
            content = self._cached(extension.digest)
            if content is not None:
                self._note(extension, source, extension.digest, "in the cache")
                return Source(cache.file_of(extension.digest), name, fetched=True), content
        self._tell(f"fetching {extension}")
        try:
            commit, content = fetch(self._place(extension, source), extension.revision, extension.path)
        except CallError as error:
            self._refuse(extension, source, f"{extension} cannot be fetched: {error}", "")
            return None
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if not extension.is_pinned:
            self._refuse(
                extension, source, f"{extension} is not pinned",
                f"Once you have read it, write:\n        revision: {commit}\n        digest: {digest}",
            )  # fmt: skip
            return None
        if digest != extension.digest:
            self._refuse(
                extension, source,
                f"{extension} at {commit[:SHORT]} has the digest {digest}, and {extension.digest} is wanted",
                f"Nothing was kept. Once you have read it, accept it by `digest: {digest}`.",
            )  # fmt: skip
            return None
        file = cache.keep(digest, content)
        self._note(extension, source, digest, "fetched")
        return Source(file, name, fetched=True), content

    def _cached(self, digest: str) -> bytes | None:
        """The content in the cache, if it is what it should be."""
        file = cache.file_of(digest)
        content = self._content_of(file, [])
        right = content is not None and hashlib.sha256(content).hexdigest() == digest.removeprefix("sha256:")
        return content if right else None

    def _place(self, extension: InGit, source: Source) -> str:
        """Where to fetch from: a path is relative to the file that names it."""
        url = extension.url
        if "://" in url or re.match(r"[^/]+:", url):
            return url
        if source.fetched:
            raise CallError("a policy from a git repository names another by its path; it needs a URL there")
        folder = source.file.parent
        copy = in_copy(folder)
        if copy is not None and self._repository is not None:
            folder = self._repository / copy.path
        return os.path.normpath(folder.absolute() / url)

    def _note(self, extension: InGit, source: Source, digest: str, state: State) -> None:
        where = f"{source.name}:{extension.line}:{extension.column}"
        self.found.setdefault(
            where, Fetched(where, mask(extension.url), extension.revision, extension.path, digest, state)
        )

    def _refuse(self, extension: InGit, source: Source, message: str, remedy: str) -> None:
        self._note(extension, source, extension.digest, "not fetched")
        self.problems.append(
            Problem(source.name, extension.line, extension.column, message, remedy, "extends")
        )


def fetch(url: str, revision: str, path: str) -> tuple[str, bytes]:
    """The file at `path` in the repository `url` at `revision`, and the full id of that commit.

    Only what is needed comes, where the server can do that. Raises CallError, also for a file that no policy
    could be.
    """
    with tempfile.TemporaryDirectory(prefix="hotpass-fetch-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        form = "sha256" if len(revision) == 64 and re.fullmatch(COMMIT, revision) else "sha1"
        git("init", "--quiet", "--template=", f"--object-format={form}", at=folder)
        git("config", "remote.origin.url", url, at=folder)
        commit = _commit(revision, folder)
        with Objects(folder, NETWORK) as objects:
            found = objects.root(commit)
            for part in PurePosixPath(path).parts:
                inner = objects.names(found).get(part) if found.is_folder else None
                if inner is None:
                    raise CallError(f"there is no {path} at {commit[:SHORT]}")
                found = inner
            if not found.is_file:
                raise CallError(f"{path} is {found.kind} at {commit[:SHORT]}, and a policy is a file")
            return commit, objects.read(found.id, "blob", most=MAX_BYTES)


def _commit(revision: str, folder: Path) -> str:
    fetch_ = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--filter=blob:none")
    pinned = re.fullmatch(COMMIT, revision) is not None
    if not pinned and (revision.startswith("-") or re.search(r"[\s:+*^~?\[\\]|\.\.", revision)):
        raise CallError(f"{shorten(revision)!r} is no name of a branch or a tag")
    try:
        git(*fetch_, "--depth=1", "origin", revision, at=folder, limit=NETWORK)
    except CallError as error:
        words = str(error)
        if not pinned or not re.search("unadvertised object|not our ref|couldn't find remote ref", words):
            raise
        # A server that gives no commit by its id gives the branches and tags that lead to it.
        git(*fetch_, "origin", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", at=folder,
            limit=NETWORK)  # fmt: skip
    found = git("rev-parse", "--verify", f"{revision if pinned else 'FETCH_HEAD'}^{{commit}}", at=folder,
                quiet=True).decode().strip()  # fmt: skip
    if not found:
        raise CallError(f"there is no commit {revision} in it, or no branch and no tag leads to it")
    if pinned and found != revision:
        raise CallError(f"{revision} is a tag's id. Write that of the commit: {found}.")
    return found

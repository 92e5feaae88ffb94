"""Files at a commit of a git repository, read by the `git` program: nothing is checked out, and nothing that
a repository brings along is run or heeded.

Commits, trees and blobs are asked for by `git cat-file --batch` alone. It knows no hooks, filters, attributes
(`export-ignore` would hide files from `git archive`), submodules or links; replacements are off.
What is read is thus what the commit's id stands for, whatever the work tree and its files say.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from hotpass.errors import CallError, mask
from hotpass.texts import shown

#: Seconds until a call is given up: one that reads a repository here, and one that reaches for another.
LOCAL, NETWORK = 60.0, 300.0

_DEFAULTS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.attributesFile": os.devnull,
    "safe.bareRepository": "explicit",
    "protocol.ext.allow": "never",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
#: What of git's variables is kept: how a person or CI reaches a server, and where repositories are looked
#: for. GIT_DIR and its like, as a hook has them, would point at another repository.
_KEPT = re.compile(
    "GIT_(EXEC_PATH|SSH|SSH_COMMAND|SSL_CAINFO|SSL_CAPATH|HTTP_PROXY_AUTHMETHOD|ASKPASS|CONFIG_COUNT|"
    "CONFIG_KEY_[0-9]+|CONFIG_VALUE_[0-9]+|CONFIG_GLOBAL|CONFIG_SYSTEM|CONFIG_NOSYSTEM|CEILING_DIRECTORIES|"
    "DISCOVERY_ACROSS_FILESYSTEM|PROTOCOL_FROM_USER)"
)
#: What git adds to other errors.
_NO_NEWS = re.compile(
    "hint: |warning: |Could not read from remote repos|Please make sure you have the|and the repository exist"
)
_FULL_ID = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
#: By itself, or at the end of what `git describe` says.
_SHORT_ID = re.compile("(?:^|-g)([0-9a-f]{4,64})$", re.IGNORECASE)
_NO_REV = re.compile(r"[\x00-\x20\x7f:?*\[\\]|\{/|\.\.")


def git(
    *words: str, at: Path | None = None, limit: float = LOCAL, stdin: bytes = b"", quiet: bool = False
) -> bytes:
    """What `git` with `words` prints, run in the folder `at` for at most `limit` seconds.

    Raises CallError, with what git said, where it fails; with `quiet` that is an empty answer.
    """
    with _started(words, at) as process:
        try:
            out, err = process.communicate(stdin, timeout=limit)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.communicate()
            raise CallError(f"git {words[0]} did not end within {limit:g} seconds and was stopped") from None
    if process.returncode == 0:
        return out
    if quiet:
        return b""
    raise CallError(f"git {words[0]}: {said(err)}")


def said(stderr: bytes) -> str:
    """What git wrote to stderr, safe to print: passwords masked, at most a few lines."""
    text = stderr.decode("utf-8", "replace")
    lines = [shown(re.sub("^(fatal|error|remote): ?", "", line).strip()) for line in text.splitlines()]
    lines = [line for line in lines if line and not _NO_NEWS.match(line)]
    return mask("; ".join(lines[:6])) or "it failed and did not say why"


def environment() -> dict[str, str]:
    """The environment in which `git` runs: it asks nobody, follows nothing that stands in for a commit, and
    speaks English.
    """
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("GIT_") or _KEPT.fullmatch(name)}  # fmt: skip
    kept.pop("SSH_ASKPASS", None)
    return {
        "GIT_ASKPASS": "",
        **kept,
        "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GCM_INTERACTIVE": "never",
        "SSH_ASKPASS_REQUIRE": "never",
        "LC_ALL": "C",
    }


@contextmanager
def _started(
    words: Sequence[str], at: Path | None, stderr: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    program = shutil.which("git")
    if program is None:
        raise CallError("git is not installed, or not on the PATH; it is what reads files at a revision")
    settings = [word for key, value in _DEFAULTS.items() for word in ("-c", f"{key}={value}")]
    try:
        process = subprocess.Popen(  # noqa: S603
            [program, "--no-pager", *settings, *words],
            cwd=at, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
            start_new_session=True,  # without a terminal nothing can ask, and all its children can be stopped
        )  # fmt: skip
    except OSError as error:
        raise CallError(f"git cannot be run: {error}") from error
    with process:
        try:
            yield process
        except BaseException:
            _kill(process)
            raise


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except OSError:
        pass


class Repository(NamedTuple):
    """A repository and its work tree. `prefix` is where in it the folder lies that it was looked for from."""

    root: Path
    prefix: PurePosixPath


def repository_of(folder: Path) -> Repository:
    """The repository that `folder` lies in. Raises CallError where there is none."""
    try:
        answer = git("rev-parse", "--show-toplevel", at=folder)
    except CallError as error:
        if "not a git repository" in str(error) or "must be run in a work tree" in str(error):
            raise CallError(
                f"{folder} is in no git repository, so there is no revision to read. Change to the folder of "
                "your clone."
            ) from error
        raise
    root = Path(os.fsdecode(answer.rstrip(b"\n")))
    try:
        inner = Path(os.path.realpath(folder)).relative_to(os.path.realpath(root))
    except ValueError as error:
        raise CallError(f"git says that {folder} lies in {root}, and it does not") from error
    return Repository(root, PurePosixPath(inner.as_posix()))


def commit_of(rev: str, at: Path) -> str:
    """The full id of the commit that `rev` names (a branch, a tag, an id) in the repository of the folder
    `at`.

    Raises CallError for one that does not exist, and for one that names two things: whoever may push a tag or
    a branch could otherwise have it mean another commit.
    """
    if not rev.strip():
        raise CallError("the revision is empty. Name a branch, a tag or a commit, for example origin/main.")
    if rev.startswith("-") or _NO_REV.search(rev):
        raise CallError(f"{mask(shown(rev))!r} is no revision. Name a branch, a tag or a commit, for "
                        "example origin/main.")  # fmt: skip
    base = re.split(r"[~^]|@\{", rev, maxsplit=1)[0]
    if not _FULL_ID.fullmatch(base):
        _check_ambiguous(base, rev, at)
    answer = git("rev-parse", "--verify", f"{rev}^{{commit}}", at=at, quiet=True)
    found = answer.decode("ascii", "replace").strip()
    if not _FULL_ID.fullmatch(found):
        raise CallError(_no_such_revision(rev, at))
    return found


def _check_ambiguous(base: str, rev: str, at: Path) -> None:
    names = [f"refs/{base}", *(f"refs/{kind}/{base}" for kind in ("tags", "heads", "remotes")),
             f"refs/remotes/{base}/HEAD"]  # fmt: skip
    refs = {name: target for name, target in _refs(at).items() if name in names}
    short = _SHORT_ID.search(base)
    if short:
        for found in git("rev-parse", f"--disambiguate={short[1]}", at=at, quiet=True).decode().split():
            refs[f"the object {found[:12]}"] = found
    if len(set(refs.values())) > 1:
        several = " and ".join(sorted(refs))
        raise CallError(f"the revision {rev!r} is ambiguous: it names {several}. Write one of them out.")


def _refs(at: Path) -> Mapping[str, str]:
    """All refs by their full name, and the objects that they name, a tag's commit rather than the tag."""
    form = "--format=%(refname) %(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)"
    lines = git("for-each-ref", form, at=at).decode("utf-8", "surrogateescape").splitlines()
    return {name: target for name, _, target in (line.partition(" ") for line in lines)}


def _no_such_revision(rev: str, at: Path) -> str:
    import difflib

    names = [name.split("/", 2)[2] for name in _refs(at) if name.count("/") >= 2]
    is_shallow = git("rev-parse", "--is-shallow-repository", at=at, quiet=True).strip() == b"true"
    words = f"there is no revision {shown(rev)!r} in this clone."
    close = [name for name in names if name.endswith(f"/{rev}")]
    if not is_shallow:
        close = close or difflib.get_close_matches(rev, names, n=1)
    if close:
        return f"{words} Did you mean {close[0]!r}?"
    remote, _, branch = rev.partition("/")
    refspec = f"origin {rev}" if not branch or _FULL_ID.fullmatch(rev) else (
        f"{remote} {branch}:refs/remotes/{rev}")  # fmt: skip
    if is_shallow:
        return f"{words} The clone is shallow, as CI makes it: `git fetch --depth=1 {refspec}` adds it."
    return f"{words} If it is new: `git fetch {refspec}`."


class Entry(NamedTuple):
    """A name in a tree: its mode as git writes it (`100644`) and the id of what it names."""

    mode: str
    id: str

    @property
    def is_folder(self) -> bool:
        return self.mode == "40000"

    @property
    def is_file(self) -> bool:
        return self.mode in ("100644", "100755", "100664")

    @property
    def kind(self) -> str:
        if self.is_folder:
            return "a folder"
        if self.is_file:
            return "a file"
        return {"120000": "a link", "160000": "a submodule"}.get(self.mode, f"of mode {self.mode}")


class Objects:
    """The objects of a repository, by one `git cat-file --batch`. A context manager; not for several threads.
    """

    def __init__(self, at: Path, limit: float = LOCAL) -> None:
        self._started = _started(("cat-file", "--batch"), at, stderr=subprocess.DEVNULL)
        self._limit = limit

    def __enter__(self) -> Objects:
        self._process = self._started.__enter__()
        # One that hangs, as for an object that a partial clone has to fetch, is stopped, and reading ends.
        self._watch = threading.Timer(self._limit, _kill, [self._process])
        self._watch.daemon = True
        self._watch.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._watch.cancel()
        _kill(self._process)
        self._started.__exit__(None, None, None)

    def root(self, commit: str) -> Entry:
        """The root folder of a commit, given by its full id."""
        content = self.read(commit, "commit", most=1024 * 1024)
        tree = re.match(rb"tree ([0-9a-f]+)\n", content)
        if tree is None:
            raise CallError(f"{commit} is not a commit that can be read")
        return Entry("40000", tree[1].decode("ascii"))

    def names(self, folder: Entry) -> dict[str, Entry]:
        """What is in a folder, in git's order. Raises CallError for a name that no file can have."""
        content = self.read(folder.id, "tree", most=16 * 1024 * 1024)
        found: dict[str, Entry] = {}
        width, start = len(folder.id) // 2, 0
        while start < len(content):
            end = content.find(b"\0", start)
            mode, _, raw = content[start:end].partition(b" ")
            name, id_ = os.fsdecode(raw), content[end + 1 : end + 1 + width].hex()
            if end < 0 or len(id_) != 2 * width:
                raise CallError(f"the tree {folder.id} is damaged")
            if name in ("", ".", "..") or "/" in name or name.lower() == ".git" or name in found:
                raise CallError(f"the tree {folder.id} holds a name that no file may have: {name!r}")
            found[name] = Entry(mode.decode("ascii", "replace"), id_)
            start = end + 1 + width
        return found

    def read(self, id_: str, kind: str, most: int) -> bytes:
        """The content of an object, at most `most` bytes. Raises CallError."""
        out, into = self._pipes()
        try:
            into.write(f"{id_}\n".encode("ascii"))
            into.flush()
            header = out.readline().decode("ascii", "replace").split()
            if len(header) != 3 or header[1] != kind:
                raise CallError(f"the {kind} {id_} cannot be read: git says {' '.join(header) or 'nothing'}. "
                                "The clone may be incomplete: `git fetch`, or `git fsck`.")  # fmt: skip
            size = int(header[2])
            if size > most:
                raise CallError(f"the {kind} {id_} has {size:,} bytes; the limit is {most:,}")
            content = out.read(size + 1)[:-1]
        except OSError as error:
            raise CallError(f"git cat-file ended: {error}") from error
        if len(content) != size:
            raise CallError(f"git cat-file ended within the {kind} {id_}")
        return content

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        out, into = self._process.stdout, self._process.stdin
        assert out is not None
        assert into is not None
        return out, into

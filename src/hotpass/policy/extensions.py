"""What stands under `extends:`: which shared policies a file builds on, and where they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

from hotpass.errors import mask
from hotpass.policy.compose import parse
from hotpass.policy.desk import Desk, Field
from hotpass.policy.nodes import List, Map, Node, is_sound, value_of
from hotpass.policy.words import kind_of, listed, shorten

FOLDER_KEYS = ("folder", "path", "digest")
GIT_KEYS = ("git", "revision", "path", "digest")

#: The full id of a commit, by SHA-1 or SHA-256: nothing else stays what it is.
COMMIT = "[0-9a-f]{40}|[0-9a-f]{64}"
#: The SHA-256 of a file's bytes.
DIGEST = "sha256:[0-9a-f]{64}"
#: A file in a folder or a repository, and nowhere else.
PATH = r"(?!\.{1,2}/)[^/\\:\s][^/\\:]*(/(?!\.{1,2}/)[^/\\:]+)*\.ya?ml"

#: Entries in one file.
MOST = 20
_EXAMPLE = "- {folder: ../shared, path: baseline.yaml}"
_HELPERS = re.compile("[A-Za-z0-9]+::")
_SCHEME = re.compile("([A-Za-z][A-Za-z0-9+.-]*)://")
_SCHEMES = ("https", "ssh", "http", "git", "file")


@dataclass(frozen=True, slots=True)
class InFolder:
    """A file in a folder, which is relative to the extending file. `digest` is "" where none is asked for."""

    folder: str
    path: str
    digest: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.folder.rstrip('/')}/{self.path}"


@dataclass(frozen=True, slots=True)
class InGit:
    """A file in a git repository. `revision` may be one that can move and `digest` may be missing (""): until
    it is pinned it cannot be extended, and `hotpass policy fetch` says what to write.
    """

    url: str
    revision: str
    path: str
    digest: str
    line: int
    column: int

    @property
    def is_pinned(self) -> bool:
        return bool(re.fullmatch(COMMIT, self.revision)) and bool(self.digest)

    def __str__(self) -> str:
        return f"{self.path} of {mask(self.url)}"


Extension: TypeAlias = "InFolder | InGit"


def extensions_in(content: bytes, path: str) -> tuple[Extension, ...]:
    """What a policy file extends, as far as that can be read; what is wrong in it is not told here."""
    if b"extends" not in content:
        return ()
    root, problems = parse(content, path)
    if not isinstance(root, Map) or "extends" not in root.entries:
        return ()
    return read_extensions(root.entries["extends"], Desk(path, problems))


def read_extensions(field: Field | None, desk: Desk) -> tuple[Extension, ...]:
    """The entries of an `extends:` field. What is wrong goes to `desk`, and entries that are wrong are left
    out.
    """
    if field is None:
        return ()
    node = field[1]
    if not isinstance(node, List) or not node.items:
        if is_sound(node):
            value = value_of(node)
            kind = "an empty list" if value == [] else kind_of(value)
            desk.note(node, f"'extends' must be a list of shared policies, and this is {kind}",
                      f"For example: {_EXAMPLE}")  # fmt: skip
        return ()
    if len(node.items) > MOST:
        desk.note(node, f"a policy extends at most {MOST} others", "Let a shared policy extend the rest.")
        return ()
    return tuple(found for item in node.items for found in _extension(item, desk))


def _extension(item: Node, desk: Desk) -> Iterator[Extension]:
    node = desk.mapping(item, "what a policy extends", f"For example: {_EXAMPLE}")
    if node is None:
        return
    kinds = [key for key in ("folder", "git") if key in node.entries]
    if len(kinds) != 1:
        what = "names both a folder and a git repository" if kinds else "names neither `folder` nor `git`"
        desk.note(item, f"this {what}", "Name one of the two: `folder: ../shared`, or `git: https://…`.")
        return
    before = len(desk.problems)
    if kinds == ["folder"]:
        fields = desk.fields(node, FOLDER_KEYS, ("folder", "path"), "a shared policy in a folder", item)
        folder = _place(fields.get("folder"), "'folder'", "folder: ../shared", desk)
        path, digest = _path(fields.get("path"), desk), _digest(fields.get("digest"), desk)
        if len(desk.problems) == before:
            yield InFolder(folder, path, digest, item.line, item.column)
        return
    fields = desk.fields(node, GIT_KEYS, ("git", "revision", "path"), "a shared policy in git", item)
    url = _url(fields.get("git"), desk)
    revision = desk.text(fields.get("revision"), "'revision'", "revision: the 40 characters of a commit")
    path, digest = _path(fields.get("path"), desk), _digest(fields.get("digest"), desk)
    if len(desk.problems) > before or revision is None:
        return
    full = revision.lower()
    yield InGit(
        url, full if re.fullmatch(COMMIT, full) else revision, path, digest, item.line, item.column
    )  # fmt: skip


def _place(field: Field | None, what: str, example: str, desk: Desk) -> str:
    text = desk.text(field, what, example) or ""
    if field is not None and text and (text != text.strip() or text.startswith("~")):
        desk.note(
            field[1],
            f"{what} cannot be {shorten(text)!r}",
            f"Write it without blanks around and `~`: {example}.",
        )
    return text


def _path(field: Field | None, desk: Desk) -> str:
    text = desk.text(field, "'path'", "path: policies/baseline.yaml") or ""
    if field is not None and text and not re.fullmatch(PATH, text):
        desk.note(
            field[1], f"{shorten(text)!r} is no path of a policy in it",
            "Write it relative, with /, without `..`, to a .yaml file: policies/baseline.yaml.",
        )  # fmt: skip
    return str(PurePosixPath(text)) if text else ""


def _digest(field: Field | None, desk: Desk) -> str:
    text = (desk.text(field, "'digest'", "digest: sha256:…") or "").lower()
    if field is not None and text and not re.fullmatch(DIGEST, text):
        desk.note(
            field[1], f"{shorten(text)!r} is no digest",
            "Write sha256: and 64 hexadecimal digits, as `hotpass policy fetch` says them.",
        )  # fmt: skip
    return text


def _url(field: Field | None, desk: Desk) -> str:
    text = _place(field, "'git'", "git: https://example.org/policies.git", desk)
    if field is None or not text:
        return text
    scheme = _SCHEME.match(text)
    if text.startswith("-") or _HELPERS.match(text) or (scheme and scheme[1].lower() not in _SCHEMES):
        desk.note(field[1], f"{shorten(mask(text))!r} is no place that is fetched from",
                  f"Use {listed(_SCHEMES, 'or')}, user@host:path, or the path of a repository.")  # fmt: skip
    elif mask(text) != text:
        desk.warn(field[1], "a password or a token stands in this URL, and in every clone of this file",
                  "Take it out; git asks its credential helper.")  # fmt: skip
    return text

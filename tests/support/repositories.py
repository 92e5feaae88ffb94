"""Git repositories for tests, made by the real `git`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_IDENTITY = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")


class Repo:
    """A repository in `root` with a work tree, on the branch main."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words: str, stdin: str | bytes = "") -> str:
        """What git prints; fails where git does."""
        settings = (
            "-c",
            "commit.gpgSign=false",
            "-c",
            "core.autocrlf=false",
            "-c",
            "core.hooksPath=/dev/null",
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        ran = subprocess.run(
            ["git", *_IDENTITY, *settings, *words],
            cwd=self.root,
            env=environment,
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr.decode()
        return ran.stdout.decode().strip()

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def commit(self, **files: str) -> str:
        """Commits everything, after writing `files` (`policies__lead` is policies/lead.yaml); the id."""
        for name, text in files.items():
            self.write(f"{name.replace('__', '/')}.yaml", text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "a commit")
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def tree(self, *entries: tuple[str, str, str]) -> str:
        """A tree of `(mode, id, name)`, whatever git thinks of the names; its id."""
        raw = b"".join(
            f"{mode} {name}".encode() + b"\0" + bytes.fromhex(id_) for mode, id_, name in sorted(
                entries, key=lambda entry: entry[2])
        )  # fmt: skip
        return self.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)

    def blob(self, text: str) -> str:
        return self.git("hash-object", "-w", "--stdin", stdin=text)

    def commit_tree(self, tree: str) -> str:
        return self.git("commit-tree", tree, "-m", "made by hand")

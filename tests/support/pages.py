"""Code blocks of a Markdown page, to be run as a reader would."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

README = Path(__file__).resolve().parents[2] / "README.md"

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# (?P<name>[\w./-]+/[\w.-]+)\n")
_EXIT = re.compile(r"# exit (?P<code>\d+)\b")


class Block(NamedTuple):
    """A fenced block: its language, its text and the number of its first line in the page."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The file that its first line says it is: `# policies/lead_scoring.yaml`."""
        found = _FILE.match(self.text)
        return found["name"] if found else None

    @property
    def commands(self) -> list[Command]:
        """The lines of a shell block, with the exit code that a comment `# exit 3` announces."""
        found = []
        for line in self.text.splitlines():
            words = shlex.split(line, comments=True)
            announced = _EXIT.search(line)
            if words:
                found.append(Command(words, int(announced["code"]) if announced else 0))
        return found


class Command(NamedTuple):
    """The words of a command, and how it should exit."""

    words: list[str]
    code: int


def blocks(page: Path = README) -> list[Block]:
    """All fenced blocks of `page`, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["text"], text.count("\n", 0, found.start()) + 2)
        for found in _FENCE.finditer(text)
    ]

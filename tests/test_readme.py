"""What README.md shows works as it is written there.

Its story of a bank's leads is in test_story_bank.py; cli/test_demo.py compares what it quotes of the demo.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.commands import Hotpass
from support.pages import README, Block, blocks

ROOT = README.parent
#: The story on the bank's leads, which needs their file.
BANK = "bank-marketing.csv"


def test_the_two_commands_of_a_newcomer_stand_alone_on_their_lines() -> None:
    lines = [line for line in README.read_text().splitlines() if line.startswith("python3 -m pip install uv")]

    assert lines == [
        "python3 -m pip install uv && uv run --extra demo hotpass demo",
        "python3 -m pip install uv && uv run pytest",
    ]
    fenced = [line for block in blocks() for line in block.text.splitlines()]
    assert all(line in fenced for line in lines)


def test_every_block_works_in_the_order_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    hotpass = Hotpass(capsys)
    done = [_do(block, hotpass) for block in blocks() if BANK not in block.text]

    assert done.count("ran Python") == 1
    assert done.count("wrote a file") == 3
    assert sum(int(words.removeprefix("commands: ")) for words in done if words.startswith("commands")) >= 10


def _do(block: Block, hotpass: Hotpass) -> str:
    where = f"README.md:{block.line}"
    if block.file is not None:
        Path(block.file).parent.mkdir(exist_ok=True)
        Path(block.file).write_text(block.text)
        return "wrote a file"
    if block.language == "python":
        exec(compile(block.text, where, "exec"), {"__name__": "__main__"})
        return "ran Python"
    if block.language != "sh" or not block.text.startswith("hotpass "):
        return ""
    for words, code in block.commands:
        ran = hotpass(*words[1:])
        assert ran.code == code, f"{where}: {' '.join(words)}\n{ran.out}{ran.err}"
    return f"commands: {len(block.commands)}"


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text())

    assert {"policies/README.md", "plugins/README.md", "tests/README.md"} <= set(links)
    for link in links:
        assert (ROOT / link).is_file(), link


def test_it_lists_every_variable_that_hotpass_reads() -> None:
    read = {
        name
        for folder in ("src", "plugins")
        for file in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"\bHOTPASS_[A-Z_]+\b", file.read_text())
    }
    listed = set(re.findall(r"`(HOTPASS_[A-Z_]+)(?:=\d)?`", README.read_text()))

    assert listed == read - {"HOTPASS_COMPLETE"}

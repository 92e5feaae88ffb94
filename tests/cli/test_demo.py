"""`hotpass demo`: the whole story, in a pipe and in a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import Hotpass
from support.pages import blocks

HOTPASS = Path(sys.executable).with_name("hotpass")


def steps(text: str) -> list[str]:
    return [line[2:] for line in text.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def in_a_pipe(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the demo ran, and all that it printed."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {name: value for name, value in os.environ.items() if name != "UV"}
    ran = subprocess.run(
        [HOTPASS, "demo"], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    return folder, ran.stdout


def test_it_tells_the_whole_story(in_a_pipe: tuple[Path, str]) -> None:
    _, text = in_a_pipe

    assert "5,822 real customers of an insurer, 348 of whom bought a policy" in text
    told = [
        r"Denied: of 4 gates, 2 failed\. Nothing was moved\.",
        r"\(exit code 1\)",
        r"Promoted: caravan version 2 is in Staging now\.",
        r"Not yet: it passes by itself at .* UTC \(in \ds\)",
        r"\(exit code 3\)",
        r"Promoted: caravan version 2 is in Production now\.",
        r"champion_comparison  roc_auc is 0\.7\d+ against the champion's 0\.7\d+",
        r"Promoted: caravan version 3 is in Production now\.",
        r"Scored 1,164 leads with caravan version 3 into scored\.csv",
        r" rank  customer  score\n +1 +\d+  0\.\d+\n",
        r"\n +10 +\d+  0\.\d+\n",
        r"of the 100 best leads of version 2, \d+ bought",
        r"Rolled back: caravan version 2 is in Production now\.",
        r"v2  Archived -> Production \(rollback\)  allowed, moved",
        r"v1  None -> Staging +denied",
        r"caravan: 7 records, none edited, removed or inserted\.",
        r"mlflow ui --backend-store-uri sqlite:///",
    ]
    place = 0
    for words in told:
        found = re.compile(words).search(text, place)
        assert found, f"{words} is missing, or comes too early"
        place = found.end()


def alike(line: str) -> str:
    """`line` without what differs from run to run: ids, times, a metric's digits after the second."""
    line = re.sub(r"\b[0-9a-f]{8}\b", "ID", line)
    line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in \ds\)", "THEN", line)
    return re.sub(r"(\d\.\d\d)\d+", r"\1", re.sub(r"for \ds of 5s", "for SOME of 5s", line))


def test_what_the_readme_quotes_is_what_it_prints(in_a_pipe: tuple[Path, str]) -> None:
    (quoted,) = [block.text for block in blocks() if block.language == "text"]
    printed = [alike(line) for line in in_a_pipe[1].splitlines()]

    place = 0
    for line in map(alike, quoted.splitlines()):
        if line != "...":
            assert line in printed[place:], f"not printed, or too early: {line}"
            place += printed[place:].index(line) + 1


def test_a_pipe_gets_plain_text(in_a_pipe: tuple[Path, str]) -> None:
    _, text = in_a_pipe

    assert "\x1b" not in text
    assert not re.search("[\u2500-\u257f\u2714\u2718]", text), "no drawn lines, no signs"


def test_the_model_beats_calling_blindly(in_a_pipe: tuple[Path, str]) -> None:
    _, text = in_a_pipe
    found = re.search(r"of version 2, (\d+) bought(?s:.)*picked blindly, (\d+) would", text)

    assert found is not None
    assert int(found[1]) >= 2 * int(found[2])


def test_what_it_says_to_type_next_works(
    in_a_pipe: tuple[Path, str], hotpass: Hotpass, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, text = in_a_pipe
    tail = text[text.index("What next") :].splitlines()[1:]
    cd, export = (line.strip() for line in tail[:2])
    monkeypatch.chdir(folder / cd.removeprefix("cd "))
    for setting in export.removeprefix("export ").split():
        monkeypatch.setenv(*setting.split("=", 1))
    commands = [line.split("#")[0].split() for line in tail[2:]]

    assert [words[:2] for words in commands[:2]] == [["hotpass", "status"], ["hotpass", "history"]]
    for words in commands[:2]:
        assert hotpass(*words[1:]).code == 0
    assert hotpass("status", "--json").json["models"][0]["champion"] == 2


@pytest.mark.slow
@pytest.mark.ci
def test_a_second_run_in_a_terminal_has_signs_and_colours(in_a_pipe: tuple[Path, str]) -> None:
    folder, first = in_a_pipe
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [HOTPASS, "demo"], cwd=folder, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        printed = b""
        try:
            while piece := os.read(ours, 65536):
                printed += piece
        except OSError:  # what Linux answers when the other end is closed
            pass
        os.close(ours)
    text = printed.decode()

    assert process.returncode == 0, text
    assert (folder / "hotpass-demo" / "run-1").is_dir()
    assert (folder / "hotpass-demo" / "run-2" / "mlflow.db").is_file()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r\n", "\n")
    assert "\x1b[32m✔ passed" in text
    assert "\x1b[31m✘ failed" in text
    assert steps(plain)[2:] == steps(first)[2:], "the same commands; the folder apart"


def test_a_folder_that_cannot_be(hotpass: Hotpass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")

    ran = hotpass("demo", "--folder", "file")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "Error: file/run-1 cannot be written: Not a directory. Name a folder with --folder.\n"

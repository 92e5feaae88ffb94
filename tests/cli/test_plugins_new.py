"""`hotpass plugins new`: the project that it writes, and what it refuses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hotpass.scaffold import check_name, write_project
from support.commands import Hotpass

BIN = Path(sys.executable).parent


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_it_writes_and_says(hotpass: Hotpass, here: Path) -> None:
    ran = hotpass("plugins", "new", "row_count", "--into", "our plugins")
    assert (ran.code, ran.err) == (0, "")
    written = [
        Path(line.removeprefix("wrote ")) for line in ran.out.splitlines() if line.startswith("wrote ")
    ]
    assert written == sorted(file for file in Path("our plugins").rglob("*") if file.is_file())
    assert [str(file.relative_to("our plugins/row_count")) for file in written] == [
        ".gitignore", ".pre-commit-config.yaml", "README.md", "policies/row_count.cases.yaml",
        "policies/row_count.yaml", "pyproject.toml", "src/row_count/__init__.py", "src/row_count/gate.py",
        "src/row_count/py.typed", "tests/test_row_count.py",
    ]  # fmt: skip
    assert [line.strip() for line in ran.out.splitlines() if line.startswith("  ")] == [
        "cd 'our plugins/row_count'", "pip install -e '.[test]'", "pytest", "hotpass plugins check row_count",
    ]  # fmt: skip
    for file in written:
        assert not re.search(r"\{\{(name|Name|dist|version)\}\}", file.read_text()), file
    assert list(here.glob(".*")) == []
    assert oct(Path("our plugins/row_count").stat().st_mode) == oct(Path("our plugins").stat().st_mode)
    again = hotpass("plugins", "new", "row_count", "--into", "our plugins", "--json")
    assert again.code == 2
    assert "is there already and has something in it" in again.json["error"]["message"]


@pytest.fixture
def project(here: Path) -> Path:
    write_project("row_count")
    return here / "row_count"


def environment(project: Path) -> dict[str, str]:
    """As after `pip install -e`, without the time that that takes: on the path, with its entry point."""
    info = project.parent / "site" / "row_count-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: row-count\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[hotpass]\nrow_count = row_count\n")
    path = os.pathsep.join([str(project / "src"), str(info.parent)])
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def test_it_passes_its_own_tests_at_once_and_everything_that_its_readme_says(project: Path) -> None:
    env = environment(project)

    def run(*words: str) -> str:
        done = subprocess.run(
            words, cwd=project, env=env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    readme = (project / "README.md").read_text()
    commands = [line.removeprefix("$ ") for line in readme.splitlines() if line.startswith("$ ")]
    assert commands[0] == "pip install -e '.[test]'"
    said = {command: run(str(BIN / command.split()[0]), *command.split()[1:]) for command in commands[1:]}
    assert "18 passed" in said["pytest"], "thirteen tests of the gate and five cases"
    assert said["hotpass plugins check row_count"] == "row_count: ok: 1 gate\n"
    assert "row_count.yaml: ok: policy row-count, 2 promotions, 3 gates" in said["hotpass policy lint"]
    hooks = yaml.safe_load((project / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    for hook in hooks:
        assert not hook["pass_filenames"]
        run(str(BIN / "hotpass"), *hook["entry"].split()[1:])
    run(str(BIN / "ruff"), "check", "--no-cache", ".")
    run(str(BIN / "ruff"), "format", "--no-cache", "--check", "--line-length", "100", ".")


@pytest.mark.slow
def test_its_types_are_right(project: Path) -> None:
    done = subprocess.run(
        [BIN / "mypy", "--cache-dir", os.devnull, "src", "tests"], cwd=project, env=environment(project),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_its_tests_can_fail(project: Path) -> None:
    gate = project / "src" / "row_count" / "gate.py"
    gate.write_text(gate.read_text().replace("rows >= self", "rows > self"))
    done = subprocess.run(
        [BIN / "pytest", "-q", "-p", "no:cacheprovider"], cwd=project, env=environment(project),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "4 failed" in done.stdout, "one test and three cases"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("row-count", "Did you mean row_count?"), ("RowCount", "Did you mean row_count?"),
        ("3rows", "Did you mean rows?"), ("row__count", "Did you mean row_count?"), ("", "For example"),
        ("../x", "Did you mean x?"), ("a" * 51, f"Did you mean {'a' * 50}?"), ("é", "For example"),
        ("signature", "is a gate of the plugin gates"), ("gates", "is the name of a plugin"),
        ("json", "is a package that is installed already"), ("hotpass", "is a package that is installed"),
        ("class", "is a word of Python"), ("hint", "is a key of every policy entry"),
        ("tests", "is a folder of the project"),
    ],
)  # fmt: skip
def test_names_that_cannot_be(hotpass: Hotpass, here: Path, name: str, why: str) -> None:
    ran = hotpass("plugins", "new", name)
    assert ran.code == 2
    assert why in ran.err
    assert list(here.iterdir()) == []


def test_a_folder_that_is_empty_is_used_and_others_are_left_alone(hotpass: Hotpass, here: Path) -> None:
    check_name("row_count")
    (here / "row_count").mkdir()
    assert hotpass("plugins", "new", "row_count").code == 0
    (here / "file").write_text("mine")
    for into, name in (("file", "other"), (".", "file")):
        ran = hotpass("plugins", "new", name, "--into", into)
        assert ran.code == 2
        assert "Error: " in ran.err
    assert (here / "file").read_text() == "mine"
    assert sorted(path.name for path in here.iterdir()) == ["file", "row_count"]


def test_nothing_is_left_of_what_could_not_be_finished(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *args: object, **more: object) -> None:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(Exception, match="No space left on device"):
        write_project("row_count")
    assert list(here.iterdir()) == []

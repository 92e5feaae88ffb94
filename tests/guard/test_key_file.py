"""The guard's key: made once, whole, and for its owner alone."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hotpass.errors import CallError
from hotpass.guard.guard_settings import GuardSettings
from hotpass.guard.key_file import default_key_file, make_key_file


def test_it_is_in_the_folder_for_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert default_key_file() == tmp_path / "state" / "hotpass" / "guard.key"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_key_file() == Path.home() / ".local" / "state" / "hotpass" / "guard.key"


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "guard.key"

    assert make_key_file(path) is True

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(bytes.fromhex(path.read_text().strip())) == 32
    assert GuardSettings("sqlite://", "sqlite://", key_file=path).seal() is not None


def test_one_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "guard.key"
    path.write_text("x" * 40)
    assert make_key_file(path) is False
    assert path.read_text() == "x" * 40


def test_servers_that_start_at_once_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "guard.key"

    def start(_: int) -> tuple[bool, str]:
        return make_key_file(path), path.read_text()

    with ThreadPoolExecutor(16) as pool:
        started = list(pool.map(start, range(200)))

    assert sum(made for made, _ in started) == 1
    assert {key for _, key in started} == {path.read_text()}
    assert os.listdir(tmp_path) == ["guard.key"]


@pytest.mark.parametrize("place", ["file/guard.key", "folder"])
def test_a_place_that_takes_none_is_a_clear_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()

    def start() -> None:
        make_key_file(tmp_path / place)
        GuardSettings("sqlite://", "sqlite://", key_file=tmp_path / place).seal()

    with pytest.raises(CallError, match="the guard's key"):
        start()


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [("x" * 40, 0o644, "can be read by others. Run: chmod 600"), ("short", 0o600, "at least 32")],
)
def test_one_that_is_worth_nothing_is_refused(tmp_path: Path, content: str, mode: int, said: str) -> None:
    path = tmp_path / "guard.key"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(CallError, match=said):
        GuardSettings("sqlite://", "sqlite://", key_file=path).seal()

"""Workers that stand still for a while."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from hotpass.workers import Limits, start

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

COUNTING = """
import os, time
from hotpass.workers import streams

_, out = streams()
if not os.fork():
    os.setsid()  # in a session of its own
while True:
    out.write(f"{os.getpid()}\\n".encode())
    time.sleep(0.005)
"""


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "counting.py").write_text(COUNTING)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def _state(process: str) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


def test_all_that_it_started_stands_still_and_goes_on(counting: Path) -> None:
    with start("counting", {}, folder=counting, limits=Limits(30, None)) as worker:
        both: set[str] = set()
        while len(both) < 2:
            both |= set(worker.answer.read(4096).decode().split("\n")[1:-1])
        worker.pause()
        time.sleep(0.02)
        assert {_state(one) for one in both} == {"T"}
        worker.resume()
        time.sleep(0.02)
        assert not {_state(one) for one in both} & {"T", "gone"}
        worker.pause()
        began = time.monotonic()
    assert time.monotonic() - began < 4, "what is stopped is ended at once"
    assert {_state(one) for one in both} == {"gone"}


def test_its_time_goes_on(counting: Path) -> None:
    with start("counting", {}, folder=counting, limits=Limits(1, None)) as worker:
        worker.answer.read(1)
        worker.pause()
        worker.wait()
        assert worker.failure().reason == "time"

"""What a worker leaves behind that killed whoever was to end it. Real processes."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hotpass import workers
from hotpass.workers import Limits, WorkerFailed, kernel, orphans, parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux adopts orphans")

#: A grandchild in a session of its own kills all that stands between it and the process with the number
#: `starter`, and waits for it to be open.
_WORK = """
import os, signal, sys, time
from hotpass.workers import serve

def parent(process):
    with open(f"/proc/{process}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])

def work(job):
    between, process = [], os.getpid()
    while process != job["starter"]:
        between.append(process)
        process = parent(process)
    if os.fork():
        time.sleep(60)
    os.setsid()
    if os.fork():
        os._exit(0)
    for number in range(64):
        try: os.close(number)
        except OSError: pass
    with open(job["file"], "w") as file:
        file.write(str(os.getpid()))
    for process in reversed(between):
        os.kill(process, signal.SIGKILL)
    time.sleep(60)
    os._exit(0)

if __name__ == "__main__":
    serve(work)
"""


@pytest.fixture(autouse=True)
def _work(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "killing_work.py").write_text(_WORK)
    monkeypatch.syspath_prepend(folder)


def _run(folder: Path) -> int:
    """The number of the process that killed the others."""
    file = folder / "left"
    job: dict[str, Any] = {"file": str(file), "starter": os.getpid()}
    with pytest.raises(WorkerFailed, match="killed from outside"):
        workers.run("killing_work", job, folder=folder, limits=Limits(60, None))
    return int(file.read_text())


def _dumpable() -> int:
    return int(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))


def _is_there(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_who_kills_the_reapers_is_ended_before_this_process_is_open(tmp_path: Path) -> None:
    if not orphans.can_tell():
        pytest.skip("here, workers' processes bear no mark")
    before = kernel.adopts()
    assert not _is_there(_run(tmp_path))
    assert (_dumpable(), kernel.adopts()) == (1, before)


def test_where_it_cannot_be_found_this_process_stays_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "can_tell", lambda: False)
    monkeypatch.setattr(kernel, "privacy", kernel._Privacy())
    process = _run(tmp_path)
    try:
        assert _dumpable() == 0
        with pytest.raises(WorkerFailed):
            workers.run("nowhere_at_all", {}, folder=tmp_path, limits=Limits(60, None))
        assert _dumpable() == 0
    finally:
        os.kill(process, signal.SIGKILL)
        kernel._prctl(4, 1)


def test_other_processes_are_left_alone(tmp_path: Path) -> None:
    marked = "import ctypes, time; ctypes.CDLL(None).prctl(38, 1, 0, 0, 0); time.sleep(60)"
    # One that started before; one that is not marked; one that is, in this session. All are children of this.
    others = [subprocess.Popen([sys.executable, "-c", marked], start_new_session=True)]
    time.sleep(0.05)
    with parent.start("killing_work", {}, folder=tmp_path, limits=Limits(60, None)):
        time.sleep(0.05)
        others.append(subprocess.Popen(["sleep", "60"], start_new_session=True))
        others.append(subprocess.Popen([sys.executable, "-c", marked]))
        # And one that was adopted: whoever started it is gone.
        shell = "setsid sh -c 'echo $$; exec sleep 60' > /dev/stdout & "
        with subprocess.Popen(["sh", "-c", shell], stdout=subprocess.PIPE, text=True) as started:
            assert started.stdout
            adopted = int(started.stdout.readline())
            started.stdout.close()
    try:
        assert orphans._stat(adopted)[1] == str(os.getpid())
        assert [one.poll() for one in others] == [None, None, None]
        assert orphans._stat(adopted)[0] != "Z"
    finally:
        for process in (*(one.pid for one in others), adopted):
            os.kill(process, signal.SIGKILL)
        for one in others:
            one.wait()
        os.waitpid(adopted, 0)


def test_another_worker_is_left_alone(tmp_path: Path) -> None:
    with parent.start("killing_work", {}, folder=tmp_path, limits=Limits(60, None)) as first:
        with parent.start("killing_work", {}, folder=tmp_path, limits=Limits(60, None)):
            until = time.monotonic() + 30
            while orphans._status(str(first._process.pid))["NoNewPrivs"] == "1" and time.monotonic() < until:
                time.sleep(0.01)
        _run(tmp_path)
        with parent.start("killing_work", {}, folder=tmp_path, limits=Limits(60, None)) as later:
            pass
        assert later.returncode is not None
        assert first.returncode is None

"""Workers: what they get, what they cannot do, and what is said of those that fail. Real processes."""

from __future__ import annotations

import ctypes
import importlib
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hotpass import workers
from hotpass.workers import Limits, WorkerFailed
from hotpass.workers.parent import size_text

_ENOUGH = Limits(60, 1 << 30)

_WORK = """
import json, os, signal, subprocess, sys, time
from hotpass.workers import serve

def work(job):
    do = job.get("do")
    if do == "look":
        print("what it prints"); os.system("echo what its children print")
        return {"environment": dict(os.environ), "folder": os.getcwd(), "stdin": sys.stdin.read(),
                "proc": open("/proc/self/environ").read() if os.path.exists("/proc/self/environ") else "",
                "descriptors": [n for n in os.listdir("/proc/self/fd")] if os.path.isdir("/proc/self/fd") else
                []}
    if do == "leave":
        for where in ("", "setsid"):
            os.system(f"{where} sh -c 'echo $$ >> {job['file']}; exec sleep 300' > /dev/null 2>&1 &")
        until = time.time() + 20
        while time.time() < until and len(open(job["file"]).read().split() if os.path.exists(job["file"]) else
        []) < 2:
            time.sleep(0.02)
        time.sleep(job["seconds"])
        return "done"
    if do == "allocate":
        return len(bytearray(job["bytes"]))
    if do == "file":
        with open("sparse", "wb") as file:
            file.truncate(job["bytes"])
        number = os.memfd_create("m") if hasattr(os, "memfd_create") else os.open("m", os.O_RDWR | os.O_CREAT)
        os.ftruncate(number, job["bytes"])
        return "written"
    if do == "signal":
        os.kill(os.getpid(), job["number"])
    if do == "raise":
        raise ValueError("password=hunter2 \\x1b[31mred")
    if do == "exit":
        os._exit(3)
    if do == "much":
        return "x" * job["bytes"]
    if do == "prctl":
        import ctypes
        return [ctypes.CDLL(None).prctl(n, 0, 0, 0, 0) for n in (3, 39)]
    return job

if __name__ == "__main__":
    serve(work)
"""


@pytest.fixture(autouse=True)
def _work(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "some_work.py").write_text(_WORK)
    (folder / "prints_only.py").write_text("print('no answer')")
    monkeypatch.syspath_prepend(folder)


def _run(folder: Path, limits: Limits = _ENOUGH, **job: Any) -> Any:
    return workers.run("some_work", job, folder=folder, limits=limits)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_the_answer_comes_by_itself_and_the_folders_are_gone(tmp_path: Path) -> None:
    assert _run(tmp_path, a=[1, None, "ü"]) == {"a": [1, None, "ü"]}
    assert list(tmp_path.iterdir()) == []


def test_a_worker_sees_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "MLFLOW_TRACKING_URI": "postgresql://me:s3cret@host/db", "AWS_SECRET_ACCESS_KEY": "s3cret",
        "HOTPASS_LEDGER_URI": "sqlite:///s3cret", "GITHUB_TOKEN": "s3cret", "PGPASSWORD": "s3cret",
        "LC_TOKEN": "s3cret", "MLFLOW_BACKEND_STORE_URI": "postgresql://me:s3cret@host/db",
    }  # fmt: skip
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    seen = _run(tmp_path, do="look")
    assert not secrets.keys() & seen["environment"].keys()
    assert "s3cret" not in str(seen)
    assert seen["environment"]["OMP_NUM_THREADS"] == "3"
    for name in ("HOME", "TMPDIR"):
        assert Path(seen["environment"][name]).is_relative_to(tmp_path)
    assert Path(seen["folder"]).is_relative_to(tmp_path)
    assert seen["stdin"] == ""


def test_a_worker_inherits_no_open_file(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        number = os.dup2(secret.fileno(), 77)
        try:
            assert "77" not in _run(tmp_path, do="look")["descriptors"]
        finally:
            os.close(number)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux adopts orphans")
@pytest.mark.parametrize("seconds", [0, 60])
def test_nothing_is_left_behind(tmp_path: Path, seconds: int) -> None:
    file = tmp_path / "left"
    job = {"do": "leave", "file": str(file), "seconds": seconds}
    if seconds:
        with pytest.raises(WorkerFailed, match="not done within 3s"):
            _run(tmp_path, Limits(3, None), **job)
    else:
        assert _run(tmp_path, **job) == "done"
    left = [int(one) for one in file.read_text().split()]
    assert len(left) == 2
    assert not any(map(_is_alive, left))


def test_memory_is_limited(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match="some_work needs more memory than its limit of 256 MiB") as caught:
        _run(tmp_path, Limits(60, 256 << 20), do="allocate", bytes=512 << 20)
    assert caught.value.reason == "memory"
    assert _run(tmp_path, Limits(60, 1 << 30), do="allocate", bytes=512 << 20) == 512 << 20


@pytest.mark.skipif(os.name != "posix", reason="limits of processes")
def test_files_are_limited(tmp_path: Path) -> None:
    assert _run(tmp_path, do="file", bytes=4 << 30) == "written"
    with pytest.raises(WorkerFailed, match="File too large"):
        _run(tmp_path, do="file", bytes=(4 << 30) + 1)
    assert _run(tmp_path, Limits(60, 5 << 30), do="file", bytes=5 << 30) == "written"


def test_time_is_limited(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(WorkerFailed, match="not done within 1s") as caught:
        _run(tmp_path, Limits(1, None), do="leave", file=str(tmp_path / "f"), seconds=300)
    assert caught.value.reason == "time"
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"do": "signal", "number": 11}, "died of signal SIGSEGV"),
        ({"do": "signal", "number": 9}, "killed from outside"),
        ({"do": "exit"}, "ended with exit code 3"),
        ({"do": "raise"}, r"ended with exit code 1\. It printed:\n"),
        ({"do": "much", "bytes": 70 << 20}, "answered with more than 64 MiB"),
    ],
)
def test_what_is_said_of_a_worker_that_fails(tmp_path: Path, job: dict[str, Any], said: str) -> None:
    with pytest.raises(WorkerFailed, match=said) as caught:
        _run(tmp_path, **job)
    message = str(caught.value)
    assert "hunter2" not in message
    assert "\x1b" not in message
    assert list(tmp_path.iterdir()) == []


def test_printing_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(
        WorkerFailed, match=r"prints_only answered nothing\. It printed:\nno answer"
    ) as caught:
        workers.run("prints_only", {}, folder=tmp_path, limits=_ENOUGH)
    assert caught.value.reason == "answer"


def test_a_module_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match="No module named nowhere_at_all"):
        workers.run("nowhere_at_all", {}, folder=tmp_path, limits=_ENOUGH)


@pytest.mark.parametrize("place", ["", ".", "absolute", "link"])
def test_what_lies_in_the_working_directory_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "json.py").write_text("raise SystemExit('the wrong module')")
    (tmp_path / "link").symlink_to(here)
    monkeypatch.chdir(here)
    places = {"absolute": str(here), "link": str(tmp_path / "link")}
    monkeypatch.setattr(sys, "path", [places.get(place, place), *sys.path])
    assert _run(tmp_path, a=1) == {"a": 1}


def test_who_starts_python_in_a_folder_has_no_worker_import_from_it(tmp_path: Path) -> None:
    (tmp_path / "wave.py").write_text("raise SystemExit('the wrong module')")
    (tmp_path / "program.py").write_text(
        "from pathlib import Path\nfrom hotpass.workers import run, Limits\n"
        "print(run('imports_wave', {}, folder=Path('.'), limits=Limits(60, None)))"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "imports_wave.py").write_text(
        "from hotpass.workers import serve\nimport wave\nserve(lambda job: 'imported')"
    )
    command = [sys.executable, "-m", "program"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(elsewhere), *filter(None, sys.path)])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("imported\n", 0), done.stderr


@pytest.mark.parametrize("what", ["the module", "a plugin", "a plugin that nobody uses"])
def test_what_is_ours_is_imported_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    (tmp_path / "their_rules").mkdir()
    (tmp_path / "their_rules" / "__init__.py").write_text("VALUE = 5")
    (tmp_path / "their_work.py").write_text(
        "from hotpass.workers import serve\nimport their_rules\nserve(lambda job: their_rules.VALUE)"
    )
    modules = tmp_path / "modules"
    modules.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(modules), *sys.path])
    if what != "the module":
        (tmp_path / "their_work.py").rename(modules / "their_work.py")
        (tmp_path / "their_rules-1.dist-info").mkdir()
        (tmp_path / "their_rules-1.dist-info" / "METADATA").write_text("Name: their_rules\nVersion: 1\n")
        (tmp_path / "their_rules-1.dist-info" / "entry_points.txt").write_text(
            "[hotpass]\ntheirs = their_rules\n"
        )
    if what == "a plugin that nobody uses":
        with pytest.raises(WorkerFailed, match="No module named 'their_rules'"):
            workers.run("their_work", {}, folder=tmp_path, limits=_ENOUGH)
        return
    if what == "a plugin":
        imported = importlib.import_module("their_rules")
        del sys.modules["their_rules"]
        monkeypatch.setitem(sys.modules, "their_rules", imported)
    assert workers.run("their_work", {}, folder=tmp_path, limits=_ENOUGH) == 5


def test_many_threads_run_workers(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda number: _run(tmp_path, n=number)["n"], range(8))) == list(range(8))


@pytest.mark.skipif(sys.platform != "linux", reason="prctl")
def test_no_process_is_open_to_others_while_a_worker_runs(tmp_path: Path) -> None:
    def dumpable() -> int:
        return int(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))

    before, during = dumpable(), []
    file = tmp_path / "f"
    thread = threading.Thread(target=lambda: _run(tmp_path, do="leave", file=str(file), seconds=0.3))
    thread.start()
    while thread.is_alive() and not file.exists():
        time.sleep(0.01)
    during.append(dumpable())
    thread.join()
    assert (before, during, dumpable()) == (1, [0], 1)
    # The worker too, and it cannot gain rights.
    assert _run(tmp_path, do="prctl") == [0, 1]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interrupted_caller_ends_its_worker(tmp_path: Path) -> None:
    file = tmp_path / "left"
    script = (
        "import sys; sys.path[:0] = " + repr(sys.path) + "\n"
        "from pathlib import Path\nfrom hotpass.workers import run, Limits\n"
        f"run('some_work', {{'do': 'leave', 'file': {str(file)!r}, 'seconds': 300}}, "
        f"folder=Path({str(tmp_path)!r}), limits=Limits(300, None))"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while time.monotonic() < until and (not file.exists() or len(file.read_text().split()) < 2):
        time.sleep(0.05)
    process.send_signal(2)
    _, printed = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in printed
    assert not any(_is_alive(int(one)) for one in file.read_text().split())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["left"]


@pytest.mark.skipif(sys.platform != "linux", reason="the death of a parent")
def test_a_caller_that_is_killed_takes_its_worker_along(tmp_path: Path) -> None:
    file = tmp_path / "left"
    script = (
        "import sys; sys.path[:0] = " + repr(sys.path) + "\n"
        "from pathlib import Path\nfrom hotpass.workers import run, Limits\n"
        f"run('some_work', {{'do': 'leave', 'file': {str(file)!r}, 'seconds': 300}}, "
        f"folder=Path({str(tmp_path)!r}), limits=Limits(300, None))"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    until = time.monotonic() + 30
    while time.monotonic() < until and (not file.exists() or len(file.read_text().split()) < 2):
        time.sleep(0.05)
    process.kill()
    process.wait()
    left = [int(one) for one in file.read_text().split()]
    while any(map(_is_alive, left)) and time.monotonic() < until:
        time.sleep(0.05)
    assert len(left) == 2
    assert not any(map(_is_alive, left))


def test_sizes_are_said_as_people_write_them() -> None:
    assert [size_text(one) for one in (2 << 30, 1536 << 20, 512 << 20, 3)] == [
        "2 GiB", "1.5 GiB", "512 MiB", "3 bytes"
    ]  # fmt: skip

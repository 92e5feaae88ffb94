"""The side that starts workers, waits for them and ends them."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, NamedTuple

from hotpass.durations import duration_text
from hotpass.errors import mask
from hotpass.json_values import Json
from hotpass.texts import printable
from hotpass.workers import child, kernel, orphans, pausing, surroundings

#: Bytes of an answer; more is no answer.
LONGEST_ANSWER = 64 << 20

_BEGIN = "from hotpass.workers.child import begin; begin()"
_TAIL = 4000  # characters of what it printed
_LINES = 12
_POLL = 0.02  # seconds
#: Seconds that a worker on Linux has to end what it started, before it is ended itself.
_GRACE = 8.0
_OUT_OF_MEMORY = (
    "MemoryError", "bad_alloc", "Cannot allocate memory", "malloc of size", "Unable to allocate",
    "can't start new thread", "failed to map segment from shared object",
)  # fmt: skip

Reason = Literal["time", "memory", "died", "answer"]


class Limits(NamedTuple):
    """What a worker may use: wall-clock seconds, and bytes of memory for each of its processes (None: no
    limit).
    """

    seconds: float
    memory: int | None


class WorkerFailed(Exception):
    """The work could not be done. The message says why, for people; `reason` for programs: it ran out of
    `time` or `memory`, it `died`, or its `answer` was none.
    """

    def __init__(self, message: str, reason: Reason = "died") -> None:
        super().__init__(mask(message))
        self.reason = reason


def run(module: str, job: Mapping[str, Json], *, folder: Path, limits: Limits) -> Json:
    """What `module`, run as a program, answers to `job` (see `serve`). Its folders are made below `folder`,
    and removed.

    Raises WorkerFailed.
    """
    with start(module, job, folder=folder, limits=limits) as worker:
        worker.stdin.close()
        answer = _Reader(worker.answer)
        answer.join(worker.seconds_left())
        worker.wait()
        answer.join(2)
        if worker.returncode:
            raise worker.failure()
        if answer.too_long:
            raise WorkerFailed(f"{module} answered with more than {size_text(LONGEST_ANSWER)}", "answer")
        try:
            return json.loads(bytes(answer.data))
        except (ValueError, RecursionError):
            said = "nothing" if not answer.data else "with something else than JSON"
            raise WorkerFailed(f"{module} answered {said}.{worker.printed()}", "answer") from None


def start(module: str, job: Mapping[str, Json], *, folder: Path, limits: Limits) -> Worker:
    """Starts `module`, which gets `job` and then what is written to `Worker.stdin`."""
    return Worker(module, job, folder, limits)


class Worker:
    """A worker that is running. As a context manager it ends the worker, whatever happens, and all that the
    worker started.

    `stdin` and `answer` are the other ends of `streams()` in the worker. Neither is buffered. Read and write
    them in different threads, or either may wait for the other for ever.
    """

    def __init__(self, module: str, job: Mapping[str, Json], folder: Path, limits: Limits) -> None:
        self.module, self.limits = module, limits
        self.returncode: int | None = None
        self._late = False
        self._stopped: list[int] = []
        self._resources = ExitStack()
        self._folder = Path(tempfile.mkdtemp(prefix="worker-", dir=folder)).absolute()
        self._resources.callback(shutil.rmtree, self._folder, ignore_errors=True)
        try:
            work = surroundings.make_folders(self._folder)
            self._resources.enter_context(kernel.privacy())
            # Within a worker, those that it starts are ended with it.
            self._leads_group = os.name == "posix" and not child.within()
            if self._leads_group:
                self._resources.enter_context(orphans.adoption())
            self._until = time.monotonic() + limits.seconds
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [sys.executable, "-P", "-c", _BEGIN, module],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                cwd=work, env=surroundings.environment(self._folder, os.environ, module), bufsize=0,
                start_new_session=self._leads_group,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )  # fmt: skip
        except BaseException:
            self._resources.close()
            raise
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self.stdin: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self.answer: BinaryIO = self._process.stdout  # type: ignore[assignment]
        self._stderr = _Reader(self._process.stderr, most=16 * _TAIL, keep_end=True)  # type: ignore[arg-type]
        self._began = orphans.began(self._process.pid)
        memory = limits.memory
        envelope = json.dumps({"job": dict(job), "seconds": limits.seconds, "memory": memory}).encode()
        try:
            # A worker that does not get so far says why on stderr.
            with suppress(BrokenPipeError):
                child.write_all(self.stdin, len(envelope).to_bytes(8, "big") + envelope)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def seconds_left(self) -> float:
        """Seconds until its time is over; not below 0."""
        return max(0.0, self._until - time.monotonic())

    def wait(self) -> None:
        """Waits until it has ended, and ends it when its time is over. `returncode` says how it did."""
        while not self._has_ended():
            if not self.seconds_left():
                self._late = True
                break
            time.sleep(min(_POLL, self.seconds_left()))
        self._end()

    def stop(self) -> None:
        """Ends it and all that it started, and removes its folders. Does nothing the second time."""
        try:
            self._end()
        finally:
            for stream in (self.stdin, self.answer):
                with suppress(OSError):
                    stream.close()
            self._resources.close()

    def pause(self) -> None:
        """Stops it and all that it started, until `resume`; its time goes on. Nothing on Windows."""
        if self.returncode is None:
            self._stopped = pausing.stop_below(self._process.pid)

    def resume(self) -> None:
        """Lets what `pause` stopped run again."""
        pausing.go_on(self._stopped)
        self._stopped = []

    def failure(self, subject: str = "") -> WorkerFailed:
        """Why it has ended otherwise than well. `subject` is how the message calls it."""
        who, code, printed = subject or self.module, self.returncode or 0, self._stderr.text()
        if self._late or code == -getattr(signal, "SIGXCPU", 0):
            allowed = duration_text(timedelta(seconds=math.ceil(self.limits.seconds)))
            return WorkerFailed(f"{who} was not done within {allowed}, which is its limit of time", "time")
        if code == child.OUT_OF_MEMORY or any(word in printed[-_TAIL:] for word in _OUT_OF_MEMORY):
            allowed = "" if self.limits.memory is None else f" of {size_text(self.limits.memory)}"
            return WorkerFailed(f"{who} needs more memory than its limit{allowed}", "memory")
        if code == -signal.SIGTERM or code == -getattr(signal, "SIGKILL", 9):
            return WorkerFailed(
                f"{who} was killed from outside, as the system does where memory is short.{self.printed()}"
            )
        how = f"died of signal {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        return WorkerFailed(f"{who} {how}.{self.printed()}")

    def printed(self) -> str:
        """The end of what it printed, for a message; empty where it printed nothing."""
        tail = "\n".join(printable(mask(self._stderr.text().strip()))[-_TAIL:].splitlines()[-_LINES:])
        return f" It printed:\n{tail}" if tail else ""

    def _has_ended(self) -> bool:
        if self.returncode is not None:
            return True
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        # Not reaped, so that its number is nobody else's while the group is ended.
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self._process.pid, flags) is not None
        except ChildProcessError:
            return True

    def _end(self) -> None:
        if self.returncode is not None:
            return
        if self._process.pid in self._stopped:
            self.resume()  # what is stopped hears no SIGTERM
        if not self._has_ended() and sys.platform == "linux":
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)  # see `reaping`
            until = time.monotonic() + _GRACE
            while not self._has_ended() and time.monotonic() < until:
                time.sleep(0.002)
        if self._leads_group:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        elif not self._has_ended():
            self._process.kill()
        is_over = False
        try:
            self.returncode = self._process.wait()
            is_over = not self._leads_group or orphans.end_those_of(self._began, self.returncode)
        finally:
            if not is_over:
                # What is left may wait for this process to be open again.
                kernel.privacy.stay()
        self._stderr.join(2)


class _Reader(threading.Thread):
    """Reads a stream to its end and keeps `most` bytes of it."""

    def __init__(self, stream: BinaryIO, *, most: int = LONGEST_ANSWER, keep_end: bool = False) -> None:
        super().__init__(daemon=True)
        self.data, self.too_long = bytearray(), False
        self._stream, self._most, self._keep_end = stream, most, keep_end
        self.start()

    def run(self) -> None:
        with suppress(OSError, ValueError):  # closed meanwhile
            while block := self._stream.read(1 << 16):
                self.data += block
                if len(self.data) > self._most:
                    self.too_long = True
                    if self._keep_end:
                        del self.data[: -self._most // 2]
                    else:
                        self.data.clear()

    def text(self) -> str:
        return bytes(self.data).decode(errors="replace")


def size_text(size: int) -> str:
    """Bytes as people write them: `2 GiB`, `512 MiB`."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size} bytes"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)

"""Asks a predictor one request after the other, and looks at the clock.

It talks as `models.Predictor` does, but without threads and queues in between, so that what is measured is
the model and the handing over.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hotpass.texts import printable
from hotpass.workers import Limits, Worker, start
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.frames import SCORES, Broken, hear, words

_MODULE = "hotpass_evaluation.work.predictor"
_SHOWN = 2000  # characters of what a predictor says
#: What numerical libraries look at before they start threads.
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip


def limit_threads(threads: int) -> None:
    """For this process's workers."""
    os.environ.update(dict.fromkeys(_THREADS, str(threads)))


class Asked:
    """A model that is loaded in a process of its own. `loading` is how many milliseconds that took,
    `starting` how many the process before; `columns` says how each column that it takes is read.
    """

    def __init__(self, worker: Worker, name: str, began: float) -> None:
        self._worker, self.name = worker, name
        self._answer = cast("BinaryIO", _InTime(worker))
        self._words()
        ready = time.perf_counter()
        self.before = memory()
        self._send(b"load\n")
        said = self._words()
        self.loading, self.starting = (time.perf_counter() - ready) * 1000, (ready - began) * 1000
        try:
            self.columns = {str(column): str(kind) for column, kind in said["columns"].items()}
        except (KeyError, AttributeError, RecursionError):
            raise Unusable(f"{name} does not say what it takes") from None
        self._began = self._paused = False

    def ask(self, rows: pa.RecordBatch) -> tuple[float, npt.NDArray[np.float64]]:
        """Milliseconds until the answer was here, and the scores (rows,). Raises Unusable."""
        request = rows.serialize()
        if not self._began:
            self._send(rows.schema.serialize())
            self._began = True
        began = time.perf_counter()
        self._send(request)
        answer = self._hear()
        took = (time.perf_counter() - began) * 1000
        if len(answer) != 8 * rows.num_rows:
            raise Unusable(f"{self.name} answered to {rows.num_rows} rows with {len(answer) / 8:g} scores")
        scores = np.frombuffer(answer, dtype=np.float64)
        if not np.isfinite(scores).all():
            raise Unusable(f"{self.name} gives no number (NaN or infinity) for some of the rows")
        return took, scores

    def pause(self) -> None:
        """Stops the model and all that it started, until `awake`. Nothing on systems that are not POSIX."""
        self._worker.pause()
        self._paused = True

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """For the time of the block, one that was paused is not."""
        self._worker.resume()
        try:
            yield
        finally:
            if self._paused:
                self._worker.pause()

    def _hear(self) -> bytearray:
        try:
            message = hear(self._answer)
            if message and message[0] == SCORES:
                return message[1]
            said = words(message[1]) if message else None
        except Broken:
            raise Unusable(f"{self.name} answered something that is no score") from None
        if said is None:
            self._worker.wait()
            raise Unusable(str(self._worker.failure(self.name)))
        raise Unusable(printable(said.get("unusable") or f"{self.name} does not answer with scores")[:_SHOWN])

    def _words(self) -> dict[str, Any]:
        try:
            message = hear(self._answer)
            said = words(message[1]) if message else None
        except Broken:
            raise Unusable(f"{self.name} answered something that makes no sense") from None
        if said is None:
            self._worker.wait()
            raise Unusable(str(self._worker.failure(self.name)))
        if "unusable" in said:
            raise Unusable(printable(said["unusable"])[:_SHOWN])
        return said

    def _send(self, data: Any) -> None:
        rest = memoryview(data).cast("B")
        # Where the other side is gone, the answer that does not come says why.
        with contextlib.suppress(BrokenPipeError):
            while rest:
                rest = rest[self._worker.stdin.write(rest) :]


class _InTime:
    """A worker's answer, for which nobody waits beyond its time."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def read(self, size: int) -> bytes:
        if os.name == "posix":
            ready, _, _ = select.select([self._worker.answer], [], [], self._worker.seconds_left())
            if not ready:
                return b""
        return self._worker.answer.read(size)


@contextlib.contextmanager
def asked(model: Mapping[str, Any], job: Mapping[str, Any]) -> Iterator[Asked]:
    """`model`, which is the `challenger` or `champion` of the `job`, loaded for the time of the block. Raises
    Unusable, WorkerFailed.
    """
    name = str(model["name"])
    what = {
        "name": name, "files": model["files"], "digest": model["digest"], "positive": job.get("positive"),
        "unpickle": bool(job.get("unpickle")),
    }  # fmt: skip
    limits = Limits(job["limits"]["seconds"], job["limits"]["memory"])
    began = time.perf_counter()
    with start(_MODULE, what, folder=Path.cwd(), limits=limits) as worker:
        yield Asked(worker, name, began)


def memory() -> int | None:
    """Bytes that all processes below this one take up now (resident); None where the system does not say."""
    try:
        parents, resident = {}, {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError, IndexError, ValueError):
                    # The name of the program is in brackets and may have any in it.
                    fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                    parents[int(entry.name)] = int(fields[1])
                    resident[int(entry.name)] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None
    below = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(resident.get(process, 0) for process in below - {os.getpid()}) or None

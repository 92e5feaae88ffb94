"""The measurer's side of the predictors: starts them, sends batches, collects scores."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa

from hotpass.texts import printable
from hotpass.workers import Limits, Worker, start
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.frames import SCORES, Broken, hear, words

_MODULE = "hotpass_evaluation.work.predictor"
#: Batches that wait to be sent, at most.
_WAITING = 2
_LOOK = 0.2  # seconds
#: Of so many rows the first ones are asked about a second time, when all others were.
_TWICE = 1000
#: How far apart the two answers may be, as a share: threads add up in another order.
_APART = 1e-6
#: Messages in words; three are sent by one that does as it should.
_MOST_WORDS = 10
REMEDY = {"time": ". Raise it: limits: {time: …}", "memory": ". Raise it: limits: {memory: …}"}
_KINDS = {one: one for one in ("classifier", "regressor", "unknown")}
_MOST = 4000  # characters of what a predictor says is wrong


class Predictor:
    """One model in a process of its own. As a context manager it ends the process. Every method but the first
    raises Unusable, naming the model, where it hangs, dies or answers what it should not.
    """

    def __init__(self, model: Mapping[str, Any], job: Mapping[str, Any], folder: Path) -> None:
        """Starts the process; it loads nothing yet. `model` is `challenger` or `champion` of the `job`."""
        self.name = str(model["name"])
        self.limits = Limits(job["limits"]["seconds"], job["limits"]["memory"])
        #: What is to be loaded, as `predictor.load` takes it.
        self.asked = {
            "name": self.name, "files": model["files"], "digest": model["digest"],
            "positive": job.get("positive"), "unpickle": bool(job.get("unpickle")),
        }  # fmt: skip
        self._worker: Worker = start(_MODULE, self.asked, folder=folder, limits=self.limits)
        self._said: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._batches: queue.Queue[pa.RecordBatch | None] = queue.Queue(_WAITING)
        self._sent: list[int] = []
        self._rows = 0
        self._first: pa.RecordBatch | None = None
        self._scores: list[np.ndarray] = []
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._writer: threading.Thread | None = None
        self.kind, self.columns = "", dict[str, str]()

    def __enter__(self) -> Predictor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._worker.stop()

    def load(self) -> None:
        """Lets it load the model; then `kind` and `columns` say what the model is and takes."""
        self._hear()  # it is ready
        try:
            self._worker.stdin.write(b"load\n")
        except OSError:
            raise self._fault() from None
        said = self._hear()
        try:
            self.kind = _KINDS[said["kind"]]
            self.columns = {str(name): str(how) for name, how in said["columns"].items()}
        except (KeyError, AttributeError, TypeError, RecursionError):
            raise Unusable(f"{self.name} does not say what it is and takes") from None

    def begin(self, schema: pa.Schema) -> None:
        """Before the first batch, whose columns have this schema."""
        self._writer = threading.Thread(target=self._write, args=(schema,), daemon=True)
        self._writer.start()

    def feed(self, batch: pa.RecordBatch) -> None:
        """Sends a batch. Waits while others wait to be sent."""
        self._rows += batch.num_rows
        if self._first is None:
            # By itself, so that it is the very same question when it is asked again.
            self._first, batch = batch.slice(0, _TWICE), batch.slice(_TWICE)
            self._send(self._first)
        if batch.num_rows:
            self._send(batch)

    def _send(self, batch: pa.RecordBatch) -> None:
        self._sent.append(batch.num_rows)
        self._put(batch)

    def scores(self) -> np.ndarray:
        """All scores, (rows,) float64, once the last batch was sent. Raises Unusable, too, where the first
        rows get other scores when they are asked about again.
        """
        if self._first is not None:
            self._send(self._first)
        self._put(None)
        rows = sum(self._sent)
        while self._reader.is_alive() and self._worker.seconds_left():
            self._reader.join(_LOOK)
        if self._reader.is_alive() or not self._worker.seconds_left():
            raise self._fault()
        self._worker.wait()
        self._raise_what_it_said()
        got = sum(map(len, self._scores))
        if self._worker.returncode or got != rows:
            raise self._fault()
        found = np.concatenate(self._scores) if self._scores else np.empty(0)
        self._scores = []
        twice = 0 if self._first is None else self._first.num_rows
        rest = len(found) - twice
        found, again = self.checked(found[:rest]), found[rest:]
        other = int((~np.isclose(again, found[:twice], rtol=_APART, atol=0)).sum())
        if other:
            raise Unusable(
                f"{self.name} answers differently when it is asked again about the same rows ({other:,} of "
                f"{twice:,}); a model that is judged must not answer by chance"
            )
        return found

    def checked(self, found: np.ndarray) -> np.ndarray:
        """`found`, scores of this model. Raises Unusable where they are none."""
        rows, wrong = len(found), int((~np.isfinite(found)).sum())
        if wrong:
            raise Unusable(
                f"{self.name} gives no number (NaN or infinity) for {wrong} of {rows} rows. Every row "
                "needs a "
                "score: impute in the model's pipeline what is missing in the data"
            )
        if self.kind == "classifier" and rows and not (found.min() >= 0 and found.max() <= 1):
            raise Unusable(
                f"{self.name} gives probabilities outside of 0 to 1: {found.min():g} to {found.max():g}"
            )
        return found

    def _put(self, batch: pa.RecordBatch | None) -> None:
        while not self._over.is_set() and self._worker.seconds_left():
            with suppress(queue.Full):
                self._batches.put(batch, timeout=_LOOK)
                return
        if batch is not None:
            raise self._fault()

    def _write(self, schema: pa.Schema) -> None:
        # What goes wrong here is that the other side is gone, and the reader says so.
        with suppress(OSError, ValueError, pa.ArrowException):
            sink = io.BufferedWriter(self._worker.stdin, 1 << 16)
            with pa.ipc.new_stream(sink, schema) as stream:
                while not self._over.is_set():
                    try:
                        batch = self._batches.get(timeout=_LOOK)
                    except queue.Empty:
                        continue
                    if batch is None:
                        break
                    stream.write_batch(batch)
            sink.close()

    def _read(self) -> None:
        left, more = 0, _MOST_WORDS
        try:
            while message := hear(self._worker.answer):
                kind, content = message
                if kind == SCORES:
                    left -= len(content) // 8
                    # No memory for scores of rows that it was not sent.
                    if sum(self._sent) + left < 0:
                        raise Broken
                    self._scores.append(np.frombuffer(content[: len(content) // 8 * 8], np.float64))
                else:
                    more -= 1
                    if not more:
                        raise Broken
                    self._said.put(words(content))
        except (Broken, ValueError, OSError, MemoryError):
            self._said.put({"unusable": f"{self.name} answered something that is no score"})
        finally:
            self._said.put(None)
            self._over.set()

    def _hear(self) -> dict[str, Any]:
        try:
            said = self._said.get(timeout=self._worker.seconds_left() or 0.001)
        except queue.Empty:
            raise self._fault() from None
        if said is None:
            raise self._fault()
        if "unusable" in said:
            raise Unusable(printable(said["unusable"])[:_MOST])
        return said

    def _raise_what_it_said(self) -> None:
        while not self._said.empty():
            said = self._said.get()
            if said and "unusable" in said:
                raise Unusable(printable(said["unusable"])[:_MOST])

    def _fault(self) -> Unusable:
        """What is wrong with a process that hangs, or has ended before it was done."""
        self._raise_what_it_said()
        self._worker.wait()
        if self._worker.returncode:
            failure = self._worker.failure(self.name)
            return Unusable(f"{failure}{REMEDY.get(failure.reason, '')}")
        if not self._rows:
            return Unusable(f"{self.name} ended while it was loaded.{self._worker.printed()}")
        got = min(sum(map(len, self._scores)), self._rows)
        return Unusable(f"{self.name} answered for {got} of {self._rows} rows.{self._worker.printed()}")

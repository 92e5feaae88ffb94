"""The worker's side: what happens in its process before the module that does the work is imported, and how
that module gets its job and answers.

It begins with the job on stdin: eight bytes that say how long it is, and JSON. What follows there is the
stream, if there is one. stdout takes the answer. Both are moved out of the way of whoever reads the keyboard
or prints.
"""

from __future__ import annotations

import io
import json
import os
import runpy
import sys
from collections.abc import Callable
from typing import BinaryIO, NoReturn

from hotpass.json_values import Json
from hotpass.workers import kernel

#: How a worker ends that ran out of memory and could still say so.
OUT_OF_MEMORY = 87


class _Ways:
    """The ways in and out of this process, once `begin` has moved them."""

    job: Json = None
    stdin: BinaryIO | None = None
    answer: BinaryIO | None = None


_WAYS = _Ways()


def begin() -> NoReturn:
    """What a worker's process runs first: `python -c "… begin()" MODULE`. Ends the process."""
    module = sys.argv[1]
    from hotpass.workers import reaping

    reaping.split()
    kernel.gain_no_rights()
    kernel.be_private()
    inherited, answer = os.dup(0), os.dup(1)
    os.set_inheritable(inherited, False)
    os.set_inheritable(answer, False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if isinstance(sys.stdout, io.TextIOWrapper):  # what is printed is not lost with who prints it
        sys.stdout.reconfigure(line_buffering=True)
    given = os.fdopen(inherited, "rb", buffering=0)
    size = int.from_bytes(_exactly(given, 8), "big")
    envelope = json.loads(_exactly(given, size))
    limited = kernel.limit(envelope["seconds"], envelope["memory"])
    if not limited:
        print("this system keeps no limit of memory", file=sys.stderr)
    _WAYS.job, _WAYS.stdin = envelope["job"], given
    _WAYS.answer = os.fdopen(answer, "wb", buffering=0)
    sys.argv = [module]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except MemoryError:
        _flush_and_exit(OUT_OF_MEMORY)
    sys.exit(0)


def serve(work: Callable[[dict[str, Json]], Json]) -> None:
    """Does `work` on the job that this process was started for, and answers with what it returns: JSON."""
    _, out = streams()
    try:
        answer = json.dumps(work(job()), allow_nan=False).encode()
    except MemoryError:
        _flush_and_exit(OUT_OF_MEMORY)
    write_all(out, answer)
    out.close()


def within() -> bool:
    """Whether this process is a worker."""
    return _WAYS.answer is not None


def job() -> dict[str, Json]:
    """The job that this process was started for."""
    if not isinstance(_WAYS.job, dict):
        raise RuntimeError("this is a worker: hotpass.workers.run starts it, with a job")
    return _WAYS.job


def streams() -> tuple[BinaryIO, BinaryIO]:
    """What `Worker.stdin` is written to and what `Worker.answer` is read from, on this side."""
    job()
    assert _WAYS.stdin is not None
    assert _WAYS.answer is not None
    return _WAYS.stdin, _WAYS.answer


def write_all(out: BinaryIO, data: bytes | memoryview) -> None:
    """All of `data`, which an unbuffered stream may take in parts."""
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[out.write(rest) :]


def _exactly(stream: io.RawIOBase | BinaryIO, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = stream.read(size - len(parts))
        if not part:
            sys.exit("this is a worker: hotpass.workers.run starts it, with a job")
        parts += part
    return bytes(parts)


def _flush_and_exit(code: int) -> NoReturn:
    try:
        sys.stderr.flush()
    finally:
        os._exit(code)

"""How `hotpass serve` minds the server that it started; a sleeping process stands for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from hotpass.errors import RegistryError
from hotpass.guard.serving import _run

SLEEP = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("ready", flush=True)
time.sleep(60)
"""
PROGRAM = f"""
import os, sys
from hotpass.guard.serving import _run
sys.exit(_run([sys.executable, "-c", {SLEEP!r}], dict(os.environ)))
"""


@pytest.mark.parametrize("code", [0, 1])
def test_a_server_that_ends_by_itself_is_an_error(code: int) -> None:
    """`mlflow server` exits 0 also where its uvicorn failed."""
    with pytest.raises(RegistryError, match=rf"the server ended by itself \(exit code {code}\)"):
        _run([sys.executable, "-c", f"raise SystemExit({code})"], dict(os.environ))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_stops_the_server_when_told_and_gives_its_exit_code(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(timeout=60) == 7
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(RegistryError):
        _run([sys.executable, "-c", ""], dict(os.environ))
    assert signal.getsignal(signal.SIGTERM) is before

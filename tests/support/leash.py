"""Runs a command in a process group of its own and kills the group once standard input closes.

The writing end of that pipe is held by the test process, so that no server outlives it, however it ends.
Usage: python leash.py COMMAND [ARGUMENT …]
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

    def kill_when_let_go() -> None:
        sys.stdin.buffer.read()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    threading.Thread(target=kill_when_let_go, daemon=True).start()
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())

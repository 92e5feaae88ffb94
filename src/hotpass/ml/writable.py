"""Whether something can be written, asked before the work is done that is to be written."""

from __future__ import annotations

import os
from pathlib import Path

from hotpass.errors import CallError


def check_writable(path: Path, what: str = "") -> None:
    """Raises CallError where nothing can be created at `path`, or below it where it is a folder; `what` says
    what is to be there. Creates nothing.
    """
    said = f"{what} cannot be written to {path}" if what else f"{path} cannot be written"
    place = path.absolute()
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if place != path.absolute() and not place.is_dir():
        raise CallError(f"{said}: {place} is not a folder.")
    if not os.access(place, os.W_OK):
        raise CallError(f"{said}: {place} is not yours to write to.")

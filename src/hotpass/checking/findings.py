"""What passes between the process that checks plugins and the one that they run in."""

from __future__ import annotations

from typing import NamedTuple


class Unit(NamedTuple):
    """A part of a plugin that is tried by itself: the gate `minimum_rows`, the hook `hotpass_veto`."""

    plugin: str
    kind: str  # "gate" or "hook"
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Begun(NamedTuple):
    """Code of a plugin is about to run. `what` follows "it": `judges a candidate of which nothing is known`.
    """

    what: str


class Found(NamedTuple):
    """Something is wrong with the unit at hand. The message follows its name."""

    message: str
    remedy: str = ""


class Finding(NamedTuple):
    """Something is wrong with a part of a plugin."""

    unit: Unit
    message: str
    remedy: str = ""

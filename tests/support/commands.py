"""Runs `hotpass` in this process, as its entry point does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from hotpass.cli.app import main


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed on stdout, as JSON."""
        return json.loads(self.out)


class Hotpass:
    """`hotpass("check", "lead_scoring", 3, "--to", "Staging")`; every argument becomes text."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: object) -> Ran:
        self._capsys.readouterr()
        code = main([str(word) for word in words])
        printed = self._capsys.readouterr()
        return Ran(code, printed.out, printed.err)

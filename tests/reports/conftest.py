"""Fixtures for tests of reports."""

from __future__ import annotations

import pytest

from support.commands import Hotpass


@pytest.fixture
def hotpass(capsys: pytest.CaptureFixture[str]) -> Hotpass:
    """Runs one command line in this process."""
    return Hotpass(capsys)

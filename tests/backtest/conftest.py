"""Fixtures for tests of backtests."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.large_registry import large_store
from support.stores import Store


@pytest.fixture
def large(session_root: Path, _template: Path, tmp_path: Path) -> Store:
    """A registry of 10,000 versions, with its policy beside it; made once a test run, and copied."""
    return large_store(session_root, _template, tmp_path)

"""Every policy in tests/invalid_policies is refused with the text that stands beside it.

To add a case, write NAME.yaml there; to write all expected texts anew (and then read the diff):

    WRITE_EXPECTED=1 uv run pytest tests/policy/test_invalid_policies.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hotpass.errors import PolicyError
from hotpass.policy.loader import load_policies

FOLDER = Path(__file__).parent.parent / "invalid_policies"
FILES = sorted(FOLDER.glob("*.yaml"))


def test_there_are_enough_cases() -> None:
    assert len(FILES) >= 40
    assert {file.stem for file in FILES} == {file.stem for file in FOLDER.glob("*.txt")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_is_refused_with_the_expected_text(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    with pytest.raises(PolicyError) as caught:
        load_policies(file.name)
    text = "\n".join(str(problem) for problem in caught.value.problems) + "\n"
    expected = file.with_suffix(".txt")
    if os.environ.get("WRITE_EXPECTED"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")

"""Every file in tests/invalid_cases is refused with the text that stands beside it, as cases of the policy
there.

To add one, write NAME.yaml there; to write all expected texts anew (and then read the diff):

    WRITE_EXPECTED=1 uv run pytest tests/cases/test_invalid_cases.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hotpass.cases.reading import read_cases
from hotpass.policy.loader import load_policies

FOLDER = Path(__file__).parent.parent / "invalid_cases"
FILES = sorted(file for file in FOLDER.glob("*.yaml") if file.name != "policy.yaml")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)


def test_there_are_enough() -> None:
    assert len(FILES) >= 20
    assert {file.stem for file in FILES} == {file.stem for file in FOLDER.glob("*.txt")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_is_refused_with_the_expected_text(file: Path) -> None:
    (policy,) = load_policies("policy.yaml").policies
    read = read_cases(file.read_bytes(), "leads.cases.yaml", policy)
    text = "\n".join(map(str, read.problems)) + "\n"
    expected = file.with_suffix(".txt")
    if os.environ.get("WRITE_EXPECTED"):
        expected.write_text(text, encoding="utf-8")
    assert not {problem.rule for problem in read.problems} & {"invalid-policy", ""}
    assert read.problems
    assert text == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_is_refused_without_a_policy_too(file: Path) -> None:
    read = read_cases(file.read_bytes(), "leads.cases.yaml", None)
    assert read.cases == ()
    assert file.stem in ("verdicts", "overrides") or read.problems

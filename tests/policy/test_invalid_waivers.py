"""Every waiver in tests/invalid_waivers/waivers is refused with the text that stands beside it.

To add a case, write NAME.yaml there; to write all expected texts anew (and then read the diff):

    WRITE_EXPECTED=1 uv run pytest tests/policy/test_invalid_waivers.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hotpass.policy.compose import parse
from hotpass.policy.loader import read_places
from hotpass.policy.nodes import value_of
from hotpass.policy.waiver_reader import WaiverFiles
from hotpass.policy.waiver_schema import compose_waiver_schema

FOLDER = Path(__file__).parent.parent / "invalid_waivers"
FILES = sorted((FOLDER / "waivers").glob("*.yaml"))

#: What only a reader sees: what YAML has, how two values go together, and what day there is.
BEYOND_A_SCHEMA = {
    "a_key_twice", "dates_at_the_end_of_time", "dates_that_are_none", "no_such_hour", "over_before_it_begins",
    "stage_misspelt", "the_wrong_way_round", "two_documents", "not_yaml", "control_character",
}  # fmt: skip


def test_there_are_enough_cases() -> None:
    assert len(FILES) >= 30
    assert {file.stem for file in FILES} == {file.stem for file in (FOLDER / "waivers").glob("*.txt")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_is_refused_with_the_expected_text(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    report = read_places([file.relative_to(FOLDER)], {})
    assert report.waivers == ()
    text = "\n".join(str(problem) for problem in report.problems) + "\n"
    expected = file.with_suffix(".txt")
    if os.environ.get("WRITE_EXPECTED"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.stem not in BEYOND_A_SCHEMA], ids=lambda file: file.stem
)
def test_an_editor_says_so_too(file: Path) -> None:
    assert not accepted(file)


def test_what_an_editor_says_is_not_said_of_what_is_right(tmp_path: Path) -> None:
    wrong = FOLDER / "waivers" / "reason_missing.yaml"
    right = tmp_path / "right.yaml"
    right.write_text(wrong.read_text() + "reason: The fair.\n")

    assert accepted(right)


KEYS_AND_VALUES = {
    "waiver": ["w", "", " ", "a b", "x" * 101],
    "policy": ["leads", 3],
    "gate": ["staging_dwell", "x" * 201, "two\nlines"],
    "model": ["lead_scoring", "lead_*", "a/b", " a", "ä" * 255, "ä" * 256],
    "versions": [[7], [7, 7], [], [0], ["7"], [True], [1e9], 7, [[7]]],
    "to": ["Production", "production", "None", "Canary", "Prodution", "latest", "v1"],
    "reason": ["because", "\n", "\u202e", "x" * 2001],
    "granted_by": ["cleo", None],
    "granted": ["2026-01-10", "2026-01-10T12:00Z", "2026-13-10", "٢٠٢٦-01-10", 20260110, "0000-01-01"],
    "expires": ["2026-02-01", "2026-02-01 00:00:00+14:00", "9999-12-31", "2026-02-01T24:00Z", "2026-02-01\n"],
    "workspace": ["default", "team-a", ["a"]],
}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


@given(st.fixed_dictionaries({}, optional={
    key: st.sampled_from(values[:1]) | st.sampled_from(values) | ANY
    for key, values in KEYS_AND_VALUES.items()
}))  # fmt: skip
def test_whatever_stands_there_is_told_or_taken_and_what_is_taken_an_editor_takes(
    data: dict[str, Any],
) -> None:
    files = WaiverFiles()

    problems, _ = files.read(json.dumps(data).encode(), Path("waivers/w.yaml"), Path("waivers"))

    assert bool(problems) is not bool(files.all)
    if files.all:
        assert Draft202012Validator(compose_waiver_schema()).is_valid(data)


def test_the_example_of_each_key_is_taken() -> None:
    files = WaiverFiles()
    data = {key: values[0] for key, values in KEYS_AND_VALUES.items()}

    assert files.read(json.dumps(data).encode(), Path("waivers/w.yaml"), Path("waivers")) == ([], [])
    assert len(files.all) == 1


def accepted(file: Path) -> bool:
    node, _ = parse(file.read_bytes(), file.name)
    data = None if node is None else value_of(node)
    return Draft202012Validator(compose_waiver_schema()).is_valid(data)

"""What comes from elsewhere neither moves the cursor nor passes for a line of Hotpass's own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hotpass.texts import printable, shown
from hotpass.verdicts import Decision, Identity, Outcome


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain, é and 漢", "plain, é and 漢"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("\x9b31m\x85", "\\x9b31m\\x85"),
        ("\u2028\u2029\u202e\u2066", "\\u2028\\u2029\\u202e\\u2066"),
        (7, "7"),
    ],
)
def test_a_value_is_on_one_line(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_text_keeps_its_lines_and_nothing_else() -> None:
    assert printable("a\n\tb\r\x1b[1A") == "a\n\tb\\r\\x1b[1A"


def test_no_value_adds_a_line_to_a_summary() -> None:
    decision = Decision(
        Identity("w", "leads\nleads version 9: allowed", 1, 0), "None", "Staging", Outcome.DENIED, (), (),
        datetime(2026, 1, 1, tzinfo=UTC), notes=("a veto\x1b[1A\nof two lines",),
    )  # fmt: skip

    assert decision.summary().splitlines() == [
        "leads\\nleads version 9: allowed version 1: None -> Staging denied",
        "  - a veto\\x1b[1A\\nof two lines",
    ]

"""Overlap and cover of model patterns, against every short name there is."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from hotpass.policy.globs import covered, neighbours, overlap

NAMES = ["".join(letters) for length in range(6) for letters in product("abc", repeat=length)]
patterns = st.text("ab*?", max_size=4)


def fitting(*any_of: str) -> set[str]:
    return {name for name in NAMES if any(fnmatchcase(name, pattern) for pattern in any_of)}


@settings(max_examples=300, deadline=None)
@given(patterns, st.lists(patterns, min_size=1, max_size=2))
def test_overlap_and_cover_are_what_the_names_say(one: str, others: list[str]) -> None:
    assert (overlap([one], others) is not None) == bool(fitting(one) & fitting(*others))
    assert covered([one], others) == (fitting(one) <= fitting(*others))


def test_which_patterns_overlap_is_said() -> None:
    assert overlap(["x", "lead_*"], ["y", "*_v2"]) == ("lead_*", "*_v2")
    assert overlap(["lead_*"], ["churn_*", "lea?"]) is None


def test_several_patterns_cover_what_none_of_them_does() -> None:
    assert covered(["a?"], ["aa", "a?"])
    assert covered(["*"], ["a*", "?*", ""])
    assert not covered(["*"], ["a*", "?*"])


def test_what_is_too_long_to_be_certain_is_not_covered() -> None:
    hard = "".join(f"{letter}*" for letter in "abcdefghijklmnopqrst")
    assert not covered([hard], ["*" + "?" * 40, hard.replace("*", "?*")])


def test_neighbours_are_those_that_overlap() -> None:
    groups = [["team_1_*"], ["team_2_*", "shared"], ["*"], ["*_v2"], ["sh*"]]
    expected = [[2, 3], [2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 4], [1, 2, 3]]
    assert [sorted(found) for found in neighbours(groups, 9)] == expected


def test_of_many_neighbours_each_group_still_has_its_own() -> None:
    """A policy for all models has more neighbours than are looked at; each of those looks at it."""
    groups = [["*"], *([f"team_{number}_*"] for number in range(100))]
    found = neighbours(groups, 5)
    assert all(0 in found[place] for place in range(1, 101))

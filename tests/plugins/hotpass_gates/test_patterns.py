from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass_gates.patterns import LONGEST_TEXT, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("contacts_[0-9]{4}", "contacts_2025"),
        (r"v[0-9]+\.[0-9]+\.[0-9]+", "v1.20.3"),
        ("[0-9a-f]{7,64}", "0123456789abcdef"),
        ("(?i)gold|silver", "GOLD"),
        ("(?i:gold)-[0-9]", "GOLD-1"),
        ("(?P<year>[0-9]{4})-(?P<month>[0-9]{2})", "2026-01"),
        ("(?:prod|test)(?:-eu)?", "prod-eu"),
        ("(?:[0-9]{2}:){2}[0-9]{2}", "10:20:30"),
        ("(?=.*x)[a-z]{1,9}", "abx"),
        (r"[]()*+?{|]+\(\)\*", "*+?()*"),
        ("a{}b", "a{}b"),
        ("(ab)+", "ababab"),
        (".*", "x" * LONGEST_TEXT),
    ],
)
def test_what_one_would_write_is_taken(pattern, text):
    assert compile_pattern(pattern).fullmatch(text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+", "(a*)*b", "(?:a|aa)+", "([a-z]+_)*x", "((a{1,9}){1,9}){1,9}", ".*.*.*.*x",
        "(.+)(.+)(.+)(.+)",
        "(a|a){0,400}", "a?" * 40 + "a" * 40, "(a|a)" * 40, "(?:(?:x|y)+z)+", "(?=(a+)+)b", "([^,]*,)*y",
        "(a{,5}){,50}",
        "(" * 6 + "a?" + "){256}" * 6,
    ],
)  # fmt: skip
def test_what_could_take_for_ever_is_refused(pattern):
    re.compile(pattern)
    with pytest.raises(ValueError, match="could take for ever"):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?P<x>a)(?P=x)", "(a)?(?(1)b|c)", "(?x) a b", "a(?#note)"])
def test_what_is_not_for_policies_is_refused(pattern):
    re.compile(pattern)
    with pytest.raises(ValueError, match="not for policies"):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", ["[", "(", "a)", "*", "a{2,1}", "(?P<1>a)", "a{99999999999}", "\\"])
def test_what_is_no_regular_expression_is_refused(pattern):
    with pytest.raises(ValueError, match="is not a regular expression"):
        compile_pattern(pattern)


@given(st.text(alphabet="ab.|()[]{}*+?\\^,:=!<>P_iLx012", max_size=30))
def test_any_text_compiles_or_is_a_clear_error(pattern):
    try:
        compiled = compile_pattern(pattern)
    except ValueError:
        return
    compiled.fullmatch("ab" * (LONGEST_TEXT // 2))
    assert compiled.pattern == pattern

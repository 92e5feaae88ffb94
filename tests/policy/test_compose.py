"""Which YAML is read, and as what."""

from __future__ import annotations

import pytest

from hotpass.policy.compose import MAX_ALIASES, MAX_BYTES, MAX_DEPTH, MAX_NODES, parse
from hotpass.policy.nodes import find, value_of


def read(text: str) -> object:
    node, problems = parse(text.encode(), "file.yaml")
    assert problems == []
    assert node is not None
    return value_of(node)


def messages(text: str) -> list[str]:
    return [problem.message for problem in parse(text.encode(), "file.yaml")[1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("None", "None"),
        ("24:00", "24:00"),
        ("1:30:00", "1:30:00"),
        ("2024-01-31", "2024-01-31"),
        ("0o10", "0o10"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("24h", "24h"),
        ("7", 7),
        ("-7", -7),
        ("+7", 7),
        ("0", 0),
        ("0.70", 0.7),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("'7'", "7"),
        ('"true"', "true"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    assert read(f"a: {text}") == {"a": value}
    assert type(read(f"a: {text}")["a"]) is type(value)  # type: ignore[index]


def test_a_key_that_yaml_1_1_takes_for_true_is_a_text() -> None:
    assert read("on: run") == {"on": "run"}


def test_a_whole_number_keeps_all_its_digits() -> None:
    assert read("a: 9007199254740993") == {"a": 9007199254740993}


def test_anchors_and_aliases_work() -> None:
    assert read("a: &x [1, {b: 2}]\nc: *x\nd: [*x, *x]") == {
        "a": [1, {"b": 2}],
        "c": [1, {"b": 2}],
        "d": [[1, {"b": 2}], [1, {"b": 2}]],
    }


def test_an_anchor_given_twice_means_the_last_before_the_alias() -> None:
    assert read("a: &x 1\nb: *x\nc: &x 2\nd: *x") == {"a": 1, "b": 1, "c": 2, "d": 2}


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_places_are_those_an_editor_shows(bom: str, newline: str) -> None:
    content = (bom + newline.join(["# ä", "ä: 1", "b:", "  - x", "  - é: {c: 2}", ""])).encode()
    node, problems = parse(content, "file.yaml")
    assert problems == []
    assert node is not None
    assert find(node, ("ä",)) == (2, 4)
    assert find(node, ("ä",), key=True) == (2, 1)
    assert find(node, ("b", 1, "é", "c")) == (5, 12)
    assert find(node, ("b", 1, "é", "c"), key=True) == (5, 9)
    # Of a path that leads nowhere, the last place that there is.
    assert find(node, ("b", 1, "nothing", "c")) == (5, 5)


def test_a_byte_that_is_not_utf8_is_placed() -> None:
    _, problems = parse("a: 1\nb: é".encode() + b"\xff", "file.yaml")
    assert [(p.line, p.column, p.message) for p in problems] == [(2, 5, "byte 0xff is not UTF-8")]


def test_all_duplicate_keys_are_found_at_every_level() -> None:
    _, problems = parse(b"a: {b: 1, b: 2, 'b': 3}\nc: 1\na: 2\n", "file.yaml")
    assert [(p.line, p.column) for p in problems] == [(1, 11), (1, 17), (3, 1)]
    assert "the first is at line 1, column 5" in problems[0].message


@pytest.mark.parametrize("escape", [r"\x1b[31m", r"\u202e", r"\0", r"\N"])
def test_a_control_character_is_refused_also_as_an_escape(escape: str) -> None:
    (message,) = messages(f'a: "{escape}"')
    assert message.startswith("the control character U+")
    assert messages(r'a: "\t\n\xe9"') == []


def test_limits_are_reached_exactly() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert messages(deep) == []
    assert messages(f"[{deep}]") == [f"nested more than {MAX_DEPTH} levels deep"]
    wide = "[" + "x," * (MAX_NODES - 1) + "]"
    assert messages(wide) == []
    assert len(messages(wide.replace("[", "[x,"))) == 1
    aliases = "- &a x\n" + "- *a\n" * MAX_ALIASES
    assert messages(aliases) == []
    assert messages(aliases + "- *a\n") == [f"more than {MAX_ALIASES} aliases"]
    large = "a: x\n#" + "." * (MAX_BYTES - 7) + "\n"
    assert len(large) == MAX_BYTES
    assert messages(large) == []
    assert len(messages(large + "\n")) == 1


def test_what_aliases_expand_to_counts() -> None:
    hundred = "a: &a [" + "x," * 100 + "]\n"
    assert messages(hundred + "b: [" + "*a," * 97 + "]\n") == []
    assert len(messages(hundred + "b: [" + "*a," * 98 + "]\n")) == 1


def test_the_depth_that_aliases_expand_to_counts() -> None:
    half = MAX_DEPTH // 2
    inner = "a: &a " + "[" * half + "]" * half + "\n"
    below = half - 1  # the mapping is one level
    assert messages(inner + "b: " + "[" * below + "*a" + "]" * below) == []
    assert len(messages(inner + "b: " + "[" * (below + 1) + "*a" + "]" * (below + 1))) == 1

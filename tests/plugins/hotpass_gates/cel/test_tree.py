from __future__ import annotations

import contextlib

import pytest
from cel_expr_python import cel
from hypothesis import given
from hypothesis import strategies as st

from hotpass_gates.cel.rule import compile_rule
from hotpass_gates.cel.tree import read_tree


def tree(rule: str):
    types = {"n": cel.Type.INT, "m": cel.Type("map<string,double>"), "s": cel.Type.STRING}
    return read_tree(cel.NewEnv(variables=types).compile(rule).serialize())


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("true", True), ("false", False), ("0", 0), ("-3", -3), ("9223372036854775807", 2**63 - 1), ("7u", 7),
        ("0.0", 0.0), ("-1.5e300", -1.5e300), ("'é\"'", 'é"'), ("''", ""), ("b'ab'", b"ab"), ("null", None),
    ],
)  # fmt: skip
def test_constants(rule, value):
    root = tree(rule).root
    assert root.kind == "constant"
    assert root.value == value
    assert type(root.value) is type(value)


def test_every_kind_of_node():
    found = tree("n > 1 && has(m.a) && m['b'] < 2.0 && [1].exists(x, x == n) && {'k': 1}['k'] == 1")
    assert {node.kind for node in found.root.walk()} == {
        "constant", "name", "select", "call", "list", "map", "loop",
    }  # fmt: skip
    (tested,) = [node for node in found.root.walk() if node.kind == "select"]
    assert (tested.text, tested.tests, tested.children[0].text) == ("a", True, "m")
    (loop,) = [node for node in found.root.walk() if node.kind == "loop"]
    assert loop.text == "x"


def test_the_target_of_a_call_comes_first_and_places_are_characters():
    found = tree("'é' == s && s.startsWith('a')")
    (call,) = [node for node in found.root.walk() if node.text == "startsWith"]
    assert [child.kind for child in call.children] == ["name", "constant"]
    assert found.places[call.id] == "'é' == s && s.startsWith('a')".index("(")


def test_meanings():
    found = tree("n + 1 > 0")
    (plus,) = [node for node in found.root.walk() if node.text == "_+_"]
    assert found.meanings[plus.id].overloads == ("add_int64",)


@given(st.binary(max_size=200))
def test_anything_else_is_refused(data):
    with pytest.raises(ValueError):
        read_tree(data)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_rule_is_refused_or_read(place, byte):
    data = bytearray(cel.NewEnv(variables={"n": cel.Type.INT}).compile("n > 1 && n < 3").serialize())
    data[place % len(data)] = byte
    with contextlib.suppress(ValueError):
        assert list(read_tree(bytes(data)).root.walk())


def test_a_rule_reads_each_field_once_and_in_order():
    rule = compile_rule("metrics.b > metrics.a && metrics['b'] < 1.0 && version > 1")
    assert [use.text for use in rule.uses] == ["metrics.b", "metrics.a", "version"]

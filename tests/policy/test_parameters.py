"""What is wrong with a gate's parameters, in plain words, for every keyword that a schema may use."""

from __future__ import annotations

from typing import Any

import pytest

from hotpass.gates import Gate
from hotpass.policy.parameters import Validators


def wrong(schema: dict[str, Any], value: Any) -> list[tuple[Any, ...]]:
    kind = type("Sample", (Gate,), {"name": "sample", "schema": schema, "__doc__": "A sample."})
    return [tuple(found) for found in Validators().check(kind, value)]


def of(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": schema}, **more}


@pytest.mark.parametrize(
    ("schema", "value", "message", "remedy"),
    [
        ({"type": "number"}, "0.7",
         "'x' must be a number, and this is the text '0.7'", "Write 0.7 without quotes."),
        ({"type": "number"}, "0,7", "'x' must be a number, and this is the text '0,7'", "Write 0.7."),
        ({"type": "number"}, "nan", "'x' must be a number, and this is the text 'nan'", ""),
        ({"type": "number"}, True, "'x' must be a number, and this is true", ""),
        ({"type": "integer"}, 1.5, "'x' must be a whole number, and this is the number 1.5", ""),
        ({"type": "string"}, 7, "'x' must be a text, and this is the number 7", 'Put it in quotes: "7".'),
        ({"type": "string"}, False, "'x' must be a text, and this is false", 'Put it in quotes: "false".'),
        ({"type": "string"}, None, "'x' must be a text, and this is empty", ""),
        ({"type": "boolean"}, "yes", "'x' must be true or false, and this is the text 'yes'", "Write true."),
        ({"type": "boolean"}, "off", "'x' must be true or false, and this is the text 'off'", "Write false."),
        ({"type": ["string", "null"]}, [], "'x' must be a text or empty, and this is a list", ""),
        ({"type": "array"}, {"a": 1}, "'x' must be a list, and this is a mapping", ""),
        ({"enum": ["allow", "deny"]}, "alow", "'x' must be allow or deny, and this is the text 'alow'",
         "Did you mean 'allow'?"),
        ({"enum": [1, 2]}, 3, "'x' must be 1 or 2, and this is the number 3", ""),
        ({"const": "present"}, "no", "'x' must be present, and this is the text 'no'", ""),
        ({"minimum": 0}, -1, "'x' must be at least 0, and this is -1", ""),
        ({"exclusiveMinimum": 0}, 0, "'x' must be more than 0, and this is 0", ""),
        ({"maximum": 1}, 2, "'x' must be at most 1, and this is 2", ""),
        ({"exclusiveMaximum": 1}, 1, "'x' must be less than 1, and this is 1", ""),
        ({"minLength": 1}, "", "'x' is empty", ""),
        ({"minLength": 3}, "ab", "'x' must not be shorter than 3 characters", ""),
        ({"maxLength": 1}, "ab", "'x' must not be longer than 1 character", ""),
        ({"minItems": 1}, [], "'x' is empty", ""),
        ({"maxItems": 1}, [1, 2], "'x' must not be longer than 1 item", ""),
        ({"minProperties": 1}, {}, "'x' is empty", ""),
        ({"maxProperties": 1}, {"a": 1, "b": 2}, "'x' must not be larger than 1 key", ""),
        ({"uniqueItems": True}, [1, 1], "'x' has the same item twice", ""),
        ({"pattern": "^[0-9]+h$"}, "one day", "'x' cannot be one day", "It must match the pattern ^[0-9]+h$"),
        ({"pattern": "^[0-9]+h$", "examples": ["24h", "7h"]}, "day",
         "'x' cannot be day", "For example: 24h or 7h"),
        ({"not": {}}, 1, "'x' is not allowed here", ""),
        ({"oneOf": [{"type": "number"}, {"minimum": 0}]}, 1,
         "'x' fits more than one of the forms that it may have", ""),
        ({"multipleOf": 5}, 7, "'x': 7 is not a multiple of 5", ""),
        ({"type": "number", "description": "How many."}, [],
         "'x' must be a number, and this is a list", "How many."),
    ],
)  # fmt: skip
def test_plain_words(schema: dict[str, Any], value: Any, message: str, remedy: str) -> None:
    assert wrong(of(schema), {"x": value}) == [(("x",), False, message, remedy)]


def test_what_is_right_has_nothing_wrong() -> None:
    assert wrong(of({"type": "number", "minimum": 0}), {"x": 0.5}) == []


def test_the_whole_is_named_by_the_gate() -> None:
    assert wrong({"type": "object"}, "24h") == [
        ((), False, "sample must be a mapping, and this is the text '24h'", "")
    ]


def test_an_item_of_a_list_is_counted_from_one() -> None:
    assert wrong(of({"items": {"type": "string"}}), {"x": ["a", 2]}) == [
        (("x", 1), False, "item 2 of 'x' must be a text, and this is the number 2", 'Put it in quotes: "2".')
    ]


def test_unknown_and_missing_keys() -> None:
    schema = of({"examples": [0.7]}, required=["x"], additionalProperties=False)
    missing = ((), True, "sample needs the key 'x'", "For example: x: 0.7")
    assert wrong(schema, {}) == [missing]
    assert wrong(schema, {"other_thing": 1}) == [
        (("other_thing",), True, "unknown key 'other_thing'", "Known are x."),
        missing,
    ]


def test_a_misspelt_key_is_not_also_missing() -> None:
    schema = {
        "type": "object",
        "properties": {"at_least": {}},
        "required": ["at_least"],
        "additionalProperties": False,
    }
    assert wrong(schema, {"at_lest": 1}) == [
        (("at_lest",), True, "unknown key 'at_lest'", "Did you mean 'at_least'?")
    ]


CHOICE = {
    "oneOf": [
        {"const": "present"},
        {"type": "object", "properties": {"equals": {"type": "string"}}, "additionalProperties": False},
    ]
}  # fmt: skip


def test_of_several_forms_the_one_of_the_same_kind_is_explained() -> None:
    assert wrong(of(CHOICE), {"x": {"equals": 7}}) == [
        (
            ("x", "equals"),
            False,
            "'equals' must be a text, and this is the number 7",
            'Put it in quotes: "7".',
        )
    ]
    assert wrong(of(CHOICE), {"x": "presnt"}) == [
        (("x",), False, "'x' must be present, and this is the text 'presnt'", "Did you mean 'present'?")
    ]


def test_where_no_form_is_of_the_kind_all_are_named() -> None:
    assert wrong(of(CHOICE), {"x": 7}) == [
        (("x",), False, "'x' must be present or a mapping, and this is the number 7", "")
    ]


def test_a_key_that_cannot_be_is_placed_at_the_key() -> None:
    schema = of({"propertyNames": {"pattern": "^[a-z]+$"}})
    assert wrong(schema, {"x": {"A1": 1}}) == [
        (("x", "A1"), True, "A1 cannot be a key here", "It must match the pattern ^[a-z]+$")
    ]


def test_all_that_is_wrong_is_said() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "number"}}
    assert {found[0] for found in wrong(schema, {"a": "x", "b": 1, "c": []})} == {("a",), ("c",)}

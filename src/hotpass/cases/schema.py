"""The JSON Schema of cases files, composed from the tables of `keys.py`, for editors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hotpass.cases import keys
from hotpass.cases.keys import Key
from hotpass.cases.model import OUTCOMES
from hotpass.policy.desk import STAGES
from hotpass.policy.schema import DIALECT
from hotpass.stages import TEAM_STAGE
from hotpass.verdicts import Verdict

#: The file in a policy folder that `hotpass policy schema --write` writes.
FILE = "cases.schema.json"

_ANY_TEXT = {"type": "string"}
_TEXT = {"type": "string", "pattern": r"\S"}
_FLAG = {"type": "boolean"}
_MOMENT = {"$ref": "#/$defs/moment"}
_STAGE = {"$ref": "#/$defs/stage"}
_NUMBER = {"anyOf": [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}]}
_COLUMNS = {"anyOf": [{"type": "array", "items": _ANY_TEXT}, {"$ref": "#/$defs/values"}]}

_PARTS: Mapping[str, Any] = {
    "name": _TEXT, "authenticated": _FLAG, "at": _MOMENT, "reason": _TEXT, "stage": _STAGE, "since": _MOMENT,
    "until": _MOMENT, "value": _NUMBER, "dataset": _ANY_TEXT, "dataset_digest": _ANY_TEXT,
    "digest": _ANY_TEXT, "context": _ANY_TEXT, "inputs": _COLUMNS, "outputs": _COLUMNS,
}  # fmt: skip


def cases_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a cases file."""
    return {
        "$schema": DIALECT,
        "title": "Hotpass cases",
        "description": "Candidates as data, and what the policy beside the file should say of them.",
        "type": "object",
        "required": ["cases"],
        "additionalProperties": False,
        "properties": {
            "cases": {
                "description": keys.FILE["cases"].about,
                "type": "array", "minItems": 1, "items": _table(keys.CASE, ["case"]),
            },
            "defaults": {
                "description": keys.FILE["defaults"].about,
                **_table({name: key for name, key in keys.CASE.items() if name != "case"}),
            },
        },
        "$defs": {
            "version": _table(keys.VERSION),
            "expect": _table(keys.EXPECT),
            "values": _by_name({"type": "string"}),
            "person": {"anyOf": [_TEXT, _record(keys.PERSON, ["name"])]},
            "moment": {
                "type": "string", "pattern": r"^\s*(now|in \S.*|\S.* ago|[0-9]{4}-[0-9]{2}-[0-9]{2}.*)\s*$",
                "examples": ["25h ago", "now", "in 2h", "2026-01-15T12:00:00Z"],
            },
            "stage": {"type": "string", "anyOf": [{"enum": list(STAGES)}, {"pattern": f"^{TEAM_STAGE}$"}]},
        },
    }  # fmt: skip


def schema_text() -> str:
    """`cases_schema` as it is written to a file."""
    return json.dumps(cases_schema(), indent=2, ensure_ascii=False) + "\n"


def _table(table: Mapping[str, Key], required: Sequence[str] = ()) -> dict[str, Any]:
    properties = {}
    for name, key in table.items():
        schema = dict(_kind(key.kind)) if name in required else _or_empty(_kind(key.kind))
        properties[name] = {"description": key.about, **schema}
        if key.example is not None:
            properties[name]["examples"] = [key.example]
    out: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return out | ({"required": list(required)} if required else {})


def _kind(kind: str) -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {
        "approvals": _items({"anyOf": [_TEXT, _record(keys.APPROVAL, ["name"])]}),
        "candidate": {"$ref": "#/$defs/version"},
        "champion": {"$ref": "#/$defs/version"},
        "datasets": _items(_record(keys.DATASET, ["name"])),
        "expect": {"$ref": "#/$defs/expect"},
        "flag": _FLAG,
        "json": {"type": "object"},
        "messages": {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": _TEXT}]},
        "metrics": _by_name({"anyOf": [*_NUMBER["anyOf"], _record(keys.METRIC, ["value"])]}),
        "moment": _MOMENT,
        "outcome": {"enum": list(OUTCOMES)},
        "person": {"$ref": "#/$defs/person"},
        "signature": _record(keys.SIGNATURE, []),
        "stage": _STAGE,
        "stays": _items(_record(keys.STAY, ["stage", "since"])),
        "text": _TEXT,
        "texts": {"type": "array", "minItems": 1, "items": _TEXT},
        "values": {"$ref": "#/$defs/values"},
        "verdicts": _by_name({"enum": [verdict.value for verdict in Verdict]}),
        "version": {"type": "integer", "minimum": 1},
    }
    return kinds[kind]


def _or_empty(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing stands for what a case does without, whatever the defaults say."""
    return {"anyOf": [dict(schema), {"type": "null"}]}


def _items(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(item)}


def _by_name(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": _or_empty(value)}


def _record(names: Sequence[str], required: Sequence[str]) -> dict[str, Any]:
    properties = {name: dict(_PARTS[name]) if name in required else _or_empty(_PARTS[name]) for name in names}
    out: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return out | ({"required": list(required)} if required else {})

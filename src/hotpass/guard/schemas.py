"""What the guard's routes take and answer, as JSON Schema (2020-12).

The routes check requests with these, and the OpenAPI document is composed from the same ones.
"""

from __future__ import annotations

import functools
import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from hotpass.errors import CallError
from hotpass.ledger.record import Kind, State
from hotpass.verdicts import Enforcement, ExcuseKind, Json, Outcome, Verdict
from hotpass.wire import KEY_HEADER

#: Bytes of a request's body; longer ones are not read.
MAX_BODY = 64 * 1024

_KEY_PATTERN = "^[!-~]([ -~]{0,198}[!-~])?$"


def _text(longest: int, description: str, shortest: int = 1) -> dict[str, Json]:
    return {"type": "string", "minLength": shortest, "maxLength": longest, "description": description}


def _object(
    properties: Mapping[str, Json], required: tuple[str, ...], description: str = ""
) -> dict[str, Json]:
    out = {"type": "object", "properties": dict(properties), "required": list(required)}
    return out | ({"description": description} if description else {})


MODEL = _text(256, "Name of the registered model.")
STAGE = _text(100, "A stage: Staging, Production, Archived, None, or a team's own.")
REASON = _text(2000, "Why, for the record.", shortest=0)
NUMBER = {"type": "integer", "minimum": 1, "maximum": 999_999_999}
VERSION = {
    "anyOf": [NUMBER, {"const": "latest"}, {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"}],
    "description": "Number of the version, or `latest`.",
}
ARCHIVE = {
    "type": ["boolean", "null"],
    "description": "Whether the versions that hold the stage now are archived; null leaves it to the policy.",
}
OVERRIDES = {
    "type": "array", "maxItems": 20, "uniqueItems": True, "items": _text(100, "The name of a gate."),
    "description": "Overridable gates that the caller lets pass, by the names that a decision shows.",
}  # fmt: skip
KEY = {
    "type": "string", "pattern": _KEY_PATTERN,
    "description": "Makes it safe to send a request again: the same key and body get the recorded answer.",
}  # fmt: skip

_WORD = _object(
    {"model": MODEL, "version": VERSION, "to": STAGE, "reason": REASON | {"minLength": 1}},
    ("model", "version", "to", "reason"),
)

#: The body of each POST route.
BODIES: Mapping[str, dict[str, Json]] = {
    route: schema | {"additionalProperties": False}
    for route, schema in {
        "check": _object(
            {
                "model": MODEL, "version": VERSION, "to": STAGE, "archive_existing": ARCHIVE,
                "overrides": OVERRIDES,
            },
            ("model", "version", "to"),
        ),
        "promote": _object(
            {
                "model": MODEL, "version": VERSION, "to": STAGE, "archive_existing": ARCHIVE,
                "reason": REASON, "overrides": OVERRIDES,
            },
            ("model", "version", "to"),
        ),
        "rollback": _object(
            {
                "model": MODEL,
                "reason": REASON | {"minLength": 1},
                "to_version": {"anyOf": [VERSION, {"type": "null"}]},
                "stage": STAGE,
                "overrides": OVERRIDES,
                "dry_run": {"type": "boolean", "description": "Only say what would be decided."},
            },
            ("model", "reason"),
        ),
        "approve": _WORD,
        "withdraw": _WORD,
        "adopt": _object(
            {"model": MODEL, "dry_run": {"type": "boolean", "description": "Only say what it would be."}},
            ("model",),
        ),
    }.items()
}  # fmt: skip

#: The query of each GET route that has one.
QUERIES: Mapping[str, dict[str, Json]] = {
    "history": _object(
        {
            "model": MODEL,
            "version": {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"},
            "limit": {
                "type": "string", "pattern": "^[1-9][0-9]{0,5}$",
                "description": "The newest so many; else all.",
            },
        },
        ("model",),
    )
    | {"additionalProperties": False},
    "policies": _object({"model": MODEL | {"description": "Only those that cover it."}}, ())
    | {"additionalProperties": False},
    "health": _object({}, ()) | {"additionalProperties": False},
}  # fmt: skip

_ANY_TEXT = {"type": "string"}
_DIGEST = {"type": "string", "description": "SHA-256, 64 hex digits."}
_TIME = {"type": "string", "format": "date-time"}
_NUMBER_OR_NULL = {"type": ["integer", "null"]}

IDENTITY = _object(
    {
        "workspace": _ANY_TEXT, "model": _ANY_TEXT, "version": {"type": "integer"},
        "created_at": {"type": "integer", "description": "Milliseconds since 1970."},
        "artifact_digest": _ANY_TEXT,
    },
    ("workspace", "model", "version", "created_at", "artifact_digest"),
)  # fmt: skip
EXCUSE = _object(
    {
        "kind": {"enum": [str(one) for one in ExcuseKind]}, "by": _ANY_TEXT, "reason": _ANY_TEXT,
        "authenticated": {"type": "boolean", "description": "Of an override."},
        "waiver": _ANY_TEXT, "where": _ANY_TEXT, "digest": _DIGEST, "expires": {"type": ["string", "null"]},
    },
    ("kind", "by", "reason"),
    "Why a verdict does not count: a waiver of the guard's own policies, or somebody's override.",
)  # fmt: skip
JUDGEMENT = _object(
    {
        "policy": _ANY_TEXT, "gate": _ANY_TEXT, "name": _ANY_TEXT, "where": _ANY_TEXT, "hint": _ANY_TEXT,
        "enforcement": {"enum": [str(one) for one in Enforcement]},
        "verdict": {"enum": [str(one) for one in Verdict]},
        "message": _ANY_TEXT, "evidence": {"type": "object"}, "passes_at": _TIME,
        "by": {"type": "array", "items": _ANY_TEXT, "description": "Who may override it."},
        "excuse": EXCUSE,
    },
    ("policy", "gate", "name", "where", "enforcement", "verdict", "message", "evidence"),
)  # fmt: skip
POLICY_REF = _object({"name": _ANY_TEXT, "path": _ANY_TEXT, "digest": _DIGEST}, ("name", "path", "digest"))
DECISION = _object(
    {
        "id": _ANY_TEXT, "model": _ANY_TEXT, "version": {"type": "integer"}, "identity": IDENTITY,
        "from": _ANY_TEXT, "to": _ANY_TEXT, "outcome": {"enum": [str(one) for one in Outcome]},
        "decided_at": _TIME, "passes_at": {"type": ["string", "null"]}, "champion": _NUMBER_OR_NULL,
        "rollback": {"type": "boolean"}, "reason": _ANY_TEXT, "already_there": {"type": "boolean"},
        "overtaken": {"type": "boolean"}, "notes": {"type": "array", "items": _ANY_TEXT},
        "policies": {"type": "array", "items": POLICY_REF}, "policy_digest": _DIGEST,
        "judgements": {"type": "array", "items": JUDGEMENT}, "evidence": {"type": "object"},
        "evidence_digest": _DIGEST,
    },
    ("id", "identity", "from", "to", "outcome", "decided_at", "judgements", "policies"),
    "All verdicts of one promotion, the outcome, and what they rest on.",
)  # fmt: skip
ENTRY = _object(
    {
        "id": _ANY_TEXT, "hash": _DIGEST, "state": {"enum": [str(one) for one in State]},
        "opened_at_ms": {"type": "integer"}, "ended_at_ms": _NUMBER_OR_NULL,
        "next_id": {"type": ["string", "null"]}, "settlers": {"type": "integer"},
        "record": _object({"kind": {"enum": [str(one) for one in Kind]}}, ("kind",)),
    },
    ("id", "hash", "state", "record"),
    "A ledger record, whole, and how it stands.",
)  # fmt: skip
ERROR = _object(
    {
        "error_code": _ANY_TEXT | {"description": "One of MLflow's."},
        "kind": _ANY_TEXT | {"description": "The name of Hotpass' own error."},
        "message": _ANY_TEXT,
        "decision": {"$ref": "#/components/schemas/Decision"},
    },
    ("error_code", "message"),
)


@functools.cache
def _validator(route: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(BODIES.get(route) or QUERIES[route])


def check(route: str, data: Json) -> None:
    """Raises CallError, with all that is wrong, for what `route` does not take."""
    problems = [
        f"{'.'.join(map(str, error.absolute_path)) or 'the request'}: {error.message[:200]}"
        for error in _validator(route).iter_errors(data)
    ]
    if not problems:
        # What no name or stage has: control characters (a NUL stops PostgreSQL), and halves of characters.
        problems = [
            f"{name}: it has a character in it that no text has ({ascii(value)[:60]})"
            for name, values in data.items()
            for value in (values if isinstance(values, list) else [values])
            if isinstance(value, str) and _unprintable(value, name)
        ]
    if problems:
        raise CallError("; ".join(problems[:5]))


def _unprintable(value: str, name: str) -> bool:
    allowed = "\n\t\r" if name == "reason" else ""
    return any(unicodedata.category(char) in ("Cc", "Cs") and char not in allowed for char in value)


def read_json(text: bytes) -> Json:
    """The JSON in a request's body. Raises CallError for anything else: also for a key that is there twice,
    and for NaN and infinity, which JSON does not have.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise CallError(f"the body is not JSON: {str(error)[:200] or type(error).__name__}") from None


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no number")


def check_key(key: str | None) -> str:
    """The idempotency key, "" without one. Raises CallError for one that is not 1 to 200 printable ASCII
    characters.
    """
    if key is None:
        return ""
    if not (0 < len(key) <= 200 and key.isascii() and key.isprintable() and key.strip() == key):
        raise CallError(f"{KEY_HEADER} is not 1 to 200 printable ASCII characters")
    return key

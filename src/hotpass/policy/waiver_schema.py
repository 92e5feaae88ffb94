"""The JSON Schema of waiver files, so that an editor completes and checks them."""

from __future__ import annotations

import json
from typing import Any

from hotpass.policy.desk import STAGES
from hotpass.policy.reader import NAME
from hotpass.policy.schema import DIALECT
from hotpass.policy.waiver_reader import (
    HIGHEST_VERSION,
    LONGEST_NAME,
    LONGEST_REASON,
    MOST_VERSIONS,
    REQUIRED,
    WHEN,
)
from hotpass.stages import TEAM_STAGE, ModelStage

#: The file beside the policies that `hotpass policy schema --write` writes.
FILE = "waiver.schema.json"


def compose_waiver_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a waiver file."""
    name, line = {"type": "string", "pattern": f"^{NAME}$"}, {"type": "string", "pattern": r"\S"}
    when = {
        "type": "string", "pattern": f"^({WHEN})$",
        "examples": ["2026-02-01", "2026-02-01T12:00Z"],
    }  # fmt: skip
    return {
        "$schema": DIALECT,
        "title": "Hotpass waiver",
        "description": "A reasoned exception for one gate and named versions of one model, with an end.",
        "type": "object",
        "required": list(REQUIRED),
        "additionalProperties": False,
        "properties": {
            "waiver": {"description": "Its name, in every decision that uses it.", **name},
            "policy": {"description": "The policy that the gate is in, by its name.", **name},
            "gate": {
                "description": "The gate as decisions call it: its entry's `name`, else the gate's own.",
                **line, "maxLength": LONGEST_NAME, "examples": ["staging_dwell"],
            },
            "model": {
                "description": "The model's whole name; no pattern.",
                "type": "string", "maxLength": 255, "pattern": r"^\S(.*\S)?$", "not": {"pattern": "[*?/:]"},
            },
            "versions": {
                "description": "The numbers of the versions that it is for.",
                "type": "array", "minItems": 1, "maxItems": MOST_VERSIONS, "uniqueItems": True,
                "items": {"type": "integer", "minimum": 1, "maximum": HIGHEST_VERSION},
                "examples": [[7]],
            },
            "to": {
                "description": "The stage that the gate is on the way to.",
                "type": "string",
                "anyOf": [
                    {"enum": [stage for stage in STAGES if stage != ModelStage.NONE]},
                    {"pattern": f"^{TEAM_STAGE}$"},
                ],
                "not": {"pattern": "^[Nn][Oo][Nn][Ee]$"},
            },
            "reason": {"description": "Why, for the record.", **line, "maxLength": LONGEST_REASON},
            "granted_by": {"description": "Who granted it.", **line, "maxLength": LONGEST_NAME},
            "granted": {
                "description": "Since when it holds: a date (in UTC), or a moment with its zone. It is not "
                "for versions that were registered later.",
                **when,
            },
            "expires": {
                "description": "The last day on which it holds (in UTC), or the moment at which it is over.",
                **when,
            },
            "workspace": {
                "description": "The MLflow workspace of the model. Default: default.",
                **line, "maxLength": LONGEST_NAME,
            },
        },
    }  # fmt: skip


def schema_text() -> str:
    """`compose_waiver_schema` as it is written to a file."""
    return json.dumps(compose_waiver_schema(), indent=2, ensure_ascii=False) + "\n"

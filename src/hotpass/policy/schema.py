"""The JSON Schema of policy files, composed from the gates' own, so that an editor completes a team's gates
too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hotpass.errors import PluginError
from hotpass.gates import Gate
from hotpass.policy.desk import STAGES
from hotpass.policy.extensions import COMMIT, DIGEST, MOST, PATH
from hotpass.policy.reader import ALIAS, NAME
from hotpass.stages import TEAM_STAGE
from hotpass.verdicts import Enforcement

DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: The file in a policy folder that `hotpass policy schema --write` writes.
FILE = "policy.schema.json"

#: Names that MLflow keeps for itself, and those of stages in which nothing serves.
_NO_ALIAS = "^([Ll]atest|[vV][0-9]+|[Nn]one|[Aa]rchived)$"

_TEXT = {"type": "string", "pattern": r"\S"}


def compose_schema(gates: Mapping[str, type[Gate]]) -> dict[str, Any]:
    """The schema (draft 2020-12) of a policy file that may use these gates, by name.

    Raises PluginError, naming the gate, for a gate whose schema is not one.
    """
    _check(gates)
    return {
        "$schema": DIALECT,
        "title": "Hotpass policy",
        "description": "Which models it covers, and for each promotion which gates must pass.",
        "type": "object",
        "required": ["policy"],
        "if": {"required": ["shared"], "properties": {"shared": {"const": True}}},
        "then": {"properties": {"models": False}},
        "else": {"required": ["models"]},
        "anyOf": [{"required": ["promotions"]}, {"required": ["extends"]}],
        "additionalProperties": False,
        "properties": {
            "policy": {"description": "Its name, in every record.", "type": "string", "pattern": f"^{NAME}$"},
            "description": {"description": "What it is for, in a sentence or two.", **_TEXT},
            "shared": {
                "description": "Whether it covers no model and is only there to be extended.",
                "type": "boolean",
            },
            "models": {
                "description": "The models it covers; * and ? stand for any letters and any one letter.",
                "type": "array", "minItems": 1,
                "items": {**_TEXT, "maxLength": 255, "not": {"pattern": r"[/:\[\]]"}},
                "examples": [["lead_scoring_*"]],
            },
            "aliases": {
                "description": "More aliases that only a decision may move, besides those of the stages.",
                "type": "array", "minItems": 1, "uniqueItems": True,
                "items": {"type": "string", "pattern": f"^{ALIAS}$", "not": {"pattern": _NO_ALIAS}},
            },
            "extends": {
                "description": "Shared policies, whose gates come before its own; it adds to them.",
                "type": "array", "minItems": 1, "maxItems": MOST,
                "items": {"oneOf": [{"$ref": "#/$defs/in_folder"}, {"$ref": "#/$defs/in_git"}]},
            },
            "promotions": {
                "description": "The promotions that are possible; any other is denied.",
                "type": "array", "minItems": 1, "items": {"$ref": "#/$defs/promotion"},
            },
            "rollback": {
                "description": "Gates for putting an earlier version back, beside what every rollback needs.",
                "type": "object", "required": ["gates"], "additionalProperties": False,
                "properties": {"gates": {"$ref": "#/$defs/gates"}},
            },
        },
        "$defs": {
            "promotion": {
                "type": "object", "required": ["to", "gates"], "additionalProperties": False,
                "properties": {
                    "to": {
                        "description": "The stage to promote to.", "$ref": "#/$defs/stage",
                        "not": {"pattern": "^[Nn][Oo][Nn][Ee]$"},
                    },
                    "from": {
                        "description": "The stage the version must be in. Left out: any.",
                        "$ref": "#/$defs/stage",
                    },
                    "gates": {"$ref": "#/$defs/gates"},
                    "archive_existing": {
                        "description": "Whether the version that holds the stage is archived. "
                        "Default: true for Production.",
                        "type": "boolean",
                    },
                },
            },
            "in_folder": {
                "type": "object", "required": ["folder", "path"], "additionalProperties": False,
                "properties": {
                    "folder": {
                        "description": "Where, relative to this file.", "examples": ["../shared"], **_TEXT,
                    },
                    "path": {"$ref": "#/$defs/path"},
                    "digest": {"$ref": "#/$defs/digest"},
                },
            },
            "in_git": {
                "type": "object", "required": ["git", "revision", "path", "digest"],
                "additionalProperties": False,
                "properties": {
                    "git": {
                        "description": "A repository; `hotpass policy fetch` fetches from it.",
                        "examples": ["https://example.org/policies.git"], **_TEXT,
                    },
                    "revision": {
                        "description": "The full id of a commit.",
                        "type": "string", "pattern": f"^({COMMIT})$",
                    },
                    "path": {"$ref": "#/$defs/path"},
                    "digest": {"$ref": "#/$defs/digest"},
                },
            },
            "path": {
                "description": "The policy file, relative to the folder or to the root of the repository.",
                "type": "string", "pattern": f"^{PATH}$", "examples": ["policies/baseline.yaml"],
            },
            "digest": {
                "description": "The SHA-256 of the file, as `hotpass policy fetch` says it.",
                "type": "string", "pattern": f"^{DIGEST}$",
            },
            "stage": {"type": "string", "anyOf": [{"enum": list(STAGES)}, {"pattern": f"^{TEAM_STAGE}$"}]},
            "gates": {
                "description": "All must pass. A bare name stands for a gate without parameters.",
                "type": "array", "minItems": 1, "items": {"$ref": "#/$defs/entry"},
            },
            "entry": {"anyOf": _entries(gates)} if gates else False,
            "enforcement": {
                "description": "How its verdict counts: mandatory (the default), overridable (blocks as "
                "well, and says under `by` who may override), or advisory (shown, never blocks).",
                "enum": [kind.value for kind in Enforcement],
            },
            "by": {
                "description": "Who may override, for `enforcement: overridable`.",
                "type": "array", "minItems": 1, "items": _TEXT,
            },
            "name": {
                "description": "What to call it in decisions, where one gate stands twice.",
                "type": "string", "pattern": r"^\s*\S.*$", "maxLength": 100,
            },
            "hint": {"description": "What to tell those whom it keeps waiting.", **_TEXT},
            **{f"gate_{name}": _embedded(name, gate) for name, gate in gates.items()},
        },
    }  # fmt: skip


def schema_text(gates: Mapping[str, type[Gate]]) -> str:
    """`compose_schema` as it is written to a file."""
    return json.dumps(compose_schema(gates), indent=2, ensure_ascii=False) + "\n"


def _entries(gates: Mapping[str, type[Gate]]) -> list[dict[str, Any]]:
    common = {key: {"$ref": f"#/$defs/{key}"} for key in ("enforcement", "by", "name", "hint")}
    bare = [name for name, gate in gates.items() if gate.allows_bare_name()]
    entries: list[dict[str, Any]] = [{"enum": bare}] if bare else []
    for name, gate in gates.items():
        parameters: dict[str, Any] = {"$ref": f"#/$defs/gate_{name}"}
        entries.append({
            "type": "object", "required": [name], "additionalProperties": False,
            "properties": {
                name: {"anyOf": [parameters, {"type": "null"}]} if gate.allows_bare_name() else parameters,
                **common,
            },
            "if": {"required": ["enforcement"], "properties": {"enforcement": {"const": "overridable"}}},
            "then": {"required": ["by"]},
            "else": {"properties": {"by": False}},
        })  # fmt: skip
    return entries


def _embedded(name: str, gate: type[Gate]) -> dict[str, Any]:
    schema = {key: value for key, value in gate.schema.items() if key != "$schema"}
    # Its own references begin at its own root, which an $id of its own keeps in the composed schema.
    return {"$id": f"urn:hotpass:gate:{name}", **schema} if '"$ref"' in json.dumps(schema) else schema


def _check(gates: Mapping[str, type[Gate]]) -> None:
    from jsonschema import Draft202012Validator, SchemaError

    wrong = []
    for name, gate in gates.items():
        try:
            Draft202012Validator.check_schema(dict(gate.schema))
            json.dumps(gate.schema, allow_nan=False)
        except SchemaError as error:
            place = "/".join(map(str, error.absolute_path)) or "its root"
            wrong.append(f"gate {name}: its schema is not a JSON Schema: at {place}: {error.message}")
        except (TypeError, ValueError, RecursionError) as error:
            wrong.append(f"gate {name}: its schema is not JSON: {error}")
    if wrong:
        raise PluginError("\n".join(wrong))

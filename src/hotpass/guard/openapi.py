"""The OpenAPI document of the guard's routes, composed from the schemas that the routes check with."""

from __future__ import annotations

from collections.abc import Mapping

from hotpass.guard import schemas
from hotpass.policy.model import GateEntry, Policy
from hotpass.verdicts import Json, is_json
from hotpass.wire import GUARD_HEADER, KEY_HEADER

_REFS = {name: {"$ref": f"#/components/schemas/{name}"} for name in ("Decision", "Entry", "Error")}

#: What each route does, what it answers, and whether it takes an idempotency key.
_ROUTES: Mapping[str, tuple[str, Json, bool]] = {
    "check": ("What a promotion would come to now. Writes nothing.",
              {"decision": _REFS["Decision"],
               "exhibits": {"type": "array", "items": {"type": "array"},
                            "description": "What each judgement's gate gave to be drawn."}}, False),
    "promote": ("Judges a promotion, records the decision and, if it is allowed, carries it out.",
                {"decision": _REFS["Decision"]}, True),
    "rollback": ("Puts a version back that held the stage before.", {"decision": _REFS["Decision"]}, True),
    "approve": ("Records that the caller approves of a version's going to a stage.",
                {"entry": _REFS["Entry"]}, True),
    "withdraw": ("Takes the caller's own approval back.", {"entry": _REFS["Entry"]}, True),
    "adopt": ("Records what the registry holds of a model, so that dwell and rollback have a start.",
              {"adopted": {"type": "object"}}, False),
    "history": ("Every record about a model, oldest first.",
                {"model": {"type": "string"}, "total": {"type": "integer"},
                 "entries": {"type": "array", "items": _REFS["Entry"]}}, False),
    "policies": ("The policies in force, and their waivers, also those that are over.",
                 {"policies": {"type": "array", "items": {"type": "object"}},
                  "waivers": {"type": "array", "items": {"type": "object"}}, "since": {"type": "string"},
                  "problems": {"type": "string"}}, False),
    "health": ("Whether the guard is well; it needs no permission on any model.",
               {"status": {"enum": ["green", "red"]},
                "problems": {"type": "array", "items": {"type": "string"}}}, False),
}  # fmt: skip

_ERRORS = {
    "400": "The request is wrong.",
    "401": "Nobody is logged in.",
    "403": "The decision is a denial (it is in the answer), or the user may not do this.",
    "404": "There is no such model or version.",
    "405": "The route does not take that method.",
    "409": "The decision is pending, inconclusive or overtaken; it is in the answer.",
    "413": "The body is too long.",
    "415": "The body is not said to be JSON.",
    "422": "The idempotency key was used for another request.",
    "500": "The registry or the ledger did not do as told.",
    "503": "The guard is not well, and says why.",
}
_OF = {"get": {"400", "401", "403", "404", "500"}, "post": set(_ERRORS) - {"405", "503"}}


def document(prefix: str, version: str, *, auth: bool) -> dict[str, Json]:
    """The OpenAPI document (3.1) of the routes below `prefix`; `auth` says whether a login is asked for."""
    out: dict[str, Json] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Hotpass guard", "version": version,
            "description": "Promotions of MLflow models by policy. Every answer has the header "
            f"`{GUARD_HEADER}`.",
        },
        "paths": {
            **{f"{prefix}/{route}": {"post": _operation(route, "post")} for route in schemas.BODIES},
            **{f"{prefix}/{route}": {"get": _operation(route, "get")} for route in schemas.QUERIES},
        },
        "components": {
            "schemas": {"Decision": schemas.DECISION, "Entry": schemas.ENTRY, "Error": schemas.ERROR},
        },
    }  # fmt: skip
    if auth:
        out["components"]["securitySchemes"] = {"basic": {"type": "http", "scheme": "basic"}}
        out["security"] = [{"basic": []}]
    return out


def _operation(route: str, method: str) -> dict[str, Json]:
    summary, answer, keyed = _ROUTES[route]
    parameters: list[Json] = []
    out: dict[str, Json] = {"operationId": route, "summary": summary, "parameters": parameters}
    if method == "post":
        content = {"application/json": {"schema": schemas.BODIES[route]}}
        out["requestBody"] = {"required": True, "content": content}
    else:
        query = schemas.QUERIES[route]
        parameters += [
            {"name": name, "in": "query", "required": name in query["required"], "schema": schema}
            for name, schema in query["properties"].items()
        ]
    if keyed:
        parameters.append({"name": KEY_HEADER, "in": "header", "required": False, "schema": schemas.KEY})
    said = {"type": "object", "properties": answer, "required": sorted(answer)}
    refused = _OF[method] | ({"503"} if route == "health" else set()) - (set() if keyed else {"422"})
    out["responses"] = {
        "200": _response("Done.", said),
        **{status: _response(_ERRORS[status], _REFS["Error"]) for status in sorted(refused)},
    }
    return out


def _response(description: str, schema: Json) -> dict[str, Json]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def policy_as_json(policy: Policy) -> dict[str, Json]:
    """A policy as its readers need it: whom it covers, and what it asks for on each way."""
    return {
        "name": policy.name, "description": policy.description, "models": list(policy.models),
        "path": policy.path, "digest": policy.digest, "guarded_aliases": sorted(policy.guarded_aliases()),
        "promotions": [
            {
                "to": entry.to_stage, "from": entry.from_stage, "where": entry.where,
                "archive_existing": entry.archive_existing, "gates": [_gate(gate) for gate in entry.gates],
            }
            for entry in policy.promotions
        ],
        "rollback": None if policy.rollback is None else [_gate(gate) for gate in policy.rollback],
    }  # fmt: skip


def _gate(entry: GateEntry) -> dict[str, Json]:
    return {
        "gate": entry.gate_name, "name": entry.name, "enforcement": str(entry.enforcement),
        "parameters": entry.parameters if is_json(entry.parameters) else str(entry.parameters),
        "by": list(entry.by), "hint": entry.hint, "where": entry.where,
    }  # fmt: skip

"""The guard's own routes: check, promote, roll back, approve, withdraw, adopt; history, policies, health.

They are Flask routes on MLflow's Flask app, so that MLflow's auth stands before them and its workspaces are
resolved; a FastAPI route beside them would answer anybody. Each checks the permission on the model itself,
since MLflow's auth lets every user through to an address that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hotpass.guard import permissions
from hotpass.guard.answering import HOTPASS, Call, Handler, RouteError, answer, signed, view
from hotpass.guard.core import Guard
from hotpass.guard.health import health_of
from hotpass.guard.openapi import document, policy_as_json
from hotpass.ledger.record import Entry, Kind
from hotpass.stages import ModelStage
from hotpass.verdicts import Json
from hotpass.wire import KEY_HEADER, PATH, entry_as_json

if TYPE_CHECKING:
    from flask import Flask

    from hotpass.session import Session

PRODUCTION = str(ModelStage.PRODUCTION)


def add_routes(flask_app: Flask, guard: Guard) -> None:
    """Puts the guard's routes on MLflow's Flask app, below its static prefix. Once for each app."""
    from mlflow.server.handlers import _add_static_prefix

    prefix = _add_static_prefix(PATH)
    table: list[tuple[str, str, Handler, str]] = [
        ("POST", "check", _check, permissions.READ),
        ("POST", "promote", _promote, permissions.UPDATE),
        ("POST", "rollback", _rollback, permissions.UPDATE),
        ("POST", "approve", _approve, permissions.UPDATE),
        ("POST", "withdraw", _withdraw, permissions.UPDATE),
        ("POST", "adopt", _adopt, permissions.MANAGE),
        ("GET", "history", _history, permissions.READ),
        ("GET", "policies", _policies, permissions.READ),
        ("GET", "health", _health, permissions.READ),
    ]
    for method, route, handler, needed in table:
        flask_app.add_url_rule(
            f"{prefix}/{route}", f"hotpass_{route}", view(guard, method, route, handler, needed),
            methods=[method], provide_automatic_options=False,
        )  # fmt: skip
    page = document(prefix, HOTPASS, auth=guard.settings.auth)
    flask_app.add_url_rule(
        f"{prefix}/openapi.json", "hotpass_openapi", lambda: answer(guard, lambda: page),
        methods=["GET"], provide_automatic_options=False,
    )  # fmt: skip
    flask_app.after_request(lambda response: signed(response, prefix))
    if guard.settings.auth:
        permissions.let_through([(f"{prefix}/{route}", method) for method, route, _, _ in table])
        permissions.let_through([(f"{prefix}/openapi.json", "GET")])


# --- the routes ---------------------------------------------------------------------------------------------


def _check(call: Call) -> Mapping[str, Json]:
    said = call.said
    decision = call.session().check(
        call.model, said["version"], said["to"], archive_existing=said.get("archive_existing"),
        overrides=said.get("overrides", ()),
    )  # fmt: skip
    # Not in the decision, whose JSON is the record's; here for whoever makes a report of it.
    drawn = [list(judgement.result.exhibits) for judgement in decision.judgements]
    return {"decision": decision.as_json(), "exhibits": drawn}


def _promote(call: Call) -> Mapping[str, Json]:
    said, session = call.said, _once(call, Kind.DECISION)
    decision = session.promote(
        call.model, said["version"], said["to"], archive_existing=said.get("archive_existing"),
        reason=said.get("reason", ""), overrides=said.get("overrides", ()), request_id=call.key,
    )  # fmt: skip
    return {"decision": decision.as_json()}


def _rollback(call: Call) -> Mapping[str, Json]:
    said, session = call.said, _once(call, Kind.DECISION)
    decision = session.rollback(
        call.model, reason=said["reason"], to_version=said.get("to_version"),
        stage=said.get("stage", PRODUCTION), dry_run=said.get("dry_run", False),
        overrides=said.get("overrides", ()), request_id=call.key,
    )  # fmt: skip
    return {"decision": decision.as_json()}


def _approve(call: Call) -> Mapping[str, Json]:
    said, session = call.said, _once(call, Kind.APPROVAL)
    entry = session.approve(
        call.model, said["version"], said["to"], reason=said["reason"], request_id=call.key
    )
    return {"entry": entry_as_json(entry)}


def _withdraw(call: Call) -> Mapping[str, Json]:
    said, session = call.said, _once(call, Kind.WITHDRAWAL)
    entry = session.withdraw(
        call.model, said["version"], said["to"], reason=said["reason"], request_id=call.key
    )
    return {"entry": entry_as_json(entry)}


def _adopt(call: Call) -> Mapping[str, Json]:
    return {"adopted": call.session().adopt(call.model, dry_run=call.said.get("dry_run", False))}


def _history(call: Call) -> Mapping[str, Json]:
    version, limit = call.said.get("version"), call.said.get("limit")
    entries = call.session().history(call.model, None if version is None else int(version))
    shown = entries if limit is None else entries[-int(limit) :]
    return {
        "model": call.model, "total": len(entries), "entries": [entry_as_json(entry) for entry in shown],
    }  # fmt: skip


def _policies(call: Call) -> Mapping[str, Json]:
    reading = call.guard.in_force.reading()
    policies = reading.policies
    found = policies.policies if "model" not in call.said else policies.covering(call.model)
    return {
        "policies": [policy_as_json(policy) for policy in found],
        "waivers": [
            waiver.as_json() for waiver in policies.waivers if call.said.get("model") in (None, waiver.model)
        ],
        "since": reading.since.isoformat(),
        "problems": reading.problems,
    }


def _health(call: Call) -> Mapping[str, Json]:
    said = health_of(call.guard)
    if said["status"] != "green":
        raise RouteError(503, "\n".join(said["problems"]), **said)
    return said


def _once(call: Call, kind: Kind) -> Session:
    """The session for what is carried out once for each key. Raises RouteError where the key was used for
    something else.
    """
    session = call.session()
    entry = session.answered(call.model, call.key) if call.key else None
    if entry is not None and not _came_to(entry, call, kind):
        raise RouteError(
            422,
            f"{KEY_HEADER} {call.key!r} was used for another request, which is record {entry.id}. "
            "Take a new key for a new request",
        )
    return session


def _came_to(entry: Entry, call: Call, kind: Kind) -> bool:
    """Whether the record can be what the same request came to before."""
    said, record, body = call.said, entry.record, entry.record.body
    rollback = call.route == "rollback"
    version = said.get("to_version") if rollback else said["version"]
    archive = said.get("archive_existing")
    return (
        (record.kind, record.actor) == (kind, call.actor)
        and bool(body.get("rollback")) == rollback
        and body.get("reason") == said.get("reason", "")
        and str(body["to"]).lower() == str(said.get("stage" if rollback else "to", PRODUCTION)).lower()
        and (version in (None, "latest") or int(version) == body["version"])
        and archive in (None, body.get("archive"))
        and body.get("overrides", []) == said.get("overrides", [])
    )

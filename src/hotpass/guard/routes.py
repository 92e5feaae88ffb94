"""The guard's own routes: check, promote, roll back, approve, withdraw, adopt; history, policies, health.

They are Flask routes on MLflow's Flask app, so that MLflow's auth stands before them and its workspaces are
resolved; a FastAPI route beside them would answer anybody. Each checks the permission on the model itself,
since MLflow's auth lets every user through to an address that it does not know.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from hotpass.errors import CallError, HotpassError, NotFound, PromotionDenied, mask
from hotpass.guard import permissions, schemas
from hotpass.guard.core import Guard
from hotpass.guard.health import health_of
from hotpass.guard.openapi import document, policy_as_json
from hotpass.guard.who import actor_of_request
from hotpass.ledger.record import Actor
from hotpass.stages import ModelStage
from hotpass.verdicts import Json, Outcome, digest_of
from hotpass.wire import ACTOR_HEADER, GUARD_HEADER, KEY_HEADER, PATH, entry_as_json

if TYPE_CHECKING:
    from flask import Flask, Response

    from hotpass.session import Session

log = logging.getLogger("hotpass")

HOTPASS = version("hotpass")


class RouteError(HotpassError):
    """A request that is answered with one of MLflow's error codes and an HTTP status."""

    def __init__(self, status: int, code: str, message: str, **more: Json) -> None:
        super().__init__(message)
        self.status = status
        self.answer = {"error_code": code, "message": str(self), **more}


#: By HTTP status, so that MLflow's clients give the right exception and do not send it again.
_CODES = {400: "INVALID_PARAMETER_VALUE", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED",
          404: "RESOURCE_DOES_NOT_EXIST", 405: "BAD_REQUEST", 409: "ABORTED", 413: "BAD_REQUEST",
          415: "BAD_REQUEST", 422: "INVALID_PARAMETER_VALUE", 500: "INTERNAL_ERROR"}  # fmt: skip

Handler = Callable[["Call"], Mapping[str, Json]]


class Call:
    """One request, read and let in. `said` is its body or its query, valid by its schema."""

    def __init__(self, guard: Guard, route: str, said: Mapping[str, Any], key: str, actor: Actor) -> None:
        self.guard = guard
        self.route = route
        self.said = said
        self.key = key
        self.actor = actor

    @property
    def model(self) -> str:
        return str(self.said["model"])

    def session(self) -> Session:
        return self.guard.session(self.actor)

    @property
    def request_id(self) -> str:
        """What is recorded of the request: its key, and whose it was and what it said; "" without a key."""
        if not self.key:
            return ""
        said = digest_of([self.route, self.said, self.actor.name, self.actor.authenticated])
        return f"{said[:16]}:{self.key}"


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
            f"{prefix}/{route}", f"hotpass_{route}", _view(guard, method, route, handler, needed),
            methods=[method], provide_automatic_options=False,
        )  # fmt: skip
    page = document(prefix, HOTPASS, auth=guard.settings.auth)
    flask_app.add_url_rule(
        f"{prefix}/openapi.json", "hotpass_openapi", lambda: _answer(guard, lambda: page),
        methods=["GET"], provide_automatic_options=False,
    )  # fmt: skip
    flask_app.after_request(lambda response: _signed(response, prefix))
    if guard.settings.auth:
        permissions.let_through([(f"{prefix}/{route}", method) for method, route, _, _ in table])
        permissions.let_through([(f"{prefix}/openapi.json", "GET")])


# --- around every route -------------------------------------------------------------------------------------


def _view(guard: Guard, method: str, route: str, handler: Handler, needed: str) -> Callable[[], Response]:
    def work() -> Mapping[str, Json]:
        from flask import request

        said = _body(route) if method == "POST" else dict(request.args.items(multi=False))
        if method == "GET" and any(len(values) > 1 for values in request.args.listvalues()):
            raise CallError("a parameter is there twice")
        schemas.check(route, said)
        key = schemas.check_key(request.headers.get(KEY_HEADER))
        if "model" in said and guard.settings.auth and not permissions.allowed(needed, said["model"]):
            raise RouteError(403, "PERMISSION_DENIED", f"you may not {needed} model {said['model']!r}")
        return handler(Call(guard, route, said, key, _actor()))

    return lambda: _answer(guard, work)


def _answer(guard: Guard, work: Callable[[], Mapping[str, Json]]) -> Response:
    from flask import jsonify
    from mlflow.exceptions import MlflowException

    status = 200
    try:
        if guard.settings.auth and not actor_of_request().authenticated:
            raise RouteError(401, "UNAUTHENTICATED", "you are not logged in")
        answer = work()
    except HotpassError as error:
        status, answer = _refused(error)
    except MlflowException as error:
        status = error.get_http_status_code()
        answer = {"error_code": error.error_code, "message": mask(str(error.message))}
    except Exception as error:
        log.exception("a request could not be answered")
        status = 500
        answer = {"error_code": _CODES[500], "message": f"{type(error).__name__}; see the server's log"}
    response = jsonify(answer)
    response.status_code = status
    return response


def _refused(error: HotpassError) -> tuple[int, dict[str, Json]]:
    """The HTTP status and the answer for what Hotpass raised.

    A refusal is final for a client: MLflow's would send 429 and 5xx again for minutes.
    """
    if isinstance(error, RouteError):
        return error.status, error.answer
    answer: dict[str, Json] = {"kind": type(error).__name__, "message": str(error)}
    if isinstance(error, PromotionDenied):
        status = 403 if error.decision.outcome is Outcome.DENIED else 409
        answer["decision"] = error.decision.as_json()
    elif isinstance(error, NotFound):
        status = 404
    elif isinstance(error, CallError):
        status = 400
    else:
        log.error("a request failed: %s", error)
        status = 500
    return status, {"error_code": _CODES[status], **answer}


def _signed(response: Response, prefix: str) -> Response:
    """Says in every answer below `prefix` that there is a guard, also where none of its routes gave it."""
    from flask import json, request

    if request.path == prefix or request.path.startswith(f"{prefix}/"):
        response.headers[GUARD_HEADER] = HOTPASS
        if response.status_code >= 400 and not response.is_json:
            code = _CODES.get(response.status_code, "BAD_REQUEST")
            message = _PLAIN.get(response.status_code, response.status)
            response.set_data(json.dumps({"error_code": code, "message": message}))
            response.content_type = "application/json"
    return response


_PLAIN = {
    401: "you are not logged in, or the password is wrong",
    403: "you may not do this",
    404: f"there is no such route; {PATH}/openapi.json lists them all",
    405: f"this route does not take that method; {PATH}/openapi.json says which it does",
}


def _body(route: str) -> Mapping[str, Any]:
    from flask import request

    if (request.content_length or 0) > schemas.MAX_BODY:
        raise RouteError(413, _CODES[413], f"the body is longer than {schemas.MAX_BODY} bytes")
    if request.mimetype != "application/json":
        raise RouteError(415, _CODES[415], "send JSON, and say so: Content-Type: application/json")
    said: Mapping[str, Any] = schemas.read_json(request.get_data())
    return said


def _actor() -> Actor:
    """Who asks; where nobody authenticates, whoever the client says to be."""
    from flask import request

    actor = actor_of_request()
    claimed = unquote(request.headers.get(ACTOR_HEADER, ""))[:256].strip()
    if actor.authenticated or request.authorization or not claimed.isprintable() or not claimed:
        return actor
    return Actor(claimed)


# --- the routes ---------------------------------------------------------------------------------------------


def _check(call: Call) -> Mapping[str, Json]:
    said = call.said
    decision = call.session().check(
        call.model, said["version"], said["to"], archive_existing=said.get("archive_existing")
    )
    return {"decision": decision.as_json()}


def _promote(call: Call) -> Mapping[str, Json]:
    said, session = call.said, _session_for_once(call)
    decision = session.promote(
        call.model, said["version"], said["to"], archive_existing=said.get("archive_existing"),
        reason=said.get("reason", ""), request_id=call.request_id,
    )  # fmt: skip
    return {"decision": decision.as_json()}


def _rollback(call: Call) -> Mapping[str, Json]:
    said, session = call.said, _session_for_once(call)
    decision = session.rollback(
        call.model, reason=said["reason"], to_version=said.get("to_version"),
        stage=said.get("stage", str(ModelStage.PRODUCTION)), dry_run=said.get("dry_run", False),
        request_id=call.request_id,
    )  # fmt: skip
    return {"decision": decision.as_json()}


def _approve(call: Call) -> Mapping[str, Json]:
    said, session = call.said, _session_for_once(call)
    entry = session.approve(
        call.model, said["version"], said["to"], reason=said["reason"], request_id=call.request_id
    )
    return {"entry": entry_as_json(entry)}


def _withdraw(call: Call) -> Mapping[str, Json]:
    said, session = call.said, _session_for_once(call)
    entry = session.withdraw(
        call.model, said["version"], said["to"], reason=said["reason"], request_id=call.request_id
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
    policies, in_force = call.guard.policies, call.guard.in_force
    found = policies.policies if "model" not in call.said else policies.covering(call.model)
    return {
        "policies": [policy_as_json(policy) for policy in found],
        "since": in_force.since.isoformat(),
        "problems": in_force.problems,
    }


def _health(call: Call) -> Mapping[str, Json]:
    answer = health_of(call.guard)
    if not answer["healthy"]:
        raise RouteError(503, "TEMPORARILY_UNAVAILABLE", str(answer["problems"]), **answer)
    return answer


def _session_for_once(call: Call) -> Session:
    """The session for what is carried out once for each key. Raises RouteError where the key was used for
    something else.
    """
    session = call.session()
    for entry in session.recent(call.model) if call.key else ():
        recorded = str(entry.record.body.get("request_id", ""))
        if recorded.partition(":")[2] == call.key and recorded != call.request_id:
            raise RouteError(
                422, _CODES[422],
                f"{KEY_HEADER} {call.key} was used for another request, which is record {entry.id}. "
                "Take a new key for a new request",
            )  # fmt: skip
    return session

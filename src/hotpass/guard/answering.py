"""How the guard's routes take a request and answer it: read, checked, let in, and every error in JSON."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from hotpass.errors import CallError, HotpassError, NotFound, PromotionDenied, mask
from hotpass.guard import permissions, schemas
from hotpass.guard.core import Guard
from hotpass.guard.who import actor_of_request
from hotpass.ledger.record import Actor
from hotpass.verdicts import Json, Outcome
from hotpass.wire import ACTOR_HEADER, GUARD_HEADER, KEY_HEADER, PATH

if TYPE_CHECKING:
    from flask import Response

    from hotpass.session import Session

log = logging.getLogger("hotpass")

HOTPASS = version("hotpass")


class RouteError(HotpassError):
    """A request that is answered with one of MLflow's error codes and an HTTP status."""

    def __init__(self, status: int, message: str, /, **more: Json) -> None:
        super().__init__(message)
        self.status = status
        self.answer = {"error_code": _CODES[status], "message": str(self), **more}


#: By HTTP status, so that MLflow's clients give the right exception and do not send it again.
_CODES = {400: "INVALID_PARAMETER_VALUE", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED",
          404: "RESOURCE_DOES_NOT_EXIST", 405: "BAD_REQUEST", 409: "ABORTED", 413: "BAD_REQUEST",
          415: "BAD_REQUEST", 422: "INVALID_PARAMETER_VALUE", 500: "INTERNAL_ERROR",
          503: "TEMPORARILY_UNAVAILABLE"}  # fmt: skip

Handler = Callable[["Call"], Mapping[str, Json]]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read and let in. `said` is its body or its query, valid by its schema; `key` its
    idempotency key, "" without one.
    """

    guard: Guard
    route: str
    said: Mapping[str, Any]
    key: str
    actor: Actor

    @property
    def model(self) -> str:
        return str(self.said["model"])

    def session(self) -> Session:
        return self.guard.session(self.actor)


def view(guard: Guard, method: str, route: str, handler: Handler, needed: str) -> Callable[[], Response]:
    """The Flask view of a route that takes permission `needed` on the model that the request names."""

    def work() -> Mapping[str, Json]:
        from flask import request

        said = _body(route) if method == "POST" else dict(request.args.items(multi=False))
        if method == "GET" and any(len(values) > 1 for values in request.args.listvalues()):
            raise CallError("a parameter is there twice")
        schemas.check(route, said)
        key = schemas.check_key(request.headers.get(KEY_HEADER))
        if "model" in said and guard.settings.auth and not permissions.allowed(needed, said["model"]):
            raise RouteError(403, f"you may not {needed} model {said['model']!r}")
        return handler(Call(guard, route, said, key, _actor()))

    return lambda: answer(guard, work)


def answer(guard: Guard, work: Callable[[], Mapping[str, Json]]) -> Response:
    """What `work` gives, or the error that it raises, as JSON; with auth, for nobody who is not logged in."""
    from flask import jsonify
    from mlflow.exceptions import MlflowException

    status = 200
    try:
        if guard.settings.auth and not actor_of_request().authenticated:
            raise RouteError(401, "you are not logged in")
        said = work()
    except HotpassError as error:
        status, said = _refused(error)
    except MlflowException as error:
        status = error.get_http_status_code()
        said = {"error_code": error.error_code, "message": mask(str(error.message))}
    except Exception as error:
        log.exception("a request could not be answered")
        status = 500
        said = {"error_code": _CODES[500], "message": f"{type(error).__name__}; see the server's log"}
    response = jsonify(said)
    response.status_code = status
    return response


def _refused(error: HotpassError) -> tuple[int, dict[str, Json]]:
    """The HTTP status and the answer for what Hotpass raised.

    A refusal is final for a client: MLflow's would send 429 and 5xx again for minutes.
    """
    if isinstance(error, RouteError):
        return error.status, error.answer
    said: dict[str, Json] = {"kind": type(error).__name__, "message": str(error)}
    if isinstance(error, PromotionDenied):
        status = 403 if error.decision.outcome is Outcome.DENIED else 409
        said["decision"] = error.decision.as_json()
    elif isinstance(error, NotFound):
        status = 404
    elif isinstance(error, CallError):
        status = 400
    else:
        log.error("a request failed: %s", error)
        status = 500
    return status, {"error_code": _CODES[status], **said}


def signed(response: Response, prefix: str) -> Response:
    """Says in every answer that there is a guard, MLflow's own included, so that a client finds it by what
    it asks first; below `prefix` an error is JSON also where none of the routes gave it.
    """
    from flask import json, request

    response.headers[GUARD_HEADER] = HOTPASS
    ours = request.path == prefix or request.path.startswith(f"{prefix}/")
    if ours and response.status_code >= 400 and not response.is_json:
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
        raise RouteError(413, f"the body is longer than {schemas.MAX_BODY} bytes")
    if request.mimetype != "application/json":
        raise RouteError(415, "send JSON, and say so: Content-Type: application/json")
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

"""What MLflow's auth lets the user of a request do with a model, asked of MLflow itself.

Whoever may move a version in MLflow may ask Hotpass to, whoever may read a model may ask about it, and
whoever manages it may adopt it. The validators are those that MLflow has for its own calls
(`BEFORE_REQUEST_HANDLERS` of `mlflow.server.auth`, from 3.12 to 3.17), so that its rules for roles,
workspaces and defaults hold here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

READ, UPDATE, MANAGE = "read", "update", "manage"


def allowed(what: str, model: str) -> bool:
    """Whether the user of this request may do `what` with `model`. Raises MlflowException for a model that
    does not exist, as MLflow does.
    """
    from flask import request
    from mlflow.protos.model_registry_pb2 import GetRegisteredModel, TransitionModelVersionStage
    from mlflow.server import auth

    if auth.sender_is_admin():
        return True
    if what == MANAGE:
        may: Any = auth.validate_can_manage_registered_model
    else:
        may = auth.BEFORE_REQUEST_HANDLERS[
            GetRegisteredModel if what == READ else TransitionModelVersionStage
        ]
    # MLflow's validators take the model's name from the request, where the route's own parameters come first.
    before = request.view_args
    request.view_args = {**(before or {}), "name": model}
    try:
        return bool(may())
    finally:
        request.view_args = before


def let_through(routes: Iterable[tuple[str, str]]) -> None:
    """Lets MLflow's auth pass the routes (path, method) on to Hotpass, which checks permissions itself, also
    under MLFLOW_BASIC_AUTH_FAIL_CLOSED. Whoever is not logged in does not come so far.
    """
    from mlflow.server import auth

    for route in routes:
        auth.BEFORE_REQUEST_VALIDATORS[route] = _logged_in


def _logged_in() -> bool:
    return True

"""Who is calling: the user whom MLflow's auth let in, or whoever the client says to be."""

from __future__ import annotations

from hotpass.ledger.record import Actor
from hotpass.settings import claimed_name


def actor_of_request() -> Actor:
    """The actor of the request that this thread serves.

    With MLflow's auth it is the authenticated user, whom `_before_request` of `mlflow.server.auth` leaves in
    Flask's `g`. Without, nobody says who calls: the name is the one that basic auth's header claims, else
    "unknown". Outside of a server it is the name that this process claims.
    """
    from flask import g, has_request_context, request

    if not has_request_context():
        return Actor(claimed_name())
    user = getattr(g, "mlflow_authenticated_user", None)
    if user:
        return Actor(str(user), authenticated=True)
    claimed = request.authorization.username if request.authorization else None
    return Actor(claimed or "unknown")

"""MLflow's app as a registry without stages, which is what Unity Catalog is: aliases only.

Answers to registry requests lose `current_stage`; a stage transition is answered as MLflow answers one to an
endpoint that it does not have.
"""

from __future__ import annotations

import json
from typing import Any

from mlflow.server.fastapi_app import app as mlflow_app
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REGISTRY_PATHS = ("/mlflow/registered-models/", "/mlflow/model-versions/")
NOT_FOUND = json.dumps({
    "error_code": "ENDPOINT_NOT_FOUND",
    "message": "No API found for 'POST /mlflow/model-versions/transition-stage'",
}).encode()  # fmt: skip


def without_stages(value: Any) -> Any:
    """`value` without any `current_stage`, at whatever depth."""
    if isinstance(value, dict):
        return {key: without_stages(inner) for key, inner in value.items() if key != "current_stage"}
    if isinstance(value, list):
        return [without_stages(inner) for inner in value]
    return value


class AliasOnly:
    """Wraps an ASGI app; see the module."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not any(part in path for part in REGISTRY_PATHS):
            await self.app(scope, receive, send)
            return
        if path.endswith("/transition-stage"):
            await _answer(send, 404, [(b"content-type", b"application/json")], NOT_FOUND)
            return
        start: Message = {}
        body = bytearray()

        async def hold(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                await _answer(send, start["status"], list(start.get("headers", [])), _strip(bytes(body)))

        await self.app(scope, receive, hold)


def _strip(body: bytes) -> bytes:
    try:
        return json.dumps(without_stages(json.loads(body))).encode()
    except ValueError:
        return body


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    kept.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": kept})
    await send({"type": "http.response.body", "body": body})


app = AliasOnly(mlflow_app)

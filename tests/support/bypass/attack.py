"""What an attack is: who sends it, what it sends, and what it may be answered."""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from support.bypass.setting import Setting
from support.guarded import Answer, password_of

#: Below which MLflow answers its clients and its UI.
PREFIXES = ("/api/2.0/", "/ajax-api/2.0/")
PREFIXES_3 = ("/api/3.0/", "/ajax-api/3.0/")
UI = ("/ajax-api/2.0/",)

_numbers = itertools.count(1)


class Wire:
    """One connection to a server, which sends what it is told and neither cleans paths nor repeats requests.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        parts = urlsplit(uri)
        self._address = (parts.hostname or "", parts.port or 80)
        self._base = parts.path.rstrip("/")
        self._connection: http.client.HTTPConnection | None = None

    def send(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """The answer, whatever its status. `target` is sent as it is, behind the server's static prefix."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._address, timeout=60)
        try:
            self._connection.request(method, self._base + target, body, dict(headers))
            answer = self._connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (http.client.HTTPException, OSError):
            self.close()  # a server may close a connection at any time, and after odd requests does
            self._connection = http.client.HTTPConnection(*self._address, timeout=60)
            self._connection.request(method, self._base + target, body, dict(headers))
            answer = self._connection.getresponse()
            text = answer.read().decode(errors="replace")
        if answer.will_close:
            self.close()
        return Answer(answer.status, text, dict(answer.headers))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass
class Caller:
    """An account that attacks: `user` is None where nobody has to say who they are."""

    wire: Wire
    setting: Setting
    user: str | None
    workspace: str | None
    #: Of a second server on the same database, for attacks that need one.
    second: Wire | None = None
    sent: list[str] = field(default_factory=list)

    def headers(self, **more: str) -> dict[str, str]:
        found = dict(more)
        if self.user is not None:
            word = base64.b64encode(f"{self.user}:{password_of(self.user)}".encode()).decode()
            found.setdefault("Authorization", f"Basic {word}")
        if self.workspace is not None:
            found.setdefault("X-MLFLOW-WORKSPACE", self.workspace)
        return found

    def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        wire: Wire | None = None,
    ) -> Answer:
        """One request; a body that is no bytes is sent as JSON."""
        found = self.headers(**(headers or {}))
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            found.setdefault("Content-Type", "application/json")
        answer = (wire or self.wire).send(method, target, body, found)
        self.sent.append(f"{method} {target} -> {answer.status} {answer.text[:200]}")
        return answer

    def post(self, path: str, body: Any = None, method: str = "POST") -> Answer:
        """To MLflow's API, as its client sends it."""
        return self.call(method, f"/api/2.0/mlflow/{path}", body)

    def hotpass(self, route: str, body: Any, **headers: str) -> Answer:
        return self.call("POST", f"/api/2.0/hotpass/{route}", body, headers=headers)

    def fresh(self, stem: str) -> str:
        """A name that nothing has yet."""
        return f"{stem}_{next(_numbers)}"

    def own_run(self, **more: Any) -> str:
        """A run of the attacker's own in the experiment of the models."""
        answer = self.post("runs/create", {"experiment_id": self.setting.experiment_id, **more})
        return str(answer.json["run"]["info"]["run_id"])

    @contextlib.contextmanager
    def client(self) -> Iterator[Any]:
        """An MlflowClient of this account."""
        from mlflow import MlflowClient

        mine = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_ENABLE_ASYNC_LOGGING": "false"}
        if self.user is not None:
            mine |= {
                "MLFLOW_TRACKING_USERNAME": self.user,
                "MLFLOW_TRACKING_PASSWORD": password_of(self.user),
            }
        if self.workspace is not None:
            mine |= {"MLFLOW_ENABLE_WORKSPACES": "true", "MLFLOW_WORKSPACE": self.workspace}
        before = {key: os.environ.get(key) for key in mine}
        os.environ.update(mine)
        try:
            yield MlflowClient(self.wire.uri, self.wire.uri)
        finally:
            for key, value in before.items():
                if value is None:
                    os.environ.pop(key, None)
                else:
                    os.environ[key] = value

    def by_client(self, action: Callable[[Any], Any]) -> Answer:
        """What MLflow's client makes of the answer, as an answer."""
        from mlflow.exceptions import MlflowException
        from requests import HTTPError

        with self.client() as client:
            try:
                action(client)
            except MlflowException as error:
                status = error.get_http_status_code()
                text = json.dumps({"error_code": error.error_code, "message": str(error.message)})
                answer = Answer(status, text, {})
            except HTTPError as error:  # of uploads
                said: Any = error.response
                answer = Answer(said.status_code, said.text, {})
            else:
                answer = Answer(200, "{}", {})
        self.sent.append(f"client -> {answer.status} {answer.text[:200]}")
        return answer


# --- what an attack may be answered -------------------------------------------------------------------------

Expected = Callable[[Answer], bool]


def DENIED(answer: Answer) -> bool:
    """The guard says no: PERMISSION_DENIED with its reasons, which MLflow's auth ("Permission denied", no
    JSON) does not give.
    """
    if answer.status != 403:
        return False
    try:
        return answer.json["error_code"] == "PERMISSION_DENIED" and len(answer.json["message"]) > 20
    except (ValueError, KeyError, TypeError):
        return False


def NOT_YET(answer: Answer) -> bool:
    """The guard says no, or not before somebody has approved."""
    return DENIED(answer) or (answer.status == 409 and "PromotionPending" in answer.text)


def REFUSED(answer: Answer) -> bool:
    """Somebody says no: the guard, MLflow's checks, or nobody knows the way."""
    return 400 <= answer.status < 500 or answer.status == 501


def HARMLESS(answer: Answer) -> bool:
    """It is done, and does no harm."""
    return 200 <= answer.status < 300


def ANYTHING(answer: Answer) -> bool:
    """Whatever is answered, nothing broke."""
    return answer.status < 500 or answer.status == 501


def WHATEVER(answer: Answer) -> bool:
    """MLflow has no good answer of its own, and 500 is one: what counts is that nothing happened."""
    return True


@dataclass(frozen=True)
class Attack:
    """One way around the guard. `send` returns the answers that `expect` is asked about.

    `routes` are those of MLflow's that it goes through, as `routes.py` writes them. `bites` is whether it
    works on a server without a guard; `only` names what the server must have for it: "auth", "no auth",
    "workspaces", "two servers", "guard".
    """

    name: str
    send: Callable[[Caller], Sequence[Answer]]
    expect: Expected = DENIED
    routes: tuple[str, ...] = ()
    bites: bool = True
    only: tuple[str, ...] = ()


Body = Callable[[Setting], Any]


def rest(
    name: str,
    method: str,
    path: str | Callable[[Setting], str],
    body: Body | None = None,
    *,
    route: str | None = None,
    expect: Expected = DENIED,
    prefixes: Sequence[str] = PREFIXES,
    bites: bool = True,
    only: tuple[str, ...] = (),
) -> Attack:
    """A request to a route of MLflow's REST API, below each of `prefixes`. `route` is that route with names
    in the place of ids, where `path` has ids.
    """

    def send(caller: Caller) -> list[Answer]:
        found = path if isinstance(path, str) else path(caller.setting)
        content = body(caller.setting) if body is not None else None
        return [caller.call(method, f"{prefix}{found}", content) for prefix in prefixes]

    known = route or (path if isinstance(path, str) else "")
    return Attack(name, send, expect, (f"{method} {known}",) if known else (), bites, only)

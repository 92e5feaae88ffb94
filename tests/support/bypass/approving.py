"""Around the guard by approvals that nobody gave: claimed, foreign, and by tags that say so."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence

from support.bypass.attack import ANYTHING, DENIED, NOT_YET, Attack, Caller, rest
from support.guarded import Answer


def approvals() -> Iterator[Attack]:
    """Version 1 of the approved model lacks the word of ana or ben."""
    yield Attack("approval: one's own", _approve(), NOT_YET, bites=False, only=("guard",))
    yield Attack("approval: in ana's name", _approve(actor="ana"), NOT_YET, bites=False, only=("guard",))
    yield Attack(
        "approval: by ana, as a header says",
        _approve(
            headers={
                "X-Hotpass-Actor": "ana",
                "Hotpass-Actor": "ana",
                "X-Forwarded-User": "ana",
                "X-Remote-User": "ana",
                "Remote-User": "ana",
                "X-MLFLOW-USER": "ana",
            }
        ),
        NOT_YET,
        bites=False,
        only=("guard",),
    )
    yield Attack(
        "approval: by ana, as basic auth claims", _basic, NOT_YET, bites=False, only=("guard", "no auth")
    )
    yield Attack(
        "approval: by ana, without her password",
        _wrong_password,
        _unauthorized,
        bites=False,
        only=("guard", "auth"),
    )
    yield Attack("approval: by nobody", _anonymous, _unauthorized, bites=False, only=("guard", "auth"))
    yield Attack("approval: of another version", _approve(version=2), NOT_YET, bites=False, only=("guard",))
    yield Attack("approval: for another stage", _approve(to="Staging"), NOT_YET, bites=False, only=("guard",))
    yield Attack("approval: of another model", _approve(other=True), NOT_YET, bites=False, only=("guard",))
    yield Attack("approval: ana's taken back by others", _withdrawn, ANYTHING, bites=False, only=("guard",))
    yield rest(
        "approval: a tag that says so",
        "POST",
        "mlflow/model-versions/set-tag",
        lambda s: {"name": s.approved, "version": "1", "key": "hotpass.approved_by", "value": "ana"},
    )
    yield Attack(
        "approval: a tag that says so, as people write it",
        _tagged,
        DENIED,
        ("POST mlflow/model-versions/set-tag",),
    )


def _unauthorized(answer: Answer) -> bool:
    return answer.status == 401


def promote_unapproved(caller: Caller) -> list[Answer]:
    body = {"name": caller.setting.approved, "version": "1", "stage": "Production"}
    promote = {"model": caller.setting.approved, "version": 1, "to": "Production"}
    return [caller.post("model-versions/transition-stage", body), caller.hotpass("promote", promote)]


def _approve(
    *,
    version: int = 1,
    to: str = "Production",
    actor: str = "",
    other: bool = False,
    headers: dict[str, str] | None = None,
) -> Callable[[Caller], Sequence[Answer]]:
    def send(caller: Caller) -> Sequence[Answer]:
        s = caller.setting
        body = {
            "model": s.model if other else s.approved,
            "version": s.weak if other else version,
            "to": to,
            "reason": "fine",
        }
        if actor:
            body["actor"] = actor
        caller.hotpass("approve", body, **(headers or {}))
        answers = promote_unapproved(caller)
        caller.hotpass("withdraw", body, **(headers or {}))
        return answers

    return send


def _basic(caller: Caller) -> Sequence[Answer]:
    word = base64.b64encode(b"ana:anything").decode()
    return _approve(headers={"Authorization": f"Basic {word}"})(caller)


def _wrong_password(caller: Caller) -> Sequence[Answer]:
    s, word = caller.setting, base64.b64encode(b"ana:guess").decode()
    body = {"model": s.approved, "version": 1, "to": "Production", "reason": "fine"}
    return [caller.hotpass("approve", body, Authorization=f"Basic {word}")]


def _anonymous(caller: Caller) -> Sequence[Answer]:
    s = caller.setting
    body = {"model": s.approved, "version": 1, "to": "Production", "reason": "fine"}
    return [
        caller.call("POST", f"/api/2.0/hotpass/{route}", body, headers={"Authorization": ""})
        for route in ("approve", "promote", "withdraw", "check", "rollback", "adopt")
    ]


def _withdrawn(caller: Caller) -> Sequence[Answer]:
    """Afterwards the approval of version 2 still stands, as the last test of the matrix shows."""
    s = caller.setting
    body = {"model": s.approved, "version": 2, "to": "Production", "reason": "I changed her mind"}
    return [caller.hotpass("withdraw", body)]


def _tagged(caller: Caller) -> Sequence[Answer]:
    s = caller.setting
    for key in ("approved_by", "approval", caller.fresh("approved")):
        caller.post(
            "model-versions/set-tag", {"name": s.approved, "version": "1", "key": key, "value": "ana"}
        )
    return promote_unapproved(caller)[:1]


APPROVALS: tuple[Attack, ...] = tuple(approvals())

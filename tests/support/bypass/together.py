"""Around the guard by more than one request at a time, by workspaces and by a second server; and at the end,
requests that a policy allows, to see that what they change is on record.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from support.bypass.attack import (
    ANYTHING,
    DENIED,
    HARMLESS,
    PREFIXES_3,
    REFUSED,
    WHATEVER,
    Attack,
    Caller,
    rest,
)
from support.bypass.http_tricks import weak_to_production
from support.bypass.moving import ALIAS, TRANSITION
from support.guarded import Answer


def workspaces() -> Iterator[Attack]:
    """With workspaces: what one is deleted takes its models and their ledger with it."""
    routes = ("DELETE mlflow/workspaces/<workspace_name>",)
    for mode in ("CASCADE", "SET_DEFAULT", "RESTRICT", "cascade"):
        # What RESTRICT does not do, MLflow answers with 500 of its own.
        expect = WHATEVER if mode == "RESTRICT" else REFUSED
        yield Attack(f"workspace: deleted, {mode}", _deleted(mode), expect, routes, False, ("workspaces",))
    yield Attack(
        "workspace: the same name in another one", _same_name, DENIED, bites=False, only=("workspaces",)
    )
    yield Attack(
        "workspace: another one's runs and files", _from_outside, REFUSED, bites=False, only=("workspaces",)
    )
    yield Attack(
        "workspace: its files moved",
        _moved_root,
        ANYTHING,
        ("PATCH mlflow/workspaces/<workspace_name>",),
        bites=False,
        only=("workspaces",),
    )


def _deleted(mode: str) -> Callable[[Caller], Sequence[Answer]]:
    def send(caller: Caller) -> Sequence[Answer]:
        target = f"mlflow/workspaces/{caller.workspace}?mode={mode}"
        return [caller.call("DELETE", f"{prefix}{target}") for prefix in PREFIXES_3]

    return send


def _same_name(caller: Caller) -> Sequence[Answer]:
    """A policy covers a name wherever it is."""
    s, elsewhere = caller.setting, {"X-MLFLOW-WORKSPACE": "default"}

    def call(path: str, body: Any) -> Answer:
        return caller.call("POST", f"/api/2.0/mlflow/{path}", body, headers=elsewhere)

    call("registered-models/create", {"name": s.model})
    model_id = call("logged-models", {"experiment_id": "0", "name": "model"}).json["model"]["info"][
        "model_id"
    ]
    source = {"source": f"models:/{model_id}", "model_id": model_id}
    made = call("model-versions/create", {"name": s.model, **source}).json["model_version"]["version"]
    return [
        call("model-versions/transition-stage", {"name": s.model, "version": made, "stage": "Production"}),
        call("registered-models/alias", {"name": s.model, "version": made, "alias": "production"}),
    ]


def _from_outside(caller: Caller) -> Sequence[Answer]:
    """The same calls with the header of another workspace."""
    s = caller.setting
    elsewhere = {"X-MLFLOW-WORKSPACE": "default"}
    behind = s.of(s.weak)
    calls: list[tuple[str, str, Any]] = [
        ("POST", f"/api/2.0/{TRANSITION}", weak_to_production(caller)),
        ("POST", f"/api/2.0/{ALIAS}", {"name": s.model, "alias": "production", "version": str(s.weak)}),
        ("DELETE", "/api/2.0/mlflow/registered-models/delete", {"name": s.model}),
        ("POST", "/api/2.0/mlflow/runs/set-tag", {"run_id": behind.run_id, "key": "team", "value": "eve"}),
        ("POST", "/api/2.0/mlflow/runs/delete", {"run_id": behind.run_id}),
        ("POST", "/api/2.0/mlflow/runs/set-tag", {"run_id": s.last_record, "key": "x", "value": "y"}),
        ("POST", "/api/2.0/mlflow/experiments/delete", {"experiment_id": s.experiment_id}),
        ("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{behind.folder}/MLmodel", b"poison"),
        ("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{behind.folder}", None),
        ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/workspaces", None),
    ]
    return [caller.call(method, target, body, headers=elsewhere) for method, target, body in calls]


def _moved_root(caller: Caller) -> Sequence[Answer]:
    body = {"default_artifact_root": f"mlflow-artifacts:/{caller.fresh('elsewhere')}"}
    return [caller.call("PATCH", f"/api/3.0/mlflow/workspaces/{caller.workspace}", body)]


def races() -> Iterator[Attack]:
    """Requests that are allowed, sent so that two could win, or one could win twice."""
    yield Attack("race: two versions at once", _both_at_once, ANYTHING, bites=False, only=("guard",))
    yield Attack(
        "race: one allowed and one not, at once", _good_and_bad, ANYTHING, bites=False, only=("guard",)
    )
    yield Attack(
        "race: two versions through two servers",
        _two_servers,
        ANYTHING,
        bites=False,
        only=("guard", "two servers"),
    )
    yield Attack(
        "resent: a promotion whose version was replaced since",
        _replayed,
        ANYTHING,
        bites=False,
        only=("guard",),
    )
    for stage in ("None", "Archived"):
        yield rest(
            f"let go: out of Staging, to {stage}",
            "POST",
            TRANSITION,
            lambda s, stage=stage: {"name": s.approved, "version": "1", "stage": stage},
            expect=HARMLESS,
            only=("guard",),
            bites=False,
        )
    yield Attack(
        "let go: back to the version before, with a reason",
        _rolled_back,
        HARMLESS,
        bites=False,
        only=("guard",),
    )


def _rolled_back(caller: Caller) -> Sequence[Answer]:
    """What a policy allows unless it says otherwise; the decision is on record."""
    s = caller.setting
    return [caller.hotpass("rollback", {"model": s.model, "to_version": s.former, "reason": "it was better"})]


def _together(caller: Caller, wires: Sequence[Any], versions: Sequence[int]) -> list[Answer]:
    s = caller.setting
    answers: list[Answer] = []

    def send(wire: Any, version: int) -> None:
        body = {"name": s.racing, "version": str(version), "stage": "Production"}
        answers.append(caller.call("POST", f"/api/2.0/{TRANSITION}", body, wire=wire))

    threads = [threading.Thread(target=send, args=pair) for pair in zip(wires, versions, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _again(caller: Caller) -> list[Any]:
    """Further connections to the same server."""
    return [type(caller.wire)(caller.wire.uri) for _ in range(2)]


def _both_at_once(caller: Caller) -> Sequence[Answer]:
    return _together(caller, _again(caller), (2, 3))


def _good_and_bad(caller: Caller) -> Sequence[Answer]:
    bad = threading.Thread(
        target=lambda: caller.call(
            "POST", f"/api/2.0/{TRANSITION}", weak_to_production(caller), wire=_again(caller)[0]
        )
    )
    bad.start()
    answers = _together(caller, _again(caller)[:1], (4,))
    bad.join()
    return answers


def _two_servers(caller: Caller) -> Sequence[Answer]:
    assert caller.second is not None
    mine, theirs = _again(caller)[0], type(caller.wire)(caller.second.uri)
    return _together(caller, [mine, theirs], (5, 6))


def _replayed(caller: Caller) -> Sequence[Answer]:
    """A proxy sends again what was allowed once, after another version has taken its place."""
    s = caller.setting
    name = s.racing
    key = {"Idempotency-Key": caller.fresh("replayed")}
    archived: list[int] = []
    champion = caller.post(f"registered-models/alias?name={name}&alias=production", method="GET")
    holder = int(champion.json["model_version"]["version"])
    others = [version for version in range(1, 7) if version != holder]
    for version in others:
        found = caller.post(f"model-versions/get?name={name}&version={version}", method="GET").json
        if found["model_version"]["current_stage"] == "Staging":
            archived.append(version)
    if len(archived) < 2:
        return []
    first, second = archived[:2]
    body = {"model": name, "version": first, "to": "Production"}
    answers = [caller.hotpass("promote", body, **key)]
    answers.append(caller.hotpass("promote", {**body, "version": second}))
    answers.append(caller.hotpass("promote", body, **key))  # again
    answers.append(
        caller.post(
            "model-versions/transition-stage", {"name": name, "version": str(first), "stage": "Production"}
        )
    )
    holder = caller.post(f"registered-models/alias?name={name}&alias=production", method="GET").json
    assert int(holder["model_version"]["version"]) == second, holder
    return answers


TOGETHER: tuple[Attack, ...] = (*workspaces(), *races())

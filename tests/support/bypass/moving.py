"""Around the guard by moving: stages, aliases, and the calls that the UI and Hotpass' own routes make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from support.bypass.attack import (
    ANYTHING,
    DENIED,
    HARMLESS,
    REFUSED,
    UI,
    Attack,
    Body,
    Caller,
    Expected,
    rest,
)
from support.bypass.setting import Setting
from support.guarded import Answer

TRANSITION = "mlflow/model-versions/transition-stage"
ALIAS = "mlflow/registered-models/alias"


def to_stage(
    what: str, version: Callable[[Setting], Any], stage: str, *, expect: Expected = DENIED, **more: Any
) -> Attack:
    def body(setting: Setting) -> Any:
        return {"name": setting.model, "version": version(setting), "stage": stage, **more}

    return rest(f"stage: {what}", "POST", TRANSITION, body, expect=expect)


def _weak(s: Setting) -> str:
    return str(s.weak)


def _fresh(s: Setting) -> str:
    return str(s.fresh)


def _champion(s: Setting) -> str:
    return str(s.champion)


def _former(s: Setting) -> str:
    return str(s.former)


def stages() -> Iterator[Attack]:
    yield to_stage("too weak, to Production", _weak, "Production")
    yield to_stage(
        "too weak, to Production beside the champion", _weak, "Production", archive_existing_versions=False
    )
    yield to_stage(
        "too weak, to Production, and archive the champion",
        _weak,
        "Production",
        archive_existing_versions=True,
    )
    yield to_stage("fresh, to Production", _fresh, "Production", archive_existing_versions=True)
    yield to_stage("fresh, to Staging", _fresh, "Staging")
    yield to_stage(
        "fresh, to Staging, and archive who is there", _fresh, "Staging", archive_existing_versions=True
    )
    yield to_stage(
        "the former champion, straight back", _former, "Production", archive_existing_versions=True
    )
    yield to_stage("the champion, to None", _champion, "None")
    yield to_stage("the champion, to Archived", _champion, "Archived")
    yield to_stage(
        "the champion, to Staging and so out of Production",
        _champion,
        "Staging",
        expect=ANYTHING,
        archive_existing_versions=True,
    )
    for stage in ("production", "PRODUCTION", "pRoDuCtIoN"):
        yield to_stage(f"spelled {stage}", _weak, stage)
    for stage in ("archived", "NONE"):
        yield to_stage(f"the champion, to {stage}", _champion, stage)
    for stage in (
        " Production",
        "Production ",
        "Prod",
        "",
        "\u200bProduction",
        "\uff30roduction",
        "Deleted_Internal",
    ):
        yield _not_biting(to_stage(f"spelled {stage!r}", _weak, stage, expect=REFUSED))
    for version in ("03", "+3", " 3", "3 ", "\u0663"):  # what Python reads as 3
        yield to_stage(f"version {version!r}", lambda s, v=version: v, "Production")
    for odd in ("3_", "3.0", "3e0", "-3", "0x3", 3, 3.0, None, ["3"]):
        yield _not_biting(to_stage(f"version {odd!r}", lambda s, v=odd: v, "Production", expect=REFUSED))
    yield _attack(
        "stage: names in camel case",
        "POST",
        TRANSITION,
        lambda s: {
            "name": s.model,
            "version": _weak(s),
            "stage": "Production",
            "archiveExistingVersions": True,
        },
        expect=REFUSED,
    )
    yield Attack("stage: by MlflowClient", _client_transition, DENIED, (f"POST {TRANSITION}",))
    yield rest(
        "stage: as the UI sends it",
        "POST",
        TRANSITION,
        lambda s: {
            "name": s.model,
            "version": _weak(s),
            "stage": "Production",
            "archive_existing_versions": True,
        },
        prefixes=UI,
    )
    yield Attack("stage: sent twice", _twice, DENIED, (f"POST {TRANSITION}",))
    for name in ("LEAD_SCORING", "lead_scoring ", " lead_scoring", "lead%5Fscoring"):
        yield _not_biting(
            _attack(
                f"stage: model {name!r}",
                "POST",
                TRANSITION,
                lambda s, n=name: {"name": n, "version": _weak(s), "stage": "Production"},
                expect=REFUSED,
            )
        )
    yield _not_biting(
        to_stage("a null byte in the version", lambda s: "3\u0000", "Production", expect=REFUSED)
    )
    yield _attack(
        "stage: by the approved model, which nobody approved",
        "POST",
        TRANSITION,
        lambda s: {"name": s.approved, "version": "1", "stage": "Production"},
    )


def _not_biting(attack: Attack) -> Attack:
    return Attack(attack.name, attack.send, attack.expect, attack.routes, False, attack.only)


def _attack(name: str, method: str, path: str, body: Body, **more: Any) -> Attack:
    return rest(name, method, path, body, **more)


def _client_transition(caller: Caller) -> Sequence[Answer]:
    s = caller.setting
    return [
        caller.by_client(
            lambda client: client.transition_model_version_stage(
                s.model, str(s.weak), "Production", archive_existing_versions=True
            )
        )
    ]


def _twice(caller: Caller) -> Sequence[Answer]:
    s = caller.setting
    body = {"name": s.model, "version": str(s.weak), "stage": "Production"}
    key = {"Idempotency-Key": caller.fresh("twice")}
    target = f"/api/2.0/{TRANSITION}"
    return [caller.call("POST", target, body, headers=key) for _ in range(2)]


def aliases() -> Iterator[Attack]:
    for alias in ("production", "Production", "PRODUCTION", "pRoDuCtIoN", "live", "LIVE", "staging"):
        yield _alias(f"{alias} to the weak one", "POST", alias, _fresh if alias == "staging" else _weak)
    for alias in ("production", "live"):
        yield _alias(f"{alias} to the fresh one", "POST", alias, _fresh)
        yield _alias(f"{alias} to the former champion", "POST", alias, _former)
    yield _alias("staging, the champion's", "POST", "staging", _champion)
    yield _alias("production, where it is", "POST", "production", _champion, expect=HARMLESS, bites=False)
    for alias in ("production", "Production", "PRODUCTION", "staging", "STAGING"):
        right = alias.islower()  # another spelling names nothing on these databases
        yield _alias(
            f"{alias} taken away", "DELETE", alias, expect=DENIED if right else ANYTHING, bites=right
        )
    yield _alias("live taken away, though nobody has it", "DELETE", "live", expect=ANYTHING, bites=False)
    for alias in (
        "latest",
        "v2",
        "produktion ",
        "prod\u200buction",
        "\uff50roduction",
        "produc\u0442ion",
        "",
    ):
        yield _alias(f"spelled {alias!r}", "POST", alias, _weak, expect=ANYTHING, bites=False)
    yield _alias("one that nobody guards", "POST", "champion", _fresh, expect=HARMLESS, bites=False)
    yield rest(
        "alias: as the UI sends it",
        "POST",
        ALIAS,
        lambda s: {"alias": "production", "name": s.model, "version": _weak(s)},
        prefixes=UI,
    )
    yield rest(
        "alias: taken away as the UI does",
        "DELETE",
        ALIAS,
        lambda s: {"alias": "production", "name": s.model},
        prefixes=UI,
    )
    yield Attack("alias: by MlflowClient", _client_alias, DENIED, (f"POST {ALIAS}",))
    yield Attack("alias: taken away by MlflowClient", _client_alias_away, DENIED, (f"DELETE {ALIAS}",))
    yield rest(
        "alias: taken away by the query",
        "DELETE",
        f"{ALIAS}?name=lead_scoring&alias=production",
        route=ALIAS,
        expect=REFUSED,
        bites=False,
    )
    yield rest(
        "alias: of a model without a stage",
        "POST",
        ALIAS,
        lambda s: {"name": s.approved, "alias": "production", "version": "1"},
    )


def _alias(
    what: str, method: str, alias: str, version: Callable[[Setting], str] | None = None, **more: Any
) -> Attack:
    def body(s: Setting) -> Any:
        found = {"name": s.model, "alias": alias}
        return found if version is None else found | {"version": version(s)}

    return rest(f"alias: {what}", method, ALIAS, body, **more)


def _client_alias(caller: Caller) -> Sequence[Answer]:
    s = caller.setting
    return [caller.by_client(lambda c: c.set_registered_model_alias(s.model, "production", str(s.weak)))]


def _client_alias_away(caller: Caller) -> Sequence[Answer]:
    return [caller.by_client(lambda c: c.delete_registered_model_alias(caller.setting.model, "production"))]


def hotpass_routes() -> Iterator[Attack]:
    """Hotpass' own ways decide too."""

    def routed(name: str, route: str, body: Callable[[Setting], Any], expect: Expected = DENIED) -> Attack:
        def send(caller: Caller) -> Sequence[Answer]:
            return [caller.hotpass(route, body(caller.setting))]

        return Attack(f"hotpass: {name}", send, expect, bites=False, only=("guard",))

    yield routed(
        "promote the weak one", "promote", lambda s: {"model": s.model, "version": s.weak, "to": "Production"}
    )
    yield routed(
        "promote the weak one, with a good reason",
        "promote",
        lambda s: {"model": s.model, "version": s.weak, "to": "Production", "reason": "I am the boss"},
    )
    yield routed(
        "promote the weak one and leave the champion",
        "promote",
        lambda s: {"model": s.model, "version": s.weak, "to": "Production", "archive_existing": False},
        REFUSED,
    )
    yield routed(
        "roll back without a reason",
        "rollback",
        lambda s: {"model": s.model, "to_version": s.former, "reason": " "},
        REFUSED,
    )
    yield routed(
        "roll back to one that never was there",
        "rollback",
        lambda s: {"model": s.model, "to_version": s.weak, "reason": "it was better"},
    )
    yield routed("adopt what is there", "adopt", lambda s: {"model": s.model}, ANYTHING)
    yield routed(
        "policies of one's own",
        "promote",
        lambda s: {"model": s.model, "version": s.weak, "to": "Production", "policies": []},
        REFUSED,
    )
    yield routed(
        "a decision of one's own",
        "promote",
        lambda s: {"model": s.model, "version": s.weak, "to": "Production", "outcome": "allowed"},
        REFUSED,
    )
    yield Attack("hotpass: a route that is not there", _no_route, REFUSED, bites=False, only=("guard",))
    yield Attack(
        "hotpass: the key of somebody else's promotion", _foreign_key, REFUSED, bites=False, only=("guard",)
    )


def _no_route(caller: Caller) -> Sequence[Answer]:
    s = caller.setting
    body = {"model": s.model, "version": s.weak, "to": "Production"}
    targets = ("/api/2.0/hotpass/force", "/api/3.0/hotpass/promote", "/api/2.0/hotpass/promote/")
    answers = [caller.call("POST", target, body) for target in targets]
    return [
        *answers,
        *(caller.call(verb, "/api/2.0/hotpass/promote", body) for verb in ("PUT", "DELETE", "PATCH")),
    ]


def _foreign_key(caller: Caller) -> Sequence[Answer]:
    """The answer to a request that was sent again is about that request alone."""
    s = caller.setting
    key = caller.fresh("key")
    caller.hotpass(
        "promote", {"model": s.model, "version": s.former, "to": "Production"}, **{"Idempotency-Key": key}
    )
    body = {"model": s.model, "version": s.weak, "to": "Production"}
    return [caller.hotpass("promote", body, **{"Idempotency-Key": key})]


MOVING: tuple[Attack, ...] = (*stages(), *aliases(), *hotpass_routes())

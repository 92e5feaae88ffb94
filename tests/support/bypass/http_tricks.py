"""Around the guard by HTTP: other verbs, other addresses, other bodies, GraphQL, workspaces and two servers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from support.bypass.attack import (
    ANYTHING,
    DENIED,
    PREFIXES_3,
    REFUSED,
    Attack,
    Caller,
    Expected,
    rest,
)
from support.bypass.moving import ALIAS, TRANSITION
from support.guarded import Answer


def weak_to_production(caller: Caller) -> dict[str, Any]:
    s = caller.setting
    return {"name": s.model, "version": str(s.weak), "stage": "Production"}


def verbs() -> Iterator[Attack]:
    for verb in ("GET", "PUT", "PATCH", "DELETE", "HEAD", "PROPFIND", "POSTX"):
        yield _trick(f"verb {verb}", verb, f"/api/2.0/{TRANSITION}", weak_to_production, REFUSED)
    yield _trick("verb OPTIONS", "OPTIONS", f"/api/2.0/{TRANSITION}", weak_to_production, ANYTHING)
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        yield Attack(f"http: {header}", _override(header), ANYTHING, bites=False)


def _override(header: str) -> Callable[[Caller], Sequence[Answer]]:
    def send(caller: Caller) -> Sequence[Answer]:
        s = caller.setting
        query = urlencode({"name": s.model, "alias": "production"})
        return [
            caller.call("GET", f"/api/2.0/{ALIAS}?{query}", headers={header: "DELETE"}),
            caller.call("GET", f"/api/2.0/{ALIAS}?{query}&_method=DELETE", headers={header: "DELETE"}),
            caller.call(
                "GET", f"/api/2.0/{TRANSITION}", weak_to_production(caller), headers={header: "POST"}
            ),
        ]

    return send


def addresses() -> Iterator[Attack]:
    for target in (
        f"/api/2.0/{TRANSITION}/",
        f"/api/1.0/{TRANSITION}",
        f"/API/2.0/{TRANSITION.upper()}",
        f"/static/api/2.0/{TRANSITION}",
        f"/{TRANSITION}",
        f"/api/2.0/preview/{TRANSITION}",
        f"/ajax-api/2.0/preview/{TRANSITION}",
        "/api/2.0/mlflow/databricks/model-versions/transition-stage",
        f"/x/../api/2.0/{TRANSITION}",
    ):
        yield _trick(f"address {target}", "POST", target, weak_to_production, REFUSED)
    yield _trick(
        "two slashes, which are redirected", "POST", f"/api/2.0//{TRANSITION}", weak_to_production, ANYTHING
    )
    for target in (
        f"//api/2.0/{TRANSITION}",
        f"/api/2.0/{TRANSITION}?stage=None",
        f"/api/2.0/{TRANSITION.replace('stage', '%73tage')}",
    ):
        yield _trick(f"address {target}", "POST", target, weak_to_production, DENIED, bites=True)
    for path, method in ((TRANSITION, "POST"), (ALIAS, "POST"), (ALIAS, "DELETE")):
        yield rest(
            f"http: API 3.0, {method} {path}",
            method,
            path,
            lambda s: {"name": s.model, "version": str(s.weak), "stage": "Production", "alias": "production"},
            prefixes=PREFIXES_3,
            expect=REFUSED,
            bites=False,
        )
    for name in (
        quote("lead_scoring", safe=""),
        quote(quote("lead_scoring/", safe=""), safe=""),
        "lead_scoring/",
    ):
        query = urlencode({"name": name, "alias": "production"})
        yield _trick(
            f"name {name!r} in the query", "DELETE", f"/api/2.0/{ALIAS}?{query}", lambda c: None, REFUSED
        )


def bodies() -> Iterator[Attack]:
    def form(caller: Caller) -> bytes:
        return urlencode(weak_to_production(caller)).encode()

    yield _trick(
        "a form",
        "POST",
        f"/api/2.0/{TRANSITION}",
        form,
        REFUSED,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    yield _trick(
        "everything in the query",
        "POST",
        f"/api/2.0/{TRANSITION}?name=lead_scoring&version=3&stage=Production",
        lambda c: None,
        REFUSED,
    )
    yield _trick(
        "no content type",
        "POST",
        f"/api/2.0/{TRANSITION}",
        lambda c: json.dumps(weak_to_production(c)).encode(),
        REFUSED,
        headers={"Content-Type": ""},
    )
    yield _trick(
        "another character set",
        "POST",
        f"/api/2.0/{TRANSITION}",
        lambda c: json.dumps(weak_to_production(c)).encode("utf-16"),
        REFUSED,
        headers={"Content-Type": "application/json; charset=utf-16"},
        bites=True,
    )
    yield _trick("a key twice", "POST", f"/api/2.0/{TRANSITION}", _key_twice, REFUSED, bites=True)
    yield _trick("a list", "POST", f"/api/2.0/{TRANSITION}", lambda c: [weak_to_production(c)], _not_done)
    yield _trick(
        "a text of JSON",
        "POST",
        f"/api/2.0/{TRANSITION}",
        lambda c: json.dumps(weak_to_production(c)),
        REFUSED,
        bites=True,
    )
    yield _trick("escaped letters", "POST", f"/api/2.0/{TRANSITION}", _escaped, DENIED, bites=True)
    yield _trick(
        "a filter with SQL in it",
        "GET",
        f"/api/2.0/mlflow/model-versions/search?{urlencode({'filter': SQL})}",
        lambda c: None,
        REFUSED,
    )


SQL = "name = 'lead_scoring'; UPDATE model_versions SET current_stage = 'Production' WHERE version = 3; --'"


def _key_twice(caller: Caller) -> bytes:
    found = json.dumps(weak_to_production(caller))
    return ('{"stage": "None", ' + found[1:-1] + "}").encode()


def _escaped(caller: Caller) -> bytes:
    s = caller.setting
    text = "".join(f"\\u{ord(char):04x}" for char in "Production")
    return f'{{"name": "{s.model}", "version": "{s.weak}", "st\\u0061ge": "{text}"}}'.encode()


def _not_done(answer: Answer) -> bool:
    """MLflow answers a body that is no object with 500; nothing is done."""
    return answer.status >= 400


def _trick(
    what: str,
    method: str,
    target: str,
    body: Callable[[Caller], Any],
    expect: Expected,
    *,
    headers: dict[str, str] | None = None,
    bites: bool = False,
) -> Attack:
    def send(caller: Caller) -> Sequence[Answer]:
        given = {"Content-Type": "application/json"} if headers is None else headers
        return [caller.call(method, target, body(caller), headers=given)]

    return Attack(f"http: {what}", send, expect, bites=bites)


def graphql() -> Iterator[Attack]:
    queries = {
        "a mutation of a stage": 'mutation { mlflowTransitionModelVersionStage(input: {name: "lead_scoring", '
        'version: "3", stage: "Production"}) { modelVersion { version } } }',
        "a mutation of an alias": 'mutation { mlflowSetRegisteredModelAlias(input: {name: "lead_scoring", '
        'alias: "production", version: "3"}) { apiError { code } } }',
        "the only mutation there is": 'mutation { testMutation(inputString: "x") { output } }',
        "what can be changed": "{ __schema { mutationType { fields { name } } } }",
    }
    for what, query in queries.items():
        yield Attack(f"graphql: {what}", _query(query), _says_no_more, ("POST graphql",), bites=False)


def _query(query: str) -> Callable[[Caller], Sequence[Answer]]:
    def send(caller: Caller) -> Sequence[Answer]:
        return [caller.call("POST", "/graphql", {"query": query, "variables": {}, "operationName": None})]

    return send


#: The mutations of MLflow's schema: two searches that came there by a slip, and one that echoes.
MUTATIONS = frozenset({"mlflowSearchDatasets", "mlflowSearchRuns", "testMutation"})


def _says_no_more(answer: Answer) -> bool:
    """Another mutation would have to be looked at."""
    if "mutationType" in answer.text:
        fields = answer.json["data"]["__schema"]["mutationType"]["fields"]
        return {field["name"] for field in fields} <= MUTATIONS
    return answer.status < 500


HTTP: tuple[Attack, ...] = (*verbs(), *addresses(), *bodies(), *graphql())

"""The API as its own OpenAPI document says it is: schemathesis sends what fits it and what does not.

Run longer with `uv run pytest -m slow tests/guard/test_openapi.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from hotpass.guard import schemas
from hotpass.wire import PATH
from support.guarded import ADMIN, Guarded, password_of
from support.versions import make_version

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    negative_data_rejection,
]  # fmt: skip


def fuzz(server: Guarded, examples: int, check: Callable[[Any], None], auth: tuple[str, str] | None) -> int:
    """Sends so many requests to each operation, half of them right and half wrong; how many there were."""
    document = server.get(f"{PATH}/openapi.json", user=auth[0] if auth else None).json
    schema = schemathesis.openapi.from_dict(document)
    sent = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        takes_nothing = not operation.body and not operation.query
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)[: 1 if takes_nothing else 2]:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=examples, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            def send(case: Any) -> None:
                nonlocal sent
                sent += 1
                check(case)

            send()
    return sent


def names_that_exist(server: Guarded) -> None:
    """Models with names that a generator hits by chance, so that requests get beyond the look-up."""
    for name in ("guarded_0", "0", "A"):
        make_version(server, name, metrics={"roc_auc": 0.8})


def conforms(server: Guarded, auth: tuple[str, str] | None) -> Callable[[Any], None]:
    # A missing login is wrong data to schemathesis, and `auth` puts it there again.
    checks = [check for check in CHECKS if auth is None or check is not negative_data_rejection]

    def check(case: Any) -> None:
        case.call_and_validate(base_url=server.uri, checks=checks, auth=auth)

    return check


@pytest.fixture(params=[3, pytest.param(150, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def examples(request: pytest.FixtureRequest) -> int:
    """Requests for each operation and each way to make one."""
    return int(request.param)


def test_no_request_breaks_the_guard(guarded_sqlite: Guarded, examples: int) -> None:
    names_that_exist(guarded_sqlite)
    assert fuzz(guarded_sqlite, examples, conforms(guarded_sqlite, None), None) > 20
    assert guarded_sqlite.get(f"{PATH}/health").json["status"] == "green"


def test_no_request_breaks_the_guard_behind_a_login(guarded_auth: Guarded, examples: int) -> None:
    admin = (ADMIN, password_of(ADMIN))
    with guarded_auth.as_user(ADMIN):
        names_that_exist(guarded_auth)
    assert fuzz(guarded_auth, examples, conforms(guarded_auth, admin), admin) > 20


def test_no_request_gets_anything_without_a_login(guarded_auth: Guarded, examples: int) -> None:
    def check(case: Any) -> None:
        assert case.call(base_url=guarded_auth.uri).status_code == 401

    admin = (ADMIN, password_of(ADMIN))
    assert fuzz(guarded_auth, examples, check, admin) > 20


def test_the_document_has_every_route_and_the_schemas_that_are_checked(guarded_sqlite: Guarded) -> None:
    document = guarded_sqlite.get(f"{PATH}/openapi.json").json

    assert set(document["paths"]) == {f"{PATH}/{route}" for route in (*schemas.BODIES, *schemas.QUERIES)}
    for route, schema in schemas.BODIES.items():
        Draft202012Validator.check_schema(schema)
        body = document["paths"][f"{PATH}/{route}"]["post"]["requestBody"]
        assert body["content"]["application/json"]["schema"] == schema
    keyed = {
        path.rpartition("/")[2]
        for path, way in document["paths"].items()
        if any(one["in"] == "header" for one in next(iter(way.values()))["parameters"])
    }
    assert keyed == {"promote", "rollback", "approve", "withdraw"}


def test_a_decision_fits_its_schema(guarded_sqlite: Guarded) -> None:
    model = guarded_sqlite.name()
    make_version(guarded_sqlite, model, metrics={"roc_auc": 0.8})
    answer = guarded_sqlite.post(f"{PATH}/promote", {"model": model, "version": 1, "to": "Staging"})
    decision = answer.json["decision"]

    assert decision["judgements"][0]["verdict"] == "passed"
    assert set(decision) == set(schemas.DECISION["properties"])
    Draft202012Validator(schemas.DECISION).validate(decision)
    with pytest.raises(Exception, match="is not one of"):
        Draft202012Validator(schemas.DECISION).validate(decision | {"outcome": "fine"})

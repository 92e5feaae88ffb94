"""Many promote at once: one holds Production afterwards, the alias is on it, and everybody was told the
truth.
"""

from __future__ import annotations

from typing import Any

import pytest

from hotpass import api
from hotpass.policy.model import PolicySet
from support.promoters import Mode, promoters
from support.stores import Store
from support.versions import make_version

PROMOTERS = 8
ROUNDS = {"sqlite": 3, "postgres": 3, "http": 2}
#: A server answers each request of a promotion by itself; with the database at hand it is one transaction.
MANY_ROUNDS = {"sqlite": 200, "postgres": 200, "http": 50}


def run_rounds(store: Store, rounds: int, mode: Mode) -> list[str]:
    """What went wrong in `rounds` rounds of eight promoters on one model, in words."""
    model = f"race-{mode}"
    versions = [make_version(store, model, metrics={"roc_auc": 0.8}) for _ in range(PROMOTERS + 1)]
    wrong: list[str] = []
    with promoters(PROMOTERS, store.uri, model, mode) as together:
        holder = versions[0]
        store.client.set_registered_model_alias(model, "production", str(holder))
        store.client.transition_model_version_stage(model, str(holder), "Production")
        for number in range(rounds):
            challengers = [version for version in versions if version != holder]
            answers = together(challengers)
            state = registry_state(store, model)
            wrong += [f"round {number}: {text}" for text in inconsistent(state)]
            if mode != "bare":
                wrong += [f"round {number}: {text}" for text in untrue(store, model, answers, state)]
            holder = state["alias"]
    if mode != "bare":
        audit = session(store).audit(model)
        wrong += [finding.message for finding in audit.findings]
        assert audit.records >= rounds
    return wrong


def registry_state(store: Store, model: str) -> dict[str, Any]:
    found = store.client.search_model_versions(f"name='{model}'")
    return {
        "production": [int(version.version) for version in found if version.current_stage == "Production"],
        "alias": int(store.client.get_model_version_by_alias(model, "production").version),
    }


def inconsistent(state: dict[str, Any]) -> list[str]:
    if state["production"] == [state["alias"]]:
        return []
    return [f"Production holds {state['production']}, the alias is on {state['alias']}"]


def untrue(store: Store, model: str, answers: list[dict[str, Any]], state: dict[str, Any]) -> list[str]:
    """Answers that the ledger or the registry contradict."""
    wrong = []
    records = {entry.id: entry for entry in session(store).history(model)}
    for answer in answers:
        if answer["told"] == "error":
            wrong.append(f"version {answer['version']} got an error: {answer['text']}")
            continue
        entry = records.get(answer["id"])
        if entry is None:
            wrong.append(
                f"version {answer['version']} was given decision {answer['id']}, which is not in the ledger"
            )
        elif entry.moved != (answer["told"] == "moved"):
            wrong.append(
                f"version {answer['version']} was told {answer['told']}, the ledger says {entry.state}"
            )
    moves = [entry for entry in records.values() if entry.moved]
    if moves[-1].record.body["version"] != state["alias"]:
        wrong.append(f"the last move on record is of version {moves[-1].record.body['version']}")
    if not any(answer["told"] == "moved" for answer in answers):
        wrong.append("nobody was promoted")
    return wrong


def session(store: Store) -> api.Session:
    return api.connect(policies=PolicySet(), registry_uri=store.uri, tracking_uri=store.uri)


@pytest.mark.long_over_http
def test_one_champion_after_every_round(store: Store) -> None:
    assert run_rounds(store, ROUNDS[store.kind], "hotpass") == []


@pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgres", marks=[pytest.mark.slow, pytest.mark.ci])]
)
def test_one_champion_where_half_have_no_database(kind: str, request: pytest.FixtureRequest) -> None:
    """Every other process goes by requests; all write the same ledger."""
    store: Store = request.getfixturevalue(f"{kind}_store")
    assert run_rounds(store, ROUNDS[store.kind], "mixed") == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_one_champion_after_many_rounds(store: Store) -> None:
    assert run_rounds(store, MANY_ROUNDS[store.kind], "hotpass") == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_one_champion_after_many_rounds_of_both_ways(kind: str, request: pytest.FixtureRequest) -> None:
    store: Store = request.getfixturevalue(f"{kind}_store")
    assert run_rounds(store, 50, "mixed") == []


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def test_the_same_rounds_with_bare_mlflow_calls_go_wrong(kind: str, request: pytest.FixtureRequest) -> None:
    """So that we know the test above can fail."""
    store: Store = request.getfixturevalue(f"{kind}_store")
    assert run_rounds(store, 10, "bare") != []

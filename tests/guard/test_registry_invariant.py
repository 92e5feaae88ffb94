"""Whatever is sent to the guarded registry store, in whatever order: what serves is what the ledger says."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException

import hotpass
from hotpass.ledger.record import Entry
from support.guarded_clients import GuardedClient
from support.versions import make_version

NAMES = st.sampled_from(["guarded_a", "guarded_b", "free"])
SOURCES = st.sampled_from(["good", "poor", "models:/guarded_a/1", "models:/free/1"])
VERSIONS = st.sampled_from(["1", 2, "03"])
ALIASES = st.sampled_from(["production", "Production", "staging", "champion", "CHAMPION", "shadow"])
STAGES = st.sampled_from(["None", "staging", "Production", "ARCHIVED"])
KEYS = st.sampled_from(
    ["owner", "archive_reason", "hotpass.decision", "hotpass.stage", "mlflow.prompt.is_prompt"]
)
VALUES = st.sampled_from(["true", "Production"])
PROMPT = [RegisteredModelTag("mlflow.prompt.is_prompt", "true")]
FORGED = [ModelVersionTag("hotpass.stage", "Production"), ModelVersionTag("mlflow.prompt.is_prompt", "true")]
CALLS = st.one_of(
    st.tuples(st.just("create_registered_model"), NAMES, st.sampled_from([None, PROMPT])),
    st.tuples(st.just("create_model_version"), NAMES, SOURCES, st.none(), st.sampled_from([None, FORGED])),
    st.tuples(st.just("transition_model_version_stage"), NAMES, VERSIONS, STAGES, st.booleans()),
    st.tuples(st.just("transition_model_version_stage"), NAMES, VERSIONS, STAGES, st.just(False)),
    st.tuples(st.just("set_registered_model_alias"), NAMES, ALIASES, VERSIONS),
    st.tuples(st.just("delete_registered_model_alias"), NAMES, ALIASES),
    st.tuples(st.just("set_model_version_tag"), NAMES, VERSIONS, st.builds(ModelVersionTag, KEYS, VALUES)),
    st.tuples(st.just("delete_model_version_tag"), NAMES, VERSIONS, KEYS),
    st.tuples(st.just("set_registered_model_tag"), NAMES, st.builds(RegisteredModelTag, KEYS, VALUES)),
    st.tuples(st.just("delete_registered_model_tag"), NAMES, KEYS),
    st.tuples(st.just("rename_registered_model"), NAMES, NAMES),
    st.tuples(st.just("delete_model_version"), NAMES, VERSIONS),
    st.tuples(st.just("delete_registered_model"), NAMES),
)


def by_the_ledger(entries: list[Entry]) -> tuple[dict[str, int], dict[int, str]]:
    """The aliases of stages, and the stage of each version that stands in one, after all moves on record."""
    aliases: dict[str, int] = {}
    stages: dict[int, str] = {}
    for entry in entries:
        if not entry.moved:
            continue
        body = entry.record.body
        version, to = body["version"], body["to"]
        if body["archive"]:
            stages |= {other: "Archived" for other, stage in stages.items() if stage == to}
        aliases = {alias: other for alias, other in aliases.items() if other != version}
        stages.pop(version, None)
        if to != "None":
            stages[version] = to
        if to in ("Staging", "Production"):
            aliases[to.lower()] = version
    return aliases, dict(sorted(stages.items()))


def check(lite: GuardedClient, model: str) -> None:
    store = lite.plain.client._get_registry_client().store
    try:
        found = store.get_registered_model(model)
    except MlflowException:
        with pytest.raises(hotpass.errors.NotFound):  # gone, and so without a history
            hotpass.history(model, registry_uri=lite.plain.uri)
        return
    if found._is_prompt() and not store.search_model_versions(f"name = '{model}'"):
        return  # prompts are no models; one that had a model's versions would show here
    entries: list[Entry] = []
    with contextlib.suppress(hotpass.errors.NotFound):
        entries = hotpass.history(model, registry_uri=lite.plain.uri)
    aliases, stages = lite.serving(model) if not found._is_prompt() else ({}, {})
    held = {e.record.body["version"] for e in entries if e.moved and e.record.body["to"] == "Production"}
    champion = aliases.pop("champion", None)
    assert champion is None or champion in held
    aliases.pop("shadow", None)
    assert (aliases, stages) == by_the_ledger(entries)
    versions = {version.version for version in store.search_model_versions(f"name = '{model}'")}
    assert {e.record.body["version"] for e in entries if "version" in e.record.body} <= versions


@pytest.mark.parametrize("rounds", [10, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.ci])])
def test_what_serves_is_what_the_ledger_says(lite: GuardedClient, rounds: int) -> None:
    for auc in (0.9, 0.1):
        make_version(lite.plain, "sources", metrics={"roc_auc": auc})
    made = [lite.plain.client.get_model_version("sources", str(number)).source for number in (1, 2)]
    sources = dict(zip(("good", "poor"), made, strict=True))
    turn = itertools.count(1)
    moved = []

    @settings(max_examples=rounds, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(CALLS, min_size=5, max_size=15))
    @example([("transition_model_version_stage", "guarded_a", "1", "Production", False)])
    def holds(calls: list[tuple[Any, ...]]) -> None:
        number = next(turn)

        def of_this_turn(arg: Any) -> Any:
            """Each example has models of its own."""
            if not isinstance(arg, str):
                return arg
            arg = sources.get(arg, arg)
            for name in ("guarded_a", "guarded_b", "free"):
                arg = arg.replace(name, f"{name}_{number}") if name in arg else arg
            return arg

        models = [f"guarded_a_{number}", f"guarded_b_{number}"]
        start: list[tuple[Any, ...]] = [
            ("create_registered_model", "guarded_a"),
            ("create_model_version", "guarded_a", "good"),
            ("create_model_version", "guarded_a", "good"),
            ("create_model_version", "guarded_a", "poor"),
            ("create_registered_model", "free"),
            ("create_model_version", "free", "poor"),
            ("transition_model_version_stage", "guarded_a", "1", "Staging", False),
        ]
        for method, *args in [*start, *calls]:
            with contextlib.suppress(MlflowException):
                getattr(lite.store, method)(*map(of_this_turn, args))
        for model in models:
            check(lite, model)
        moved.append(lite.outcomes(models[0]))

    holds()
    assert any("-> Production allowed" in outcome for outcomes in moved for outcome in outcomes)

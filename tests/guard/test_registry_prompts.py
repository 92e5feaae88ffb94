"""The guarded registry store: prompts are no models, and no model can pass for one."""

from __future__ import annotations

import pytest
from mlflow.entities.model_registry import ModelVersionTag

from support.guarded_clients import GuardedClient, M, in_production, refused
from support.versions import make_version

PROMPT = "mlflow.prompt.is_prompt"


def test_a_genuine_prompt_passes(registry: GuardedClient) -> None:
    name, client = "guarded_prompt", registry.client
    client.register_prompt(name, "Say {{word}}.")
    client.register_prompt(name, "Say {{word}}!", tags={"tone": "loud"})
    client.set_prompt_alias(name, "production", 1)
    client.set_prompt_alias(name, "production", 2)
    assert client.get_prompt_version_by_alias(name, "production").version == 2
    client.set_prompt_version_tag(name, "2", "tone", "quiet")
    client.delete_prompt_alias(name, "production")
    store = registry.store
    store.delete_prompt_version(name, "2")
    store.rename_registered_model(name, "free_prompt")
    store.rename_registered_model("free_prompt", name)
    store.delete_prompt(name)
    assert store.get_prompt(name) is None


@pytest.mark.parametrize("prompt", [True, False])
def test_nothing_becomes_a_prompt_or_ceases_to_be_one(lite: GuardedClient, prompt: bool) -> None:
    store, client = lite.store, lite.client
    if prompt:
        client.register_prompt(M, "Say {{word}}.")
    else:
        make_version(lite.plain, M)
    for value in ("true", "false"):
        assert "hides a model" in refused(store.set_prompt_tag, M, PROMPT, value)
        refused(store.set_prompt_version_tag, M, "1", PROMPT, value)
    refused(store.delete_prompt_tag, M, PROMPT)
    refused(store.delete_prompt_version_tag, M, "1", PROMPT)
    assert store.get_registered_model(M)._is_prompt() is prompt
    assert store.get_model_version(M, 1)._is_prompt() is prompt


def test_a_version_of_a_model_is_no_prompt(registry: GuardedClient) -> None:
    # One such version hides all versions of the model from MLflow's search.
    in_production(registry)
    client = registry.client  # which would refuse the tag itself
    registry.store.create_model_version(M, "s3://bucket/x", tags=[ModelVersionTag(PROMPT, "true")])
    assert client.get_model_version(M, "2").tags == {}
    assert {int(v.version) for v in client.search_model_versions(f"name = '{M}'")} == {1, 2}


def test_a_model_among_prompts_is_a_model(lite: GuardedClient) -> None:
    client, store = lite.client, lite.store
    client.register_prompt(M, "Say {{word}}.")
    store.create_model_version(M, "s3://bucket/model")
    assert not store.get_model_version(M, 2)._is_prompt()
    refused(store.set_registered_model_alias, M, "production", "2")
    refused(store.transition_model_version_stage, M, "2", "Production", False)
    assert store.get_registered_model(M).aliases == {}


def test_a_prompt_cannot_be_a_models_disguise(lite: GuardedClient) -> None:
    store = lite.store
    store.create_prompt("free_prompt")
    store.create_model_version("free_prompt", "s3://bucket/model")
    store.set_registered_model_alias("free_prompt", "production", "1")
    assert "has the alias production" in refused(store.rename_registered_model, "free_prompt", M)

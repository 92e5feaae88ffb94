"""The versions of a model as dicts, in pages."""

from __future__ import annotations

import pytest

from hotpass.errors import CallError, NotFound
from hotpass.ml import ModelStage, get_model_metadata
from hotpass.registry import mlflow_registry
from support.versions import make_version

NAME = "lead_scoring"


def test_every_version_is_there_highest_first_with_its_facts(any_store):
    for auc in (0.7, 0.8):
        make_version(any_store, NAME, metrics={"roc_auc": auc}, tags={"owner": "ada"})
    any_store.client.set_registered_model_alias(NAME, "champion", 1)
    any_store.client.set_registered_model_alias(NAME, "best", 1)
    second, first = get_model_metadata(NAME)
    assert [int(second["version"]), int(first["version"])] == [2, 1]
    assert first["aliases"] == ["best", "champion"]
    assert second["aliases"] == []
    assert first["tags"]["owner"] == "ada"
    assert any_store.client.get_run(first["run_id"]).data.metrics == {"roc_auc": 0.7}
    assert first["created_at"] <= second["created_at"]
    assert first["stage"] == ModelStage.NONE


def test_only_those_in_a_stage(sqlite_store):
    for _ in range(3):
        make_version(sqlite_store, NAME)
    sqlite_store.client.transition_model_version_stage(NAME, "2", "Production")
    assert [m["version"] for m in get_model_metadata(NAME, stage=ModelStage.PRODUCTION)] == [2]
    assert [m["version"] for m in get_model_metadata(NAME, stage="production")] == [2]
    assert [m["version"] for m in get_model_metadata(NAME, stage="None")] == [3, 1]
    assert get_model_metadata(NAME, stage="Staging") == []


def test_where_there_are_no_stages_the_tag_says_it(alias_only_store):
    make_version(alias_only_store, NAME, tags={"hotpass.stage": "Production"})
    assert [m["version"] for m in get_model_metadata(NAME, stage="Production")] == [1]


def test_it_turns_the_pages_and_never_asks_for_one_version(http_store, through_proxy, monkeypatch):
    for _ in range(5):
        make_version(http_store, NAME, artifacts=False)
    monkeypatch.setattr(mlflow_registry, "PAGE", 2)
    with through_proxy(http_store) as (_, proxy):
        assert [m["version"] for m in get_model_metadata(NAME)] == [5, 4, 3, 2, 1]
        paths = [request.path.partition("?")[0].rsplit("/", 2)[-2:] for request in proxy.requests]
    asked = [path for path in paths if path != ["", "version"] and "model" in path[0]]
    assert len([path for path in asked if path == ["model-versions", "search"]]) == 3
    assert len(asked) <= 4, paths


def test_an_unknown_name_is_answered_with_those_that_exist(sqlite_store):
    with pytest.raises(NotFound, match=r"the registry .* is empty"):
        get_model_metadata(NAME)
    make_version(sqlite_store, NAME, artifacts=False)
    make_version(sqlite_store, "churn", artifacts=False)
    with pytest.raises(
        NotFound, match=r"Did you mean 'lead_scoring'\? The registry has: lead_scoring, churn"
    ):
        get_model_metadata("lead-scoring")


def test_a_stage_that_cannot_be_one_is_refused(sqlite_store):
    make_version(sqlite_store, NAME, artifacts=False)
    with pytest.raises(CallError, match="is not a stage"):
        get_model_metadata(NAME, stage="v1")

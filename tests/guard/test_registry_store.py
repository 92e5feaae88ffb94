"""The guarded registry store, as a client with a `hotpass+…` URI has it; over HTTP see the bypass matrix."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hotpass
from support.guarded_clients import POLICY, GuardedClient, guarded_client
from support.stores import Store
from support.versions import make_version

M = "guarded_m"


@pytest.fixture(params=["sqlite", "sqlite-workspaces", "postgres", "postgres-workspaces"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> GuardedClient:
    """SQLite and PostgreSQL, MLflow's plain store and its workspace-aware one below the guard."""
    kind, _, workspaces = request.param.partition("-")
    return guarded_client(request.getfixturevalue(f"{kind}_store"), tmp_path, workspaces=bool(workspaces))


@pytest.fixture
def lite(sqlite_store: Store, tmp_path: Path) -> GuardedClient:
    """One of them, for what no database decides."""
    return guarded_client(sqlite_store, tmp_path)


def refused(call: Callable[..., Any], *args: Any, code: str = "PERMISSION_DENIED", **kwargs: Any) -> str:
    """The message of the MlflowException that the call raises, with this code."""
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        call(*args, **kwargs)
    assert caught.value.error_code == code, caught.value
    return str(caught.value.message)


def in_production(registry: GuardedClient, model: str = M) -> int:
    version = make_version(registry.plain, model, metrics={"roc_auc": 0.8})
    registry.client.transition_model_version_stage(model, str(version), "Staging")
    registry.client.transition_model_version_stage(model, str(version), "Production")
    return version


# --- promotions ---------------------------------------------------------------------------------------------


def test_a_transition_is_a_promotion(registry: GuardedClient) -> None:
    make_version(registry.plain, M, metrics={"roc_auc": 0.8})
    make_version(registry.plain, M, metrics={"roc_auc": 0.72})

    moved = registry.client.transition_model_version_stage(M, "1", "staging")
    assert (moved.current_stage, list(moved.aliases), moved.version) == ("Staging", ["staging"], 1)
    registry.client.transition_model_version_stage(M, "1", "PRODUCTION", archive_existing_versions=True)
    registry.client.transition_model_version_stage(M, "2", "Staging")
    text = refused(registry.client.transition_model_version_stage, M, "2", "Production")

    assert text.startswith(f"{M} version 2: Staging -> Production denied\n  - metric_threshold failed: ")
    assert registry.serving(M) == ({"production": 1, "staging": 2}, {1: "Production", 2: "Staging"})
    assert registry.outcomes(M) == [
        "1 None -> Staging allowed", "1 Staging -> Production allowed",
        "2 None -> Staging allowed", "2 Staging -> Production denied",
    ]  # fmt: skip


def test_an_alias_of_a_stage_is_a_promotion(registry: GuardedClient) -> None:
    make_version(registry.plain, M, metrics={"roc_auc": 0.8})
    refused(registry.client.set_registered_model_alias, M, "production", "1")
    registry.client.set_registered_model_alias(M, "staging", "1")
    registry.client.set_registered_model_alias(M, "production", "1")
    assert registry.serving(M) == ({"production": 1}, {1: "Production"})
    assert [outcome.rsplit(" ", 1)[1] for outcome in registry.outcomes(M)] == ["denied", "allowed", "allowed"]


@pytest.mark.parametrize("version", ["1", 1, "01", " 1 ", "+1"])
def test_a_version_is_written_as_mlflow_reads_it(lite: GuardedClient, version: Any) -> None:
    # `_validate_model_version` takes whatever int() takes.
    make_version(lite.plain, M, metrics={"roc_auc": 0.8})
    lite.store.transition_model_version_stage(M, version, "Staging", False)
    lite.store.set_registered_model_alias(M, "production", version)
    assert lite.serving(M) == ({"production": 1}, {1: "Production"})


def test_the_same_request_again_just_succeeds(lite: GuardedClient) -> None:
    # MLflow's client sends a POST again whose answer was late.
    in_production(lite)
    before = lite.outcomes(M)
    moved = lite.client.transition_model_version_stage(M, "1", "Production", archive_existing_versions=True)
    lite.client.set_registered_model_alias(M, "production", "1")
    assert (moved.current_stage, lite.outcomes(M)) == ("Production", before)


@pytest.mark.parametrize("alias", ["Production", "PRODUCTION", "pRoduction", "\uff50roduction", "Champion"])
def test_a_guarded_alias_is_written_in_lower_case(lite: GuardedClient, alias: str) -> None:
    in_production(lite)
    before = lite.serving(M)
    text = refused(lite.client.set_registered_model_alias, M, alias, "1")
    assert ("Write: production" if alias[0] != "C" else "Write: champion") in text
    assert lite.serving(M) == before


def test_other_aliases_are_free(registry: GuardedClient) -> None:
    make_version(registry.plain, M)
    registry.client.set_registered_model_alias(M, "shadow", "1")
    assert registry.serving(M) == ({"shadow": 1}, {})
    registry.client.delete_registered_model_alias(M, "shadow")
    assert registry.serving(M) == ({}, {})


def test_an_own_alias_of_a_policy_follows_production(registry: GuardedClient) -> None:
    first = in_production(registry)
    second = make_version(registry.plain, M, metrics={"roc_auc": 0.9})
    registry.client.set_registered_model_alias(M, "champion", str(first))
    registry.client.transition_model_version_stage(M, str(second), "Staging")
    text = refused(registry.client.set_registered_model_alias, M, "champion", str(second))
    assert "may point only at the version that is in Production, and version 2 is in Staging" in text
    registry.client.transition_model_version_stage(M, str(second), "Production")
    assert registry.serving(M)[0] == {"champion": 1, "production": 2}
    registry.client.set_registered_model_alias(M, "champion", str(second))
    assert registry.serving(M)[0] == {"champion": 2, "production": 2}
    assert "may not be deleted" in refused(registry.client.delete_registered_model_alias, M, "champion")


def test_an_own_alias_does_not_follow_what_came_past_hotpass(lite: GuardedClient) -> None:
    make_version(lite.plain, M, metrics={"roc_auc": 0.8})
    lite.plain.client.transition_model_version_stage(M, "1", "Production")
    lite.plain.client.set_registered_model_alias(M, "production", "1")
    text = refused(lite.client.set_registered_model_alias, M, "champion", "1")
    assert f"hotpass adopt {M}" in text
    hotpass.adopt(M, registry_uri=lite.plain.uri)
    lite.client.set_registered_model_alias(M, "champion", "1")
    assert lite.serving(M)[0] == {"champion": 1, "production": 1}


def test_archiving_by_hand_needs_an_entry(registry: GuardedClient) -> None:
    in_production(registry)
    text = refused(registry.client.transition_model_version_stage, M, "1", "Archived")
    assert "archive_reason" in text
    assert "taking away" in refused(registry.client.transition_model_version_stage, M, "1", "None")
    registry.client.set_model_version_tag(M, "1", "archive_reason", "drifted")
    registry.client.transition_model_version_stage(M, "1", "Archived")
    assert registry.serving(M) == ({}, {1: "Archived"})


def test_what_does_not_serve_may_be_put_away(lite: GuardedClient) -> None:
    make_version(lite.plain, M, metrics={"roc_auc": 0.8})
    make_version(lite.plain, M, metrics={"roc_auc": 0.1})
    lite.client.transition_model_version_stage(M, "1", "Staging")
    lite.client.transition_model_version_stage(M, "1", "None")
    lite.client.transition_model_version_stage(M, "2", "Archived")
    assert lite.serving(M) == ({}, {2: "Archived"})


def test_archiving_the_others_follows_the_policy(sqlite_store: Store, tmp_path: Path) -> None:
    both = POLICY.replace("    from: Staging\n", "    from: Staging\n    archive_existing: false\n")
    registry = guarded_client(sqlite_store, tmp_path, both)
    in_production(registry)
    make_version(registry.plain, M, metrics={"roc_auc": 0.8})
    registry.client.transition_model_version_stage(M, "2", "Staging")
    text = refused(
        registry.client.transition_model_version_stage, M, "2", "Production",
        archive_existing_versions=True, code="INVALID_PARAMETER_VALUE",
    )  # fmt: skip
    assert "contradicts the policy" in text
    registry.client.transition_model_version_stage(M, "2", "Production")
    assert registry.serving(M) == ({"production": 2}, {1: "Production", 2: "Production"})


def test_a_teams_own_stage_is_reached_by_its_alias(sqlite_store: Store, tmp_path: Path) -> None:
    canary = POLICY + (
        "  - to: Canary\n    gates:\n      - metric_threshold:\n          roc_auc: {at_least: 0.75}\n"
    )
    registry = guarded_client(sqlite_store, tmp_path, canary)
    make_version(registry.plain, M, metrics={"roc_auc": 0.8})
    make_version(registry.plain, M, metrics={"roc_auc": 0.1})
    refused(registry.client.set_registered_model_alias, M, "canary", "2")
    registry.client.set_registered_model_alias(M, "canary", "1")
    registry.client.set_registered_model_alias(M, "canary", "1")
    assert registry.client.get_model_version(M, "1").tags["hotpass.stage"] == "Canary"
    assert registry.outcomes(M) == ["2 None -> Canary denied", "1 None -> Canary allowed"]


def test_not_yet_says_when(sqlite_store: Store, tmp_path: Path) -> None:
    dwell = POLICY.replace(
        "    from: Staging\n    gates:\n", "    from: Staging\n    gates:\n      - staging_dwell: 24h\n"
    )
    registry = guarded_client(sqlite_store, tmp_path, dwell)
    make_version(registry.plain, M, metrics={"roc_auc": 0.8})
    registry.client.transition_model_version_stage(M, "1", "Staging")
    text = refused(registry.client.transition_model_version_stage, M, "1", "Production")
    assert "-> Production pending" in text
    assert "Try again after" in text


def test_without_a_policy_all_may_be_denied(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTPASS_UNMATCHED", "deny")
    registry = guarded_client(sqlite_store, tmp_path)
    make_version(registry.plain, "free", metrics={"roc_auc": 0.8})
    text = refused(registry.client.transition_model_version_stage, "free", "1", "Staging")
    assert "no policy covers free" in text
    assert "no policy covers free" in refused(
        registry.client.set_registered_model_alias, "free", "staging", "1"
    )


def test_faults_are_those_that_a_client_expects(lite: GuardedClient) -> None:
    make_version(lite.plain, M, metrics={"roc_auc": 0.8})
    move, point = lite.store.transition_model_version_stage, lite.store.set_registered_model_alias
    bad, missing = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"
    refused(move, "guarded_none", "1", "Staging", False, code=missing)
    refused(move, M, "7", "Staging", False, code=missing)
    refused(move, M, "9" * 12, "Staging", False, code=missing)
    refused(move, M, "one", "Staging", False, code=bad)
    refused(move, M, "1", "Live", False, code=bad)
    refused(move, M, "1", "Archived", True, code="INTERNAL_ERROR")  # as MLflow itself
    refused(point, M, "staging", "7", code=missing)
    refused(point, M, "staging", "v1", code=bad)
    refused(point, M, "Latest", "1", code=bad)
    refused(point, M, "", "1", code=bad)
    refused(point, M, "sta:ging", "1", code=bad)
    assert lite.serving(M) == ({}, {})


def test_a_ledger_out_of_reach_moves_nothing(
    lite: GuardedClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_version(lite.plain, M, metrics={"roc_auc": 0.8})
    monkeypatch.setenv("HOTPASS_LEDGER_URI", "postgresql+psycopg2://u:sesame-street@127.0.0.1:1/ledger")
    text = refused(
        lite.client.transition_model_version_stage, M, "1", "Staging", code="TEMPORARILY_UNAVAILABLE"
    )
    assert "sesame-street" not in text
    monkeypatch.setenv("HOTPASS_LEDGER_URI", f"sqlite:///{tmp_path}/nowhere.db")
    refused(lite.client.transition_model_version_stage, M, "1", "Staging", code="TEMPORARILY_UNAVAILABLE")
    # Without the ledger nobody knows whether the version has a history.
    refused(lite.client.delete_model_version, M, "1", code="TEMPORARILY_UNAVAILABLE")
    assert lite.serving(M) == ({}, {})


# --- taking away --------------------------------------------------------------------------------------------


def test_what_serves_or_has_a_history_stays(registry: GuardedClient) -> None:
    in_production(registry)
    make_version(registry.plain, M, metrics={"roc_auc": 0.1})
    refused(registry.client.transition_model_version_stage, M, "2", "Staging")
    before = registry.serving(M)
    client = registry.client
    assert "is read by it" in refused(client.delete_registered_model_alias, M, "production")
    text = refused(client.delete_model_version, M, "1")
    assert "- it stands in Production\n" in text
    assert "the ledger has 2 records about it" in text
    assert "the ledger has 1 record about it" in refused(client.delete_model_version, M, "2")
    assert "version 1: it stands in Production" in refused(client.delete_registered_model, M)
    for new in ("free", "guarded_other"):
        text = refused(client.rename_registered_model, M, new)
        assert "version 1: it stands in Production" in text
        assert "the ledger of guarded_m has 3 records" in text
    assert registry.serving(M) == before
    assert {int(v.version) for v in client.search_model_versions(f"name = '{M}'")} == {1, 2}


def test_what_is_nobodys_business_goes(registry: GuardedClient) -> None:
    make_version(registry.plain, M)
    make_version(registry.plain, M)
    client = registry.client
    client.delete_registered_model_alias(M, "production")  # which it does not have
    client.delete_model_version(M, "1")
    client.rename_registered_model(M, "guarded_n")
    client.rename_registered_model("guarded_n", "free")
    client.rename_registered_model("free", M)
    client.delete_registered_model(M)
    refused(client.get_registered_model, M, code="RESOURCE_DOES_NOT_EXIST")


def test_an_alias_in_another_case_from_before_the_guard_stays_too(lite: GuardedClient) -> None:
    make_version(lite.plain, M)
    lite.plain.client.set_registered_model_alias(M, "PRODUCTION", "1")
    refused(lite.client.delete_registered_model_alias, M, "PRODUCTION")
    refused(lite.client.delete_model_version, M, "1")
    refused(lite.client.rename_registered_model, M, "free")
    assert lite.serving(M)[0] == {"PRODUCTION": 1}


def test_nothing_is_renamed_into_reach_with_what_no_decision_gave(registry: GuardedClient) -> None:
    client = registry.client
    names = {
        "staged": "stands in Staging",
        "aliased": "has the alias Production",
        "tagged": "hotpass.decision",
        "marked": "mlflow.prompt.is_prompt",
        "own": "hotpass.head",
    }
    for name in names:
        make_version(registry.plain, name)
    client.transition_model_version_stage("staged", "1", "Staging")
    client.set_registered_model_alias("aliased", "Production", "1")
    client.set_model_version_tag("tagged", "1", "hotpass.decision", "forged")
    client.set_model_version_tag("marked", "1", "mlflow.prompt.is_prompt", "true")
    client.set_registered_model_tag("own", "hotpass.head", "forged")
    for name, reason in names.items():
        assert reason in refused(client.rename_registered_model, name, f"guarded_{name}")
    make_version(registry.plain, "past", metrics={"roc_auc": 0.8})
    with hotpass.connect(registry_uri=registry.plain.uri) as session:
        session.promote("past", 1, "Staging")
        session.promote("past", 1, "None")
    assert "the ledger of past has 2 records" in refused(
        client.rename_registered_model, "past", "guarded_past"
    )


def test_a_model_made_again_inherits_nothing(lite: GuardedClient) -> None:
    in_production(lite)
    lite.plain.client.delete_registered_model(M)  # past the guard
    make_version(lite.plain, M, metrics={"roc_auc": 0.8})
    text = refused(lite.client.set_registered_model_alias, M, "champion", "1")
    assert "Promote it first" in text
    refused(lite.client.transition_model_version_stage, M, "1", "Production")
    # Its version 1 has no record of its own, but the model's name has.
    lite.client.set_model_version_tag(M, "1", "note", "a")
    lite.client.set_model_version_tag(M, "1", "note", "b")
    assert "the ledger of the model has" in refused(lite.client.delete_registered_model, M)


def test_a_version_is_not_deleted_while_it_is_being_promoted(registry: GuardedClient) -> None:
    # Both hold the model's lock for the whole of what they do.
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion

    make_version(registry.plain, M)
    store, raised = registry.store, []

    def delete() -> None:
        try:
            store.delete_model_version(M, "1")
        except Exception as error:
            raised.append(error)

    deleting = threading.Thread(target=delete)
    with store._sessions.locked(lambda session: store._rows(session, M)) as session:
        deleting.start()
        time.sleep(0.5)
        session.query(SqlModelVersion).filter_by(name=M).update({"current_stage": "Production"})
    deleting.join(30)
    assert [error.error_code for error in raised] == ["PERMISSION_DENIED"]
    assert registry.serving(M) == ({}, {1: "Production"})


# --- tags ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["hotpass.decision", "HOTPASS.decision", "hotpass.anything", "hótpass.x"])
def test_tags_of_hotpass_are_its_own(lite: GuardedClient, key: str) -> None:
    in_production(lite)
    client = lite.client
    before = client.get_model_version(M, "1").tags, client.get_registered_model(M).tags
    for refusal in (
        refused(client.set_model_version_tag, M, "1", key, "x"),
        refused(client.delete_model_version_tag, M, "1", key),
        refused(client.set_registered_model_tag, M, key, "x"),
        refused(client.delete_registered_model_tag, M, key),
    ):
        assert "written by Hotpass alone" in refusal
    assert (client.get_model_version(M, "1").tags, client.get_registered_model(M).tags) == before


def test_a_frozen_version_takes_new_tags_and_keeps_those_it_has(registry: GuardedClient) -> None:
    make_version(registry.plain, M, metrics={"roc_auc": 0.8}, tags={"owner": "ada"})
    client = registry.client
    client.set_model_version_tag(M, "1", "owner", "bob")
    client.delete_model_version_tag(M, "1", "owner")
    client.set_model_version_tag(M, "1", "owner", "ada")
    client.transition_model_version_stage(M, "1", "Staging")
    client.set_model_version_tag(M, "1", "reviewed", "yes")
    client.set_model_version_tag(M, "1", "reviewed", "yes")  # sent again
    client.delete_model_version_tag(M, "1", "never set")
    assert "may not be changed" in refused(client.set_model_version_tag, M, "1", "owner", "bob")
    assert "may not be taken away" in refused(client.delete_model_version_tag, M, "1", "reviewed")
    client.transition_model_version_stage(M, "1", "None")
    # What a decision was about stays frozen.
    refused(client.set_model_version_tag, M, "1", "owner", "bob")
    tags = client.get_model_version(M, "1").tags
    assert (tags["owner"], tags["reviewed"]) == ("ada", "yes")


def test_a_models_own_tags_are_free(lite: GuardedClient) -> None:
    in_production(lite)
    lite.client.set_registered_model_tag(M, "team", "risk")
    lite.client.delete_registered_model_tag(M, "team")
    assert "team" not in lite.client.get_registered_model(M).tags


def test_created_without_tags_of_hotpass(registry: GuardedClient) -> None:
    forged = {"hotpass.decision": "x", "hotpass.artifact_digest": "y", "owner": "ada"}
    client = registry.client
    model = client.create_registered_model(M, tags=forged)
    assert model.tags == {"owner": "ada"}
    version = client.create_model_version(M, "s3://bucket/model", tags=forged, await_creation_for=0)
    assert version.tags == {"owner": "ada"}


def test_a_copy_has_no_tags_of_hotpass(registry: GuardedClient) -> None:
    version = in_production(registry)
    source = registry.client.get_model_version(M, str(version))
    assert "hotpass.decision" in source.tags
    copy = registry.client.copy_model_version(f"models:/{M}/{version}", "guarded_copy")
    assert (copy.name, copy.current_stage, copy.tags) == ("guarded_copy", "None", {})
    refused(registry.client.set_registered_model_alias, "guarded_copy", "production", "1")


# --- prompts ------------------------------------------------------------------------------------------------

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
    from mlflow.entities.model_registry import ModelVersionTag

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


# --- observing ----------------------------------------------------------------------------------------------


def test_observing_refuses_nothing_and_records_it(
    registry: GuardedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTPASS_GUARD_OBSERVE", "true")
    make_version(registry.plain, M, metrics={"roc_auc": 0.1}, tags={"owner": "ada"})
    client = registry.client
    moved = client.transition_model_version_stage(M, "1", "Production")
    assert moved.current_stage == "Production"
    client.set_registered_model_alias(M, "Production", "1")
    client.set_model_version_tag(M, "1", "owner", "bob")
    client.set_model_version_tag(M, "1", "new", "tag")  # which no guard refuses
    client.delete_registered_model_alias(M, "Production")
    bodies = [entry.record.body for entry in hotpass.history(M, registry_uri=registry.plain.uri)]
    assert [body["call"] for body in bodies] == [
        "transition_model_version_stage", "set_registered_model_alias", "set_model_version_tag",
        "delete_registered_model_alias",
    ]  # fmt: skip
    assert "lets a version into Production only from Staging" in str(bodies[0]["reasons"])


def test_observing_still_promotes(lite: GuardedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTPASS_GUARD_OBSERVE", "true")
    in_production(lite)
    assert lite.outcomes(M) == ["1 None -> Staging allowed", "1 Staging -> Production allowed"]

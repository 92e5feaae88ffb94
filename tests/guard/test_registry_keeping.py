"""The guarded registry store: what serves, has a history or was evidence stays as it is."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

import hotpass
from hotpass.candidate import Person
from hotpass.ledger.seal import Seal
from hotpass.people import REGISTERED_BY_SEAL_TAG, registrant_of
from hotpass.registry.convert import version_facts
from support.guarded_clients import GuardedClient, M, in_production, refused
from support.versions import make_version


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


def test_who_registered_a_version_is_on_it(registry: GuardedClient) -> None:
    """Where MLflow's auth says who that is: in `g.mlflow_authenticated_user`."""
    from flask import Flask, g
    from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag

    store, source, key = registry.store, "s3://bucket/model", "hotpass.registered_by"
    forged = [ModelVersionTag(key, "ana"), ModelVersionTag("HotPass.Registered_By", "ana")]
    mark = "mlflow.prompt.is_prompt"
    for name in (M, "free"):
        store.create_registered_model(name)
    store.create_registered_model("guarded_prompt", [RegisteredModelTag(mark, "true")])
    with Flask("test").test_request_context():
        assert store.create_model_version(M, source, tags=forged).tags == {}
        g.mlflow_authenticated_user = "eve"
        made = [store.create_model_version(M, source, tags=tags) for tags in (None, forged)]
        free = store.create_model_version("free", source)
        prompt = store.create_model_version("guarded_prompt", source, tags=[ModelVersionTag(mark, "true")])
    assert [version.tags for version in made] == [{key: "eve"}, {key: "eve"}]
    assert registry.plain.client.get_model_version(M, "3").tags == {key: "eve"}
    assert (free.tags, prompt.tags) == ({}, {mark: "true"})
    assert "written by Hotpass alone" in refused(registry.client.delete_model_version_tag, M, "3", key)


def test_with_a_key_who_registered_a_version_is_sealed(
    registry: GuardedClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flask import Flask, g
    from mlflow.entities.model_registry import ModelVersionTag

    key = tmp_path / "guard.key"
    key.write_text("k" * 64)
    key.chmod(0o600)
    monkeypatch.setenv("HOTPASS_GUARD_KEY_FILE", str(key))
    store, seal, source = registry.store, Seal(b"k" * 64), "s3://bucket/model"
    store.create_registered_model(M)
    with Flask("test").test_request_context():
        g.mlflow_authenticated_user = "eve"
        first = store.create_model_version(M, source)
        replayed = [ModelVersionTag(tag, value) for tag, value in first.tags.items()]
        store.create_model_version(M, source, tags=replayed)
    store.create_model_version(M, source, tags=replayed)
    found = [version_facts(registry.plain.client.get_model_version(M, str(n))) for n in (1, 2, 3)]
    assert first.tags == found[0].tags
    assert [registrant_of(facts, seal.proves) for facts in found] == [
        Person("eve", True), Person("eve", True), None,
    ]  # fmt: skip
    assert found[0].tags[REGISTERED_BY_SEAL_TAG] != found[1].tags[REGISTERED_BY_SEAL_TAG]


def test_a_copy_has_no_tags_of_hotpass(registry: GuardedClient) -> None:
    version = in_production(registry)
    source = registry.client.get_model_version(M, str(version))
    assert "hotpass.decision" in source.tags
    copy = registry.client.copy_model_version(f"models:/{M}/{version}", "guarded_copy")
    assert (copy.name, copy.current_stage, copy.tags) == ("guarded_copy", "None", {})
    refused(registry.client.set_registered_model_alias, "guarded_copy", "production", "1")

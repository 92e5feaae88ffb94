"""The guarded registry store where letter case is nothing, with workspaces, with webhooks, and observing."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag

import hotpass
from support.guarded_clients import GuardedClient, M, guarded_client, in_production, refused
from support.stores import Store
from support.versions import make_version


@pytest.fixture
def caseless(sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GuardedClient:
    """SQLite with the columns of names, aliases and tag keys as MySQL and SQL Server compare them."""
    import contextlib
    import sqlite3

    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        for width in (250, 256):
            db.execute(
                "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name IN ('registered_models', "
                "'model_versions', 'registered_model_tags', 'model_version_tags', "
                "'registered_model_aliases')",
                (f"VARCHAR({width})", f"VARCHAR({width}) COLLATE NOCASE"),
            )
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as db:
        db.execute("REINDEX")
    from hotpass.guard import registry_view

    monkeypatch.setattr(registry_view, "_EXACT", ("postgresql",))
    return guarded_client(sqlite_store, tmp_path)


def test_no_other_spelling_leads_past_the_guard(caseless: GuardedClient) -> None:
    in_production(caseless)
    make_version(caseless.plain, M, metrics={"roc_auc": 0.1}, tags={"owner": "ada"})
    store, before = caseless.store, caseless.serving(M)
    loud = M.upper()
    assert store.get_registered_model(loud).name == M
    refused(store.transition_model_version_stage, loud, "2", "Production", False)
    refused(store.set_registered_model_alias, loud, "production", "2")
    refused(store.set_registered_model_alias, M, "PRODUCTION", "2")
    refused(store.delete_registered_model_alias, loud, "Production")
    refused(store.delete_model_version, loud, "1")
    refused(store.delete_registered_model, loud)
    refused(store.rename_registered_model, loud, "free")
    refused(store.set_model_version_tag, loud, "1", ModelVersionTag("HOTPASS.decision", "forged"))
    refused(store.set_registered_model_tag, loud, RegisteredModelTag("MLflow.prompt.is_prompt", "true"))
    store.set_model_version_tag(loud, "1", ModelVersionTag("owner", "ada"))
    refused(store.set_model_version_tag, loud, "1", ModelVersionTag("OWNER", "bob"))
    assert (
        store.create_model_version(loud, "s3://b/m", None, [ModelVersionTag("Hotpass.stage", "x")]).tags == {}
    )
    assert caseless.serving(M) == before


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_workspaces_know_nothing_of_each_other(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = guarded_client(request.getfixturevalue(f"{kind}_store"), tmp_path, workspaces=True)
    in_production(registry)
    monkeypatch.setenv("MLFLOW_WORKSPACE", "elsewhere")
    make_version(registry.plain, M, metrics={"roc_auc": 0.8})
    assert registry.serving(M) == ({}, {})
    refused(registry.client.transition_model_version_stage, M, "1", "Production")
    registry.client.transition_model_version_stage(M, "1", "Staging")
    assert registry.serving(M) == ({"staging": 1}, {1: "Staging"})
    assert registry.outcomes(M) == ["1 None -> Production denied", "1 None -> Staging allowed"]
    monkeypatch.setenv("MLFLOW_WORKSPACE", "default")
    assert registry.serving(M) == ({"production": 1}, {1: "Production"})
    assert len(registry.outcomes(M)) == 2


def test_webhooks_are_told_of_each_alias_once(lite: GuardedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    # MLflow's server tells them of an alias that was set or deleted once the store's method is through; of a
    # stage transition it tells nobody.
    from mlflow.webhooks import delivery

    told: list[tuple[str, str]] = []
    monkeypatch.setattr(
        delivery,
        "deliver_webhook",
        lambda event, payload, store: told.append((event.action.value, payload["alias"])),
    )
    make_version(lite.plain, M, metrics={"roc_auc": 0.8})
    lite.client.transition_model_version_stage(M, "1", "Staging")
    assert told == [("created", "staging")]
    lite.client.set_registered_model_alias(M, "production", "1")
    assert told[1:] == [("deleted", "staging")]


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

"""The guarded registry store, as a client with a `hotpass+…` URI has it: transitions and aliases are
promotions. Over HTTP see the bypass matrix.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import hotpass
from support.guarded_clients import POLICY, GuardedClient, M, guarded_client, in_production, refused
from support.stores import Store
from support.versions import make_version


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

"""`promote_model` goes through the engine: gates, ledger, alias and stage."""

from __future__ import annotations

import pytest

import hotpass
from hotpass.errors import CallError, PromotionDenied
from hotpass.ml import ModelStage, get_model_metadata, promote_model
from support.versions import make_version

NAME = "lead_scoring"
POLICY = """
policy: lead-scoring
models: [lead_scoring]
promotions:
  - to: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.7}
  - to: Production
    from: Staging
    gates:
      - signature
"""


@pytest.fixture
def policies(tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "lead.yaml").write_text(POLICY)
    return folder


def stages() -> dict[int, str]:
    return {version["version"]: version["stage"] for version in get_model_metadata(NAME)}


def test_without_a_policy_production_is_reached_from_staging_only(store):
    make_version(store, NAME)
    with pytest.raises(PromotionDenied):
        promote_model(model_name=NAME, version=1, stage=ModelStage.PRODUCTION)
    assert promote_model(model_name=NAME, version=1, stage=ModelStage.STAGING, archive_existing=False).allowed
    decision = promote_model(NAME, "latest", ModelStage.PRODUCTION, archive_existing=True, reason="the guide")
    assert decision.reason == "the guide"
    assert stages() == {1: "Production"}
    assert store.client.get_model_version_by_alias(NAME, "production").version in (1, "1")


def test_the_champion_is_archived_and_the_history_knows(sqlite_store):
    for version in (1, 2):
        make_version(sqlite_store, NAME)
        promote_model(NAME, version, ModelStage.STAGING)
        promote_model(NAME, version, ModelStage.PRODUCTION, archive_existing=True)
    assert stages() == {1: "Archived", 2: "Production"}
    assert hotpass.history(NAME)


def test_policies_decide(sqlite_store, policies):
    make_version(sqlite_store, NAME, metrics={"roc_auc": 0.6})
    with pytest.raises(PromotionDenied, match="roc_auc") as caught:
        promote_model(NAME, 1, ModelStage.STAGING, policies=policies)
    assert caught.value.decision.to_stage == "Staging"
    assert stages() == {1: "None"}


def test_the_environment_names_the_policies(sqlite_store, policies, monkeypatch):
    make_version(sqlite_store, NAME, metrics={"roc_auc": 0.6})
    monkeypatch.setenv("HOTPASS_POLICIES", str(policies))
    with pytest.raises(PromotionDenied, match="roc_auc"):
        promote_model(NAME, 1, ModelStage.STAGING)


def test_a_version_that_is_none_is_refused(sqlite_store):
    make_version(sqlite_store, NAME)
    with pytest.raises(CallError, match="not a version"):
        promote_model(NAME, "newest", ModelStage.STAGING)

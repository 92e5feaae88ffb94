"""Metrics that policies ask for and no recent version logged, on a real registry."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from hotpass.logged_metrics import RECENT, metric_warnings
from hotpass.policy.loader import load_policies
from hotpass.registry.mlflow_registry import MlflowRegistry
from support.stores import Store
from support.versions import make_version

POLICY = """\
policy: lead
models: ["lead_*"]
promotions:
  - to: Staging
    gates:
      - metric_threshold: {roc_auc: {at_least: 0.7}}
      - metric_threshold: {log_loss: {at_most: 0.7, dataset: validation}}
        name: loss
      - champion_comparison: {recall: {may_lose_at_most: 0.1}}
      - signature
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "lead.yaml"
    file.write_text(POLICY)
    return file


def said(store: Store, policy: Path) -> Mapping[int, str]:
    """The warnings by their lines, each with its remedy behind it."""
    found = metric_warnings(load_policies(policy).policies, MlflowRegistry(store.uri, store.uri))
    assert {(warning.rule, warning.path) for warning in found} <= {("metric-not-logged", "lead.yaml")}
    return {warning.line: f"{warning.message}. {warning.remedy}" for warning in found}


def test_what_every_version_logged_is_not_warned_of(sqlite_store: Store, policy: Path) -> None:
    make_version(sqlite_store, "lead_a", metrics={"roc_auc": 0.1, "recall": 0.5}, artifacts=False,
                 run_metrics={"log_loss": 9.0})  # fmt: skip
    make_version(sqlite_store, "other", metrics={"x": 1.0}, artifacts=False)
    sqlite_store.client.create_registered_model("lead_empty")
    assert said(sqlite_store, policy) == {}


def test_the_name_that_was_likely_meant_is_said(sqlite_store: Store, policy: Path) -> None:
    for _ in range(3):
        make_version(sqlite_store, "lead_a", metrics={"val_roc_auc": 0.8}, artifacts=False,
                     dataset="test", run_metrics={"log_loss": 0.5})  # fmt: skip
    assert said(sqlite_store, policy) == {
        6: "metric_threshold asks for roc_auc, which none of the newest 3 versions of lead_a logged. "
        "Did you mean val_roc_auc? lead_a has log_loss and val_roc_auc.",
        7: "metric_threshold 'loss' asks for log_loss on the data set validation, which none of the newest 3 "
        "versions of lead_a logged. It was logged on test.",
        9: "champion_comparison asks for recall, which none of the newest 3 versions of lead_a logged. "
        "lead_a has log_loss and val_roc_auc.",
    }


def test_one_recent_version_is_enough(
    sqlite_store: Store, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotpass.logged_metrics.RECENT", 2)
    all_of_it = {"roc_auc": 0.1, "recall": 0.5, "log_loss": 0.5}
    make_version(sqlite_store, "lead_a", metrics=all_of_it, artifacts=False)
    make_version(sqlite_store, "lead_a", metrics={}, artifacts=False)
    assert said(sqlite_store, policy) == {}
    make_version(sqlite_store, "lead_a", metrics={}, artifacts=False, dataset=False)
    assert said(sqlite_store, policy)[6] == (
        "metric_threshold asks for roc_auc, which none of the newest 2 versions of lead_a logged. "
        "lead_a has no metric."
    )


def test_several_models_are_one_warning(sqlite_store: Store, policy: Path) -> None:
    for model in ("lead_a", "lead_b"):
        make_version(sqlite_store, model, metrics={"recall": 0.5, "log_loss": 0.5}, artifacts=False)
    assert said(sqlite_store, policy) == {
        6: "metric_threshold asks for roc_auc, which no recent version of lead_a and lead_b logged. "
        "lead_a has log_loss and recall."
    }


def test_versions_are_read_together(
    sqlite_store: Store, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        make_version(sqlite_store, "lead_a", metrics={"recall": 0.5, "log_loss": 0.5}, artifacts=False)
    registry = MlflowRegistry(sqlite_store.uri, sqlite_store.uri)
    single: list[str] = []
    read = registry.tracking.get_run
    monkeypatch.setattr(registry.tracking, "get_run", lambda run_id: (single.append(run_id), read(run_id))[1])
    metric_warnings(load_policies(policy).policies, registry)
    assert RECENT > 4
    assert len(single) == 1


def test_the_command_asks_the_registry_only_when_told_to(sqlite_store: Store, policy: Path) -> None:
    make_version(sqlite_store, "lead_a", metrics={"roc_auc": 0.5}, artifacts=False)
    command = [Path(sys.executable).parent / "hotpass", "policy", "lint", policy]
    plain = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "warning" not in plain.stdout
    done = subprocess.run(
        [*command, "--strict", "--registry-uri", sqlite_store.uri, "--tracking-uri", sqlite_store.uri],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (
        "lead.yaml:9:9: warning: champion_comparison asks for recall, which the only version" in done.stdout
    )
    assert done.returncode == 1
    assert "2 warnings, and with --strict none may be." in done.stderr


def test_a_registry_that_is_not_there_is_an_error(policy: Path, tmp_path: Path) -> None:
    command = [Path(sys.executable).parent / "hotpass", "policy", "lint", policy]
    uri = f"sqlite:///{tmp_path}/none.db"
    done = subprocess.run([*command, "--registry-uri", uri], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "none.db" in done.stderr

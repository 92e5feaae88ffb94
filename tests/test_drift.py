"""`Session.drift`: what was changed past Hotpass is found and named, and nothing else is."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hotpass import api
from hotpass.artifacts import DIGEST_TAG
from hotpass.drift.findings import Drift, Scan
from hotpass.ledger.record import Kind
from hotpass.ledger.seal import Seal
from hotpass.moving import Mover
from hotpass.plugins import create_manager
from hotpass.policy.model import PolicySet
from hotpass.recovery import DECISION_TAG
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.session import Session
from support.policies import policy_set
from support.stores import Store
from support.versions import make_version

GATES: dict[str, Any] = {
    "metric_threshold": {"roc_auc": {"at_least": 0.5}},
    "champion_comparison": {"roc_auc": {"may_lose_at_most": 0.9}, "first_champion": "allow"},
    "required_tags": {"owner": "present"},
    "signature": {},
}
PROMPT = "mlflow.prompt.is_prompt"


def policies() -> PolicySet:
    return policy_set(production=GATES, production_from=None, models=("m_*",))


def connect(store: Store, **settings: Any) -> Session:
    return api.connect(policies=policies(), registry_uri=store.uri, tracking_uri=store.uri, **settings)


def make(store: Store, model: str, roc_auc: float = 0.8, **more: Any) -> int:
    return make_version(
        store, model, metrics={"roc_auc": roc_auc}, tags={"owner": "ada"}, params={"depth": 3}, **more
    )


def serve(store: Store, session: Session, model: str) -> None:
    """Version 1 was in Production, 2 is, and 3 was never promoted."""
    for value in (0.7, 0.8, 0.9):
        make(store, model, value)
    session.promote(model, 1, "Production")
    session.promote(model, 2, "Production")


# --- every kind of drift ------------------------------------------------------------------------------------


class Case(NamedTuple):
    """What somebody does past Hotpass, and what a scan finds: version, kind, and a piece of what is there."""

    name: str
    change: Callable[[Store, Any, str], object]
    found: list[tuple[int | None, str, str]]


def run_of(store: Store, model: str, version: int) -> str:
    return str(store.client.get_model_version(model, str(version)).run_id)


def logged_model_of(store: Store, model: str, version: int) -> str:
    source = store.client.get_model_version(model, str(version)).source
    return str(source).removeprefix("models:/")


def file_of(store: Store, model: str, version: int) -> Path:
    """The file of the version on the disk of whoever keeps the artifacts."""
    logged = logged_model_of(store, model, version)
    return next(path for path in store.artifacts.rglob("model.skops") if logged in str(path))


def newest_record(store: Store, model: str) -> str:
    return connect(store).history(model)[-1].id


def log_again(store: Store, c: Any, model: str) -> None:
    """A LoggedModel's metric can be logged again; the newest counts."""
    logged = logged_model_of(store, model, 2)
    c.log_metric(run_of(store, model, 2), "roc_auc", 0.99, model_id=logged)


def register_again(store: Store, c: Any, model: str) -> None:
    c.delete_registered_model(model)
    make(store, model)


def hide_again(store: Store, c: Any, model: str) -> None:
    c.rename_registered_model(model, f"elsewhere_{model}")


def delete_experiment(store: Store, c: Any, model: str) -> None:
    c.delete_experiment(c.get_experiment_by_name(f"hotpass-ledger/{model}").experiment_id)


CASES = [
    Case("nothing", lambda store, c, model: None, []),
    Case(
        "promoted_in_the_ui",
        lambda store, c, model: c.transition_model_version_stage(model, "3", "Production"),
        [(3, "stage", "Production, updated 20"), (None, "holders", "2, 3 are in Production")],
    ),
    Case(
        "replaced_in_the_ui",
        lambda store, c, model: c.transition_model_version_stage(
            model, "3", "Production", archive_existing_versions=True
        ),
        [(2, "stage", "Archived, updated 20"), (3, "stage", "Production, updated 20")],
    ),
    Case(
        "taken_out",
        lambda store, c, model: c.transition_model_version_stage(model, "2", "None"),
        [(2, "stage", "None, updated 20")],
    ),
    Case(
        "brought_back",
        lambda store, c, model: c.transition_model_version_stage(model, "1", "Staging"),
        [(1, "stage", "Staging, updated 20")],
    ),
    Case(
        "own_stage",
        lambda store, c, model: c.set_model_version_tag(model, "3", "hotpass.stage", "Canary"),
        [(3, "stage", "Canary")],
    ),
    Case(
        "alias_elsewhere",
        lambda store, c, model: c.set_registered_model_alias(model, "production", "3"),
        [(2, "alias", "production on version 3")],
    ),
    Case(
        "alias_missing",
        lambda store, c, model: c.delete_registered_model_alias(model, "production"),
        [(2, "alias", "production is missing")],
    ),
    Case(
        "alias_misspelt",
        lambda store, c, model: c.set_registered_model_alias(model, "PRODUCTION", "1"),
        [(1, "alias", "PRODUCTION on version 1")],
    ),
    Case(
        "alias_of_a_stage_without_holder",
        lambda store, c, model: c.set_registered_model_alias(model, "staging", "3"),
        [(3, "alias", "staging on version 3")],
    ),
    Case(
        "version_deleted",
        lambda store, c, model: c.delete_model_version(model, "1"),
        [(1, "version", "deleted")],
    ),
    Case(
        "model_created_again",
        register_again,
        [(1, "version", "another one, created 20"), (2, "version", "deleted")],
    ),
    Case("model_renamed", hide_again, [(None, "model", "the model is gone: deleted, or renamed")]),
    Case(
        "model_hidden",
        lambda store, c, model: c.set_registered_model_tag(model, PROMPT, "true"),
        [(None, "model", "MLflow hides it as a prompt")],
    ),
    Case(
        "version_hidden",
        lambda store, c, model: c.set_model_version_tag(model, "1", PROMPT, "true"),
        [(1, "version", "MLflow hides it as a prompt")],
    ),
    Case(
        "file_edited",
        lambda store, c, model: file_of(store, model, 2).write_bytes(b"another model"),
        [(2, "files", "files ")],
    ),
    Case(
        "file_of_a_former_champion_edited",
        lambda store, c, model: file_of(store, model, 1).write_bytes(b"another model"),
        [(1, "files", "files ")],
    ),
    Case(
        "files_gone",
        lambda store, c, model: shutil.rmtree(file_of(store, model, 2).parent),
        [(2, "files", "has no files")],
    ),
    Case(
        "logged_model_deleted",
        lambda store, c, model: c.delete_logged_model(logged_model_of(store, model, 2)),
        [(2, "evidence", "it is gone"), (2, "files", "is gone, and the files with it")],
    ),
    Case("metric_logged_again", log_again, [(2, "evidence", "metrics.roc_auc is 0.99 (logged model")]),
    Case(
        "tag_changed",
        lambda store, c, model: c.set_model_version_tag(model, "2", "owner", "eve"),
        [(2, "evidence", "version.tags.owner is eve")],
    ),
    Case(
        "tag_deleted",
        lambda store, c, model: c.delete_model_version_tag(model, "2", "owner"),
        [(2, "evidence", "version.tags.owner is nothing")],
    ),
    Case(
        "decision_forged",
        lambda store, c, model: c.set_model_version_tag(model, "3", DECISION_TAG, "f" * 32),
        [(3, "tag", "which the ledger does not have")],
    ),
    Case(
        "decision_of_another_version",
        lambda store, c, model: c.set_model_version_tag(
            model, "1", DECISION_TAG, newest_record(store, model)
        ),
        [(1, "tag", "which is about version 2")],
    ),
    Case(
        "decision_tag_deleted",
        lambda store, c, model: c.delete_model_version_tag(model, "2", DECISION_TAG),
        [(2, "tag", "hotpass.decision is gone")],
    ),
    Case(
        "digest_forged",
        lambda store, c, model: c.set_model_version_tag(model, "2", DIGEST_TAG, "0" * 64),
        [(2, "tag", "hotpass.artifact_digest is 000000000000")],
    ),
    Case(
        "record_edited",
        lambda store, c, model: c.set_tag(newest_record(store, model), "hotpass.hash", "0" * 64),
        [(None, "ledger", "does not have the hash it was written with")],
    ),
    Case(
        "record_deleted",
        lambda store, c, model: c.delete_run(newest_record(store, model)),
        [(None, "ledger", "its run was deleted. Restore it")],
    ),
    Case(
        "ledger_deleted",
        delete_experiment,
        [
            (None, "ledger", "of the ledger was deleted. Restore it"),
            (1, "stage", "Archived"),
            (1, "tag", "which the ledger does not have"),
            (2, "alias", "production on version 2"),
            (2, "stage", "Production"),
            (2, "tag", "which the ledger does not have"),
        ],
    ),
]  # fmt: skip


def key(finding: Drift) -> tuple[int, str]:
    return (finding.version or 0, str(finding.kind))


def scans(store: Store, **settings: Any) -> dict[str, Scan]:
    return {found.model: found for found in connect(store).drift(**settings)}


def test_every_kind_of_drift_is_found_and_nothing_else(store: Store) -> None:
    """Each kind on a model of its own, all in one scan."""
    with connect(store) as session:
        for case in CASES:
            serve(store, session, f"m_{case.name}")
    for case in CASES:
        case.change(store, store.client, f"m_{case.name}")
    found = scans(store)
    for case in CASES:
        findings = found[f"m_{case.name}"].findings
        # A model that was created again has lost the tag that says how far its ledger reached.
        findings = [f for f in findings if "hotpass.head, written with this record, is gone" not in f.found]
        seen = sorted(findings, key=key)
        expected = sorted(case.found, key=lambda item: (item[0] or 0, item[1]))
        assert [key(f) for f in seen] == [(version or 0, kind) for version, kind, _ in expected], (case, seen)
        for finding, (_, _, piece) in zip(seen, expected, strict=True):
            assert piece in finding.found, (case.name, finding)
            assert finding.recorded
            assert finding.remedy
    assert found["m_nothing"].clean
    assert (found["m_nothing"].versions, found["m_nothing"].files) == (3, 2)

"""The adapter against MLflow's own behaviour, on every kind of store."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from packaging.version import Version

import hotpass
from hotpass import api
from hotpass.candidate import ModelFile
from hotpass.errors import CallError
from hotpass.policy.model import PolicySet
from hotpass.registry.convert import MODEL_FILE_TAG, model_file_of_tag, model_file_tag, model_id_of
from hotpass.registry.mlflow_registry import MlflowRegistry
from support.policies import policy_set
from support.stores import Store, forget_engines
from support.versions import make_version


def open_registry(store: Store) -> MlflowRegistry:
    return MlflowRegistry(store.uri, store.uri)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-300])
def test_what_was_logged_is_what_is_read(store: Store, value: float) -> None:
    """MLflow's SQL store keeps a LoggedModel's NaN as 0 and infinities as the largest float
    (sanitize_metric_value).
    """
    version = make_version(store, "leads", metrics={"log_loss": value})
    registry = open_registry(store)
    facts = registry.version("leads", version)
    [metric] = registry.logged_models([facts.model_id])[facts.model_id].metrics
    run = registry.runs([facts.run_id])[facts.run_id].metrics["log_loss"]
    for read in (metric.value, run):
        assert read == value or (math.isnan(read) and math.isnan(value))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_gate_takes_a_nan_for_a_zero(store: Store, value: float) -> None:
    version = make_version(store, "leads", metrics={"log_loss": value, "roc_auc": 0.8})
    policies = policy_set(staging={"metric_threshold": {"log_loss": {"at_most": 0.5}}})
    session = api.connect(policies=policies, registry_uri=store.uri, tracking_uri=store.uri)
    with pytest.raises(hotpass.PromotionDenied):
        session.promote("leads", version, "Staging")


def test_versions_come_in_pages_highest_first(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotpass.registry.mlflow_registry.PAGE", 3)
    for _ in range(7):
        make_version(sqlite_store, "leads", artifacts=False)
    assert [facts.version for facts in open_registry(sqlite_store).versions("leads")] == list(range(7, 0, -1))


def test_the_model_file_is_read_from_the_files(any_store: Store) -> None:
    version = make_version(any_store, "leads", signature=True, input_example=False)
    registry = open_registry(any_store)
    file = registry.model_file(registry.version("leads", version))
    assert file is not None
    assert file.inputs == (("age", "double"), ("income", "double"))
    assert not file.has_input_example
    assert file.serialization == {"sklearn": "skops"}


def test_a_version_without_files_has_no_model_file(any_store: Store) -> None:
    version = make_version(any_store, "leads", artifacts=False)
    registry = open_registry(any_store)
    assert registry.model_file(registry.version("leads", version)) is None


def test_a_broken_model_file_is_an_error(sqlite_store: Store) -> None:
    version = make_version(sqlite_store, "leads")
    [file] = sqlite_store.artifacts.rglob("MLmodel")
    file.write_text("]: not yaml")
    registry = open_registry(sqlite_store)
    with pytest.raises(hotpass.RegistryError, match="cannot read the MLmodel file of leads version 1"):
        registry.model_file(registry.version("leads", version))


def test_the_tag_says_what_the_file_says(sqlite_store: Store) -> None:
    version = make_version(sqlite_store, "leads")
    registry = open_registry(sqlite_store)
    file = registry.model_file(registry.version("leads", version))
    assert file is not None
    text = model_file_tag(file)
    assert text is not None
    assert model_file_of_tag(text) == file
    assert model_file_tag(ModelFile(inputs=tuple((f"column {n}", "double") for n in range(1000)))) is None
    for broken in ("{}", "[]", "null", '{"inputs": 3}', "no json"):
        with pytest.raises(ValueError):
            model_file_of_tag(broken)
    model_id = model_id_of(sqlite_store.client.get_model_version("leads", "1"))
    sqlite_store.client.set_logged_model_tags(model_id, {MODEL_FILE_TAG: "{}"})
    with pytest.raises(hotpass.RegistryError, match="is not what Hotpass writes"):
        open_registry(sqlite_store).model_file(registry.version("leads", 1))


def test_several_runs_and_models_in_one_request_each(http_store: Store, through_proxy: object) -> None:
    versions = [make_version(http_store, "leads", metrics={"roc_auc": 0.8}) for _ in range(3)]
    with through_proxy(http_store) as (store, proxy):  # type: ignore[operator]
        registry = MlflowRegistry(store.uri, store.uri)
        facts = list(registry.versions("leads"))
        assert len(facts) == len(versions)
        registry.runs([facts[0].run_id])
        proxy.clear()
        assert len(registry.runs([f.run_id for f in facts])) == 3
        assert len(registry.logged_models([f.model_id for f in facts])) == 3
        assert len(proxy.requests) == 2


@pytest.mark.skipif(
    Version(mlflow.__version__) < Version("3.16"), reason="MLflow before 3.16 does not run on psycopg 3"
)
def test_a_plain_postgresql_uri(postgres_store: Store) -> None:
    """SQLAlchemy 2.1 takes psycopg 3 for it, which is stricter about types than psycopg2."""
    store = replace(postgres_store, uri=postgres_store.uri.replace("postgresql+psycopg2:", "postgresql:"))
    try:
        versions = [make_version(postgres_store, "leads", metrics={"roc_auc": 0.8}) for _ in range(2)]
        session = api.connect(
            policies=policy_set(production_from=None), registry_uri=store.uri, tracking_uri=store.uri
        )
        for version in versions:
            assert session.promote("leads", version, "Production").allowed
        assert session.registry.version("leads", versions[0]).stage == "Archived"
        assert session.rollback("leads", reason="because").allowed
        assert session.audit("leads").clean
    finally:
        forget_engines(store.uri)


def test_the_ledger_can_live_elsewhere(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make_version(sqlite_store, "leads", metrics={"roc_auc": 0.8})
    ledger = tmp_path / "ledger.db"
    shutil.copyfile(sqlite_store.uri.removeprefix("sqlite:///"), ledger)
    monkeypatch.setenv("HOTPASS_LEDGER_URI", f"sqlite:///{ledger}")
    session = api.connect(policies=PolicySet(), registry_uri=sqlite_store.uri, tracking_uri=sqlite_store.uri)
    assert session.promote("leads", version, "Staging").allowed
    assert len(session.history("leads")) == 1
    assert sqlite_store.client.get_experiment_by_name("hotpass-ledger/leads") is None


@pytest.mark.parametrize("name", ["a/b", "a:b", "..", " "])
def test_a_name_that_no_model_can_have_is_a_wrong_call(store: Store, name: str) -> None:
    """MLflow answers it INVALID_PARAMETER_VALUE, which says nothing about the registry."""
    with pytest.raises(CallError, match="name"):
        MlflowRegistry(store.uri, store.uri).model(name)
    with pytest.raises(CallError):
        hotpass.history(name, registry_uri=store.uri)

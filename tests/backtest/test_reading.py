"""How a backtest reads: the same, and all of it, page by page, over HTTP and from a database at hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hotpass import api
from hotpass.backtest import pages, reading
from hotpass.backtest.judging import Backtest, backtest
from hotpass.backtest.pages import Searches
from hotpass.backtest.reading import Evidence, silent
from hotpass.backtest.tables import Tables, searches_of
from hotpass.facts import VersionFacts
from hotpass.ledger.record import TAG_HASH
from hotpass.ledger.runs import entry_of
from hotpass.policy.loader import load_policies
from hotpass.policy.model import PolicySet
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.stages import ModelStage
from hotpass.verdicts import Outcome
from support.large_registry import POLICY, Size, fill, write_policy
from support.stores import Store


def judged(policies: PolicySet) -> Backtest:
    """A backtest of a year, of the registry that MLflow is set to."""
    now = datetime.now(UTC)
    library = api.connect(policies=PolicySet()).library()
    return backtest(library, policies, since=now - timedelta(days=365), now=now)


def change(store: Store, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(store.uri.removeprefix("sqlite:///"))) as db, db:
        db.execute(statement, values)


@pytest.fixture
def small(sqlite_store: Store, tmp_path: Path) -> Callable[[bool], PolicySet]:
    """`small(logged_models)` fills the store with 120 versions of 3 models; returns the policies."""

    def made(logged_models: bool) -> PolicySet:
        fill(sqlite_store.uri, tmp_path, Size(3, 40, 4, logged_models=logged_models))
        return load_policies(write_policy(tmp_path, POLICY))

    return made


@pytest.mark.parametrize("logged_models", [False, True])
def test_pages_of_any_size_are_read_to_the_end(
    small: Callable[[bool], PolicySet], logged_models: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = small(logged_models)
    whole = judged(policies)
    assert len(whole.cases) > 120
    monkeypatch.setattr(reading, "searches_of", Searches)  # MLflow's own, whose pages have an end
    for name, size in (("IDS", 7), ("RECORDS", 5), ("VERSIONS", 9), ("MODELS", 1), ("EXPERIMENTS", 2)):
        monkeypatch.setattr(pages, name, size)
    again = judged(policies)
    assert [replace(case, at=whole.until) for case in again.cases if case.kind == "version"] == [
        replace(case, at=whole.until) for case in whole.cases if case.kind == "version"
    ]
    assert [c for c in again.cases if c.kind == "decision"] == [
        c for c in whole.cases if c.kind == "decision"
    ]


@pytest.mark.parametrize("logged_models", [False, True])
def test_tables_hold_what_mlflows_searches_find(
    small: Callable[[bool], PolicySet], logged_models: bool, sqlite_store: Store
) -> None:
    """Also NaN, infinity, a deleted run and a deleted version; in any order."""
    small(logged_models)
    change(sqlite_store, "UPDATE latest_metrics SET is_nan = 1, value = 0 WHERE value < 0.5")
    change(sqlite_store, "UPDATE latest_metrics SET value = 1.7976931348623157e308 WHERE value > 0.8")
    if logged_models:
        change(sqlite_store, "UPDATE logged_model_metrics SET metric_value = 0 WHERE metric_value < 0.5")
    change(sqlite_store, "UPDATE runs SET lifecycle_stage = 'deleted' WHERE name LIKE 'train-1%'")
    sqlite_store.client.delete_model_version("large_001", "2")
    session = api.connect(policies=PolicySet())
    registry, tracking = session.registry.store, session.registry.tracking
    assert isinstance(searches_of(registry), Tables)
    wanted: list[VersionFacts] = []

    def read(searches: Callable[[Any], Searches]) -> tuple[Any, ...]:
        versions = list(searches(registry).versions(None, lambda name: {"production": 1}))
        assert list(searches(registry).versions("large_002", lambda name: {}))
        wanted[:] = sorted(versions, key=lambda facts: (facts.model, facts.version))
        experiments = [one.experiment_id for one in searches(tracking).experiments()]
        evidence = Evidence(searches(tracking), experiments, wanted, silent)
        runs = searches(tracking).records(experiments)
        records = [entry_of(run) for run in runs if TAG_HASH in run.data.tags]
        return (
            list(wanted), [evidence.run(facts) for facts in wanted],
            [evidence.logged_model(facts) for facts in wanted], sorted(records, key=lambda entry: entry.id),
        )  # fmt: skip

    versions, runs, logged, records = read(Tables)
    assert len(versions) == len([run for run in runs if run is not None]) == 119
    assert sum(one is not None for one in logged) == (119 if logged_models else 0)
    assert len(records) > 50
    assert repr(read(Searches)) == repr((versions, runs, logged, records))


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize("logged_models", [False, True])
def test_over_http_it_is_the_same(
    http_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged_models: bool
) -> None:
    """Also with pages of a few, of which several are asked for at a time."""
    database = f"sqlite:///{http_store.artifacts.parent}/mlflow.db"
    fill(database, tmp_path, Size(3, 40, 4, logged_models=logged_models))
    change(Store("sqlite", database, tmp_path), "UPDATE latest_metrics SET is_nan = 1 WHERE value < 0.5")
    policies = load_policies(write_policy(tmp_path, POLICY))
    at_hand, now = MlflowRegistry(database, database), datetime.now(UTC)
    since = now - timedelta(days=365)
    tables = backtest(reading.Library(at_hand, at_hand.tracking), policies, since=since, now=now)
    for name, size in (("IDS", 9), ("RECORDS", 5), ("VERSIONS", 9), ("MODELS", 1), ("EXPERIMENTS", 2)):
        monkeypatch.setattr(pages, name, size)
    served = MlflowRegistry(http_store.uri, http_store.uri)
    over_http = backtest(reading.Library(served, served.tracking), policies, since=since, now=now)
    assert over_http == tables
    assert len(tables.cases) > 120


def test_decisions_by_the_same_policies_come_out_as_they_did(small: Callable[[bool], PolicySet]) -> None:
    found = judged(small(False))
    decisions = [case for case in found.cases if case.kind == "decision"]
    assert {case.then for case in decisions} == {Outcome.ALLOWED, Outcome.DENIED, Outcome.PENDING}
    assert not [case for case in decisions if case.changed or case.beside]
    assert not found.notes
    assert ModelStage.PRODUCTION in {case.to_stage for case in decisions}


def test_ten_thousand_versions(large: Store, tmp_path: Path) -> None:
    """All decisions and all versions of 50 models, in one go and without a request for each."""
    registry = MlflowRegistry(large.uri, large.uri)
    now = datetime.now(UTC)
    policies = load_policies(tmp_path / "policies")
    stricter = load_policies(write_policy(tmp_path, POLICY.replace("at_least: 0.70", "at_least: 0.75")))
    library = reading.Library(registry, registry.tracking)
    found = backtest(library, stricter, since=now - timedelta(days=365), now=now, base=policies)
    assert (found.models, found.versions) == (50, 10_000)
    assert len({(case.model, case.version) for case in found.cases}) == 10_000
    for case in found.cases:
        base = case.base
        assert base is not None
        if case.kind == "decision":
            assert base.outcome is case.then
        if case.to_stage == "Production":
            assert not case.changed
        elif case.changed:
            assert (base.outcome, case.now.outcome) == (Outcome.ALLOWED, Outcome.DENIED)
            assert {stop.name for stop in case.now.stops} == {"metric_threshold"}
    changed = sum(case.changed for case in found.cases)
    assert 0.15 < changed / len(found.cases) < 0.35  # 0.70 to 0.75, of 0.68 to 0.85, where an owner is named
    assert not found.notes

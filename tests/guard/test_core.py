"""The guard itself, without a server around it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from hotpass.guard.core import Guard
from hotpass.guard.guard_settings import GuardSettings
from hotpass.ledger.record import Actor
from support.guarded import POLICY
from support.stores import Store
from support.versions import make_version

ADA = Actor("ada", authenticated=True)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    """A guard stands on a database."""
    return request.getfixturevalue(f"{request.param}_store")


@pytest.fixture
def guard(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guard:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "guarded.yaml").write_text(POLICY)
    monkeypatch.setenv("HOTPASS_POLICIES", str(tmp_path / "policies"))
    return Guard(GuardSettings(store.uri, store.uri, observe=True))


def test_an_observation_is_on_record(guard: Guard, store: Store) -> None:
    make_version(store, "guarded_m", metrics={"roc_auc": 0.1})
    session = guard.session(ADA)
    decision = session.check("guarded_m", 1, "Staging")

    guard.observe("guarded_m", "transition", ["roc_auc is 0.1"], ADA, decision)
    guard.observe("guarded_m", "delete_model_version", ["it stands"], ADA, version=1)

    first, second = (entry.record for entry in guard.session(ADA).history("guarded_m", 1))
    assert (first.actor, first.body["outcome"], first.body["reasons"]) == (
        ADA,
        "observed",
        ["roc_auc is 0.1"],
    )
    assert first.body["decision"] == decision.as_json()
    assert (second.body["call"], second.body["version"], "decision" in second.body) == (
        "delete_model_version", 1, False,
    )  # fmt: skip
    assert guard.session(ADA).audit("guarded_m").clean


def test_what_cannot_be_recorded_turns_the_health_red_until_the_next_can(
    guard: Guard, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    make_version(store, "guarded_m")

    guard.observe("guarded_nobody", "rename", ["it would leave"], ADA)

    health = guard.health()
    assert health["status"] == "red"
    assert (
        "rename of guarded_nobody would have been refused, which could not be recorded"
        in health["problems"][0]
    )
    assert [record.levelno for record in caplog.records if record.name == "hotpass"] == [logging.ERROR]

    guard.observe("guarded_m", "rename", ["it would leave"], ADA)
    assert guard.health()["status"] == "green"


def test_its_health_says_what_it_is(guard: Guard) -> None:
    health = guard.health()

    assert health["status"] == "green"
    assert health["problems"] == []
    (policy,) = health["policies"]
    assert (policy["policy"], policy["models"]) == ("guarded", ["guarded_*"])
    assert len(policy["digest"]) == 64
    assert (health["observe"], health["auth"], health["sealed"], health["unmatched"]) == (
        True, False, False, "builtin",
    )  # fmt: skip
    assert set(health["versions"]) == {"hotpass", "mlflow"}


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_database_that_is_away_turns_it_red(guard: Guard, store: Store) -> None:
    assert guard.health()["status"] == "green"

    Path(store.uri.removeprefix("sqlite:///")).write_bytes(b"no database any more" * 1000)

    health = guard.health()
    assert health["status"] == "red"
    assert "read the ledger" in health["problems"][0]


def test_no_request_decides_by_what_another_one_read(guard: Guard, store: Store) -> None:
    """MLmodel files are remembered by a registry, and until a version is frozen anybody may exchange them."""
    make_version(store, "guarded_m", signature=True)
    registry = guard.registry
    facts = registry.version("guarded_m", 1)
    before = registry.model_file(facts)
    assert before is not None
    (file,) = [path for path in store.artifacts.rglob("MLmodel") if "models" in path.parts]

    file.write_text("\n".join(line for line in file.read_text().splitlines() if "signature" not in line))

    after = guard.registry.model_file(facts)
    assert registry.model_file(facts) == before
    assert after != before

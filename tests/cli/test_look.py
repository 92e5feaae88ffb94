"""`hotpass status`, `history` and `audit verify`."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hotpass.cli import look
from hotpass.ledger.record import Actor, Entry, Kind, Record, State
from support.commands import Hotpass
from support.stores import Store
from support.versions import make_version

MODEL = "lead_scoring"
POLICY = """\
policy: leads
models: ["lead_*"]
promotions:
  - to: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.70}
  - to: Production
    from: Staging
    gates:
      - staging_dwell: 24h
"""


def promote(hotpass: Hotpass, version: int, stage: str, code: int = 0, model: str = MODEL) -> None:
    ran = hotpass("promote", model, version, "--to", stage)
    assert ran.code == code, ran


@pytest.fixture
def served(hotpass: Hotpass, sqlite_store: Store) -> Store:
    """Versions 1 (Archived), 2 (Production), 3 (Staging) and 4 (None), put there by the built-in rule."""
    for version in (1, 2):
        make_version(sqlite_store, MODEL)
        promote(hotpass, version, "Staging")
        promote(hotpass, version, "Production")
    make_version(sqlite_store, MODEL)
    promote(hotpass, 3, "Staging")
    make_version(sqlite_store, MODEL)
    return sqlite_store


# --- status -------------------------------------------------------------------------------------------------


def test_status_of_an_empty_registry_says_what_to_do(hotpass: Hotpass, sqlite_store: Store) -> None:
    ran = hotpass("status")

    assert (ran.code, ran.out) == (0, "The registry has no models. Train one: hotpass train --help\n")
    assert hotpass("status", "--json").json == {"models": []}


def test_status_shows_champion_candidate_and_what_it_waits_for(hotpass: Hotpass, served: Store) -> None:
    Path("policies").mkdir()
    Path("policies/leads.yaml").write_text(POLICY)
    promote(hotpass, 3, "Production", code=3)

    ran = hotpass("status")

    assert ran.code == 0
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.fullmatch(
        r"lead_scoring: champion version 2, 4 versions \(1 Archived, 1 None\), newest 4\n"
        rf"  Production  version 2, alias production, since {moment}\n"
        rf"  Staging     version 3, alias staging, since {moment}\n"
        rf"              to Production: pending at {moment}; passes in (1d|23h 59m); "
        r"staging_dwell pending: in Staging for \d+s of 1d\n",
        ran.out,
    ), ran.out


def test_status_as_json(hotpass: Hotpass, served: Store) -> None:
    make_version(served, "another")

    models = {found["model"]: found for found in hotpass("status", "--json").json["models"]}

    assert list(models) == ["another", MODEL]
    assert (models[MODEL]["champion"], models[MODEL]["waiting"], models[MODEL]["newest"]) == (2, [3], 4)
    assert models["another"]["champion"] is None
    only = hotpass("status", "--json", "--model", MODEL).json["models"]
    assert only == [models[MODEL]]


def test_status_on_every_store(hotpass: Hotpass, any_store: Store) -> None:
    for version in (1, 2):
        make_version(any_store, MODEL)
        promote(hotpass, version, "Staging")
    promote(hotpass, 1, "Production")

    (found,) = hotpass("status", "--json").json["models"]

    assert (found["champion"], found["waiting"], found["remarks"]) == (1, [2], [])
    assert [held["aliases"] for held in found["held"]] == [["production"], ["staging"]]


def test_status_of_a_model_that_is_not_there(hotpass: Hotpass, served: Store) -> None:
    ran = hotpass("status", "--model", "lead_scorin")

    assert (ran.code, ran.out) == (2, "")
    assert "Did you mean 'lead_scoring'?" in ran.err


def two_in_production(client: Any) -> None:
    client.transition_model_version_stage(MODEL, "4", "Production")


def production_without_alias(client: Any) -> None:
    client.delete_registered_model_alias(MODEL, "production")


def alias_elsewhere(client: Any) -> None:
    client.set_registered_model_alias(MODEL, "production", "4")


def staging_behind_our_back(client: Any) -> None:
    client.transition_model_version_stage(MODEL, "4", "Staging")


WRONG = [
    (two_in_production, "versions 2 and 4 are in Production, and one should be",
     f"hotpass promote {MODEL} 4 --to Archived"),
    (two_in_production, "the ledger does not know how version 4 came into its stage",
     f"hotpass adopt {MODEL}"),
    (production_without_alias, "version 2 is in Production, and no alias production points there, "
     "so whoever serves by alias finds nothing",
     f"hotpass rollback {MODEL} --to-version 2 --stage Production --reason alias"),
    (alias_elsewhere, "alias production points at version 4, which is in no stage that serves; "
     "version 2 is in Production",
     f"hotpass rollback {MODEL} --to-version 2 --stage Production --reason alias"),
    (staging_behind_our_back, "the ledger does not know how version 4 came into its stage",
     f"hotpass adopt {MODEL}"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "message", "remedy"), WRONG)
def test_what_contradicts_itself_is_pointed_out_and_its_remedy_works(
    hotpass: Hotpass, served: Store, spoil: Callable[[Any], None], message: str, remedy: str
) -> None:
    spoil(served.client)

    ran = hotpass("status")

    assert ran.code == 0
    assert f"  ! {message}\n    mend it: {remedy}\n" in ran.out

    assert hotpass(*remedy.split()[1:]).code == 0
    assert message not in hotpass("status").out


def test_the_remedy_for_a_missing_alias_works_under_a_policy(hotpass: Hotpass, served: Store) -> None:
    """Which has no promotion from Production to Production, nor knows how version 4 came there."""
    production_without_alias(served.client)
    served.client.transition_model_version_stage(MODEL, "4", "Production", archive_existing_versions=True)
    Path("policies").mkdir()
    Path("policies/leads.yaml").write_text(POLICY)

    remarks = hotpass("status", "--json").json["models"][0]["remarks"]

    remedy = next(one["remedy"] for one in remarks if "no alias production points there" in one["message"])
    assert remedy == (
        f"hotpass adopt {MODEL}; hotpass rollback {MODEL} --to-version 4 --stage Production --reason alias"
    )
    for command in remedy.split("; "):
        ran = hotpass(*command.split()[1:])
        assert ran.code == 0, ran
    assert hotpass("status", "--json").json["models"][0]["remarks"] == []


def test_several_in_production_by_policy_are_as_they_should_be(hotpass: Hotpass, sqlite_store: Store) -> None:
    Path("policies").mkdir()
    Path("policies/both.yaml").write_text("""\
policy: both
models: [lead_scoring]
promotions:
  - {to: Production, archive_existing: false, gates: [signature]}
""")
    for version in (1, 2):
        make_version(sqlite_store, MODEL)
        promote(hotpass, version, "Production")

    (found,) = hotpass("status", "--json").json["models"]

    assert [(held["version"], held["stage"]) for held in found["held"]] == [
        (2, "Production"),
        (1, "Production"),
    ]
    assert (found["champion"], found["remarks"]) == (2, [])


def test_a_registry_in_order_has_no_remarks(hotpass: Hotpass, served: Store) -> None:
    assert hotpass("status", "--json").json["models"][0]["remarks"] == []


def test_an_edited_ledger_does_not_hide_the_registry(hotpass: Hotpass, served: Store) -> None:
    edit_last_record(served)

    ran = hotpass("status")

    assert ran.code == 0
    assert "Production  version 2, alias production" in ran.out
    assert "was edited after it was written" in ran.out
    assert f"mend it: hotpass audit verify {MODEL}" in ran.out


def test_status_asks_no_more_for_more_versions(
    hotpass: Hotpass, http_store: Store, through_proxy: Any
) -> None:
    def requests() -> int:
        with through_proxy(http_store) as (_, proxy):
            assert hotpass("status").code == 0
            return len(proxy.requests)

    make_version(http_store, MODEL)
    promote(hotpass, 1, "Staging")
    before = requests()
    for _ in range(5):
        make_version(http_store, MODEL)

    assert requests() == before


# --- history ------------------------------------------------------------------------------------------------


def test_history_is_newest_first_with_all_that_happened(hotpass: Hotpass, served: Store) -> None:
    promote(hotpass, 4, "Production", code=1)
    os.environ["HOTPASS_ACTOR"] = "ada"
    assert hotpass("rollback", MODEL, "--reason", "complaints from sales").code == 0

    ran = hotpass("history", MODEL)

    assert ran.code == 0
    lines = ran.out.splitlines()
    assert len(lines) == 7
    assert re.fullmatch(
        r"\S+ \S+ UTC  v1  Archived -> Production \(rollback\)  allowed, moved  ada \(claimed\) +"
        r"\[[0-9a-f]{8}\]  complaints from sales",
        lines[0],
    ), lines[0]
    assert re.search(r"v4  None -> Production +denied ", lines[1])
    assert "v1  None -> Staging" in lines[-1]


def test_history_can_be_cut_filtered_and_explained(hotpass: Hotpass, served: Store) -> None:
    promote(hotpass, 4, "Production", code=1)

    cut = hotpass("history", MODEL, "--limit", 2).out.splitlines()
    assert len(cut) == 3
    assert cut[-1] == "4 older not shown; --limit 6 shows all."
    of_two = hotpass("history", MODEL, "--version", 2).out.splitlines()
    assert [line.split("  ")[2].strip() for line in of_two] == ["Staging -> Production", "None -> Staging"]
    why = hotpass("history", MODEL, "--version", 4, "--verbose").out
    assert "    - Production takes a version only from Staging, and this one is in None." in why


def test_history_as_json(hotpass: Hotpass, served: Store) -> None:
    ran = hotpass("history", MODEL, "--version", 2, "--json")

    records = ran.json["records"]
    assert [(one["from"], one["to"], one["moved"]) for one in records] == [
        ("Staging", "Production", True), ("None", "Staging", True),
    ]  # fmt: skip
    assert all(not one["authenticated"] and not one["settled_later"] for one in records)


def test_no_history_points_to_adopt(hotpass: Hotpass, sqlite_store: Store) -> None:
    make_version(sqlite_store, MODEL)

    ran = hotpass("history", MODEL)

    assert (ran.code, ran.out) == (
        0,
        "No decision is on record for lead_scoring. "
        "If its registry was in use before: hotpass adopt lead_scoring\n",
    )


def test_history_of_a_version_that_is_not_there(hotpass: Hotpass, served: Store) -> None:
    ran = hotpass("history", MODEL, "--version", 9)
    assert (ran.code, ran.out) == (2, "")
    assert "model 'lead_scoring' has no version 9. It has: 4, 3, 2, 1" in ran.err
    assert hotpass("history", MODEL, "--version", 4).out.startswith("No decision on version 4 is on record")


def test_history_shows_adoptions(hotpass: Hotpass, sqlite_store: Store) -> None:
    make_version(sqlite_store, MODEL)
    sqlite_store.client.transition_model_version_stage(MODEL, "1", "Staging")
    assert hotpass("adopt", MODEL).code == 0

    assert "adopted v1 in Staging" in hotpass("history", MODEL).out


def test_history_shows_a_repair() -> None:
    record = Record(
        kind=Kind.REPAIR, seq=7, time=datetime(2026, 3, 1, tzinfo=UTC), actor=Actor("ada"), model=MODEL,
        workspace="default", moves=True, lease=30.0, previous={},
        body={"to": "Production", "version": 2, "outcome": "repaired"},
    )  # fmt: skip
    entry = Entry("0123456789abcdef", record, "", State.CLOSED, 0, 0, None, settlers=1)

    assert look._row(entry) == (
        "2026-03-01 00:00:00 UTC", "v2  put back in Production after a write that came too late",
        "repaired, moved, settled later", "ada (claimed)", "", "01234567",
    )  # fmt: skip


# --- audit verify -------------------------------------------------------------------------------------------


def edit_last_record(store: Store) -> str:
    """Makes the newest record tell that another version was promoted; its id."""
    experiment = store.client.get_experiment_by_name(f"hotpass-ledger/{MODEL}").experiment_id
    newest = store.client.search_runs([experiment], order_by=["tags.`hotpass.seq` DESC"], max_results=1)[0]
    record = newest.data.tags["hotpass.record.00"]
    assert '"version":3' in record
    with sqlite3.connect(store.uri.removeprefix("sqlite:///")) as database:
        database.execute(
            "UPDATE tags SET value = ? WHERE run_uuid = ? AND key = 'hotpass.record.00'",
            (record.replace('"version":3', '"version":4'), newest.info.run_id),
        )
    return str(newest.info.run_id)


def test_a_whole_ledger_verifies(hotpass: Hotpass, served: Store) -> None:
    ran = hotpass("audit", "verify")

    assert (ran.code, ran.out) == (0, "lead_scoring: 5 records, none edited, removed or inserted.\n")
    assert hotpass("audit", "verify", MODEL, "--json").json["clean"] is True


def test_an_edited_record_is_named(hotpass: Hotpass, served: Store) -> None:
    record = edit_last_record(served)

    ran = hotpass("audit", "verify", MODEL)

    assert ran.code == look.TAMPERED == 1
    assert f"  record {record}: edited: its content does not have the hash it was written with" in ran.out
    as_json = hotpass("audit", "verify", "all", "--json")
    assert as_json.code == 1
    assert as_json.json["models"][0]["findings"][0]["record"] == record


def test_the_ledger_of_a_deleted_model_is_verified_too(hotpass: Hotpass, served: Store) -> None:
    served.client.delete_registered_model(MODEL)

    assert hotpass("audit", "verify").out.startswith("lead_scoring: 5 records")


def test_audit_without_a_ledger(hotpass: Hotpass, sqlite_store: Store) -> None:
    make_version(sqlite_store, MODEL)

    assert hotpass("audit", "verify").out == (
        "There is no ledger yet: no promotion was ever asked for here.\n"
    )
    assert hotpass("audit", "verify", MODEL).code == 0
    assert hotpass("audit", "verify", "lead_scorin").code == 2

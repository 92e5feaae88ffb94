"""`hotpass scan` on the command line. What it finds is in tests/test_drift.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import Hotpass
from support.guarded import Guarded
from support.stores import Store
from support.versions import make_version

MODEL = "lead_scoring"
POLICY = """\
policy: leads
models: ["lead_*"]
promotions:
  - to: Production
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.70}
"""


@pytest.fixture
def served(hotpass: Hotpass, sqlite_store: Store) -> Store:
    """Version 2 in Production after version 1; version 3 is new."""
    Path("policies").mkdir()
    Path("policies/leads.yaml").write_text(POLICY)
    for value in (0.8, 0.85, 0.9):
        make_version(sqlite_store, MODEL, metrics={"roc_auc": value})
    for version in (1, 2):
        assert hotpass("promote", MODEL, version, "--to", "Production").code == 0
    return sqlite_store


RECORDED = f"{MODEL}: 3 versions, 2 records, files of 2: as recorded.\n"
PASSES = f"{MODEL} version 2 in Production: passes, 1 gate.\n"


def test_a_clean_registry(hotpass: Hotpass, served: Store) -> None:
    for words, said in (
        ((), RECORDED + PASSES),
        (("--drift", "--rejudge"), RECORDED + PASSES),
        (("--drift", "--model", MODEL), RECORDED),
        (("--rejudge",), PASSES),
        (("--drift", "--no-files"), RECORDED.replace(", files of 2", "")),
    ):
        ran = hotpass("scan", *words)
        assert (ran.code, ran.out) == (0, said)
        assert (f"{MODEL}: 3 versions, 2 records" in ran.err) is (RECORDED[:20] in said)
        assert ("re-judging 1 of 3 versions" in ran.err) is (PASSES in said)


def test_what_serves_and_would_not_pass_today(hotpass: Hotpass, served: Store) -> None:
    Path("policies/leads.yaml").write_text(POLICY.replace("0.70", "0.95"))
    ran = hotpass("scan", "--rejudge")
    assert (ran.code, ran.out) == (
        1,
        f"{MODEL} version 2 in Production: would not pass today: of 1 gate, 1 failed.\n"
        "  failed        metric_threshold  roc_auc is 0.85, wanted at least 0.95  [policies/leads.yaml:6:9]\n"
        "What puts it right: promote a version that passes, go back to one with `hotpass rollback`, "
        "or change "
        "the rule or grant a waiver.\n",
    )
    assert hotpass("scan", "--drift").code == 0
    ran = hotpass("scan", "--json")
    assert (ran.code, ran.json["clean"], ran.json["models"][0]["clean"]) == (1, False, True)
    [one] = ran.json["serving"]
    assert (one["version"], one["stage"], one["came_from"], one["passes"]) == (2, "Production", "None", False)
    assert one["decision"]["judgements"][0]["verdict"] == "failed"


def test_one_that_cannot_be_read_is_exit_code_4(hotpass: Hotpass, served: Store) -> None:
    Path("policies/leads.yaml").write_text(POLICY + "      - signature\n")
    for file in served.artifacts.rglob("MLmodel"):
        file.write_text("{")
    ran = hotpass("scan", "--rejudge")
    assert (ran.code, "could not be judged" in ran.out) == (4, True)


def test_stages_that_are_judged_instead(hotpass: Hotpass, served: Store) -> None:
    ran = hotpass("scan", "--rejudge", "--stage", "Prodution")
    assert (ran.code, "Did you mean Production?" in ran.err) == (2, True)
    ran = hotpass("scan", "--drift", "--stage", "Staging")
    assert (ran.code, "--drift judges nothing" in ran.err) == (2, True)
    assert hotpass("scan", "--rejudge", "--stage", "production").out == PASSES
    nothing = "There is nothing to judge: no version of a model that a policy covers is in Staging.\n"
    assert hotpass("scan", "--rejudge", "--stage", "Staging").out == nothing


def test_drift_is_a_table_that_fits_80_columns_and_says_what_puts_it_right(
    hotpass: Hotpass, served: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    client = served.client
    client.transition_model_version_stage(MODEL, "3", "Production", archive_existing_versions=True)
    client.set_model_version_tag(MODEL, "3", "hotpass.decision", "f" * 32)

    ran = hotpass("scan", "--drift")

    assert ran.code == 1
    table, _, remedies = ran.out.partition("What puts it right:\n")
    assert table.startswith(f"{MODEL}: 3 versions, 2 records, files of 2: 3 findings.\n")
    assert max(len(line) for line in table.splitlines()) <= 80
    rows = [line.split()[:2] for line in table.splitlines() if line[:2].strip().isdigit()]
    assert rows == [["2", "stage"], ["3", "stage"], ["3", "tag"]]
    put_back = f"hotpass rollback {MODEL} --to-version 2 --stage Production --reason drift"
    assert f"  version 3: {put_back}; or accept what is there: hotpass adopt {MODEL}\n" in remedies


def test_drift_as_json(hotpass: Hotpass, served: Store) -> None:
    served.client.set_registered_model_alias(MODEL, "production", "3")

    ran = hotpass("scan", "--json")

    assert ran.code == 1
    assert ran.json["clean"] is False
    [found] = ran.json["models"]
    assert (found["model"], found["versions"], found["records"], found["files"]) == (MODEL, 3, 2, 2)
    assert found["findings"] == [
        {
            "model": MODEL,
            "version": 2,
            "kind": "alias",
            "recorded": "production on version 2",
            "found": "production on version 3",
            "remedy": f"hotpass rollback {MODEL} --to-version 2 --stage Production --reason drift; or accept "
            f"what is there: hotpass adopt {MODEL}",
        }
    ]


def test_a_scan_changes_nothing(hotpass: Hotpass, served: Store) -> None:
    served.client.set_registered_model_alias(MODEL, "production", "3")
    before = Path(served.uri.removeprefix("sqlite:///")).read_bytes()
    hotpass("scan")
    assert Path(served.uri.removeprefix("sqlite:///")).read_bytes() == before


def test_nothing_to_compare(hotpass: Hotpass, sqlite_store: Store) -> None:
    ran = hotpass("scan")
    assert (ran.code, ran.out.split(":")[0]) == (0, "There is nothing to compare")


def test_what_is_wrong_with_the_call_is_exit_code_2(hotpass: Hotpass, served: Store, tmp_path: Path) -> None:
    assert "Did you mean 'lead_scoring'" in (ran := hotpass("scan", "--model", "lead_scorin")).err
    assert ran.code == 2
    ran = hotpass("scan", "--key-file", tmp_path / "no.key")
    assert (ran.code, "cannot be read" in ran.err) == (2, True)
    Path("policies/leads.yaml").write_text("policy: [")
    assert hotpass("scan").code == 2


def test_the_guards_key_proves_seals(hotpass: Hotpass, served: Store, tmp_path: Path) -> None:
    key = tmp_path / "guard.key"
    key.write_text("k" * 64)
    key.chmod(0o600)
    ran = hotpass("audit", "verify", "--key-file", key)
    assert (ran.code, "note: no record is sealed" in ran.out) == (0, True)
    ran = hotpass("scan", "--key-file", key)
    assert (ran.code, "note: no record is sealed" in ran.out) == (0, True)
    key.chmod(0o644)
    ran = hotpass("scan", "--key-file", key)
    assert (ran.code, "chmod 600" in ran.err) == (2, True)


def test_what_a_guarded_server_serves_is_judged_over_http(hotpass: Hotpass, guarded_sqlite: Guarded) -> None:
    name = guarded_sqlite.name()
    make_version(guarded_sqlite, name, metrics={"roc_auc": 0.8})
    for stage in ("Staging", "Production"):
        assert hotpass("promote", name, 1, "--to", stage).code == 0
    text = Path(guarded_sqlite.policies, "guarded.yaml").read_text()
    Path("stricter.yaml").write_text(text.replace("0.75", "0.95"))
    ran = hotpass("scan", "--rejudge", "--model", name, "--policies", "stricter.yaml")
    assert ran.code == 1
    assert f"{name} version 1 in Production: would not pass today" in ran.out
    assert "roc_auc is 0.8, wanted at least 0.95" in ran.out
    assert "note: a guard on the server decides by policies of its own" in ran.out
    assert hotpass("scan", "--rejudge", "--model", name, "--policies", guarded_sqlite.policies).code == 0

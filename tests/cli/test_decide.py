"""`hotpass check`, `promote`, `rollback` and `adopt`: what they print, what they do, how they exit."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest

from hotpass import api
from hotpass.ledger.record import Actor, Kind
from hotpass.policy.model import PolicySet
from support.commands import Hotpass
from support.stores import Store
from support.versions import make_version

POLICY = """\
policy: leads
models: ["lead_*"]
promotions:
  - to: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.70}
      - required_tags:
          owner: present
        hint: Ask in the risk channel.
      - input_example:
        enforcement: advisory
  - to: Production
    from: Staging
    gates:
      - staging_dwell: 1s
"""
SLOW = POLICY.replace("staging_dwell: 1s", "staging_dwell: 24h")
MODEL = "lead_scoring"


@pytest.fixture
def policies(sqlite_store: Store) -> Path:
    """./policies with the policy above, in the folder where the test works."""
    folder = Path("policies")
    folder.mkdir()
    (folder / "leads.yaml").write_text(POLICY)
    return folder


def good(store: Store) -> int:
    return make_version(store, MODEL, metrics={"roc_auc": 0.8}, tags={"owner": "ada"}, input_example=False)


def serve(hotpass: Hotpass, version: int) -> None:
    """Takes `version` to Production by the book."""
    assert hotpass("promote", MODEL, version, "--to", "Staging").code == 0
    time.sleep(1.1)
    assert hotpass("promote", MODEL, version, "--to", "Production").code == 0


def stage_of(store: Store, version: int) -> str:
    return store.client.get_model_version(MODEL, str(version)).current_stage


def test_a_denied_check_lists_every_gate_with_its_place(
    hotpass: Hotpass, sqlite_store: Store, policies: Path
) -> None:
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.65})

    ran = hotpass("check", MODEL, "latest", "--to", "staging")

    assert (ran.code, ran.err) == (1, "")
    assert (
        ran.out
        == """\
lead_scoring version 1: None -> Staging
  failed        metric_threshold  roc_auc is 0.65, wanted at least 0.7  [policies/leads.yaml:6:9]
  failed        required_tags     the tag owner is not set on the version, its run, its model  \
[policies/leads.yaml:8:9]
    hint: Ask in the risk channel.
Advisory, shown and never in the way:
  passed        input_example  the model has an input example  [policies/leads.yaml:11:9]
Denied: of 2 gates, 2 failed. Nothing was written.
Next: mend what is said above, or train a better version; then: hotpass promote lead_scoring 1 --to Staging
"""
    )


def test_an_allowed_check_writes_nothing_and_names_the_command(
    hotpass: Hotpass, sqlite_store: Store, policies: Path
) -> None:
    good(sqlite_store)

    ran = hotpass("check", MODEL, 1, "--to", "Staging", "--policies", "policies")

    assert ran.code == 0
    assert "  failed        input_example  " in ran.out, "advisory: shown, and not in the way"
    assert ran.out.endswith(
        "Would be allowed. Nothing was written.\n"
        "Next: hotpass promote lead_scoring 1 --to Staging --policies policies\n"
    )
    assert stage_of(sqlite_store, 1) == "None"
    assert sqlite_store.client.get_experiment_by_name(f"hotpass-ledger/{MODEL}") is None


def test_a_pending_promotion_says_when_it_passes_and_what_to_type_then(
    hotpass: Hotpass, sqlite_store: Store, policies: Path
) -> None:
    (policies / "leads.yaml").write_text(SLOW)
    good(sqlite_store)
    assert hotpass("promote", MODEL, 1, "--to", "Staging").code == 0

    ran = hotpass("promote", MODEL, 1, "--to", "Production", "--reason", "it's better")

    assert ran.code == 3
    assert re.search(
        r"Not yet: it passes by itself at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in (1d|23h 59m)\), "
        r"if nothing else changes\. Nothing was moved\. Recorded as ([0-9a-f]{8})\.\n"
        r"Report: hotpass report lead_scoring --decision \2\n"
        r"Then: hotpass promote lead_scoring 1 --to Production --reason 'it'\"'\"'s better'\n\Z",
        ran.out,
    ), ran.out
    assert stage_of(sqlite_store, 1) == "Staging"


def test_promote_moves_records_and_points_on(hotpass: Hotpass, sqlite_store: Store, policies: Path) -> None:
    good(sqlite_store)

    ran = hotpass("promote", MODEL, 1, "--to", "Staging")

    assert ran.code == 0
    done, page, step = ran.out.splitlines()[-3:]
    said = re.fullmatch(
        r"Promoted: lead_scoring version 1 is in Staging now\. Recorded as ([0-9a-f]{8})\.", done
    )
    assert said
    assert page == f"Report: hotpass report lead_scoring --decision {said[1]}"
    assert step == "Next: hotpass check lead_scoring 1 --to Production"
    assert stage_of(sqlite_store, 1) == "Staging"

    again = hotpass("promote", MODEL, 1, "--to", "Staging")
    assert again.code == 0
    assert "Allowed: lead_scoring version 1 is in Staging, as it was." in again.out


def test_past_a_stage_is_denied_with_the_command_that_comes_first(
    hotpass: Hotpass, sqlite_store: Store, policies: Path
) -> None:
    good(sqlite_store)

    ran = hotpass("promote", MODEL, 1, "--to", "Production")

    assert ran.code == 1
    assert "lets a version into Production only from Staging" in ran.out
    assert ran.out.endswith("Next: hotpass promote lead_scoring 1 --to Staging\n")
    assert stage_of(sqlite_store, 1) == "None"


def test_a_dry_run_is_a_check(hotpass: Hotpass, sqlite_store: Store, policies: Path) -> None:
    good(sqlite_store)

    dry = hotpass("promote", MODEL, 1, "--to", "Staging", "--dry-run")

    assert dry.out == hotpass("check", MODEL, 1, "--to", "Staging").out
    assert stage_of(sqlite_store, 1) == "None"


@pytest.mark.parametrize("command", ["check", "promote"])
def test_json_is_the_decision_alone(
    hotpass: Hotpass, sqlite_store: Store, policies: Path, command: str
) -> None:
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.65})

    ran = hotpass(command, MODEL, 1, "--to", "Staging", "--json")

    assert ran.code == 1
    assert ran.json["outcome"] == "denied"
    assert [one["verdict"] for one in ran.json["judgements"]] == ["failed", "failed", "passed"]
    assert bool(ran.json["id"]) == (command == "promote"), "only what is on record has an id"


def test_rollback_puts_the_earlier_version_back(
    hotpass: Hotpass, sqlite_store: Store, policies: Path
) -> None:
    for version in (good(sqlite_store), good(sqlite_store)):
        serve(hotpass, version)
    assert (stage_of(sqlite_store, 1), stage_of(sqlite_store, 2)) == ("Archived", "Production")

    dry = hotpass("rollback", MODEL, "--reason", "complaints", "--dry-run")
    assert dry.code == 0
    assert dry.out.endswith(
        "Would be allowed. Nothing was written.\n"
        "Next: hotpass rollback lead_scoring --to-version 1 --reason complaints\n"
    )
    assert stage_of(sqlite_store, 2) == "Production"

    ran = hotpass("rollback", MODEL, "--reason", "complaints")
    assert ran.code == 0
    assert ran.out.startswith("lead_scoring version 1: rollback, Archived -> Production\n")
    assert "Rolled back: lead_scoring version 1 is in Production now." in ran.out
    assert (stage_of(sqlite_store, 1), stage_of(sqlite_store, 2)) == ("Production", "Archived")


def test_a_version_that_never_served_cannot_be_rolled_back_to(
    hotpass: Hotpass, sqlite_store: Store, policies: Path
) -> None:
    serve(hotpass, good(sqlite_store))
    good(sqlite_store)

    ran = hotpass("rollback", MODEL, "--reason", "x", "--to-version", "2")

    assert ran.code == 1
    assert "no allowed decision ever put version 2 in Production" in ran.out
    assert ran.out.endswith("Next: choose another version from: hotpass history lead_scoring\n")
    assert stage_of(sqlite_store, 1) == "Production"


def test_adopt_says_what_it_recorded_and_then_that_nothing_is_left(
    hotpass: Hotpass, sqlite_store: Store
) -> None:
    good(sqlite_store)
    sqlite_store.client.transition_model_version_stage(MODEL, "1", "Staging")
    sqlite_store.client.set_registered_model_alias(MODEL, "blue", "1")

    dry = hotpass("adopt", MODEL, "--dry-run")
    assert dry.out == "lead_scoring: would adopt 1 version.\n  version 1 in Staging, alias blue\n"

    ran = hotpass("adopt", "--all")
    assert re.match(r"lead_scoring: adopted 1 version\. Recorded as [0-9a-f]{8}\.\n", ran.out), ran.out
    again = hotpass("adopt", MODEL)
    assert again.out == "lead_scoring: nothing to adopt; the ledger knows what is there.\n"
    assert (dry.code, ran.code, again.code) == (0, 0, 0)


def test_adopt_accepts_a_ledger_that_lost_its_end(
    hotpass: Hotpass, sqlite_store: Store, policies: Path
) -> None:
    good(sqlite_store)
    assert hotpass("promote", MODEL, 1, "--to", "Staging").code == 0
    sqlite_store.client.set_registered_model_tag(MODEL, "hotpass.head", f"9 {'0' * 32} {'0' * 64} -")

    refused = hotpass("promote", MODEL, 1, "--to", "Staging")
    assert (refused.code, "hotpass adopt lead_scoring" in refused.err) == (4, True)
    adopted = hotpass("adopt", MODEL)
    assert adopted.code == 0
    assert f"  accepts: record {'0' * 32} (number 9) is gone" in adopted.out
    assert hotpass("promote", MODEL, 1, "--to", "Staging").code == 0


def test_a_terminal_gets_a_table_with_signs(
    hotpass: Hotpass, sqlite_store: Store, policies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good(sqlite_store)
    monkeypatch.setattr("hotpass.cli.show_decision.on_a_terminal", lambda: True)

    ran = hotpass("check", MODEL, 1, "--to", "Staging")

    assert "✔ passed" in ran.out
    assert "✘ failed" in ran.out
    assert "verdict" in ran.out


def test_who_waits_for_another_promotion_is_told(
    hotpass: Hotpass, sqlite_store: Store, policies: Path
) -> None:
    good(sqlite_store)
    assert hotpass("promote", MODEL, 1, "--to", "Staging").code == 0
    with api.connect(policies=PolicySet(), registry_uri=sqlite_store.uri) as session:
        chain = session._chain(MODEL)
    head = chain.refresh()
    assert head is not None
    # As a process does that has not the database: it opens a record first, and closes it when it has moved.
    opened = chain.append(
        Kind.DECISION, head.record.body, after=head, moves=True, actor=Actor("ann"), workspace="default",
        title="still open",
    )  # fmt: skip
    assert opened is not None
    finishes = threading.Timer(3.0, chain.close, [opened], {"moved": True, "at_ms": None})
    finishes.start()

    ran = hotpass("check", MODEL, 1, "--to", "Staging")
    assert (ran.code, ran.err) == (0, ""), "a check waits for nobody"
    assert "began to move version 1 to Staging" in hotpass("status").out
    ran = hotpass("promote", MODEL, 1, "--to", "Staging")
    finishes.join()

    assert ran.code == 0
    assert re.match(r"waiting for a promotion by \S+ \(record [0-9a-f]{8}\) that is still open", ran.err)


# --- mistakes -----------------------------------------------------------------------------------------------

MISTAKES = {
    "a model that is not there": (
        ["check", "lead_scorin", 1, "--to", "Staging"], 2,
        "Error: there is no model 'lead_scorin'. Did you mean 'lead_scoring'? "
        "The registry has: lead_scoring\n",
    ),
    "a version that is not there": (
        ["promote", MODEL, 9, "--to", "Staging"], 2,
        "Error: model 'lead_scoring' has no version 9. It has: 1\n",
    ),
    "version 0": (
        ["promote", MODEL, 0, "--to", "Staging"], 2,
        "Error: '0' is not a version: give its number, or 'latest'\n",
    ),
    "a version that only looks like a number": (
        ["promote", MODEL, "²", "--to", "Staging"], 2,
        "Error: '²' is not a version: give its number, or 'latest'\n",
    ),
    "a stage misspelt": (
        ["promote", MODEL, 1, "--to", "Prodction"], 2,
        "Error: there is no stage 'Prodction'. Did you mean Production? The stages are None, Staging, "
        "Production, Archived; a policy that promotes to another one adds it.\n",
    ),
    "a stage that cannot be": (
        ["check", MODEL, 1, "--to", "v1"], 2,
        "Error: 'v1' is not a stage. Use one of None, Staging, Production, Archived, or a name of your own: "
        "a letter, then letters, digits, '-' or '_' (not 'latest', not 'v1').\n",
    ),
    "a policy folder that is not there": (
        ["check", MODEL, 1, "--to", "Staging", "--policies", "polices"], 2,
        "polices: it does not exist\n    Create it, or name the folder or file that holds your policies.\n"
        "1 problem found\n",
    ),
    "a plugin folder that is not there": (
        ["check", MODEL, 1, "--to", "Staging", "--plugins", "gates"], 2,
        "Error: plugin folder gates does not exist. Create it, or name another with --plugins or "
        "HOTPASS_PLUGINS.\n",
    ),
    "no database": (
        ["check", MODEL, 1, "--to", "Staging", "--registry-uri", "sqlite:///other.db"], 2,
        "Error: there is no MLflow database at sqlite:///other.db (that is {here}/other.db). Train a model "
        "first, or name another with --registry-uri, MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI.\n",
    ),
    "a folder as database": (
        ["check", MODEL, 1, "--to", "Staging", "--registry-uri", "sqlite:///policies"], 2,
        "Error: policies (that is {here}/policies) is not a SQLite database. Name another file in "
        "sqlite:///policies.\n",
    ),
    "another file as database": (
        ["check", MODEL, 1, "--to", "Staging", "--registry-uri", "sqlite:///policies/leads.yaml"], 2,
        "Error: policies/leads.yaml (that is {here}/policies/leads.yaml) is not a SQLite database. "
        "Name another file in "
        "sqlite:///policies/leads.yaml.\n",
    ),
    "a database without a file": (
        ["check", MODEL, 1, "--to", "Staging", "--registry-uri", "sqlite:///"], 2,
        "Error: sqlite:/// names no database file. Write sqlite:///FILE.\n",
    ),
    "an unset variable as registry": (
        ["promote", MODEL, 1, "--to", "Staging", "--registry-uri", ""], 2,
        "Error: --registry-uri is empty. Name one, or leave it out for MLflow's own setting.\n",
    ),
    "an unset variable as model": (
        ["promote", "", 1, "--to", "Staging"], 2, "Error: the name of the model is empty\n",
    ),
    "nobody listens": (
        ["promote", MODEL, 1, "--to", "Staging", "--registry-uri", "http://ada:s3cret@127.0.0.1:1"], 4,
        "Error: cannot connect to http://ada:***@127.0.0.1:1: Connection refused. Is the server up and the "
        "URI right? Nothing was changed.\n",
    ),
    "a port that cannot be": (
        ["check", MODEL, 1, "--to", "Staging", "--registry-uri", "http://127.0.0.1:599999"], 2,
        "Error: http://127.0.0.1:599999 is not a server's address: Port out of range 0-65535\n",
    ),
    "a rollback without a reason": (
        ["rollback", MODEL], 2,
        "Error: a rollback needs a reason, for the record: "
        "hotpass rollback lead_scoring --reason 'what went wrong'\n",
    ),
    "a rollback to nothing": (
        ["rollback", MODEL, "--reason", "x"], 2,
        "Error: the ledger knows no earlier version of 'lead_scoring' in Production to roll back to. Name "
        "one with --to-version, if it was there before; see: hotpass history lead_scoring\n",
    ),
    "a contradiction with the policy": (
        ["promote", MODEL, 1, "--to", "Production", "--no-archive-existing"], 2,
        "Error: archive_existing=False contradicts the policy, which says True for Production "
        "(policies/leads.yaml:13:5). Leave the argument out.\n",
    ),
    "adopting nothing in particular": (
        ["adopt"], 2,
        "Error: name one model, or give --all: hotpass adopt MODEL, or: hotpass adopt --all\n",
    ),
    "no stage named": (
        ["promote", MODEL, 1], 2, "Error: Missing option '--to'.\nTry `hotpass promote --help`.\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_error(
    hotpass: Hotpass, sqlite_store: Store, policies: Path, mistake: str
) -> None:
    good(sqlite_store)
    words, code, message = MISTAKES[mistake]

    ran = hotpass(*words)

    message = message.replace("{here}", str(Path.cwd()))
    assert (ran.out, ran.err, ran.code) == ("", message, code)
    assert stage_of(sqlite_store, 1) == "None"


def test_a_wrong_password_is_never_shown(
    hotpass: Hotpass, sqlite_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    uri = "postgresql+psycopg2://ada:s3cret@127.0.0.1:1/mlflow?sslpassword=t0psecret"

    ran = hotpass("status", "--registry-uri", uri)

    assert ran.code == 4
    assert ran.err.startswith("Error: cannot connect to postgresql+psycopg2://ada:***@127.0.0.1:1/mlflow")
    assert "Connection refused" in ran.err
    for secret in ("s3cret", "t0psecret"):
        assert secret not in ran.out + ran.err + caplog.text


def test_a_stage_of_the_policys_own_is_known(hotpass: Hotpass, sqlite_store: Store, policies: Path) -> None:
    (policies / "leads.yaml").write_text(POLICY.replace("from: Staging", "from: Canary"))
    good(sqlite_store)

    ran = hotpass("check", MODEL, 1, "--to", "Canary")

    assert ran.code == 1
    assert "covers lead_scoring but has no promotion to Canary" in ran.out

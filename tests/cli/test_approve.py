"""`hotpass approve` and `withdraw`, and what `history` and `status` show of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hotpass.cli import look
from hotpass.ledger.record import Actor, Entry, Kind, Record, State
from hotpass.testing import NOW
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
      - metric_threshold: {roc_auc: {at_least: 0.70}}
  - to: Production
    from: Staging
    gates:
      - approvals: {at_least: 1, not_by: [requester], claimed: true}
        name: four eyes
"""
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
CLAIMED = r"claimed; no server has authenticated you"


@pytest.fixture
def staged(hotpass: Hotpass, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Version 1 of the model in Staging, and the policy; Rita at the keyboard."""
    monkeypatch.setenv("HOTPASS_ACTOR", "rita")
    Path("policies").mkdir()
    Path("policies/leads.yaml").write_text(POLICY)
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    assert hotpass("promote", MODEL, 1, "--to", "Staging").code == 0
    return sqlite_store


def test_two_pairs_of_eyes(hotpass: Hotpass, staged: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = hotpass("promote", MODEL, 1, "--to", "Production")
    assert ran.code == 3
    [command] = re.findall("hotpass (approve .+) --reason …", ran.out)

    monkeypatch.setenv("HOTPASS_ACTOR", "ana")
    ran = hotpass(*command.split(), "--reason", "the curve is good")
    assert ran.code == 0, ran
    assert re.fullmatch(
        rf"Approved: lead_scoring version 1 for Production, by ana \({CLAIMED}\)\. "
        r"Recorded as [0-9a-f]{8}\.\n"
        r"Next: hotpass check lead_scoring 1 --to Production\n",
        ran.out,
    ), ran.out
    ran = hotpass(*command.split(), "--reason", "as I said")
    assert re.match(
        r"ana \(.+\) had approved lead_scoring version 1 for Production before, and that stands\. "
        r"Recorded again as [0-9a-f]{8}\.\n",
        ran.out,
    ), ran.out

    monkeypatch.setenv("HOTPASS_ACTOR", "rita")
    assert hotpass("promote", MODEL, 1, "--to", "Production").code == 0


def test_taking_it_back(hotpass: Hotpass, staged: Store) -> None:
    hotpass("approve", MODEL, "latest", "--to", "production", "--reason", "good")
    ran = hotpass("withdraw", MODEL, 1, "--to", "Production", "--reason", "not so good")
    assert ran.code == 0
    assert re.fullmatch(
        rf"Withdrawn: the approval of lead_scoring version 1 for Production, by rita \({CLAIMED}\)\. "
        r"Recorded as [0-9a-f]{8}\.\n",
        ran.out,
    ), ran.out
    ran = hotpass("withdraw", MODEL, 1, "--to", "Production", "--reason", "again")
    assert (ran.code, ran.out) == (2, "")
    assert "rita has no approval of lead_scoring version 1 for Production to take back" in ran.err


def test_as_json(hotpass: Hotpass, staged: Store) -> None:
    said = hotpass("approve", MODEL, 1, "--to", "Production", "--reason", "good", "--json").json
    assert (said["kind"], said["actor"], said["authenticated"], said["outcome"]) == (
        "approval", "rita", False, "approved",
    )  # fmt: skip
    assert (said["version"], said["to"], said["reason"], said["moved"]) == (1, "Production", "good", False)
    said = hotpass("withdraw", MODEL, 1, "--to", "Production", "--reason", "bad", "--json").json
    assert (said["kind"], said["outcome"], said["reason"]) == ("withdrawal", "withdrawn", "bad")


@pytest.mark.parametrize("command", ["approve", "withdraw"])
def test_a_reason_is_needed_and_the_example_shows_where(
    hotpass: Hotpass, staged: Store, command: str
) -> None:
    ran = hotpass(command, MODEL, 1, "--to", "Production")
    assert (ran.code, ran.out) == (2, "")
    assert f"hotpass {command} lead_scoring 1 --to Production --reason 'what you have seen'" in ran.err, (
        ran.err
    )
    assert "Did you mean Production?" in hotpass(command, MODEL, 1, "--to", "Prodution", "--reason", "x").err


def test_where_no_policy_asks_for_any_it_says_so(hotpass: Hotpass, staged: Store) -> None:
    Path("policies/leads.yaml").write_text(POLICY.replace("approvals: {", "approvals: {at_least: 1}\n#"))
    ran = hotpass("approve", MODEL, 1, "--to", "Archived", "--reason", "old")
    assert ran.code == 0
    assert "No policy here asks for approvals of lead_scoring for Archived." in ran.out
    assert "No policy here" not in hotpass("approve", MODEL, 1, "--to", "Production", "--reason", "x").out


def test_history_and_status_show_them(
    hotpass: Hotpass, staged: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ana", "ben", "cleo"):
        monkeypatch.setenv("HOTPASS_ACTOR", name)
        hotpass("approve", MODEL, 1, "--to", "Production", "--reason", f"{name} has seen it")
    hotpass("withdraw", MODEL, 1, "--to", "Production", "--reason", "cleo has seen more")

    lines = hotpass("history", MODEL, "--version", 1).out.splitlines()
    assert re.match(
        rf"{MOMENT}  v1  approval for Production taken back  withdrawn +cleo \(claimed\)  "
        r"\[[0-9a-f]{8}\]  cleo has seen more$",
        lines[0],
    ), lines[0]
    assert re.match(rf"{MOMENT}  v1  approved for Production +approved +cleo \(claimed\)", lines[1])
    records = hotpass("history", MODEL, "--json").json["records"]
    assert [record["kind"] for record in records] == ["withdrawal", *["approval"] * 3, "decision"]

    shown = hotpass("status").out
    assert "              approved for Production by ana (claimed), ben (claimed)\n" in shown, shown
    [held] = hotpass("status", "--json").json["models"][0]["held"]
    assert [(given["to"], given["name"], given["authenticated"]) for given in held["approvals"]] == [
        ("Production", "ana", False), ("Production", "ben", False),
    ]  # fmt: skip
    staged.client.set_model_version_tag(MODEL, "1", "hotpass.artifact_digest", "0" * 64)
    assert "approved for" not in hotpass("status").out, "they are about other files"


def test_status_finds_old_ones_behind_many_records(hotpass: Hotpass, staged: Store) -> None:
    hotpass("approve", MODEL, 1, "--to", "Production", "--reason", "good")
    make_version(staged, MODEL)
    for _ in range(13):
        hotpass("approve", MODEL, 2, "--to", "Production", "--reason", "yes")
        hotpass("withdraw", MODEL, 2, "--to", "Production", "--reason", "no")
    assert "approved for Production by rita (claimed)" in hotpass("status").out


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (
            {"version": 3, "call": "transition_model_version_stage"},
            "v3  transition_model_version_stage was let past",
        ),
        ({"version": None, "call": "delete_registered_model"}, "delete_registered_model was let past"),
        ({"call": "delete_registered_model"}, "delete_registered_model was let past"),
    ],
)
def test_an_observation_in_the_history(body: dict[str, object], what: str) -> None:
    body = {"model": MODEL, "reasons": ["no policy allows it", "nor does anybody"], **body}
    record = Record(Kind.OBSERVATION, 1, NOW, Actor("ana"), MODEL, "default", False, body, 45.0, {})
    row = look._row(Entry("a" * 32, record, "", State.CLOSED, 0, None, None))
    assert row[1:4] == (what, "observed", "ana (claimed)")


def test_hostile_text_forges_no_line(
    hotpass: Hotpass, staged: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTPASS_ACTOR", "eve\nApproved: all of it, by ana\x1b[31m")
    ran = hotpass("approve", MODEL, 1, "--to", "Production", "--reason", "a\nb")
    assert len(ran.out.splitlines()) == 2
    assert "\x1b" not in ran.out + hotpass("history", MODEL).out + hotpass("status").out

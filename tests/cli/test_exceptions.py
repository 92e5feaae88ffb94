"""Waivers and overrides on the command line: what is shown of them, and what to type next."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

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
          roc_auc: {at_least: 0.9}
      - required_tags:
          owner: present
        enforcement: overridable
        by: [ana, ben]
        hint: Ask in the risk channel.
      - required_tags:
          ticket: present
        name: ticket
        enforcement: overridable
        by: [ben, cleo]
"""
TODAY = datetime.now(UTC).date()
OVER = f"{TODAY + timedelta(1)} 00:00:00 UTC"
WAIVER = f"""\
waiver: small-market
policy: leads
gate: metric_threshold
model: lead_scoring
versions: [1]
to: Staging
reason: The market is small.
granted_by: dora
granted: {TODAY}
expires: {TODAY}
"""
MODEL = "lead_scoring"


@pytest.fixture
def store(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """With a policy, a waiver, and a version that has no owner and no ticket; and who acts is ben."""
    monkeypatch.setenv("HOTPASS_ACTOR", "ben")
    Path("policies/waivers").mkdir(parents=True)
    Path("policies/leads.yaml").write_text(POLICY)
    Path("policies/waivers/market.yaml").write_text(WAIVER)
    make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
    return sqlite_store


def test_what_is_excused_and_who_may_excuse_the_rest_is_shown(hotpass: Hotpass, store: Store) -> None:
    ran = hotpass("check", MODEL, 1, "--to", "Staging", "--override", "ticket")

    assert (ran.code, ran.err) == (1, "")
    assert (
        ran.out
        == f"""\
lead_scoring version 1: None -> Staging
  waived        metric_threshold             roc_auc is 0.8, wanted at least 0.9  [policies/leads.yaml:6:9]
    failed, waived by dora until {OVER}: The market is small.  [policies/waivers/market.yaml:1:1]
  failed        required_tags (overridable)  the tag owner is not set on the version, its run, its model  \
[policies/leads.yaml:8:9]
    hint: Ask in the risk channel.
  overridden    ticket (overridable)         the tag ticket is not set on the version, its run, its model  \
[policies/leads.yaml:13:9]
    failed, overridden by ben (claimed)
Denied: of 3 gates, 1 failed. Nothing was written.
Next: mend what is said above, or train a better version; then: hotpass promote lead_scoring 1 --to Staging \
--override ticket --reason 'why it may pass all the same'
Or: ana or ben may override required_tags: hotpass promote lead_scoring 1 --to Staging --override ticket \
--override required_tags --reason 'why it may pass all the same'
"""
    )


def test_only_those_who_may_override_all_that_is_in_the_way_are_named(hotpass: Hotpass, store: Store) -> None:
    ran = hotpass("check", MODEL, 1, "--to", "Staging")
    assert "\nOr: ben may override required_tags and ticket: hotpass promote" in ran.out

    Path("policies/leads.yaml").write_text(POLICY.replace("[ben, cleo]", "[cleo]"))
    assert "Or:" not in hotpass("check", MODEL, 1, "--to", "Staging").out, "no one person can"
    Path("policies/leads.yaml").write_text(POLICY)
    Path("policies/waivers/market.yaml").unlink()
    assert "Or:" not in hotpass("check", MODEL, 1, "--to", "Staging").out, "a mandatory gate is in the way"


def test_promoted_with_exceptions_and_what_history_says_of_them(hotpass: Hotpass, store: Store) -> None:
    both = ["--override", "required_tags", "--override", "ticket"]

    ran = hotpass("promote", MODEL, 1, "--to", "Staging", *both, "--reason", "the board said so")

    assert ran.code == 0, ran
    assert "    failed, overridden by ben (claimed): the board said so\n" in ran.out
    assert "hint" not in ran.out
    assert (
        "Promoted: lead_scoring version 1 is in Staging now, with 1 waived and 2 overridden. Rec" in ran.out
    )
    assert store.client.get_model_version(MODEL, "1").current_stage == "Staging"
    told = hotpass("history", MODEL, "-v").out
    assert (
        "v1  None -> Staging (metric_threshold waived, required_tags overridden, ticket overridden)" in told
    )
    assert (
        "    - ticket failed: the tag ticket is not set on the version, its run, its model; "
        "overridden by ben "
        "(claimed): the board said so\n" in told
    )
    (record,) = json.loads(hotpass("history", MODEL, "--json").out)["records"]
    assert [judged["excuse"]["kind"] for judged in record["judgements"]] == ["waiver", "override", "override"]
    assert record["overrides"] == ["required_tags", "ticket"]
    assert hotpass("audit", "verify").code == 0


def test_an_override_without_a_reason_says_what_to_type(hotpass: Hotpass, store: Store) -> None:
    ran = hotpass("promote", MODEL, "latest", "--to", "Staging", "--override", "ticket")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "Error: an override needs a reason, for the record: hotpass promote lead_scoring latest --to Staging "
        "--override ticket --reason 'why it may pass all the same'\n"
    )
    assert hotpass("promote", MODEL, 1, "--to", "Staging", "--override", "ticket", "--dry-run").code == 1


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("tickets", "no gate here is called 'tickets' (did you mean 'ticket'?)"),
        (
            "metric_threshold",
            "metric_threshold is mandatory and cannot be overridden (policies/leads.yaml:6:9)",
        ),
        ("", "a gate to override has an empty name"),
    ],
)
def test_what_cannot_be_overridden_exits_2(gate: str, said: str, hotpass: Hotpass, store: Store) -> None:
    ran = hotpass("promote", MODEL, 1, "--to", "Staging", "--override", gate, "--reason", "x")

    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert hotpass("history", MODEL).out.startswith("No decision is on record")


def test_who_may_not_exits_1_and_is_on_record(
    hotpass: Hotpass, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTPASS_ACTOR", "eve")

    ran = hotpass("promote", MODEL, 1, "--to", "Staging", "--override", "ticket", "--reason", "x", "--json")

    assert ran.code == 1
    said = json.loads(ran.out)
    assert said["notes"] == ["eve may not override ticket; ben or cleo may (policies/leads.yaml:13:9)"]
    assert "eve (claimed)" in hotpass("history", MODEL).out


def test_a_waiver_cannot_write_on_the_terminal(hotpass: Hotpass, store: Store) -> None:
    Path("policies/waivers/market.yaml").write_text(
        WAIVER.replace("The market is small.", '"[red]small[/red]\\n  passed  ticket"')
    )

    ran = hotpass("check", MODEL, 1, "--to", "Staging")

    assert "[red]small[/red]\\n  passed  ticket" in ran.out
    assert "\n  passed" not in ran.out


def test_the_schema_of_waivers_is_printed(hotpass: Hotpass) -> None:
    ran = hotpass("policy", "schema", "--of", "waiver")

    assert ran.code == 0
    assert json.loads(ran.out)["title"] == "Hotpass waiver"

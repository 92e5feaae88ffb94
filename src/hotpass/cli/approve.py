"""`hotpass approve` and `hotpass withdraw`."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from hotpass.cli import output
from hotpass.cli.decide import ToOption, VersionArgument
from hotpass.cli.look import record_as_json
from hotpass.cli.next_steps import Given
from hotpass.cli.options import (
    JsonOption,
    ModelArgument,
    PluginsOption,
    PoliciesFromOption,
    PoliciesOption,
    RegistryUriOption,
    TrackingUriOption,
)
from hotpass.errors import CallError
from hotpass.texts import shown

if TYPE_CHECKING:
    from hotpass.ledger.record import Entry
    from hotpass.session import Session

ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why; required, for the record.", show_default=False)
]


def approve(
    model: ModelArgument,
    version: VersionArgument,
    to: ToOption,
    reason: ReasonOption = "",
    policies: PoliciesOption = None,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say that a version may go to a stage, for the gate `approvals`.

    The approval is about this version with the files it has now, and a promotion
    to that stage uses it. Without a server that authenticates, who you are is
    only claimed: HOTPASS_ACTOR, else the name of your account.
    """
    given = Given(policies, plugins, registry_uri, tracking_uri, policies_from=policies_from)
    _check_reason(given, "approve", model, version, to, reason)
    session, stage = given.open(to, version)
    with session:
        entry = session.approve(model, version, stage, reason=reason, request_id=uuid.uuid4().hex)
    if as_json:
        output.print_json(record_as_json(entry))
        return 0
    number = str(entry.record.body["version"])
    said = f"{model} version {number} for {stage}"
    output.say(
        shown(
            f"{who(entry)} had approved {said} before, and that stands. Recorded again as {entry.id[:8]}."
            if "stood" in entry.record.body
            else f"Approved: {said}, by {who(entry)}. Recorded as {entry.id[:8]}."
        ),
        style="bold green",
    )
    if not session.guarded and not _is_asked_for(session, model, stage):
        output.say(shown(f"No policy here asks for approvals of {model} for {stage}."))
    output.say(shown(f"Next: {given.command('check', model, number, '--to', stage)}"))
    return 0


def withdraw(
    model: ModelArgument,
    version: VersionArgument,
    to: ToOption,
    reason: ReasonOption = "",
    policies: PoliciesOption = None,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    as_json: JsonOption = False,
) -> int:
    """Take your own approval back.

    A promotion that was carried out on it stays: put an earlier version back
    with `hotpass rollback`.
    """
    given = Given(policies, plugins, registry_uri, tracking_uri, policies_from=policies_from)
    _check_reason(given, "withdraw", model, version, to, reason)
    session, stage = given.open(to, version)
    with session:
        entry = session.withdraw(model, version, stage, reason=reason, request_id=uuid.uuid4().hex)
    if as_json:
        output.print_json(record_as_json(entry))
        return 0
    number = entry.record.body["version"]
    output.say(
        shown(
            f"Withdrawn: the approval of {model} version {number} for {stage}, by {who(entry)}. "
            f"Recorded as {entry.id[:8]}."
        )
    )
    return 0


def who(entry: Entry) -> str:
    """The name in a record, and what it is worth where nobody has checked it."""
    actor = entry.record.actor
    return actor.name if actor.authenticated else f"{actor.name} (claimed; no server has authenticated you)"


def _is_asked_for(session: Session, model: str, stage: str) -> bool:
    """Whether a policy has the gate, be it in a rollback or under a name of its own."""
    return any(
        gate.gate_name == "approvals"
        for policy in session.policies.covering(model)
        for gates in (policy.rollback or (), *(entry.gates for entry in policy.entries_to(stage)))
        for gate in gates
    )


def _check_reason(given: Given, command: str, model: str, version: str, to: str, reason: str) -> None:
    if not reason.strip():
        example = replace(given, reason="what you have seen").command(command, model, version, "--to", to)
        raise CallError(f"{command} needs a reason, for the record: {example}")

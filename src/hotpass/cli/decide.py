"""`hotpass check`, `promote`, `rollback` and `adopt`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hotpass.cli import output
from hotpass.cli.next_steps import WHY_OVERRIDDEN, Given, after_check, after_promotion
from hotpass.cli.options import (
    FormatOption,
    JsonOption,
    ModelArgument,
    OutputOption,
    OverrideOption,
    PluginsOption,
    PoliciesFromOption,
    PoliciesOption,
    RegistryUriOption,
    TrackingUriOption,
    named,
)
from hotpass.cli.reporting import Reporting
from hotpass.cli.sessions import open_to_look
from hotpass.cli.show_decision import show_decision
from hotpass.errors import CallError, PromotionDenied
from hotpass.reports.decision import report_of
from hotpass.stages import ModelStage
from hotpass.texts import shown
from hotpass.verdicts import Decision

if TYPE_CHECKING:
    from hotpass.api import Session

VersionArgument = Annotated[
    str, typer.Argument(metavar="VERSION", help="Number of the version, or `latest`.", show_default=False)
]
ToOption = Annotated[
    str,
    typer.Option(
        "--to", metavar="STAGE", help="The stage to promote to, for example Production.", show_default=False
    ),
]
ArchiveOption = Annotated[
    bool | None,
    typer.Option(
        "--archive-existing/--no-archive-existing", show_default=False,
        help="Whether the versions that hold the stage now are archived. Default: as the policy says, "
        "else for Production.",
    ),
]  # fmt: skip
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would be decided; write nothing.")
]


def check(
    model: ModelArgument,
    version: VersionArgument,
    to: ToOption,
    override: OverrideOption = None,
    archive_existing: ArchiveOption = None,
    policies: PoliciesOption = None,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    form: FormatOption = None,
    file: OutputOption = None,
    as_json: JsonOption = False,
) -> int:
    """Judge a promotion without doing it.

    Runs every gate of the policies, prints all verdicts and writes nothing.

    Exits 0 where it would be allowed, 1 where denied, 3 where it is not time.
    """
    given = Given(policies, plugins, registry_uri, tracking_uri, policies_from=policies_from)
    reporting = Reporting.of("check", form, file, as_json=as_json)
    with reporting, given.opened(to, version) as (session, stage):
        decision = session.check(
            model, version, stage, archive_existing=archive_existing, overrides=override or ()
        )
        words = _promote_words(decision, archive_existing, override)
        return _show_checked(session, decision, given, reporting, words)


def promote(
    model: ModelArgument,
    version: VersionArgument,
    to: ToOption,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.", show_default=False)] = "",
    override: OverrideOption = None,
    archive_existing: ArchiveOption = None,
    dry_run: DryRunOption = False,
    policies: PoliciesOption = None,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    form: FormatOption = None,
    file: OutputOption = None,
    as_json: JsonOption = False,
) -> int:
    """Judge a promotion, record it and, if allowed, do it.

    The decision goes into the ledger before anything moves, denied or not.

    Exits 0 where the version moved or was there already, 1 where it is denied,
    3 where it is not time yet.
    """
    given = Given(policies, plugins, registry_uri, tracking_uri, reason, policies_from)
    if override and not reason.strip() and not dry_run:
        words = ["promote", model, version, "--to", to, *_overrides(override)]
        example = replace(given, reason=WHY_OVERRIDDEN).command(*words)
        raise CallError(f"an override needs a reason, for the record: {example}")
    reporting = Reporting.of("promote", form, file, as_json=as_json)
    with reporting, given.opened(to, version) as (session, stage):
        if dry_run:
            decision = session.check(
                model, version, stage, archive_existing=archive_existing, overrides=override or ()
            )
            words = _promote_words(decision, archive_existing, override)
            return _show_checked(session, decision, given, reporting, words)
        return _carry_out(
            session, given, reporting,
            lambda: session.promote(
                model, version, stage, archive_existing=archive_existing, reason=reason,
                overrides=override or (),
            ),
            lambda decision: _promote_words(decision, archive_existing, override),
        )  # fmt: skip


def rollback(
    model: ModelArgument,
    reason: Annotated[
        str, typer.Option("--reason", help="Why; required, for the record.", show_default=False)
    ] = "",
    to_version: Annotated[
        str | None,
        typer.Option(
            "--to-version",
            metavar="N",
            help="The version to put back. Default: the one that was there before.",
        ),
    ] = None,
    stage: Annotated[
        str, typer.Option("--stage", metavar="STAGE", help="The stage to put it back in.")
    ] = "Production",
    override: OverrideOption = None,
    dry_run: DryRunOption = False,
    policies: PoliciesOption = None,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    as_json: JsonOption = False,
) -> int:
    """Put an earlier version back.

    It must have held the stage by an allowed decision, with the same files.
    Only the `rollback:` gates of the policies apply: no dwell, no approvals.

    Exits as `promote` does.
    """
    given = Given(policies, plugins, registry_uri, tracking_uri, reason, policies_from)
    if not reason.strip():
        example = replace(given, reason="what went wrong").command("rollback", model)
        raise CallError(f"a rollback needs a reason, for the record: {example}")
    reporting = Reporting.of("rollback", as_json=as_json)
    with reporting, given.opened(stage, to_version) as (session, to_stage):

        def words(decision: Decision) -> Sequence[str]:
            there = [] if to_stage == ModelStage.PRODUCTION else ["--stage", to_stage]
            version = str(decision.identity.version)
            return ["rollback", model, "--to-version", version, *there, *_overrides(override)]

        if dry_run:
            decision = session.rollback(
                model, reason=reason, to_version=to_version, stage=to_stage, dry_run=True,
                overrides=override or (),
            )  # fmt: skip
            return _show_checked(session, decision, given, reporting, words(decision))
        return _carry_out(
            session, given, reporting,
            lambda: session.rollback(
                model, reason=reason, to_version=to_version, stage=to_stage, overrides=override or ()
            ),
            words,
        )  # fmt: skip


def adopt(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help="Name of the registered model.", show_default=False, callback=named
        ),
    ] = None,
    all_models: Annotated[bool, typer.Option("--all", help="Adopt every model of the registry.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be recorded; write nothing.")
    ] = False,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    as_json: JsonOption = False,
) -> int:
    """Record what an existing registry holds, so that dwell times and rollbacks have a start.

    Writes into the ledger which versions are in stages or under aliases, and
    changes nothing in the registry. A version's stay in its stage counts from
    now, since MLflow does not keep when it came there.
    """
    if (model is None) != all_models:
        raise CallError("name one model, or give --all: hotpass adopt MODEL, or: hotpass adopt --all")
    with open_to_look(registry_uri, tracking_uri) as session:
        names = list(session.registry.model_names()) if model is None else [model]
        adopted = [session.adopt(name, dry_run=dry_run) for name in names]
    if as_json:
        output.print_json({"dry_run": dry_run, "models": adopted})
        return 0
    if not names:
        output.say("The registry has no models.")
    for found in adopted:
        _show_adopted(found, dry_run)
    return 0


def _overrides(gates: Sequence[str] | None) -> list[str]:
    return [word for gate in gates or () for word in ("--override", gate)]


def _promote_words(
    decision: Decision, archive_existing: bool | None, override: Sequence[str] | None
) -> list[str]:
    identity = decision.identity
    words = ["promote", identity.model, str(identity.version), "--to", decision.to_stage]
    if archive_existing is not None:
        words.append("--archive-existing" if archive_existing else "--no-archive-existing")
    return [*words, *_overrides(override)]


def _show_checked(
    session: Session, decision: Decision, given: Given, reporting: Reporting, words: Sequence[str]
) -> int:
    """A decision that was only asked for."""

    def text() -> None:
        result, steps = after_check(session, decision, given, words)
        show_decision(decision, result=result, next_steps=steps)

    reporting.show(text=text, value=decision.as_json, report=lambda: report_of(decision, reporting.command))
    return decision.exit_code


def _carry_out(
    session: Session,
    given: Given,
    reporting: Reporting,
    act: Callable[[], Decision],
    words: Callable[[Decision], Sequence[str]],
) -> int:
    """Does it, and shows the decision, allowed or not."""
    message = ""
    try:
        decision = act()
    except PromotionDenied as denied:
        decision, message = denied.decision, str(denied)

    def text() -> None:
        result, steps = after_promotion(session, decision, given, words(decision))
        if message and message not in decision.summary():
            steps = [message, *steps]
        show_decision(decision, result=result, next_steps=steps)

    reporting.show(
        text=text,
        value=lambda: decision.as_json() | ({"message": message} if message else {}),
        report=lambda: report_of(decision, reporting.command),
    )
    return decision.exit_code


def _show_adopted(found: dict[str, Any], dry_run: bool) -> None:
    versions = found["versions"]
    if not versions and "accepts" not in found:
        output.say(f"{shown(found['model'])}: nothing to adopt; the ledger knows what is there.")
        return
    verb = "would adopt" if dry_run else "adopted"
    recorded = f". Recorded as {found['id'][:8]}." if "id" in found else "."
    output.say(f"{shown(found['model'])}: {verb} {output.plural(len(versions), 'version')}{recorded}")
    for seen in sorted(versions, key=lambda seen: int(seen["version"])):
        aliases = f", alias {', '.join(seen['aliases'])}" if seen["aliases"] else ""
        output.say(shown(f"  version {seen['version']} in {seen['stage']}{aliases}"))
    if "accepts" in found:
        output.say(shown(f"  accepts: {found['accepts']}"))

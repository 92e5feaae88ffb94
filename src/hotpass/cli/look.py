"""`hotpass status`, `history` and `audit verify`: what there is, what was decided, is the ledger whole."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from hotpass.cli import output
from hotpass.cli.moments import from_now, moment
from hotpass.cli.options import (
    JsonOption,
    KeyFileOption,
    ModelArgument,
    ModelOption,
    RegistryUriOption,
    TrackingUriOption,
    named,
)
from hotpass.cli.sessions import guards_seal, open_to_look
from hotpass.ledger.record import Kind
from hotpass.texts import shown

if TYPE_CHECKING:
    from hotpass.cli.overview import Held, LastDecision, ModelStatus
    from hotpass.ledger.audit import Audit
    from hotpass.ledger.record import Entry
    from hotpass.verdicts import Json

#: Exit code of `audit verify` where a record was edited, removed or inserted.
TAMPERED = 1

audit = typer.Typer(no_args_is_help=True)


def status(
    model: ModelOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    as_json: JsonOption = False,
) -> int:
    """Models, stages, champions and waiting candidates.

    Also says what is not as it should be (two versions in Production, an alias
    that points elsewhere, stages the ledger does not know) and what mends it.
    """
    from hotpass.cli.overview import overview

    with open_to_look(registry_uri, tracking_uri) as session:
        models = overview(session, model)
    if as_json:
        output.print_json({"models": [found.as_json() for found in models]})
        return 0
    if not models:
        output.say("The registry has no models. Train one: hotpass train --help")
    for number, found in enumerate(models):
        if number:
            output.say("")
        _show_model(found)
    return 0


def history(
    model: ModelArgument,
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", min=1, help="Only decisions on this version.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many at most.")] = 20,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also what spoke against each, and what was let pass.")
    ] = False,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    as_json: JsonOption = False,
) -> int:
    """The decisions on a model, newest first."""
    with open_to_look(registry_uri, tracking_uri) as session:
        entries = session.history(model, version)
        if version is not None and not entries:
            session.registry.version(model, version)  # an unknown one is an error that names those that exist
    newest = entries[::-1][:limit]
    if as_json:
        output.print_json(
            {"model": model, "total": len(entries), "records": [record_as_json(entry) for entry in newest]}
        )
        return 0
    if not newest:
        of = f" on version {version}" if version is not None else ""
        output.say(
            f"No decision{of} is on record for {shown(model)}. "
            f"If its registry was in use before: hotpass adopt {shown(model)}"
        )
        return 0
    _show_history(newest, verbose)
    if len(newest) < len(entries):
        output.say(f"{len(entries) - len(newest)} older not shown; --limit {len(entries)} shows all.")
    return 0


@audit.callback()
def _audit() -> None:
    """Prove that the ledger was not changed."""


@audit.command("verify")
def verify(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Name of the model, or `all`.", show_default=False, callback=named
        ),
    ] = "all",
    key_file: KeyFileOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    as_json: JsonOption = False,
) -> int:
    """Prove that no record of the ledger was edited, removed or inserted.

    Walks the chain of records from its start and compares every hash and link.
    With the guard's key it also proves that the guard wrote what bears its seal,
    and that nothing came past it. Exits 0 where all is well, 1 where a record is
    not what was written; it names each of them.
    """
    seal = guards_seal(key_file)
    with open_to_look(registry_uri, tracking_uri) as session:
        ledgers = session.ledgers(deleted_too=True)
        if model != "all" and model not in ledgers:
            session.registry.model(model)  # a name that nobody knows is an error, not a clean ledger
        audits = [session.audit(name, seal=seal) for name in (ledgers if model == "all" else [model])]
    if as_json:
        clean = all(found.clean for found in audits)
        output.print_json({"clean": clean, "models": [found.as_json() for found in audits]})
    else:
        if not audits:
            output.say("There is no ledger yet: no promotion was ever asked for here.")
        for found in audits:
            _show_audit(found)
    return 0 if all(found.clean for found in audits) else TAMPERED


# --- status -------------------------------------------------------------------------------------------------


def _show_model(found: ModelStatus) -> None:
    champion = f"champion version {found.champion}" if found.champion is not None else "no champion"
    output.say(shown(f"{found.model}: {champion}, {_counted(found)}"), style="bold")
    for held in found.held:
        aliases = f", alias {', '.join(held.aliases)}" if held.aliases else ""
        since = f", since {moment(held.since)}" if held.since else ""
        output.say(shown(f"  {held.stage:<11} version {held.version}{aliases}{since}"))
        if held.last_decision is not None:
            output.say(shown(f"  {'':<11} {_said(held, held.last_decision)}"))
        for stage in dict.fromkeys(approval.to for approval in held.approvals):
            output.say(shown(f"  {'':<11} {_approved(held, stage)}"))
    if found.open is not None:
        record = found.open
        output.say(
            f"  open: {shown(record.actor)} began to move version {record.version} to {shown(record.to)} "
            f"at {moment(record.time)} (record {record.id[:8]}); if that process died, the next promotion "
            "settles it",
            style="yellow",
        )
    for remark in found.remarks:
        output.say(f"  ! {shown(remark.message)}", style="bold yellow")
        output.say(f"    mend it: {shown(remark.remedy)}")


def _counted(found: ModelStatus) -> str:
    if found.newest is None:
        return "no versions"
    total = sum(found.counts.values())
    resting = [
        f"{count} {stage}" for stage, count in sorted(found.counts.items()) if stage in ("None", "Archived")
    ]
    return (
        f"{output.plural(total, 'version')}"
        + (f" ({', '.join(resting)})" if resting else "")
        + (f", newest {found.newest}")
    )


def _said(held: Held, last: LastDecision) -> str:
    words = f"to {last.to}: {last.outcome} at {moment(last.time)}"
    if last.passes_at is not None:
        words += f"; passes {from_now(last.passes_at)}"
    return words + (f"; {last.against[0]}" if last.against else "") + (" …" if len(last.against) > 1 else "")


def _approved(held: Held, stage: str) -> str:
    by = [
        given.name if given.authenticated else f"{given.name} (claimed)"
        for given in held.approvals
        if given.to == stage
    ]
    return f"approved for {stage} by {', '.join(by)}"


# --- history ------------------------------------------------------------------------------------------------


def _show_history(entries: Sequence[Entry], verbose: bool) -> None:
    from hotpass.cli.overview import against, excused

    rows = [tuple(shown(cell) for cell in _row(entry)) for entry in entries]
    if sys.stdout.isatty() and not verbose:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for title in ("when", "what", "outcome", "who", "reason", "record"):
            table.add_column(title, overflow="fold", no_wrap=title in ("outcome", "record"))
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        output.console().print(table)
        return
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for entry, row in zip(entries, rows, strict=True):
        when, what, outcome, who, reason, record = row
        cells = "  ".join(
            f"{cell:<{width}}" for cell, width in zip((when, what, outcome, who), widths, strict=True)
        )
        output.say(f"{cells}  [{record}]" + (f"  {reason}" if reason else ""))
        body = entry.record.body
        for line in [*against(body), *(said for _, said in excused(body))] if verbose else ():
            output.say(f"    - {shown(line)}")


def _row(entry: Entry) -> tuple[str, str, str, str, str, str]:
    """When, what, outcome, who, reason and short id of a record."""
    body, actor = entry.record.body, entry.record.actor
    who = f"{actor.name} ({'authenticated' if actor.authenticated else 'claimed'})"
    return (
        moment(entry.record.time),
        _what(entry),
        _outcome(entry),
        who,
        str(body.get("reason", "")),
        entry.id[:8],
    )


def _what(entry: Entry) -> str:
    from hotpass.cli.overview import excused

    body, kind = entry.record.body, entry.record.kind
    if kind is Kind.OBSERVATION:
        of = f"v{body['version']}  " if body.get("version") is not None else ""
        return f"{of}{body.get('call', 'a call')} was let past"
    if kind is Kind.APPROVAL:
        return f"v{body['version']}  approved for {body['to']}"
    if kind is Kind.WITHDRAWAL:
        return f"v{body['version']}  approval for {body['to']} taken back"
    if "version" not in body:
        seen = ", ".join(f"v{one['version']} in {one['stage']}" for one in body.get("versions", ()))
        return f"adopted {seen}"
    if "from" not in body:
        return f"v{body['version']}  put back in {body['to']} after a write that came too late"
    words = f"v{body['version']}  {body['from']} -> {body['to']}"
    more = ["rollback"] if body.get("rollback") else []
    more += [short for short, _ in excused(body)]
    return f"{words} ({', '.join(more)})" if more else words


def _outcome(entry: Entry) -> str:
    """The outcome, and whether the version moved: `allowed, moved`, `allowed, not moved`, `denied`."""
    record = entry.record
    words = str(record.body.get("outcome", "observed" if record.kind is Kind.OBSERVATION else ""))
    if entry.is_open:
        words += ", open"
    elif entry.record.moves:
        words += ", moved" if entry.moved else ", not moved"
    return f"{words}, settled later" if entry.settled_later else words


def record_as_json(entry: Entry) -> dict[str, Json]:
    """A record as `--json` prints it."""
    record = entry.record
    return {
        "id": entry.id, "kind": str(record.kind), "number": record.seq, "time": record.time,
        "actor": record.actor.name, "authenticated": record.actor.authenticated, "state": str(entry.state),
        "moved": entry.moved, "moved_at": entry.moved_at if entry.moved else None,
        "settled_later": entry.settled_later, "hash": entry.hash,
        **{key: value for key, value in record.body.items() if key not in ("id", "identity")},
    }  # fmt: skip


# --- audit --------------------------------------------------------------------------------------------------


def _show_audit(found: Audit) -> None:
    from hotpass.ledger.audit import NO_RECORD

    records = output.plural(found.records, "record")
    if found.clean:
        proved = f"; {found.sealed} sealed by the guard" if found.sealed and found.seals_proved else ""
        output.say(
            f"{shown(found.model)}: {records}, none edited, removed or inserted{proved}.", style="green"
        )
    else:
        findings = output.plural(len(found.findings), "finding")
        output.say(f"{shown(found.model)}: {records}, {findings}:", style="bold red")
    for finding in found.findings:
        which = f"record {shown(finding.record)}" if finding.record != NO_RECORD else "ledger"
        output.say(f"  {which}: {shown(finding.message)}")
    for note in found.notes:
        output.say(f"  note: {shown(note)}")

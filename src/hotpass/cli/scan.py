"""`hotpass scan`: where registry, artifacts or ledger are unlike the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from hotpass.cli import output
from hotpass.cli.options import (
    JsonOption,
    KeyFileOption,
    PluginsOption,
    PoliciesFromOption,
    PoliciesOption,
    RegistryUriOption,
    TrackingUriOption,
    named,
)
from hotpass.cli.sessions import guards_seal, open_to_scan
from hotpass.texts import shown

if TYPE_CHECKING:
    from hotpass.drift.findings import Drift, Scan

#: Exit code where something is unlike the record.
DRIFTED = 1


def scan(
    drift: Annotated[
        bool, typer.Option("--drift", help="Compare with the record, which is what a scan does.")
    ] = True,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Only this model.", show_default=False, callback=named),
    ] = None,
    no_files: Annotated[
        bool, typer.Option("--no-files", help="Do not read the files of versions that stand or served.")
    ] = False,
    key_file: KeyFileOption = None,
    policies: PoliciesOption = None,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    as_json: JsonOption = False,
) -> int:
    """Find where registry, artifacts or ledger are unlike the record.

    Looks at every model that has a ledger or that a policy covers, and changes
    nothing: the ledger itself, stages, aliases, deleted versions, tags that only
    Hotpass writes, evidence that decisions rest on, and files. Exits 1 where
    something is not as recorded; says what, and what puts it right.
    """
    seal = guards_seal(key_file)
    found: list[Scan] = []
    with open_to_scan(policies, plugins, registry_uri, tracking_uri, policies_from) as session:
        for one in session.drift(model, seal=seal, files=not no_files):
            found.append(one)
            if not as_json:
                _show(one)
    clean = all(one.clean for one in found)
    if as_json:
        output.print_json({"clean": clean, "models": [one.as_json() for one in found]})
    elif not found:
        output.say("There is nothing to compare: no model has a ledger, and no policy covers one.")
    return 0 if clean else DRIFTED


def _show(found: Scan) -> None:
    looked_at = [output.plural(found.versions, "version"), output.plural(found.records, "record")]
    looked_at += [f"files of {found.files}"] if found.files else []
    words = f"{found.model}: {', '.join(looked_at)}"
    if found.clean:
        output.say(shown(f"{words}: as recorded."), style="green")
    else:
        findings = output.plural(len(found.findings), "finding")
        output.say(shown(f"{words}: {findings}."), style="bold red")
        _show_table(found.findings)
        output.say("What puts it right:")
        for remedy in dict.fromkeys((finding.version, finding.remedy) for finding in found.findings):
            version, words = remedy
            of = f"version {version}: " if version is not None else ""
            output.say(shown(f"  {of}{words}"))
    for note in found.notes:
        output.say(f"  note: {shown(note)}")


def _show_table(findings: Sequence[Drift]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("version", "what", "the record says", "there is"):
        table.add_column(title, overflow="fold", no_wrap=title in ("version", "what"))
    for finding in findings:
        version = str(finding.version) if finding.version is not None else "-"
        cells = (version, str(finding.kind), finding.recorded, finding.found)
        table.add_row(*(Text(shown(cell)) for cell in cells))
    output.console().print(table)

"""`hotpass scan`: where registry, artifacts or ledger are unlike the record, and what serves that would not
pass today.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from hotpass.cli import output
from hotpass.cli.options import (
    FormatOption,
    JsonOption,
    KeyFileOption,
    ModelOption,
    OutputOption,
    PluginsOption,
    PoliciesFromOption,
    PoliciesOption,
    RegistryUriOption,
    TrackingUriOption,
)
from hotpass.cli.reporting import Reporting
from hotpass.cli.scan_report import as_json, exit_code, report_of
from hotpass.cli.sessions import guards_seal, open_to_scan, target_stage
from hotpass.cli.show_decision import show_judgements, why_not
from hotpass.errors import CallError
from hotpass.texts import shown
from hotpass.verdicts import Verdict

if TYPE_CHECKING:
    from hotpass.drift.findings import Drift, Scan
    from hotpass.rejudging import Rejudged, Rejudging

#: So many versions that pass have a line each; more are counted.
MOST_PASSING = 20


def scan(
    drift: Annotated[
        bool, typer.Option("--drift", help="Only compare registry, files and ledger with the record.")
    ] = False,
    rejudge: Annotated[
        bool, typer.Option("--rejudge", help="Only judge what serves by the policies of today.")
    ] = False,
    model: ModelOption = None,
    stages: Annotated[
        list[str] | None,
        typer.Option(
            "--stage",
            metavar="STAGE",
            help="Judge what is in this stage, such as Staging; may be given several times. Default: the "
            "stages in which something serves.",
            show_default=False,
        ),
    ] = None,
    no_files: Annotated[
        bool,
        typer.Option("--no-files", help="Do not compare the files of versions that stand or served."),
    ] = False,
    key_file: KeyFileOption = None,
    policies: PoliciesOption = None,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    form: FormatOption = None,
    file: OutputOption = None,
    as_json_: JsonOption = False,
) -> int:
    """Find what is unlike the record, and what serves that would not pass today.

    Changes nothing. Looks at every model that has a ledger or that a policy
    covers.

    Compared with the record are the ledger itself, stages, aliases, deleted
    versions, tags that only Hotpass writes, the evidence that decisions rest
    on, and files.

    Judged by the policies of today is every version that serves: by the
    promotion that brought it there, on its metrics, tags and age of now, with
    the stay in Staging and the approvals that it had.

    Exits 1 where something is not as recorded or would not pass; says what,
    and what puts it right.
    """
    reporting = Reporting.of("scan", form, file, as_json=as_json_)
    both = drift == rejudge
    if stages and drift and not both:
        raise CallError("--stage says what is judged, and --drift judges nothing. Leave one of them out.")
    seal = guards_seal(key_file)
    drifted: list[Scan] | None = [] if both or drift else None
    judged: Rejudging | None = None
    with reporting, open_to_scan(policies, plugins, registry_uri, tracking_uri, policies_from) as session:
        asked = [target_stage(session.policies, stage) for stage in stages or ()]
        if drifted is not None:
            for one in session.drift(model, seal=seal, files=not no_files):
                drifted.append(one)
                if reporting.on_screen:
                    _show(one)
        if both or rejudge:
            judged = session.rejudge(model, stages=asked, seal=seal)
        reporting.show(
            text=lambda: _show_end(drifted, judged, asked),
            value=lambda: as_json(drifted, judged),
            report=lambda: report_of(drifted, judged, session.policies),
        )
    return exit_code(drifted or (), judged)


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


def _show_end(drifted: Sequence[Scan] | None, judged: Rejudging | None, stages: Sequence[str]) -> None:
    """What the comparison comes to where it found nothing to compare, and all that was judged."""
    if drifted is not None and not drifted:
        output.say("There is nothing to compare: no model has a ledger, and no policy covers one.")
    if judged is None:
        return
    passing = sum(one.passes for one in judged.judged)
    for one in judged.judged:
        if not one.passes or passing <= MOST_PASSING:
            _show_judged(one)
    if passing > MOST_PASSING:
        output.say(f"{passing} of {output.plural(len(judged.judged), 'version')} that serve pass.")
    if not judged.judged:
        output.say(f"There is nothing to judge: {_why_nothing(judged, stages)}.")
    for note in judged.notes:
        output.say(f"  note: {shown(note)}")
    if not judged.clean:
        output.say(
            "What puts it right: promote a version that passes, go back to one with `hotpass rollback`, or "
            "change the rule or grant a waiver."
        )


def _show_judged(one: Rejudged) -> None:
    if one.decision is None:
        output.say(shown(f"{one.title}: could not be judged: {one.error}"), style="bold red")
        return
    judgements = one.decision.judgements
    if one.passes:
        output.say(shown(f"{one.title}: passes, {output.plural(len(judgements), 'gate')}."), style="green")
    else:
        words = f"{one.title}: would not pass today: {why_not(one.decision)}."
        output.say(shown(words), style="bold red")
    for note in one.decision.notes:
        output.say(f"  {shown(note)}")
    show_judgements([j for j in judgements if j.result.verdict is not Verdict.PASSED])


def _why_nothing(judged: Rejudging, stages: Sequence[str]) -> str:
    if judged.models:
        what = f"is in {' or '.join(stages)}" if stages else "serves"
        return f"no version of a model that a policy covers {what}"
    return "no policy covers a model" if judged.uncovered else "there is no model"

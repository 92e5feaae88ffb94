"""`hotpass report`: a decision as an HTML page."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hotpass.cli import output
from hotpass.cli.next_steps import Given
from hotpass.cli.options import (
    JsonOption,
    OverrideOption,
    PluginsOption,
    PoliciesFromOption,
    PoliciesOption,
    RegistryUriOption,
    TrackingUriOption,
    named,
    place,
)
from hotpass.cli.sessions import open_to_look
from hotpass.errors import CallError
from hotpass.texts import shown

if TYPE_CHECKING:
    from hotpass.pages.keeping import Report

_STDOUT = Path("-")


def report(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help="Name of the registered model.", show_default=False, callback=named
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="VERSION",
            help="Number of the version, or `latest`. Default: that of the last decision.",
            show_default=False,
        ),
    ] = None,
    decision: Annotated[
        str | None,
        typer.Option(
            "--decision",
            metavar="ID",
            help="The decision with this id, or one that begins so.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="STAGE",
            help="Judge this promotion now, as `check` does, and write the report of that.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            parser=place,
            help="The file to write; - for stdout. Default: MODEL-VERSION-ID.html.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    from_record: Annotated[
        bool,
        typer.Option(
            "--from-record", help="Make it again from the record, whatever file was kept with that."
        ),
    ] = False,
    override: OverrideOption = None,
    policies: PoliciesOption = None,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write a decision as a page to read, print or send.

    The page of the last decision on MODEL (and VERSION), or of the one with the
    id that `hotpass history` shows. It needs nothing but itself and is kept with
    the record; where that has none it is made again, without the curves.

    Exits 0 where it was written, whatever was decided.
    """
    _check_options(model, version, decision, to, file, override, from_record, show, as_json)
    if file is not None and file != _STDOUT:
        _check_place(file, force)
    if to is not None:
        assert model is not None
        given = Given(policies, plugins, registry_uri, tracking_uri, policies_from=policies_from)
        with given.opened(to, version) as (session, stage):
            found = session.report(session.check(model, version or "", stage, overrides=override or ()))
    else:
        found = _recorded(model, version, decision, from_record, registry_uri, tracking_uri)
    return _written(found, file, force=force, show=show, as_json=as_json, judged=to is not None)


def _check_options(
    model: str | None,
    version: str | None,
    decision: str | None,
    to: str | None,
    file: Path | None,
    override: list[str] | None,
    from_record: bool,
    show: bool,
    as_json: bool,
) -> None:
    if model is None and decision is None:
        raise CallError("name a model, or a decision: hotpass report MODEL, or: hotpass report --decision ID")
    if decision is not None and (version is not None or to is not None):
        raise CallError("--decision names one decision; leave out VERSION and --to")
    if to is not None and version is None:
        raise CallError(f"--to judges one version; name it: hotpass report {model} latest --to {to}")
    if to is not None and from_record:
        raise CallError(
            "--from-record is about a decision on record, and --to makes a new one. Leave one out."
        )
    if override and to is None:
        raise CallError("--override is for --to, which judges; what is on record was judged already")
    if file == _STDOUT and (as_json or show):
        raise CallError(
            f"--output - and {'--json' if as_json else '--open'} do not go together. Name a file."
        )


def _recorded(
    model: str | None,
    version: str | None,
    decision: str | None,
    from_record: bool,
    registry_uri: str | None,
    tracking_uri: str | None,
) -> Report:
    from hotpass.pages.finding import decision_among
    from hotpass.settings import version_of

    wanted = None if version is None else version_of(version)
    with open_to_look(registry_uri, tracking_uri) as session:
        if decision is not None:
            return session.report(decision, model, from_record=from_record)
        assert model is not None
        number = wanted if wanted != "latest" else max(
            (facts.version for facts in session.registry.versions(model)), default=None
        )  # fmt: skip
        entries = session.history(model, number)
        if number is not None and not entries:
            session.registry.version(model, number)
        of = model if number is None else f"{model} version {number}"
        last = decision_among(entries, of)
        return session.report(last.id, model, from_record=from_record)


def _check_place(file: Path, force: bool) -> None:
    """Raises CallError for a file that cannot be written, before anything is judged for it."""
    try:
        if file.is_dir():
            raise CallError(f"--output {file} is a folder. Name a file in it.")
        if not file.absolute().parent.is_dir():
            raise CallError(f"--output {file} cannot be written: there is no folder {file.parent}.")
        if file.exists() and not force:
            raise CallError(f"{file} exists. Name another --output, or give --force to write over it.")
    except (OSError, ValueError) as error:  # too long a name, a NUL in it
        raise CallError(f"--output cannot be written: {error}.") from error


def _written(
    found: Report, file: Path | None, *, force: bool, show: bool, as_json: bool, judged: bool
) -> int:
    if file == _STDOUT:
        sys.stdout.write(found.html)
        return 0
    target = file or Path(found.file_name)
    _check_place(target, force)
    try:
        _write(target, found.html)
    except OSError as error:
        raise CallError(f"{target} cannot be written: {error.strerror}. Name another --output.") from error
    decision = found.decision
    if as_json:
        output.print_json(
            {
                "file": target.absolute(), "bytes": len(found.html.encode()),
                "model": decision.identity.model, "version": decision.identity.version,
                "decision": decision.id or None, "outcome": str(decision.outcome), "kept": found.kept,
            }
        )  # fmt: skip
    else:
        output.say(shown(f"Wrote {target}: {_about(found, judged)}"))
    if show:
        _open(target)
    return 0


def _about(found: Report, judged: bool) -> str:
    decision, identity = found.decision, found.decision.identity
    words = f"{identity.model} version {identity.version}, {decision.from_stage} -> {decision.to_stage}"
    if judged:
        return f"{words}, would be {decision.outcome} now. Nothing was written to the registry."
    how = "as it was kept with the record" if found.kept else "made again from the record, without curves"
    return f"{words}, {decision.outcome} ({decision.id[:8]}), {how}."


def _write(target: Path, html: str) -> None:
    """All of it or nothing."""
    if target.exists() and not target.is_file():  # /dev/stdout, a named pipe
        target.write_text(html, encoding="utf-8")
        return
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        part.write_text(html, encoding="utf-8")
        part.replace(target.resolve())
    finally:
        part.unlink(missing_ok=True)


def _open(target: Path) -> None:
    import webbrowser

    opened = False
    with contextlib.suppress(webbrowser.Error, OSError):
        opened = webbrowser.open(target.absolute().as_uri())
    if not opened:
        output.say("No browser could be opened here; open the file yourself.", stderr=True)

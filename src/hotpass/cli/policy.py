"""`hotpass policy`: lint, schema, reference."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hotpass.cli import output
from hotpass.cli.options import (
    FormatOption,
    JsonOption,
    OutputOption,
    PathsArgument,
    PluginsOption,
    PoliciesFromOption,
    PoliciesOption,
    RegistryUriOption,
    TrackingUriOption,
    place,
)
from hotpass.cli.policy_backtest import backtest
from hotpass.cli.policy_diff import diff
from hotpass.cli.policy_explain import explain

app = typer.Typer(no_args_is_help=True, help="Check policy files; print their schema and their reference.")
app.command()(explain)
app.command()(backtest)
app.command()(diff)

WriteOption = Annotated[
    bool, typer.Option("--write", help="Write it into the policy folder instead of printing it.")
]


@app.command()
def lint(
    paths: PathsArgument = None,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail where there is a warning, too.")] = False,
    with_registry: Annotated[
        bool,
        typer.Option(
            "--with-registry", help="Look for metrics that the policies ask for and no recent version logged."
        ),
    ] = False,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    form: FormatOption = None,
    file: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check policy files: everything that is wrong in all of them at once, as file:line:column.

    Warned of are rules that cannot fail, can never pass, contradict each other or ask for nothing new, and a
    promotion to Production without Staging. With --with-registry or a URI the registry is asked, too.

    Exit code 0 if all are right (there may be warnings), 2 if not, 1 with --strict if there are only
    warnings.
    """
    from hotpass.cli.lint import COMMAND
    from hotpass.cli.lint import lint as run
    from hotpass.cli.reporting import Reporting

    reporting = Reporting.of(COMMAND, form, file, as_json=as_json)
    look = None
    if with_registry or registry_uri or tracking_uri:
        from hotpass.cli.lint_metrics import looking

        look = looking(registry_uri, tracking_uri)
    raise typer.Exit(
        run(
            paths or (), plugins or (), reporting=reporting, strict=strict, look=look,
            policies_from=policies_from,
        )
    )  # fmt: skip


@app.command("test")
def cases(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATHS",
            parser=place,
            help="Folders, policies and files with cases. Default: where policies are found.",
            show_default=False,
        ),
    ] = None,
    select: Annotated[
        str, typer.Option("-k", metavar="TEXT", help="Run only the cases that have TEXT in their name.")
    ] = "",
    require_cases: Annotated[
        bool,
        typer.Option("--require-cases", help="Fail where no case is about a promotion, or the rollback."),
    ] = False,
    require_coverage: Annotated[
        bool,
        typer.Option(
            "--require-coverage", help="Fail, too, where a gate was not seen both to pass and not to."
        ),
    ] = False,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    form: FormatOption = None,
    file: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the cases beside the policies: candidates as data, and what the policy should say of them.

    The cases of policies/lead.yaml stand in policies/lead.cases.yaml. No registry is asked. pytest runs the
    same cases. `hotpass policy reference` has the format.

    Exit code 0 if all came out as expected, 1 if one did not, 2 if a file is wrong.
    """
    from hotpass.cli.policy_test import Wanted, run_cases
    from hotpass.cli.policy_test_forms import COMMAND
    from hotpass.cli.reporting import Reporting

    reporting = Reporting.of(COMMAND, form, file, as_json=as_json)
    wanted = Wanted(require_cases, require_coverage, select, policies_from)
    raise typer.Exit(run_cases(paths or (), plugins or (), reporting=reporting, wanted=wanted))


class Kind(StrEnum):
    """The kinds of file that have a schema."""

    POLICY = "policy"
    CASES = "cases"
    WAIVER = "waiver"


@app.command()
def fetch(
    paths: PathsArgument = None,
    policies_from: PoliciesFromOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch the shared policies that policies extend from git, so that nothing else needs the network.

    Each goes into the cache under its digest: HOTPASS_CACHE, else the user's
    cache folder. An entry that lacks its commit or its digest is told what to
    write.

    Exit code 0 if all are there, 2 if not.
    """
    from hotpass.cli.policy_fetch import fetch as run

    raise typer.Exit(run(paths or (), policies_from, as_json=as_json))


@app.command()
def schema(
    of: Annotated[Kind, typer.Option("--of", help="Of which files to print it.")] = Kind.POLICY,
    write: WriteOption = False,
    policies: PoliciesOption = None,
    plugins: PluginsOption = None,
) -> None:
    """Print the JSON Schema of policy files, with the gates of all plugins in it, or that of cases or
    waivers.

    With --write all go beside the policies, to policy.schema.json, cases.schema.json and waiver.schema.json,
    where the first line of a file can name its own for editors:

    # yaml-language-server: $schema=policy.schema.json
    """
    from hotpass.cases import schema as cases
    from hotpass.policy import schema as subject
    from hotpass.policy import waiver_schema as waivers
    from hotpass.policy.loader import gates_of

    if not write and of is not Kind.POLICY:
        print((cases if of is Kind.CASES else waivers).schema_text(), end="")
        return
    text = subject.schema_text(gates_of(plugins=plugins))
    if not write:
        print(text, end="")
        return
    folder = _folder(policies)
    _write(folder / subject.FILE, text)
    _write(folder / cases.FILE, cases.schema_text())
    _write(folder / waivers.FILE, waivers.schema_text())


@app.command()
def reference(
    write: WriteOption = False, policies: PoliciesOption = None, plugins: PluginsOption = None
) -> None:
    """Print the reference of the policy format and of every gate, as Markdown.

    With --write it goes to README.md beside the policies; one that was written by hand is left alone.
    """
    from hotpass.cases.reference import cases_reference
    from hotpass.errors import CallError
    from hotpass.policy import reference as subject
    from hotpass.policy.loader import gates_of

    text = subject.reference(gates_of(plugins=plugins), [cases_reference()])
    if not write:
        print(text, end="")
        return
    file = _folder(policies) / subject.FILE
    if file.exists() and not file.read_text(encoding="utf-8", errors="replace").startswith(subject.MARK):
        raise CallError(
            f"{file} was not written by this command. Move it away, or print the reference without --write."
        )
    _write(file, text)


def _folder(policies: list[Path] | None) -> Path:
    from hotpass.policy.discovery import policy_places

    places = policy_places(policies, cli=True)
    first = places.paths[0] if places.configured else Path("policies")
    return first if first.is_dir() or not first.exists() else first.parent


def _write(file: Path, text: str) -> None:
    from hotpass.errors import CallError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CallError(f"{file} cannot be written: {error.strerror}.") from error
    output.say(f"wrote {file}")

"""Options that several commands share, so that they are spelt and explained alike everywhere.

def status(model: ModelArgument, policies: PoliciesOption = None, as_json: JsonOption = False) -> None: ...
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hotpass.errors import CallError
from hotpass.reports.forms import Form


def place(text: str) -> Path:
    """A path from the command line. An empty one, as from an unset variable, would be `.` and is refused."""
    if not text.strip():
        raise typer.BadParameter("it names an empty place")
    return Path(text)


def named(model: str | None) -> str | None:
    """`model`; raises CallError for an empty name, as an unset variable in a script leaves it."""
    if model is not None and not model.strip():
        raise CallError("the name of the model is empty")
    return model


ModelArgument = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="Name of the registered model.", show_default=False, callback=named),
]

PathsArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PATHS",
        parser=place,
        help="Policy files and folders. Default: where policies are found.",
        show_default=False,
    ),
]

ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="MODEL", help="Only this model.", show_default=False, callback=named),
]

PoliciesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--policies",
        metavar="PLACE",
        parser=place,
        help="A policy file or folder; may be given several times. "
        "Default: HOTPASS_POLICIES, then \\[tool.hotpass] policies in pyproject.toml, then ./policies.",
    ),
]

PluginsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugins",
        metavar="FOLDER",
        parser=place,
        help="A folder of Python files with gates; may be given several times. "
        "Default: HOTPASS_PLUGINS, then \\[tool.hotpass] plugins in pyproject.toml.",
    ),
]

PoliciesFromOption = Annotated[
    str | None,
    typer.Option(
        "--policies-from",
        metavar="REV",
        help="Read policies and plugin folders as they are at this git revision, for example origin/main: a "
        "pull request must not judge itself. HOTPASS_POLICIES_FROM says so for all commands that "
        "judge models.",
        show_default=False,
    ),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, errors too.")]

FormatOption = Annotated[
    Form | None,
    typer.Option(
        "--format",
        metavar="FORM",
        help="How to tell what was found: text, json, junit, sarif, github (a pull request's annotations) or "
        "markdown. Default: text.",
        show_default=False,
    ),
]

OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        metavar="FILE",
        parser=place,
        help="Write the report to FILE, and the text to stdout. Without --format the name says the form: "
        ".json, .md, .sarif or .xml.",
        show_default=False,
    ),
]

RegistryUriOption = Annotated[
    str | None,
    typer.Option(
        "--registry-uri", metavar="URI", help="Where the model registry is. Default: as MLflow finds it."
    ),
]

TrackingUriOption = Annotated[
    str | None,
    typer.Option("--tracking-uri", metavar="URI", help="Where the runs are. Default: as MLflow finds it."),
]

KeyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        parser=place,
        help="The guard's key, to prove the seals of its records. Default: HOTPASS_GUARD_KEY_FILE.",
    ),
]

OverrideOption = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        metavar="GATE",
        help="Let an overridable gate pass that has not passed, by the name that the decision shows; may be "
        "given several times. Only those whom the policy names may, and it takes a --reason.",
        show_default=False,
    ),
]

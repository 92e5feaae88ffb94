"""`hotpass serve`: MLflow's server with the guard in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from hotpass.cli import output
from hotpass.cli.options import PluginsOption, PoliciesFromOption, PoliciesOption, place
from hotpass.cli.quiet import quiet


def serve(
    policies: PoliciesOption = None,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    backend_store_uri: Annotated[
        str,
        typer.Option(
            "--backend-store-uri",
            metavar="URI",
            envvar="MLFLOW_BACKEND_STORE_URI",
            help="The database of the runs, and of the models unless --registry-store-uri names another.",
        ),
    ] = "sqlite:///mlflow.db",
    registry_store_uri: Annotated[
        str | None,
        typer.Option(
            "--registry-store-uri",
            metavar="URI",
            envvar="MLFLOW_REGISTRY_STORE_URI",
            help="The database of the models.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", envvar="MLFLOW_HOST", help="The address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", envvar="MLFLOW_PORT", min=1, max=65535, help="The port.")
    ] = 5000,
    workers: Annotated[
        int,
        typer.Option("--workers", metavar="N", envvar="MLFLOW_WORKERS", min=1, help="Processes that serve."),
    ] = 4,
    auth: Annotated[
        bool,
        typer.Option("--auth", help="Ask for a name and a password: MLflow's basic auth."),
    ] = False,
    observe: Annotated[
        bool,
        typer.Option("--observe", help="Refuse nothing, and record what would have been refused."),
    ] = False,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file",
            metavar="FILE",
            parser=place,
            envvar="HOTPASS_GUARD_KEY_FILE",
            show_default=False,
            help="The guard's key; made where there is none. All servers on one database need the same. "
            "Default: hotpass/guard.key in $XDG_STATE_HOME, else in ~/.local/state.",
        ),
    ] = None,
    further: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- OPTION …]", show_default=False, help="Further options of `mlflow server`."
        ),
    ] = None,
) -> int:
    """Run an MLflow server that nobody can walk around.

    Clients, curl and the MLflow UI move a guarded model only as the policies
    allow; everything else is MLflow as you know it.

    Everything is checked before the server starts: policies, key, database, port.
    """  # fmt: skip
    given = dict(os.environ)
    quiet()
    from hotpass.guard.guard_settings import AUTH, OBSERVE, flag
    from hotpass.guard.serving import Serving
    from hotpass.guard.serving import serve as serve_until_told

    asked = Serving(
        policies=policies, plugins=plugins, backend_store_uri=backend_store_uri,
        registry_store_uri=registry_store_uri, host=host, port=port, workers=workers,
        auth=auth or flag(AUTH), observe=observe or flag(OBSERVE), key_file=key_file,
        further=tuple(further or ()), policies_from=policies_from,
    )  # fmt: skip
    return serve_until_told(asked, given, output.say)

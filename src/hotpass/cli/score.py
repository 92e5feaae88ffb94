"""`hotpass score`: a file of leads, scored by a registered model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from hotpass.cli import output
from hotpass.cli.options import JsonOption, PluginsOption, RegistryUriOption, TrackingUriOption
from hotpass.cli.quiet import quiet
from hotpass.errors import CallError
from hotpass.stages import ModelStage


def score(
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Name of the registered model.")],
    source: Annotated[
        Path,
        typer.Option("--input", "-i", metavar="FILE", help="Leads: .csv, .parquet or .xlsx, of any size."),
    ],
    target: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where they go with their scores: .csv, .parquet or .xlsx."
        ),
    ],
    version: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="Scores with this version (or `latest`).", show_default=False),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(
            metavar="STAGE",
            help="Scores with the version in this stage. Default: Production.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replaces the output file if it exists.")] = False,
    score_column: Annotated[
        str, typer.Option(metavar="NAME", help="What the column of scores is called.")
    ] = "score",
    chunk_rows: Annotated[int, typer.Option(help="Leads in memory at a time.")] = 50_000,
    encoding: Annotated[str, typer.Option(help="Of a CSV file; cp1252 for many from Excel.")] = "utf-8",
    allow_cloudpickle: Annotated[
        bool,
        typer.Option(
            "--allow-cloudpickle", help="Load a model whose file can run any code, if you trust its maker."
        ),
    ] = False,
    plugins: PluginsOption = None,
    registry_uri: RegistryUriOption = None,
    tracking_uri: TrackingUriOption = None,
    as_json: JsonOption = False,
) -> int:
    """Score leads with a registered model.

    Every lead is written as it came, with its chance of being won in a last column. The output appears when
    it is complete, or not at all.
    """
    quiet()
    if version is not None and stage is not None:
        raise CallError("--version and --stage both say which version to score with; give one of them.")
    from hotpass.transform.tables import check_readable, format_of, output_format_of, refuse_existing

    # Before MLflow, which takes seconds: what is wrong with the files is said at once.
    check_readable(source)
    format_of(source)
    output_format_of(target)
    refuse_existing(target, force=force)
    from hotpass.ml import load_model
    from hotpass.plugins import create_manager
    from hotpass.policy.discovery import plugin_folders
    from hotpass.transform.bulk import score_file

    manager = create_manager(plugin_folders(plugins))
    loaded = load_model(
        model,
        version=version,
        stage=stage or ModelStage.PRODUCTION,
        tracking_uri=tracking_uri,
        registry_uri=registry_uri,
        allow_cloudpickle=allow_cloudpickle,
    )
    with _progress() as progress:
        scored = score_file(
            loaded.model, source, target, force=force, chunk_rows=chunk_rows, encoding=encoding,
            score_column=score_column, manager=manager, progress=progress,
        )  # fmt: skip
    mean = scored.mean_score if math.isfinite(scored.mean_score) else None
    if as_json:
        output.print_json({
            "model": loaded.name, "version": loaded.version, "rows": scored.rows, "mean_score": mean,
            "seconds": round(scored.seconds, 3), "input": source, "output": target,
        })  # fmt: skip
    else:
        output.say(
            f"Scored {scored.rows:,} leads with {loaded.name} version {loaded.version} into {target}"
            + (f"; mean score {mean:.4f}" if mean is not None else "") + f" ({scored.seconds:.1f} s)."
        )  # fmt: skip
    return 0


@contextmanager
def _progress() -> Iterator[Callable[[int, int | None], None]]:
    """A bar on stderr, in a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("Scoring"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} leads"),
        TimeRemainingColumn(),
    )
    console = output.console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("scoring", total=None)
        # What a file says of its rows can be an estimate, so the total never falls behind.
        yield lambda done, total: bar.update(task, completed=done, total=max(total, done) if total else None)

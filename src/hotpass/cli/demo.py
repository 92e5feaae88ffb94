"""`hotpass demo`: the whole story on real customers, each step as the command that a user would type."""

from __future__ import annotations

import contextlib
import os
import runpy
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from hotpass.cli import demo_data, output
from hotpass.cli.moments import coarse
from hotpass.cli.quiet import quiet
from hotpass.errors import CallError, HotpassError

MODEL = demo_data.MODEL
DWELL = 5  # seconds in Staging; a real policy asks for a day or more
DATABASE = "sqlite:///mlflow.db"


def demo(
    folder: Annotated[
        Path,
        typer.Option("--folder", metavar="FOLDER", help="Where it works, in a new folder for each run."),
    ] = Path("hotpass-demo"),
) -> int:
    """See the whole story on real data, from training to rollback.

    Trains three models on real customers of an insurer, shows one denied, one
    waiting and two promoted, scores leads, rolls back and reads the ledger.
    Needs no server and nothing from the net; takes about half a minute.
    """
    started = time.monotonic()
    quiet()
    # On so few rows threads that wait for each other cost more than they bring.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    caravan = demo_data.load()
    place = _new_folder(folder)
    customers = demo_data.write(caravan, place)
    with _working_in(place):
        _tell(
            f"{customers.total:,} real customers of an insurer, {customers.bought:,} of whom bought a policy "
            "for their caravan.",
            f"Whom should sales call next? Models learn from {customers.known:,} of them, and "
            f"{customers.leads:,} are kept back as",
            "this week's leads. Hotpass decides which model may rank them.",
        )
        _typed(
            f"cd {shlex.quote(str(place))}",
            f"export MLFLOW_TRACKING_URI={DATABASE} HOTPASS_POLICIES=policies",
        )
        _story()
    _what_next(place, time.monotonic() - started)
    return 0


def _story() -> None:
    _step("1. The rules are files in your repo")
    _hotpass("init", "--model", MODEL, "--dwell", f"{DWELL}s")

    _step("2. A weak model is turned down, with every reason")
    _train("--feature", "MGODRK", "--feature", "MGODPR", "--feature", "MGODOV", "--feature", "MGODGE")
    _hotpass("promote", MODEL, "latest", "--to", "Staging", code=1)

    _step("3. A good one may be tried, and has to wait")
    _train("--tag", "owner=ada")
    _hotpass("promote", MODEL, "latest", "--to", "Staging")
    passes = time.monotonic() + DWELL
    _hotpass("promote", MODEL, "2", "--to", "Production", code=3)
    _wait(passes)
    _hotpass("promote", MODEL, "2", "--to", "Production")

    _step("4. A challenger replaces the champion")
    _train("--estimator", "gradient_boosting", "--tag", "owner=ada")
    _hotpass("promote", MODEL, "3", "--to", "Staging")
    passes = time.monotonic() + DWELL
    _hotpass("status")
    _wait(passes)
    _hotpass("promote", MODEL, "3", "--to", "Production")

    _step("5. The model in Production ranks this week's leads")
    _hotpass("score", "--model", MODEL, "--input", "leads.csv", "--output", "scored.csv")
    _script("daily_list.py")

    _step("6. What the calls brought says more than what was logged")
    before, now = _script("outcome.py")["bought_of_100"]
    _tell(
        "",
        "A logged metric is the trainer's claim. "
        + (
            "Here the calls contradict it:"
            if now < before
            else "Here the calls agree; a rollback as a drill:"
        ),
    )
    reason = f"of its 100 best leads {now} bought, of version 2's {before}" if now < before else "a drill"
    _hotpass("rollback", MODEL, "--reason", reason)

    _step("7. Everything is on record, and a change of the record shows")
    _hotpass("history", MODEL)
    _hotpass("audit", "verify", MODEL)


def _what_next(place: Path, seconds: float) -> None:
    run = "uv run " if "UV" in os.environ else ""
    _step(f"Done in {coarse(seconds)}. What next")
    output.say(f"  cd {shlex.quote(str(place))}")
    output.say(f"  export MLFLOW_TRACKING_URI={DATABASE} HOTPASS_POLICIES=policies")
    for command, what in (
        (f"{run}hotpass status", "what is in which stage"),
        (f"{run}hotpass history {MODEL} --verbose", "every decision, and why"),
        (
            f"{run}mlflow ui --backend-store-uri {DATABASE}",
            "the same on MLflow's pages: http://127.0.0.1:5000",
        ),
        (f"{run}hotpass init", "in your own repo: policies to start from"),
    ):
        output.say(f"  {command:<58} # {what}")


# --- the stage manager ---


def _new_folder(folder: Path) -> Path:
    """`folder`/run-N for the first N that is free."""
    number = 1
    while True:
        place = folder / f"run-{number}"
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            if not folder.is_dir():
                raise CallError(f"{folder} is a file. Name a folder with --folder.") from None
            number += 1
            continue
        except OSError as error:
            raise CallError(
                f"{error.filename or place} cannot be written: {error.strerror}. Name a folder with --folder."
            ) from None
        return place


@contextlib.contextmanager
def _working_in(place: Path) -> Iterator[None]:
    """The folder and the settings that the demo tells the user to type."""
    before, environment = Path.cwd(), dict(os.environ)
    os.chdir(place)
    for name in [name for name in os.environ if name.startswith("HOTPASS_") and name != "HOTPASS_DEBUG"]:
        del os.environ[name]
    for name in ("MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
        os.environ.pop(name, None)
    os.environ.update(MLFLOW_TRACKING_URI=DATABASE, HOTPASS_POLICIES="policies")
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)


def _train(*options: str) -> None:
    _hotpass("train", "--input", "customers.csv", "--target", "Purchase", "--model", MODEL, *options)


def _hotpass(*words: str, code: int = 0) -> None:
    """Shows the command, runs it as the shell would, and checks how it exits."""
    from hotpass.cli.app import CLOSED, INTERRUPTED, main

    _typed(shlex.join(["hotpass", *words]))
    ended = main(words)
    if ended == INTERRUPTED:
        raise KeyboardInterrupt
    if ended == CLOSED:
        raise BrokenPipeError
    if code:
        output.say(f"(exit code {ended})")
    if ended != code:
        raise HotpassError(
            f"the demo expected exit code {code} of its step `{shlex.join(words)}` and got {ended}. "
            f"What it made is in {Path.cwd()}."
        )


def _script(name: str) -> dict[str, list[int]]:
    """Shows a small Python file and runs it; returns its names."""
    _typed(f"cat {name}")
    output.say(Path(name).read_text(encoding="utf-8").rstrip())
    _typed(f"python {name}")
    return runpy.run_path(name)


def _step(title: str) -> None:
    output.say("")
    output.say(title, style="bold cyan")


def _tell(*lines: str) -> None:
    for line in lines:
        output.say(line)


def _typed(*commands: str) -> None:
    output.say("")
    for command in commands:
        output.say(f"$ {command}", style="bold")
    sys.stdout.flush()


def _wait(until: float) -> None:
    """Waits for the dwell time to pass, for real; `until` by time.monotonic()."""
    left = max(0.0, until - time.monotonic())
    output.say("")
    output.say(f"… waiting {coarse(left)} for the dwell time in Staging")
    if not sys.stdout.isatty():
        sys.stdout.flush()
        time.sleep(left)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("in Staging"), BarColumn(), TimeRemainingColumn(compact=True)
    with Progress(*columns, console=output.console(), transient=True) as bar:
        task = bar.add_task("wait", total=left)
        while (now := time.monotonic()) < until:
            bar.update(task, completed=left - (until - now))
            time.sleep(min(0.1, until - now))

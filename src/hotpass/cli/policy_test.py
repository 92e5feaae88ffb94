"""`hotpass policy test`: runs the cases beside the policies. Without Typer and Rich, as `policy lint` is."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hotpass.cases.suite import Ran, run_suite
from hotpass.cli import output
from hotpass.cli.policy_test_forms import COMMAND, as_json, report, show
from hotpass.cli.reporting import Reporting, forms_of, split_words
from hotpass.errors import PolicyError, Problem
from hotpass.policy.discovery import policy_places
from hotpass.policy.loader import SUFFIXES, gates_of

_VALUED = ("--format", "--output", "--policies-from", "-k")
_FLAGS = ("--json", "--require-cases", "--require-coverage")


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for besides the form: see `run_suite`. `revision` is the git revision from
    which policies, cases and plugin folders are read.
    """

    require_cases: bool = False
    require_coverage: bool = False
    select: str = ""
    revision: str | None = None


def run_cases(
    paths: Sequence[str | Path],
    plugins: Sequence[str | Path] = (),
    *,
    reporting: Reporting,
    wanted: Wanted = Wanted(),
) -> int:
    """Runs the cases and tells what came of them; returns the exit code: 0, 1 where one differs or something
    that is required is missing, 2 where a file is wrong.

    Raises PolicyError where no place is named, PluginError for a broken plugin, and CallError where no case
    is selected.
    """
    with reporting, _collecting_rarely():
        ran = _run(paths, plugins, wanted)
        reporting.show(text=lambda: show(ran), value=lambda: as_json(ran), report=lambda: report(ran))
    if ran.found.problems and not reporting.tells_all:
        output.print_error(PolicyError(ran.found.problems))
    return ran.exit_code


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """What is read stays until the end, so that looking for garbage would take a third of the time."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def plain_words(args: Sequence[str]) -> tuple[list[str], Reporting, Wanted] | None:
    """Paths and what is wanted, for a command line that has nothing else; None for any other, also for one in
    which something is wrong, which Typer says. Raises CallError where the options contradict each other.
    """
    plain = split_words(args, _FLAGS, _VALUED)
    if plain is None:
        return None
    paths, flags, named = plain
    asked = forms_of(named)
    if asked is None:
        return None
    wanted = Wanted(
        require_cases="--require-cases" in flags,
        require_coverage="--require-coverage" in flags,
        select=named.get("-k", ""),
        revision=named.get("--policies-from"),
    )
    return paths, Reporting.of(COMMAND, *asked, as_json="--json" in flags), wanted


def _run(paths: Sequence[str | Path], plugins: Sequence[str | Path], wanted: Wanted) -> Ran:
    run = partial(
        run_suite,
        select=wanted.select,
        require_cases=wanted.require_cases,
        require_coverage=wanted.require_coverage,
    )
    if wanted.revision is not None:
        return _of_revision(
            wanted.revision, [Path(path) for path in paths if policy_places(path)], plugins, run
        )
    found = policy_places(list(paths) or None, cli=True)
    if not found.configured:
        remedy = "Name files or folders: `hotpass policy test PATH…`, or run `hotpass init`."
        what = "no such folder, and nothing else names one"
        raise PolicyError([Problem("policies", 0, 0, what, remedy, "no-policies")])
    return run(found.paths, gates_of(plugins=list(plugins)))


def _of_revision(
    revision: str, paths: Sequence[Path], plugins: Sequence[str | Path], run: Callable[..., Ran]
) -> Ran:
    from hotpass.policy.revision import materialized

    # A file is read with its folder, since what belongs to it stands beside it.
    folders = [path.parent if path.suffix.lower() in SUFFIXES else path for path in paths]
    with materialized(revision, folders, list(plugins)) as rules:
        places = list(rules.policies.paths)
        for number, path in enumerate(paths):
            if folders[number] != path:
                places[number] /= path.name
        return run(places, gates_of(rules.manager()))

"""`hotpass policy lint`, without Typer and Rich: it runs at every commit and in editors, and those take
longer to import than all files take to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hotpass.cli import output
from hotpass.errors import PolicyError, Problem
from hotpass.policy.discovery import policy_places
from hotpass.policy.loader import Report, gates_of, read_places
from hotpass.policy.model import Policy
from hotpass.texts import shown


def lint(paths: Sequence[str | Path], plugins: Sequence[str | Path] = (), *, as_json: bool = False) -> int:
    """Checks policy files and prints the outcome; returns the exit code: 0, or 2 with all problems printed.

    Raises PolicyError where no place is named or one cannot be used, PluginError for a broken plugin.
    """
    places = policy_places(list(paths) or None, cli=True)
    if not places.configured:
        remedy = "Name files or folders: `hotpass policy lint PATH…`, or run `hotpass init`."
        raise PolicyError([Problem("policies", 0, 0, "no such folder, and nothing else names one", remedy)])
    report = read_places(places.paths, gates_of(plugins=list(plugins)))
    if as_json:
        output.print_json(_as_json(report))
    else:
        for policy in report.policies:
            output.say(_line(policy))
        for warning in report.warnings:
            place, _, rest = str(warning).partition(": ")
            output.say(f"{place}: warning: {rest}", style="yellow")
    if report.problems:
        output.print_error(PolicyError(report.problems))
        return PolicyError.exit_code
    return 0


def plain_words(args: Sequence[str]) -> tuple[list[str], bool] | None:
    """Paths, and whether `--json` is among them, for a command line that has nothing else; None for any
    other.
    """
    paths = [word for word in args if word != "--json"]
    return None if any(word.startswith("-") for word in paths) else (paths, "--json" in args)


def _line(policy: Policy) -> str:
    gates = sum(len(entry.gates) for entry in policy.promotions) + len(policy.rollback or ())
    promotions = output.plural(len(policy.promotions), "promotion")
    return shown(f"{policy.path}: ok: policy {policy.name}, {promotions}, {output.plural(gates, 'gate')}")


def _as_json(report: Report) -> dict[str, Any]:
    out: dict[str, Any] = {
        "ok": not report.problems,
        "policies": [
            {
                "name": policy.name, "path": policy.path, "digest": policy.digest,
                "models": list(policy.models),
                "promotions": [
                    {
                        "to": entry.to_stage, "from": entry.from_stage,
                        "gates": [gate.name for gate in entry.gates],
                    }
                    for entry in policy.promotions
                ],
            }
            for policy in report.policies
        ],
        "problems": output.problems_as_json(report.problems),
        "warnings": output.problems_as_json(report.warnings),
    }  # fmt: skip
    if report.problems:
        out.update(output.error_as_json(PolicyError(report.problems)))
    return out

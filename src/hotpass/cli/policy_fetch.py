"""`hotpass policy fetch`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hotpass.cli import output
from hotpass.copies import SHORT
from hotpass.errors import PolicyError
from hotpass.policy.fetching import Fetched, Fetching, fetch_all
from hotpass.policy.loader import content_of, policy_files
from hotpass.policy.revision import materialized
from hotpass.texts import shown


def fetch(paths: Sequence[Path], policies_from: str | None, *, as_json: bool = False) -> int:
    """Fetches what the policies at `paths` extend from git, and tells what there is now; returns the exit
    code: 0, or 2 where something could not be fetched.

    Raises PolicyError where no place is named, CallError for a revision or a cache that cannot be used.
    """
    with materialized(policies_from, paths or None, judging=True, only="policies") as rules:
        if not rules.policies.configured:
            raise _nowhere()
        root = rules.revision.root if rules.revision is not None else None
        done = fetch_all(policy_files(rules.policies.paths), content_of, root, _tell)
    if as_json:
        output.print_json(_as_json(done))
    else:
        for found in done.found:
            if found.state != "not fetched":
                output.say(shown(_line(found)))
        if not done.found:
            output.say("Nothing to fetch: no policy extends one in a git repository.")
    if done.problems:
        output.print_error(PolicyError(done.problems))
        return PolicyError.exit_code
    return 0


def _nowhere() -> PolicyError:
    from hotpass.errors import Problem

    remedy = "Name files or folders: `hotpass policy fetch PATH…`."
    return PolicyError([Problem("policies", 0, 0, "no such folder, and nothing else names one", remedy)])


def _tell(text: str) -> None:
    output.say(shown(text), stderr=True)


def _line(found: Fetched) -> str:
    return f"{found.where}: {found.state}: {found.path} of {found.url} at {found.revision[:SHORT]}"


def _as_json(done: Fetching) -> dict[str, Any]:
    out: dict[str, Any] = {
        "ok": not done.problems,
        "shared": [asdict(found) for found in done.found],
        "problems": output.problems_as_json(done.problems),
    }
    if done.problems:
        out.update(output.error_as_json(PolicyError(done.problems)))
    return out

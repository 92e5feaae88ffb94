"""`hotpass policy lint`, without Typer and Rich: it runs at every commit and in editors, and those take
longer to import than all files take to read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotpass.cli import output
from hotpass.cli.reporting import Reporting, forms_of, split_words
from hotpass.errors import PolicyError, Problem
from hotpass.gates import Gate
from hotpass.policy.discovery import Places, policy_places
from hotpass.policy.loader import Report as Reading
from hotpass.policy.loader import gates_of, read_places
from hotpass.policy.model import Policy
from hotpass.policy.waiver_lint import with_waivers_checked
from hotpass.policy.waivers import Waiver, in_words
from hotpass.policy.warnings import with_warnings
from hotpass.policy.words import listed
from hotpass.reports.model import Check, Finding, Level, Report
from hotpass.texts import shown

COMMAND = "policy lint"
_WARNED = 1
_OPTIONS = ("--format", "--output")
_FLAGS = ("--json", "--strict")


def lint(
    paths: Sequence[str | Path],
    plugins: Sequence[str | Path] = (),
    *,
    reporting: Reporting,
    strict: bool = False,
    look: Callable[[Sequence[Policy]], Sequence[Problem]] | None = None,
    policies_from: str | None = None,
) -> int:
    """Checks policy files and tells the outcome; returns the exit code: 0, 2 with all problems told, or 1
    with `strict` where there are only warnings. `look` finds more warnings, elsewhere than in the files.
    `policies_from` is the git revision to read them from.

    Raises PolicyError where no place is named or one cannot be used, PluginError for a broken plugin.
    """
    with reporting, contextlib.ExitStack() as copy:
        places, gates = _subject(copy, paths, plugins, policies_from)
        if not places.configured:
            remedy = "Name files or folders: `hotpass policy lint PATH…`, or run `hotpass init`."
            what = "no such folder, and nothing else names one"
            raise PolicyError([Problem("policies", 0, 0, what, remedy, "no-policies")])
        found = with_warnings(read_places(places.paths, gates()))
        found = with_waivers_checked(found, datetime.now(UTC))
        if look is not None:
            found = replace(found, warnings=tuple(sorted({*found.warnings, *look(found.policies)})))
        code = PolicyError.exit_code if found.problems else _WARNED if strict and found.warnings else 0
        reporting.show(
            text=lambda: _show(found),
            value=lambda: _as_json(found, code),
            report=lambda: report_of(found, code),
        )
    if found.problems and not reporting.tells_all:
        output.print_error(PolicyError(found.problems))
    elif code and not reporting.tells_all:
        count = output.plural(len(found.warnings), "warning")
        output.say(f"{count}, and with --strict none may be.", style="bold red", stderr=True)
    return code


def _subject(
    copy: contextlib.ExitStack,
    paths: Sequence[str | Path],
    plugins: Sequence[str | Path],
    policies_from: str | None,
) -> tuple[Places, Callable[[], Mapping[str, type[Gate]]]]:
    """Where the policies are, and what makes the gates for them."""
    if policies_from is None:
        return policy_places(list(paths) or None, cli=True), lambda: gates_of(plugins=list(plugins))
    from hotpass.policy.revision import materialized  # git is not needed at every commit

    rules = copy.enter_context(materialized(policies_from, list(paths), list(plugins)))
    return rules.policies, lambda: gates_of(rules.manager())


def plain_words(args: Sequence[str]) -> tuple[list[str], Reporting, bool] | None:
    """Paths, what is to be told and whether warnings count, for a command line that has nothing else; None
    for any other, also for one in which something is wrong, which Typer says.

    Raises CallError where the options contradict each other.
    """
    plain = split_words(args, _FLAGS, _OPTIONS)
    if plain is None:
        return None
    paths, flags, named = plain
    asked = forms_of(named)
    if asked is None:
        return None
    return paths, Reporting.of(COMMAND, *asked, as_json="--json" in flags), "--strict" in flags


def report_of(found: Reading, code: int = 0) -> Report:
    """A check for each file: what is wrong in it, and what is rarely meant."""
    names = {policy.path: policy.name for policy in found.policies}
    names |= {policy.path: policy.name for policy in found.shared}
    names |= {waiver.path: waiver.name for waiver in found.waivers}
    findings: dict[str, list[Finding]] = {path: [] for path in names}
    for problem in found.problems:
        findings.setdefault(problem.path, []).append(Finding.of(problem, "invalid-policy"))
    for warning in found.warnings:
        findings.setdefault(warning.path, []).append(Finding.of(warning, "doubtful-policy", Level.WARNING))
    checks = tuple(Check(names.get(path, path), path, tuple(of)) for path, of in sorted(findings.items()))
    said = [output.plural(len(found.policies), "sound policy")]
    said += [output.plural(len(found.shared), "shared policy")] if found.shared else []
    said += [output.plural(len(found.waivers), "waiver")] if found.waivers else []
    said += [output.plural(len(found.problems), "problem")] if found.problems else []
    said += [output.plural(len(found.warnings), "warning")] if found.warnings else []
    return Report(COMMAND, ", ".join(said), checks, code)


def _show(found: Reading) -> None:
    for policy in found.policies:
        output.say(_line(policy))
    for policy in found.shared:
        output.say(_line(policy, "shared policy"))
    wrong = {problem.path for problem in found.problems}
    for waiver in found.waivers:
        if waiver.path not in wrong:
            output.say(_waiver_line(waiver))
    for warning in found.warnings:
        place, _, rest = str(warning).partition(": ")
        output.say(f"{place}: warning: {rest}", style="yellow")


def _line(policy: Policy, kind: str = "policy") -> str:
    gates = sum(len(entry.gates) for entry in policy.promotions) + len(policy.rollback or ())
    promotions = output.plural(len(policy.promotions), "promotion")
    words = f"{policy.path}: ok: {kind} {policy.name}, {promotions}, {output.plural(gates, 'gate')}"
    shared = f", extends {listed(ref.name for ref in policy.extends)}" if policy.extends else ""
    return shown(words + shared)


def _waiver_line(waiver: Waiver) -> str:
    which = "version" if len(waiver.versions) == 1 else "versions"
    versions = f"{waiver.model} {which} {listed(sorted(waiver.versions))} to {waiver.to_stage}"
    over = in_words(waiver.expires)
    return shown(f"{waiver.path}: ok: waiver {waiver.name}, {waiver.gate} of {versions}, until {over}")


def _as_json(found: Reading, code: int) -> dict[str, Any]:
    out: dict[str, Any] = {
        "ok": not code,
        "policies": [_policy_as_json(policy) for policy in found.policies],
        "shared": [_policy_as_json(policy) for policy in found.shared],
        "waivers": [waiver.as_json() for waiver in found.waivers],
        "problems": output.problems_as_json(found.problems),
        "warnings": output.problems_as_json(found.warnings),
    }  # fmt: skip
    if found.problems:
        out.update(output.error_as_json(PolicyError(found.problems)))
    return out


def _policy_as_json(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name, "path": policy.path, "digest": policy.digest, "models": list(policy.models),
        "extends": [ref._asdict() for ref in policy.extends],
        "promotions": [
            {"to": entry.to_stage, "from": entry.from_stage, "gates": [gate.name for gate in entry.gates]}
            for entry in policy.promotions
        ],
    }  # fmt: skip

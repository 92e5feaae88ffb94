"""`hotpass policy test`: runs the cases beside the policies. Without Typer and Rich, as `policy lint` is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotpass.cases.coverage import Coverage, PromotionSeen, coverage
from hotpass.cases.differences import in_words
from hotpass.cases.finding import Found, find_cases
from hotpass.cases.model import Case, CasesFile, Difference, Result
from hotpass.cases.running import run_files
from hotpass.cli import output
from hotpass.cli.reporting import Reporting, forms_of
from hotpass.errors import CallError, PolicyError, Problem
from hotpass.policy.discovery import policy_places
from hotpass.policy.loader import gates_of
from hotpass.reports.model import Check, Finding, Level, Report
from hotpass.texts import shown

COMMAND = "policy test"
_DIFFERS = 1
#: With fewer cases, what is read once takes most of the time.
_WORTH_A_RATE = 100
_VALUED = ("--format", "--output", "-k")
_FLAGS = ("--json", "--require-cases", "--require-coverage")


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for besides the form. `select` is text that the names of the cases to run
    contain.
    """

    require_cases: bool = False
    require_coverage: bool = False
    select: str = ""


@dataclass(frozen=True)
class Ran:
    """What came of one run of the command. `unmet` is what `--require-…` misses."""

    found: Found
    results: tuple[Result, ...]
    coverage: tuple[Coverage, ...]
    unmet: tuple[Problem, ...]
    seconds: float

    @property
    def differing(self) -> list[Result]:
        return [result for result in self.results if not result.as_expected]

    @property
    def exit_code(self) -> int:
        if self.found.problems:
            return PolicyError.exit_code
        return _DIFFERS if self.differing or self.unmet else 0


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
    with reporting:
        ran = _run(paths, plugins, wanted)
        reporting.show(text=lambda: _show(ran), value=lambda: _as_json(ran), report=lambda: _report(ran))
    if ran.found.problems:
        output.print_error(PolicyError(ran.found.problems))
    return ran.exit_code


def plain_words(args: Sequence[str]) -> tuple[list[str], Reporting, Wanted] | None:
    """Paths and what is wanted, for a command line that has nothing else; None for any other, also for one in
    which something is wrong, which Typer says. Raises CallError where the options contradict each other.
    """
    words, paths, named, flags = iter(args), [], dict[str, str](), set[str]()
    for word in words:
        option, equals, value = word.partition("=")
        if word in _FLAGS:
            flags.add(word)
        elif option in _VALUED:
            given = value if equals else next(words, None)
            if given is None or (option == "-k" and equals):
                return None
            named[option] = given
        elif word.startswith("-"):
            return None
        else:
            paths.append(word)
    asked = forms_of(named)
    if asked is None:
        return None
    wanted = Wanted("--require-cases" in flags, "--require-coverage" in flags, named.get("-k", ""))
    return paths, Reporting.of(COMMAND, *asked, as_json="--json" in flags), wanted


def _run(paths: Sequence[str | Path], plugins: Sequence[str | Path], wanted: Wanted) -> Ran:
    if wanted.select and (wanted.require_cases or wanted.require_coverage):
        raise CallError("-k runs some cases and --require-… asks about all of them. Leave one of them out.")
    places = policy_places(list(paths) or None, cli=True)
    if not places.configured:
        remedy = "Name files or folders: `hotpass policy test PATH…`, or run `hotpass init`."
        what = "no such folder, and nothing else names one"
        raise PolicyError([Problem("policies", 0, 0, what, remedy, "no-policies")])
    gates = gates_of(plugins=list(plugins))
    begun = time.perf_counter()
    found = find_cases(places.paths, gates)
    files = _selected(found, wanted.select)
    results = tuple(run_files(files))
    # What a broken file holds is not known, so nothing is said of what is missing.
    seen = () if wanted.select or found.problems else tuple(_coverage(found, results))
    unmet = tuple(_unmet(found, seen, wanted))
    return Ran(found, results, seen, unmet, time.perf_counter() - begun)


def _selected(found: Found, select: str) -> Sequence[CasesFile]:
    if not select:
        return found.files
    text = select.lower()
    files = [
        CasesFile(file.path, file.policy, tuple(case for case in file.cases if text in case.name.lower()))
        for file in found.files
    ]
    if not any(file.cases for file in files) and not found.problems:
        raise CallError(f"no case has {select!r} in its name. Without -k all {_count(found)} would run.")
    return files


def _count(found: Found) -> int:
    return sum(len(file.cases) for file in found.files)


def _coverage(found: Found, results: Sequence[Result]) -> Iterator[Coverage]:
    cases: dict[str, list[Case]] = {policy.path: [] for policy in found.policies}
    came: dict[str, list[Result]] = {policy.path: [] for policy in found.policies}
    of_file = {file.path: file.policy.path for file in found.files}
    for file in found.files:
        cases[file.policy.path] += file.cases
    for result in results:
        came[of_file[result.case.path]].append(result)
    for policy in found.policies:
        yield coverage(policy, cases[policy.path], came[policy.path])


def _unmet(found: Found, seen: Sequence[Coverage], wanted: Wanted) -> Iterator[Problem]:
    """What the run misses of what is required, as problems at the places of the policies."""
    for of_policy in seen:
        file = _cases_path(found, of_policy)
        for promotion in of_policy.promotions:
            place = _place(promotion.where or of_policy.path)
            if not promotion.cases:
                if wanted.require_cases or wanted.require_coverage:
                    yield Problem(*place, f"no case is about {_titled(promotion)}", f"Add one to {file}.",
                                  "no-cases")  # fmt: skip
            elif wanted.require_coverage:
                for gap in promotion.gaps:
                    yield Problem(*place, f"{_titled(promotion)}: {gap} in a case", f"Add one to {file}.",
                                  "not-covered")  # fmt: skip


def _titled(promotion: PromotionSeen) -> str:
    return "the rollback" if promotion.title == "rollback" else f"the promotion {promotion.title}"


def _cases_path(found: Found, of_policy: Coverage) -> str:
    there = [file.path for file in found.files if file.policy.path == of_policy.path]
    return there[0] if there else str(Path(of_policy.path).with_suffix(".cases.yaml"))


def _place(where: str) -> tuple[str, int, int]:
    """`file:line:column` in its parts."""
    path, line, column = [*where.rsplit(":", 2), "", ""][:3]
    return (path, int(line), int(column)) if line.isdigit() and column.isdigit() else (where, 0, 0)


# --- text ---------------------------------------------------------------------------------------------------


def _show(ran: Ran) -> None:
    for result in ran.differing:
        first, *lines = in_words(result)
        output.say(first, style="bold red")
        output.say("\n".join(lines))
    for of_policy in ran.coverage:
        for line in _coverage_lines(ran.found, of_policy):
            output.say(shown(line))
    for problem in ran.unmet:
        output.say(shown(f"{problem.path}:{problem.line}:{problem.column}: {problem.message}"), style="red")
        output.say(f"    {shown(problem.remedy)}")
    output.say(_summary(ran), style="bold red" if ran.exit_code else "bold green")


def _coverage_lines(found: Found, of_policy: Coverage) -> Iterator[str]:
    yield f"{of_policy.path}: policy {of_policy.policy}: {output.plural(of_policy.cases, 'case')}"
    if not of_policy.cases:
        return
    width = max(len(promotion.title) for promotion in of_policy.promotions)
    for promotion in of_policy.promotions:
        line = f"    {promotion.title:{width}}  {output.plural(promotion.cases, 'case'):>8}"
        if promotion.cases:
            gates = len(promotion.gates)
            passed = sum(gate.passed for gate in promotion.gates)
            stopped = sum(gate.stopped for gate in promotion.gates)
            outcomes = ", ".join(sorted(promotion.outcomes))
            line += f"  {outcomes}; of {output.plural(gates, 'gate')} {passed} passed and {stopped} did not"
        yield line
        for gap in promotion.gaps if promotion.cases else ():
            yield f"        {gap}"
    if of_policy.others:
        yield f"    any other move: {', '.join(sorted(of_policy.others))}"


def _summary(ran: Ran) -> str:
    count, differ = len(ran.results), len(ran.differing)
    if not count and not ran.found.problems:
        policies = output.plural(len(ran.found.policies), "policy")
        return f"no case beside {policies}: they would stand in NAME.cases.yaml beside NAME.yaml"
    words = output.plural(count, "case")
    words += f", {differ} not as expected" if differ else ", all as expected" if count else ""
    words += f"; {ran.seconds:.2f} s"
    return f"{words}, {count / ran.seconds:,.0f} cases a second" if count >= _WORTH_A_RATE else words


# --- JSON and reports ---------------------------------------------------------------------------------------


def _as_json(ran: Ran) -> dict[str, Any]:
    out: dict[str, Any] = {
        "ok": ran.exit_code == 0,
        "cases": [_result_as_json(result) for result in ran.results],
        "coverage": [
            {
                "policy": of_policy.policy, "path": of_policy.path, "cases": of_policy.cases,
                "promotions": [
                    {
                        "title": promotion.title, "where": promotion.where, "cases": promotion.cases,
                        "outcomes": dict(promotion.outcomes), "gaps": promotion.gaps,
                        "gates": [
                            {"name": gate.name, "where": gate.where, "verdicts": dict(gate.verdicts)}
                            for gate in promotion.gates
                        ],
                    }
                    for promotion in of_policy.promotions
                ],
                "other_moves": dict(of_policy.others),
            }
            for of_policy in ran.coverage
        ],
        "unmet": output.problems_as_json(ran.unmet),
        "problems": output.problems_as_json(ran.found.problems),
        "warnings": output.problems_as_json(ran.found.warnings),
        "seconds": round(ran.seconds, 6),
    }  # fmt: skip
    if ran.found.problems:
        out.update(output.error_as_json(PolicyError(ran.found.problems)))
    return out


def _result_as_json(result: Result) -> dict[str, Any]:
    case, decision = result.case, result.decision
    return {
        "case": case.name, "path": case.path, "line": case.place.line, "column": case.place.column,
        "model": case.model, "as_expected": result.as_expected,
        "outcome": str(decision.outcome) if decision else None,
        "verdicts": {j.entry.name: str(j.result.verdict) for j in decision.judgements} if decision else {},
        "differences": [
            {
                "what": difference.what, "expected": difference.expected, "got": difference.got,
                "why": list(difference.why), "line": difference.place.line,
                "column": difference.place.column,
            }
            for difference in result.differences
        ],
        "seconds": round(result.seconds, 6),
    }  # fmt: skip


def _report(ran: Ran) -> Report:
    """A check for each case, and one for each file in which something is wrong."""
    checks = [
        Check(
            result.case.path, result.case.name,
            tuple(_finding(result.case, difference) for difference in result.differences), result.seconds,
        )
        for result in ran.results
    ]  # fmt: skip
    wrong: dict[str, list[Finding]] = {}
    for problem in ran.found.problems:
        wrong.setdefault(problem.path, []).append(Finding.of(problem, "invalid-policy"))
    for problem in ran.unmet:
        wrong.setdefault(problem.path, []).append(Finding.of(problem, "no-cases"))
    checks += [Check(path, path, tuple(findings)) for path, findings in wrong.items()]
    return Report(COMMAND, _summary(ran), tuple(checks), ran.exit_code)


def _finding(case: Case, difference: Difference) -> Finding:
    message = shown("; ".join([f"{case.name}: {difference}", *difference.why]))
    return Finding(
        "case-differs", Level.ERROR, message, "Mend the policy, or what the case expects.", case.path,
        difference.place.line, difference.place.column, f"{case.name}/{difference.what}",
    )  # fmt: skip

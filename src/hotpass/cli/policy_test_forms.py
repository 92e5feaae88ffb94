"""What `hotpass policy test` says: as text, as JSON, and as a report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hotpass.cases.coverage import Coverage
from hotpass.cases.differences import in_words
from hotpass.cases.model import Case, Difference, Result
from hotpass.cases.suite import Ran
from hotpass.cli import output
from hotpass.errors import PolicyError
from hotpass.reports.model import Check, Finding, Level, Report
from hotpass.texts import shown

COMMAND = "policy test"
#: With fewer cases, what is read once takes most of the time.
_WORTH_A_RATE = 100


def show(ran: Ran) -> None:
    for result in ran.differing:
        first, *lines = in_words(result)
        output.say(first, style="bold red")
        output.say("\n".join(lines))
    for of_policy in ran.coverage:
        for line in _coverage_lines(of_policy):
            output.say(shown(line))
    for problem in ran.unmet:
        output.say(shown(f"{problem.path}:{problem.line}:{problem.column}: {problem.message}"), style="red")
        output.say(f"    {shown(problem.remedy)}")
    if ran.results or not ran.found.problems:
        output.say(_summary(ran), style="bold red" if ran.exit_code else "bold green")


def _coverage_lines(of_policy: Coverage) -> Iterator[str]:
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
    if ran.found.problems:
        words += f", {output.plural(len(ran.found.problems), 'problem')} in the files"
    words += f"; {ran.seconds:.2f} s"
    return f"{words}, {count / ran.seconds:,.0f} cases a second" if count >= _WORTH_A_RATE else words


# --- JSON and reports ---------------------------------------------------------------------------------------


def as_json(ran: Ran) -> dict[str, Any]:
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


def report(ran: Ran) -> Report:
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

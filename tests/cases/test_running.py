"""Cases run: what came of them, what differs, and what they have shown of the policy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hotpass.cases.coverage import coverage
from hotpass.cases.differences import in_words
from hotpass.cases.model import Result
from hotpass.cases.suite import Ran, run_suite
from hotpass.errors import CallError, RegistryError
from hotpass.gates import Gate
from hotpass.policy.loader import gates_of
from hotpass.verdicts import passed

GATES = gates_of()

POLICY = """\
policy: leads
models: ["lead_*"]
promotions:
  - to: Staging
    gates: [signature]
  - to: Production
    from: Staging
    gates:
      - metric_threshold: {roc_auc: {at_least: 0.7}}
        enforcement: overridable
        by: [ana]
      - staging_dwell: 24h
      - metric_threshold: {log_loss: {at_most: 0.5}}
        name: calibration
        enforcement: advisory
rollback:
  gates: [signature]
"""
DEFAULTS = """\
defaults:
  to: Production
  candidate: {metrics: {roc_auc: 0.8, log_loss: 0.4}, in_stage_since: 2d ago}
cases:
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leads.yaml").write_text(POLICY)
    return tmp_path


def run(*cases: str, gates=GATES, **options) -> Ran:
    Path("leads.cases.yaml").write_text(DEFAULTS + "".join(f"  - {case}\n" for case in cases))
    return run_suite([Path()], gates, **options)


def only(ran: Ran) -> Result:
    assert ran.found.problems == ()
    (result,) = ran.results
    return result


@pytest.mark.parametrize(
    "case",
    [
        "{case: a, expect: {outcome: allowed, verdicts: {metric_threshold: passed, calibration: passed}}}",
        "{case: a, candidate: {metrics: {roc_auc: 0.6}}, expect: {outcome: denied, message: roc_auc is 0.6}}",
        "{case: a, candidate: {metrics: {log_loss: 0.6}}, expect: {outcome: allowed, message: is 0.6}}",
        "{case: a, candidate: {in_stage_since: 23h ago}, expect: {outcome: pending, passes_at: in 1h}}",
        "{case: a, candidate: {stage: None}, expect: {outcome: denied, message: only from Staging}}",
        "{case: a, model: churn, expect: {outcome: not_covered}}",
        "{case: a, rollback: true, expect: {outcome: denied, verdicts: {signature: failed}}}",
        "{case: a, candidate: {metrics: {roc_auc: nan}}, overrides: [metric_threshold], requester: ana, "
        "expect: {outcome: allowed, verdicts: {metric_threshold: failed}}}",
    ],
)
def test_as_expected(case: str) -> None:
    assert only(run(case)).differences == ()


@pytest.mark.parametrize(
    ("case", "lines"),
    [
        (
            "{case: a, expect: {outcome: denied, verdicts: {staging_dwell: pending}}}",
            [
                "outcome: expected denied, got allowed",
                "staging_dwell: expected pending, got passed",
                "    in Staging for 2d, 1d wanted (leads.yaml:12:9)",
            ],
        ),
        (
            "{case: a, candidate: {metrics: {roc_auc: 0.6}, in_stage_since: now}, expect: {outcome: pending, "
            "verdicts: {metric_threshold: passed}}}",
            [
                "outcome: expected pending, got denied",
                "    staging_dwell pending: in Staging for 0s of 1d (leads.yaml:12:9)",
                "metric_threshold: expected passed, got failed",
                "    roc_auc is 0.6, wanted at least 0.7 (leads.yaml:9:9)",
            ],
        ),
        (
            "{case: a, candidate: {in_stage_since: now}, expect: {outcome: pending, message: [Staging, b], "
            "passes_at: in 2h}}",
            [
                "message: expected one with 'b', got none",
                "    staging_dwell pending: in Staging for 0s of 1d (leads.yaml:12:9)",
                "passes_at: expected 2026-01-15T14:00:00+00:00, got 2026-01-16T12:00:00+00:00",
            ],
        ),
        (
            "{case: a, expect: {outcome: allowed, passes_at: in 2h}}",
            ["passes_at: expected 2026-01-15T14:00:00+00:00, got at no time that is known"],
        ),
        (
            "{case: a, candidate: {stage: None}, expect: {outcome: allowed}}",
            [
                "outcome: expected allowed, got denied",
                "    policy leads lets a version into Production only from Staging, and this one is in None. "
                "Promote it to Staging first.",
            ],
        ),
        (
            "{case: a, model: churn, expect: {outcome: allowed, verdicts: {calibration: passed}}}",
            [
                "outcome: expected allowed, got not_covered",
                "    the policy covers lead_*, and churn is not among them",
            ],
        ),
        (
            "{case: a, model: lead_x, expect: {outcome: not_covered}}",
            ["outcome: expected not_covered, got allowed"],
        ),
        (
            "{case: a, candidate: {metrics: {roc_auc: nan}}, overrides: [metric_threshold], requester: ben, "
            "expect: {outcome: allowed}}",
            ["outcome: expected allowed, got denied"],
        ),
    ],
)  # fmt: skip
def test_differences_in_words(case: str, lines: list[str]) -> None:
    first, *found = in_words(only(run(case)))
    assert first == "leads.cases.yaml:5:5: a"
    assert found[: len(lines)] == [f"    {line}" for line in lines]


def test_a_difference_has_the_place_of_what_was_expected() -> None:
    case = "{case: a, expect: {outcome: denied, verdicts: {staging_dwell: pending}, message: x}}"
    places = [(one.what, tuple(one.place)) for one in only(run(case)).differences]
    assert places == [("outcome", (5, 24)), ("staging_dwell", (5, 52)), ("message", (5, 77))]


def test_no_text_of_a_case_passes_for_a_line_of_its_own() -> None:
    lines = in_words(
        only(run('{case: a, model: "x\\nleads.yaml:1:1: all is well", expect: {outcome: allowed}}'))
    )
    assert lines[-1] == (
        "        the policy covers lead_*, and x\\nleads.yaml:1:1: all is well is not among them"
    )


class Unreachable(Gate):
    """Asks for what cannot be had."""

    name = "unreachable"
    schema = {"type": "object"}

    def evaluate(self, candidate, now):
        raise RegistryError("the registry does not answer")


class Curious(Gate):
    """Reads what plugins supply."""

    name = "curious"
    schema = {"type": "object"}

    def evaluate(self, candidate, now):
        return passed(f"it is {candidate.evidence('fairness')}")


def test_a_gate_that_breaks_is_told_and_stops_nothing(folder: Path) -> None:
    text = POLICY.replace("gates: [signature]\n  - to: Prod", "gates: [unreachable]\n  - to: Prod")
    (folder / "leads.yaml").write_text(
        text.replace("rollback:\n  gates: [signature]", "rollback: {gates: [curious]}")
    )
    ran = run(
        "{case: a, to: Staging, expect: {outcome: denied}}",
        "{case: b, rollback: true, expect: {outcome: denied, verdicts: {curious: error}}}",
        "{case: c, rollback: true, candidate: {evidence: {fairness: 0.1}}, expect: {outcome: allowed}}",
        gates={**GATES, "unreachable": Unreachable, "curious": Curious},
    )
    assert ran.found.problems == ()
    broke, missing, there = ran.results
    assert in_words(broke)[1:] == [
        "    outcome: expected denied, got no decision",
        "        RegistryError: the registry does not answer",
    ]
    assert (missing.differences, there.differences) == ((), ())


def test_coverage_says_what_was_seen() -> None:
    ran = run(
        "{case: a, expect: {outcome: allowed}}",
        "{case: b, candidate: {metrics: {roc_auc: 0.6}}, expect: {outcome: denied}}",
        "{case: c, candidate: {in_stage_since: now}, expect: {outcome: pending}}",
        "{case: d, candidate: {stage: None}, expect: {outcome: denied}}",
        "{case: e, rollback: true, expect: {outcome: denied}}",
        "{case: f, model: churn, expect: {outcome: not_covered}}",
    )
    (seen,) = ran.coverage
    assert (seen.cases, dict(seen.others)) == (6, {"denied": 1})
    assert [(part.title, part.cases, dict(part.outcomes)) for part in seen.promotions] == [
        ("any stage to Staging", 0, {}),
        ("Staging to Production", 3, {"allowed": 1, "denied": 1, "pending": 1}),
        ("rollback", 1, {"denied": 1}),
    ]
    production = seen.promotions[1]
    assert [(gate.name, dict(gate.verdicts)) for gate in production.gates] == [
        ("metric_threshold", {"passed": 2, "failed": 1}),
        ("staging_dwell", {"passed": 2, "pending": 1}),
        ("calibration", {"passed": 3}),
    ]
    assert production.gaps == ["calibration never stopped one"]
    assert [part.title for part in seen.without_cases] == ["any stage to Staging"]
    assert ran.unmet == ()


def test_what_is_required_is_told_at_its_place_in_the_policy() -> None:
    cases = ["{case: a, expect: {outcome: allowed}}"]
    ran = run(*cases, require_cases=True)
    assert [str(problem) for problem in ran.unmet] == [
        "leads.yaml:4:5: no case is about the promotion any stage to Staging\n    Add one to "
        "leads.cases.yaml.",
        "leads.yaml:17:11: no case is about the rollback\n    Add one to leads.cases.yaml.",
    ]
    assert ran.exit_code == 1
    ran = run(*cases, require_coverage=True)
    assert [problem.message for problem in ran.unmet] == [
        "no case is about the promotion any stage to Staging",
        "the promotion Staging to Production: metric_threshold never stopped one in a case",
        "the promotion Staging to Production: staging_dwell never stopped one in a case",
        "the promotion Staging to Production: calibration never stopped one in a case",
        "no case is about the rollback",
    ]


def test_a_policy_without_a_rollback_needs_no_case_of_one(folder: Path) -> None:
    (folder / "leads.yaml").write_text(POLICY.partition("rollback:")[0])
    ran = run("{case: a, to: Staging, expect: {outcome: denied}}", "{case: b, expect: {outcome: allowed}}",
              require_cases=True)  # fmt: skip
    assert (ran.unmet, ran.exit_code) == ((), 0)


def test_a_selection() -> None:
    cases = ["{case: Good one, expect: {outcome: allowed}}", "{case: bad one, expect: {outcome: allowed}}"]
    assert [result.case.name for result in run(*cases, select="good").results] == ["Good one"]
    with pytest.raises(
        CallError, match=r"no case has 'none of them' in its name[.] Without -k all 2 would run"
    ):
        run(*cases, select="none of them")
    with pytest.raises(CallError, match="Leave one of them out"):
        run(*cases, select="good", require_cases=True)


def test_the_same_cases_come_out_the_same() -> None:
    cases = ["{case: a, expect: {outcome: allowed}}", "{case: b, to: Staging, expect: {outcome: denied}}"]
    first, second = run(*cases), run(*cases)
    told = [
        [json.dumps(r.decision.as_json(), sort_keys=True) for r in ran.results] for ran in (first, second)
    ]
    assert told[0] == told[1]
    policy = first.found.policies[0]
    assert coverage(policy, first.found.files[0].cases, first.results) == first.coverage[0]

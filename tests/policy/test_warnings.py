"""Every policy (or folder of policies) in tests/doubtful_policies is warned of with the text that stands
beside it.

To add a case, write NAME.yaml there, or NAME/ with several policies; to write all expected texts anew (and
then read the diff):

    WRITE_EXPECTED=1 uv run pytest tests/policy/test_warnings.py
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hotpass.candidate import Candidate
from hotpass.demands import Demand
from hotpass.gates import Gate
from hotpass.policy.loader import Report, gates_of, read_places
from hotpass.policy.warnings import with_warnings
from hotpass.verdicts import GateResult, passed

FOLDER = Path(__file__).parent.parent / "doubtful_policies"
CASES = sorted(path for path in FOLDER.iterdir() if path.suffix != ".txt")


def found(report: Report) -> str:
    return "".join(f"[{warning.rule}] {warning}\n" for warning in with_warnings(report).warnings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_is_warned_of_with_the_expected_text(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    report = read_places([Path(case.name)], gates_of())
    assert report.problems == ()
    text = found(report)
    expected = FOLDER / f"{case.stem}.txt"
    if os.environ.get("WRITE_EXPECTED"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


def test_every_text_has_its_policies() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {case.stem for case in CASES}


@pytest.mark.parametrize("place", ["policies", "src/hotpass/cli/../../../policies/lead_scoring.yaml"])
def test_our_own_policies_are_not_doubtful(place: str) -> None:
    report = read_places([Path(__file__).parents[2] / place], gates_of())
    assert (report.problems, found(report)) == ((), "")


def test_what_a_shared_policy_asks_may_be_tightened(tmp_path: Path) -> None:
    """A shared rule is not idle because one who extends it asks for more; what is wrong with it is said once.
    """
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/company.yaml").write_text("""\
policy: company
shared: true
promotions:
  - to: Staging
    gates:
      - metric_threshold: {roc_auc: {at_least: 0.7}}
      - metric_threshold: {log_loss: {at_least: 0}}
        name: loss
""")
    for team in ("one", "two"):
        (tmp_path / f"{team}.yaml").write_text(f"""\
policy: {team}
extends: [{{folder: shared, path: company.yaml}}]
models: ["{team}_*"]
promotions:
  - to: Staging
    gates:
      - metric_threshold: {{roc_auc: {{at_least: 0.8}}}}
        name: more
      - metric_threshold: {{roc_auc: {{at_least: 0.7}}}}
        name: as much
""")
    report = read_places([tmp_path], gates_of())
    assert report.problems == ()
    rules = [
        (warning.rule, Path(warning.path).name, warning.line) for warning in with_warnings(report).warnings
    ]
    assert rules == [
        ("shadowed", "one.yaml", 9),
        ("cannot-fail", "company.yaml", 7),
        ("shadowed", "two.yaml", 9),
    ]


class Broken(Gate):
    """A gate whose demands cannot be had."""

    name = "broken"
    schema: ClassVar[Mapping[str, Any]] = {"type": "object", "properties": {"how": {"type": "string"}}}

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        return passed("always")

    def demands(self) -> Iterable[Demand]:
        if self.parameters.get("how") == "raises":
            raise KeyError("row")
        if self.parameters.get("how") == "exits":
            raise SystemExit(0)
        if self.parameters.get("how") == "pattern":
            return [Demand("tags.x", matches="(")]
        if self.parameters.get("how") == "infinite":
            return [Demand("metrics.x", low=float("nan"))]
        return ["metrics.x"]  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("raises", "KeyError: 'row'"),
        ("exits", "SystemExit: 0"),
        ("infinite", "ValueError: a bound of metrics.x is nan, which nothing can be compared with"),
        ("pattern", "ValueError: '(' is not a regular expression: missing ), unterminated subpattern"),
        ("none", "TypeError: 'metrics.x' is not a Demand"),
    ],
)
def test_a_gate_that_breaks_is_named_and_hides_nothing(tmp_path: Path, how: str, why: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        "policy: p\nmodels: ['*']\npromotions:\n  - to: Staging\n    gates:\n      - broken: "
        f"{{how: {how}}}\n"
        "      - broken: {how: raises}\n        name: again\n        enforcement: advisory\n"
        "  - to: Production\n    gates: [broken]\n"
    )
    report = read_places([file], {"broken": Broken})
    said = found(report)
    assert f"[gate-broke] {file}:6:9: broken cannot say what it demands: {why}" in said
    assert f"[production-without-staging] {file}:10:5" in said

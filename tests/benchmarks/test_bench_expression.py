"""`expression` beside a gate written by hand for the same rule; and the three CEL libraries for Python beside
each other, which is why it is Google's.

Run with `uv run pytest -m benchmark tests/benchmarks/test_bench_expression.py`. Nothing is asserted about
time; that all say the same is.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from hotpass import Gate, GateResult, failed, passed
from hotpass.testing import NOW, candidate
from hotpass_gates.expression import Expression

pytestmark = pytest.mark.benchmark

RULE = (
    "metrics.roc_auc >= 0.75 && tags.owner != 'nobody' && metrics.roc_auc >= champion.metrics.roc_auc + 0.005"
)
FACTS = {
    "metrics": {"roc_auc": 0.80, "log_loss": 0.4},
    "tags": {"owner": "ana"},
    "champion": {"metrics": {"roc_auc": 0.79}},
}
ROUNDS, CALLS = 15, 1000


class ByHand(Gate):
    """The same rule in Python, as one writes it without thinking of missing values, NaN or decimals."""

    name = "by_hand"
    schema = {"type": "object", "properties": {}, "additionalProperties": False}

    def evaluate(self, candidate, now) -> GateResult:
        roc_auc = candidate.metric("roc_auc").value
        owner = candidate.tag("owner")
        former = candidate.champion.metric("roc_auc").value
        good = roc_auc >= 0.75 and owner != "nobody" and roc_auc >= former + 0.005
        return (passed if good else failed)(
            f"roc_auc is {roc_auc}, the champion's {former}, owner is {owner}",
            roc_auc=roc_auc, former=former, owner=owner,
        )  # fmt: skip


def per_call(function: Callable[[], object], calls: int = CALLS) -> float:
    begun = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - begun) / calls


def medians(functions: dict[str, Callable[[], object]], calls: int = CALLS) -> dict[str, float]:
    """In turn, so that what else the machine does meets them all."""
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            taken[name].append(per_call(function, calls))
    return {name: statistics.median(times) for name, times in taken.items()}


def test_expression_beside_a_gate_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    rule, by_hand, who = Expression(RULE), ByHand({}), candidate(**FACTS)
    assert rule.evaluate(who, NOW).verdict == by_hand.evaluate(who, NOW).verdict == "passed"
    found = medians({
        "expression": lambda: rule.evaluate(who, NOW),
        "by hand": lambda: by_hand.evaluate(who, NOW),
        "reading the rule": lambda: Expression(RULE),
    }, 200)  # fmt: skip
    with capsys.disabled():
        print("\n\nthe same rule, a judgement each, median")
        for name, seconds in found.items():
            print(f"  {name:18} {seconds * 1e6:8.1f} µs")
        print(f"  expression takes {found['expression'] / found['by hand']:.1f} times a gate by hand")


def test_the_three_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    celpy, common = pytest.importorskip("celpy"), pytest.importorskip("cel")
    from cel_expr_python import cel as google

    data = {
        "metrics": {"roc_auc": 0.8},
        "tags": {"owner": "ana"},
        "champion": {"metrics": {"roc_auc": 0.79}},
    }
    text, kinds = RULE, google.Type
    environment = google.NewEnv(variables={
        "metrics": kinds("map<string,double>"), "tags": kinds("map<string,string>"),
        "champion": kinds("map<string,map<string,double>>"),
    })  # fmt: skip
    checked, parsed = environment.compile(text), common.compile(text)
    runner = celpy.Environment(runner_class=celpy.InterpretedRunner)
    program = runner.program(runner.compile(text))
    calls: dict[str, Callable[[], object]] = {
        "cel-expr-python": lambda: checked.eval(data=data).value(),
        "common-expression-language": lambda: parsed.execute(data),
        "cel-python": lambda: program.evaluate(celpy.json_to_cel(data)),
    }
    assert {bool(call()) for call in calls.values()} == {True}
    taken = medians(calls, 50)
    imports = {"cel-expr-python": "cel_expr_python.cel", "common-expression-language": "cel",
               "cel-python": "celpy; celpy.Environment()"}  # fmt: skip
    empty = started("pass")
    # Only one of them finds a mistake before there is a candidate to judge.
    wrong = "metrics.roc_auc >= '0.75' && metrcs.f1 > 0.5"
    finds = {"cel-expr-python": refuses(lambda: environment.compile(wrong)),
             "common-expression-language": refuses(lambda: common.compile(wrong)),
             "cel-python": refuses(lambda: runner.program(runner.compile(wrong)))}  # fmt: skip
    assert list(finds.values()) == [True, False, False]
    with capsys.disabled():
        print("\n\nthe same rule in three libraries: a judgement, the import, and whether types are checked")
        for name, seconds in taken.items():
            ready = (started(f"import {imports[name]}") - empty) * 1000
            print(f"  {name:28} {seconds * 1e6:8.1f} µs {ready:6.0f} ms   {'yes' if finds[name] else 'no'}")


def refuses(compiles: Callable[[], object]) -> bool:
    try:
        compiles()
    except Exception:
        return True
    return False


def started(code: str) -> float:
    """Seconds of a Python process that runs `code`, the least of five."""
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        taken.append(time.perf_counter() - begun)
    return min(taken)

"""What is said of wrong rules, word for word. `WRITE_EXPECTED=1` writes the file anew; read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hotpass_gates.cel.mistakes import RuleError
from hotpass_gates.cel.rule import compile_rule

GOLDEN = Path(__file__).with_name("mistakes.txt")

WRONG = [
    # types
    "metrics.roc_auc >= 1",
    'metrics.roc_auc >= "0.75"',
    "version > '3'",
    "tags.owner == 3.0",
    "age < '7d'",
    "now > '2026-01-31'",
    "metrics.a == null",
    "metrics.a && true",
    "!metrics.a",
    "version.number == 1",
    "to == 'Production' ? metrics.a > 0.5 : 'no'",
    "datasets == 'contacts'",
    "metrics.a",
    "tags.owner",
    "size(datasets)",
    # names
    "metric.roc_auc >= 0.75",
    "roc_auc > 0.5",
    "stage == Production",
    "champion.versoin > 3",
    "champion == null || metrics.a > 0.5",
    "sise(datasets) > 1",
    "predict(model)",
    "metrics.a > 0.5 && metrcs.b > 0.5 && tgas.owner == 'x'",
    # what CEL lets pass, and a gate does not
    "true",
    "size(metrics) > 0",
    "metrics.all(name, metrics[name] > 0.5)",
    "tags[model] == 'a'",
    "datasets.exists(model, model == 'x')",
    "datasets.map(d, d + 'x').size() > 0",
    "datasets.exists(x, datasets.exists(y, x != y))",
    "evidence.a + evidence.b > 1",
    "age < duration('7d')",
    "age < duration('soon')",
    "now < timestamp('tomorrow')",
    "now.getHours('Europe/Berln') < 9",
    "tags.owner.matches('(a')",
    # spelling
    "metrics.a > 0.5 and metrics.b > 0.5",
    "not metrics.a > 0.5",
    "metrics.a = 0.5",
    "metrics.a => 0.5",
    "metrics.a <> 0.5",
    "metrics.a >",
    "metrics.a > 0,5",
    "metrics.a > 50%",
    "metrics.roc auc > 0.5",
    "metrics.val-auc > 0.5",
    "(metrics.a > 0.5",
    "metrics.a > 0.5\n  && metrics.b >> 0.5",
    "metrics.a > 0.5 ' && true",
    "#metrics.a > 0.5",
    "é > 1",
    "",
    "(" * 40 + "true" + ")" * 40,
    "+".join(["version"] * 40) + " > 1",
]


def said() -> str:
    out = []
    for rule in WRONG:
        with pytest.raises(RuleError) as caught:
            compile_rule(rule)
        lines = [f"{line}" for mistake in caught.value.mistakes
                 for line in (mistake.message, f"    {mistake.remedy}") if line.strip()]  # fmt: skip
        out.append("\n".join([f"> {rule.replace(chr(10), chr(10) + '> ')}", *lines]))
    return "\n\n".join(out) + "\n"


def test_mistakes():
    if os.environ.get("WRITE_EXPECTED"):
        GOLDEN.write_text(said())
    assert said() == GOLDEN.read_text()
    assert "INVALID_ARGUMENT" not in said()
    assert "<input>" not in said()

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.candidate import Metric, Stay
from hotpass.decimals import as_read, minus, times
from hotpass.demands import Demand
from hotpass.gates import ParameterError
from hotpass.testing import NOW, candidate, judge
from hotpass.testing.strategies import candidates, json_values, metrics
from hotpass.verdicts import Verdict, is_json
from hotpass_gates.cel.fields import FIELDS
from hotpass_gates.expression import Expression

FACTS = {
    "metrics": {"roc_auc": 0.85, "val-auc": 0.8, "thirds": 0.1 + 0.2, "rows": 1000.0, "bad": float("nan"),
                "endless": float("-inf")},
    "tags": {"owner": "ana", "empty": "", "trained": "2026-01-15T00:00:00Z"},
    "run_tags": {"team": "growth"},
    "model_tags": {"tier": "gold"},
    "params": {"rows": "1000", "word": "many", "share": "0.30", "nan": "nan"},
    "started_at": NOW - timedelta(hours=30),
    "stays": [Stay("Staging", NOW - timedelta(days=2), None, "r1")],
    "datasets": [("contacts_2025", "d1", "training"), ("validation", "d2")],
    "signature": {"inputs": ["age"], "outputs": ["score"]},
    "champion": {"version": 4, "metrics": {"roc_auc": 0.8}, "tags": {"owner": "tom"},
                 "params": {"rows": "9"}},
    "version": 7,
    "evidence": {"incidents": 0, "share": 0.1 + 0.2, "ok": True, "page": {"status": "green", "open": [1, 2]},
                 "text": "fine", "big": 2**70, "nothing": None},
}  # fmt: skip


def say(rule, **facts):
    return judge(Expression, rule, candidate(**{**FACTS, **facts}))


SO = [
    "metrics.roc_auc >= 0.75 && tags[\"owner\"] != ''",
    'metrics["val-auc"] > 0.5',
    "metrics.roc_auc >= champion.metrics.roc_auc + 0.05",  # 0.8500000000000001 to a double
    "metrics.roc_auc >= 0.80 + 0.05",
    "metrics.thirds == 0.3",
    "metrics.thirds in [0.3]",
    "1.0 - 0.99999 == 0.00001 && version == 7",
    "metrics.roc_auc * 3.0 == 2.55",
    "metrics.rows / 3.0 > 333.0",
    "run_tags.team in ['growth', 'sales'] && model_tags.tier == 'gold'",
    "int(params.rows) >= 1000 && double(params.share) + 0.05 == 0.35",
    "model == 'lead_scoring_model' && version == 7 && stage == 'Staging' && to == 'Production'",
    "age > duration('24h') && run_age == duration('30h') && in_stage_for >= duration('48h')",
    "now.getDayOfWeek() == 4 && now == timestamp('2026-01-15T12:00:00Z')",
    "now.getHours('Europe/Berlin') == 13",
    "timestamp(tags.trained) + duration('24h') > now",
    "'validation' in datasets && datasets.exists(d, d.startsWith('contacts_')) && size(datasets) == 2",
    "has_signature && !has_input_example",
    "has_champion && champion.version < version && champion.tags.owner != tags.owner",
    "int(champion.params.rows) < int(params.rows)",
    "evidence.incidents == 0 && evidence.share == 0.3 && evidence.ok && evidence.text == 'fine'",
    "evidence.page.status == 'green' && evidence.page.open.exists(one, one == 2)",
    "evidence.incidents + 0.5 < 1.0",
    "tags.owner.matches('^a[n]+a$')",
    "to == 'Production' ? metrics.roc_auc > 0.8 : metrics.roc_auc > 0.7",
    "!has(metrics.gini) || metrics.gini > 0.4",
    "has(metrics.roc_auc) && !('gini' in metrics)",
    "metrics.roc_auc > 0.9 || metrics.rows >= 1000.0",
]


@pytest.mark.parametrize("rule", SO)
def test_a_rule_that_is_so_passes_and_its_contrary_fails(rule):
    good = say(rule)
    assert good.verdict is Verdict.PASSED, good.message
    assert is_json(dict(good.evidence))
    assert say(f"!({rule})").verdict is Verdict.FAILED


def test_every_field_is_among_the_rules_above_and_in_the_table():
    for name in FIELDS:
        assert any(name in rule for rule in SO), name
    documented = Expression.__doc__.partition("| --- |")[2].partition("A name that is no identifier")[0]
    for name in FIELDS:
        last = name.removeprefix("champion.")
        assert f"`{name}" in documented or (name != last and f"`.{last}.NAME`" in documented), name


MISSING = [
    ("metrics.gini > 0.4", "the candidate logged no metric gini; it logged "),
    ("metrics.gini > 0.4 || true", "logged no metric gini"),
    ("metrics.roc_auc > 0.1 || metrics.gini > 0.4", "logged no metric gini"),
    ("!(metrics.gini > 0.4)", "logged no metric gini"),
    ("to == 'Archived' && metrics.gini > 0.4", "logged no metric gini"),
    ("to == 'Production' ? true : metrics.gini > 0.4", "logged no metric gini"),
    ("!(metrics.bad < 0.5)", "the candidate logged nan as bad, which cannot be compared"),
    ("!has(metrics.bad) || metrics.bad > 0.4", "logged nan as bad"),
    ("metrics.endless < 0.5", "logged -inf as endless"),
    ("tags.nobody != 'x'", "the tag nobody is not set on the version"),
    ("tags.empty == ''", "the tag empty is not set on the version"),
    ("run_tags.owner != 'x'", "the tag owner is not set on the run"),
    ("params.nothing != 'x'", "the run logged no parameter nothing"),
    ("champion.metrics.gini < 1.0", "the champion logged no metric gini"),
    ("champion.tags.team != 'x'", "the tag team is not set on the champion"),
    ("!has_champion || champion.metrics.gini < metrics.roc_auc", None),
    ("evidence.weather != 'rain'", "no plugin supplies the evidence weather"),
]


@pytest.mark.parametrize(("rule", "why"), MISSING)
def test_what_is_missing_fails_wherever_it_stands(rule, why):
    result = say(rule)
    assert result.verdict is Verdict.FAILED
    assert (why or "logged no metric gini") in result.message


@pytest.mark.parametrize(
    ("facts", "rule", "why"),
    [
        ({"champion": None}, "metrics.roc_auc >= champion.metrics.roc_auc", "so there is no champion"),
        ({"champion": None}, "champion.version != 3", "so there is no champion"),
        ({"champion": None}, "has_champion || champion.version != 3", "has no answer"),
        ({"run": False}, "datasets.all(d, d != 'test')", "names no run"),
        ({"started_at": None}, "run_age < duration('720h')", "nobody recorded when its run started"),
        ({"started_at": NOW + timedelta(hours=1)}, "run_age < duration('720h')", "still to come"),
        ({"stays": []}, "!(in_stage_for < duration('24h'))", "nobody recorded when it came to the stage"),
        ({"signature": None}, "has_signature", "is not so"),
    ],
)
def test_what_is_not_known_of_a_candidate_fails(facts, rule, why):
    result = say(rule, **facts)
    assert result.verdict is Verdict.FAILED
    assert why in result.message


def test_a_rule_that_asks_for_the_champion_first_can_do_without():
    rule = "!has_champion || metrics.roc_auc > champion.metrics.roc_auc"
    assert say(rule, champion=None).verdict is Verdict.PASSED
    assert say(rule).verdict is Verdict.PASSED
    assert say(rule, metrics={"roc_auc": 0.7}).verdict is Verdict.FAILED
    asked = "!has(champion.metrics.gini) || champion.metrics.gini < 0.5"
    assert say(asked, champion=None).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    "rule",
    [
        "int(params.word) > 3", "!(int(params.word) > 3)", "!(double(params.nan) < 0.5)", "evidence.big > 1",
        "1.0 / (metrics.roc_auc - 0.85) > 0.0", "1 / (version - 7) > 0", "metrics.rows * 1e308 * 10.0 > 1.0",
        "timestamp(tags.owner) < now", "evidence.text + 1.0 > 0.0", "evidence.page.closed == 1",
        "evidence.incidents", "evidence.nothing > 1", "evidence.text.exists(c, c == 'f')",
        "tags.owner.matches(params.word + '(')",
    ],
)  # fmt: skip
def test_a_rule_without_an_answer_fails(rule):
    result = say(rule)
    assert result.verdict is Verdict.FAILED
    assert "has no answer" in result.message


def test_messages():
    rule = "metrics.roc_auc >= 0.9 && tags.owner == 'ana'"
    assert say(rule).message == f"`{rule}` is not so: metrics.roc_auc is 0.85; tags.owner is 'ana'"
    told = say({"rule": rule, "message": "Only the very best."})
    assert told.message == "Only the very best: metrics.roc_auc is 0.85; tags.owner is 'ana'"
    assert told.evidence == {"metrics.roc_auc": 0.85, "tags.owner": "ana"}


def test_only_what_a_rule_names_is_read():
    who = candidate(**FACTS)
    judge(Expression, "metrics.roc_auc > 0.5 && evidence.ok && version > 1", who)
    assert set(who.read) == {"metrics.roc_auc", "evidence.ok"}
    assert not who.read_champion
    judge(Expression, "champion.version == 4", who)
    assert who.read_champion


def test_a_metric_of_the_logged_model_comes_first():
    logged = candidate(metrics={"roc_auc": Metric("roc_auc", 0.9, "logged model")})
    assert judge(Expression, "metrics.roc_auc > 0.85", logged).verdict is Verdict.PASSED


NUMBERS = st.floats(-1e9, 1e9)


@given(NUMBERS, NUMBERS, st.sampled_from("+-*"))
def test_numbers_are_decimals(left, right, operator):
    result = say(f"metrics.a {operator} metrics.b >= metrics.c", metrics={"a": left, "b": right, "c": 0.5})
    work = {"+": lambda a, b: minus(a, -b), "-": minus, "*": times}[operator]
    expected = as_read(float(work(as_read(left), as_read(right)))) >= Decimal("0.5")
    assert (result.verdict is Verdict.PASSED) == expected


@given(NUMBERS, NUMBERS)
def test_a_comparison_agrees_with_metric_threshold(value, limit):
    written = f"{limit!r}" if limit >= 0 else f"({limit!r})"
    by_rule = say(f"metrics.a >= {written}", metrics={"a": value})
    by_gate = judge("metric_threshold", {"a": {"at_least": limit}}, candidate(metrics={"a": value}))
    # A literal of more than 14 digits is not rounded, so the very last place may differ.
    if as_read(value) != as_read(limit):
        assert by_rule.verdict is by_gate.verdict


NAMES = ("roc_auc", "val-auc", "thirds", "rows", "gini")
GATES = [Expression(rule) for rule in SO]


@given(
    st.sampled_from(GATES),
    candidates(
        metrics=metrics(NAMES), evidence=st.dictionaries(st.sampled_from(["ok", "share"]), json_values())
    ),
)
def test_any_candidate_gets_an_answer_and_none_passes_on_what_is_missing(gate, who):
    result = gate.evaluate(who, NOW)
    assert result.verdict in (Verdict.PASSED, Verdict.FAILED)
    assert is_json(dict(result.evidence))
    needed = [
        demand.subject.partition(".")[2] for demand in gate.demands() if demand.subject.startswith("metrics.")
    ]
    found = [who.metric(name) for name in needed]
    if any(metric is None or not math.isfinite(metric.value) for metric in found):
        assert result.verdict is Verdict.FAILED


def test_many_threads_share_a_rule():
    gate = Expression("metrics.a * 2.0 >= 1.0 && tags.owner.matches('^[a-z]+$')")
    who = [candidate(metrics={"a": number / 100}, tags={"owner": "ana"}) for number in range(100)]
    wrong = []

    def work():
        for number, one in enumerate(who):
            if (gate.evaluate(one, NOW).verdict is Verdict.PASSED) != (number >= 50):
                wrong.append(number)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_worst_that_a_rule_may_ask_takes_no_time():
    long = "a" * 100_000
    numbers = list(range(5000))
    facts = {"tags": {"long": long}, "evidence": {"numbers": numbers}}
    for rule, verdict in {
        "tags.long.matches('^(a+)+b$')": Verdict.FAILED,
        "tags.long.matches('(a|a?)+$')": Verdict.PASSED,
        "evidence.numbers.all(n, n >= 0)": Verdict.PASSED,
    }.items():
        begun = time.process_time()
        assert say(rule, **facts).verdict is verdict
        assert time.process_time() - begun < 2  # where Python's `re` would take until the sun goes out
    too_many = say("evidence.numbers.all(n, n >= 0)", evidence={"numbers": list(range(100_000))})
    assert too_many.verdict is Verdict.FAILED
    assert "Iteration budget exceeded" in too_many.message


def test_what_it_demands():
    def demands(rule):
        return list(Expression(rule).demands())

    assert demands("metrics.roc_auc >= 0.75 && 'ana' == tags.owner && -1.5 < metrics[\"val-auc\"]") == [
        Demand("metrics.roc_auc", low=0.75, exact=True, name="metrics.roc_auc"),
        Demand("version.tags.owner", one_of=frozenset({"ana"}), exact=True, name="tags.owner"),
        Demand("metrics.val-auc", low=-1.5, low_open=True, exact=True, name="metrics['val-auc']"),
    ]
    assert demands("metrics.a < 0.5 && has_signature") == [
        Demand("metrics.a", high=0.5, high_open=True, name="metrics.a")
    ]
    assert demands("metrics.a < 0.5 || metrics.b > 1.0") == [
        Demand("metrics.a", name="metrics.a"), Demand("metrics.b", name="metrics.b"),
    ]  # fmt: skip
    assert demands("!has(metrics.a) || metrics.a > 0.5") == []
    assert demands("metrics.a != 0.5 && metrics.a > metrics.b") == [
        Demand("metrics.a", name="metrics.a"), Demand("metrics.b", name="metrics.b"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("metrics.a >= 0.75 && version > 1 && metrics.a <= 0.5", "at least 0.75, and metrics.a at most 0.5"),
        ("metrics.a > 0.5 && metrics.a < 0.5", "metrics.a more than 0.5, and metrics.a less than 0.5"),
        ("tags.tier == 'gold' && tags.tier == 'silver'", "equal to 'gold', and tags.tier equal to"),
    ],
)  # fmt: skip
def test_a_rule_that_contradicts_itself_is_refused(rule, words):
    with pytest.raises(ParameterError, match="can never be so") as caught:
        Expression({"rule": rule})
    assert words in str(caught.value)
    assert caught.value.path == ("rule",)
    Expression(rule.replace("&&", "||"))


def test_explain():
    assert Expression("version > 1").explain() == ["The rule `version > 1` is so."]
    assert Expression({"rule": "version > 1", "message": "Not the first."}).explain() == [
        "The rule `version > 1` is so.", "Those who fail it are told: Not the first.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "path"), [("metric.a > 1.0", ()), ({"rule": "metric.a > 1.0"}, ("rule",))]
)
def test_a_mistake_leads_to_the_rule(parameters, path):
    with pytest.raises(ParameterError, match=r"no field metric\.a") as caught:
        Expression(parameters)
    assert caught.value.path == path
    assert caught.value.remedy == "Did you mean metrics.a?"


@pytest.mark.parametrize(
    "parameters", ["", 3, {}, {"rule": 3}, {"rule": "version > 1", "mesage": "x"}, "x" * 2001]
)
def test_wrong_parameters(parameters):
    with pytest.raises(ParameterError):
        judge(Expression, parameters, candidate())


POLICY = "policy: p\nmodels: [m]\npromotions:\n  - to: Staging\n    from: Archived\n    gates:\n      - {}\n"
WITHOUT = """
import sys
sys.modules["cel_expr_python"] = None
from hotpass.cli.app import main
sys.exit(main(["policy", "lint", *sys.argv[1:]]))
"""
IS_LOADED = """
import sys
from hotpass.cli.app import main
code = main(["policy", "lint", *sys.argv[1:]])
print("cel" if "cel_expr_python" in sys.modules else "no cel")
"""


def lint(code: str, folder: Path, entry: str) -> subprocess.CompletedProcess[str]:
    file = folder / "p.yaml"
    file.write_text(POLICY.format(entry))
    return subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, timeout=60, check=False
    )


def test_without_the_library_a_policy_that_needs_it_is_refused_and_others_are_not(tmp_path):
    done = lint(WITHOUT, tmp_path, "expression: version > 1")
    assert done.returncode == 2
    assert f"{tmp_path / 'p.yaml'}:7:9: the gate expression needs CEL" in done.stderr
    assert "pip install 'hotpass[cel]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert lint(WITHOUT, tmp_path, "signature").returncode == 0


def test_the_library_is_loaded_where_a_policy_needs_it_only(tmp_path):
    assert lint(IS_LOADED, tmp_path, "signature").stdout.endswith("no cel\n")
    assert lint(IS_LOADED, tmp_path, "expression: version > 1").stdout.endswith("\ncel\n")


def test_the_message_of_a_rule_fits_the_record(tmp_path):
    rule = " && ".join(["metrics.roc_auc > 0.1"] * 30)
    result = say(rule)
    assert result.verdict is Verdict.PASSED
    assert len(result.message) < 400
    assert json.dumps(dict(result.evidence)) == '{"metrics.roc_auc": 0.85}'

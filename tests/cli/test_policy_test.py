"""`hotpass policy test`: exit codes, what it prints in each form, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import Hotpass

ROOT = Path(__file__).parents[2]
HOTPASS = Path(sys.executable).with_name("hotpass")

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
"""
CASES = """\
cases:
  - case: good
    to: Production
    candidate: {metrics: {roc_auc: 0.8}}
    expect: {outcome: allowed}
  - case: bad
    to: Production
    candidate: {metrics: {roc_auc: 0.6}}
    expect: {outcome: denied}
"""
DIFFERS = CASES.replace("outcome: denied}", "outcome: allowed, verdicts: {metric_threshold: passed}}")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


def write(cases: str = CASES, policy: str = POLICY) -> None:
    Path("policies").mkdir(exist_ok=True)
    Path("policies/leads.yaml").write_text(policy)
    Path("policies/leads.cases.yaml").write_text(cases)


def seconds_out(text: str) -> str:
    """`text` without the time at the end of its last line."""
    return text.rpartition("; ")[0]


def test_all_as_expected(hotpass: Hotpass) -> None:
    write()
    ran = hotpass("policy", "test")
    assert (ran.code, ran.err) == (0, "")
    assert seconds_out(ran.out) == (
        "policies/leads.yaml: policy leads: 2 cases\n"
        "    any stage to Staging    0 cases\n"
        "    Staging to Production   2 cases  allowed, denied; of 1 gate 1 passed and 1 did not\n"
        "2 cases, all as expected"
    )


def test_what_differs_comes_first(hotpass: Hotpass) -> None:
    write(DIFFERS)
    ran = hotpass("policy", "test", "policies/leads.yaml")
    assert (ran.code, ran.err) == (1, "")
    assert seconds_out(ran.out) == (
        "policies/leads.cases.yaml:6:5: bad\n"
        "    outcome: expected allowed, got denied\n"
        "    metric_threshold: expected passed, got failed\n"
        "        roc_auc is 0.6, wanted at least 0.7 (policies/leads.yaml:9:9)\n"
        "policies/leads.yaml: policy leads: 2 cases\n"
        "    any stage to Staging    0 cases\n"
        "    Staging to Production   2 cases  allowed, denied; of 1 gate 1 passed and 1 did not\n"
        "2 cases, 1 not as expected"
    )


def test_a_wrong_file_is_told_and_the_others_run(hotpass: Hotpass) -> None:
    write()
    Path("policies/other.yaml").write_text(POLICY.replace("policy: leads", "policy: other"))
    Path("policies/other.cases.yaml").write_text(CASES.replace("outcome: denied", "outcme: denied"))
    ran = hotpass("policy", "test")
    assert ran.code == 2
    assert ran.out.startswith("3 cases, all as expected, 1 problem in the files; ")
    assert ran.err.splitlines() == [
        "policies/other.cases.yaml:9:14: unknown key 'outcme'",
        "    Did you mean 'outcome'?",
        "1 problem found",
    ]


def test_what_is_required(hotpass: Hotpass) -> None:
    write()
    ran = hotpass("policy", "test", "--require-cases")
    assert ran.code == 1
    assert ran.out.splitlines()[-3:-1] == [
        "policies/leads.yaml:4:5: no case is about the promotion any stage to Staging",
        "    Add one to policies/leads.cases.yaml.",
    ]
    Path("policies/leads.cases.yaml").unlink()
    assert hotpass("policy", "test").code == 0
    ran = hotpass("policy", "test", "--require-cases")
    assert ran.code == 1
    assert ran.out.count("no case is about") == 2


def test_no_case_at_all_says_where_they_would_be(hotpass: Hotpass) -> None:
    write()
    Path("policies/leads.cases.yaml").unlink()
    ran = hotpass("policy", "test")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "policies/leads.yaml: policy leads: 0 cases",
        "no case beside 1 policy: they would stand in NAME.cases.yaml beside NAME.yaml",
    ]


def test_a_selection_runs_alone(hotpass: Hotpass) -> None:
    write(DIFFERS)
    ran = hotpass("policy", "test", "-k", "GOOD")
    assert (ran.code, seconds_out(ran.out)) == (0, "1 case, all as expected")
    ran = hotpass("policy", "test", "-k", "nobody")
    assert (ran.code, ran.out) == (2, "")
    assert "no case has 'nobody' in its name" in ran.err


def test_as_json(hotpass: Hotpass) -> None:
    write(DIFFERS)
    ran = hotpass("policy", "test", "--json")
    assert (ran.code, ran.err) == (1, "")
    found = ran.json
    assert found["ok"] is False
    good, bad = found["cases"]
    assert {key: good[key] for key in good if key != "seconds"} == {
        "case": "good", "path": "policies/leads.cases.yaml", "line": 2, "column": 5, "model": "lead_model",
        "as_expected": True, "outcome": "allowed", "verdicts": {"metric_threshold": "passed"},
        "differences": [],
    }  # fmt: skip
    assert [(one["what"], one["expected"], one["got"], one["line"]) for one in bad["differences"]] == [
        ("outcome", "allowed", "denied", 9), ("metric_threshold", "passed", "failed", 9),
    ]  # fmt: skip
    (of_policy,) = found["coverage"]
    assert of_policy["promotions"][1]["gates"] == [
        {"name": "metric_threshold", "where": "policies/leads.yaml:9:9",
         "verdicts": {"passed": 1, "failed": 1}},
    ]  # fmt: skip
    assert (found["problems"], found["unmet"]) == ([], [])


def test_json_of_a_wrong_file_has_the_error_too(hotpass: Hotpass) -> None:
    write("cases: []")
    ran = hotpass("policy", "test", "--json")
    assert ran.code == 2
    assert ran.json["error"]["type"] == "PolicyError"
    assert ran.json["problems"][0]["line"] == 1


@pytest.mark.parametrize(
    ("form", "parts"),
    [
        ("junit", ['name="bad"', 'tests="2" failures="1"', "expected allowed, got denied"]),
        ("sarif", ['"ruleId": "case-differs"', '"startLine": 9', "policies/leads.cases.yaml"]),
        ("github", ["::error file=policies/leads.cases.yaml,line=9", "bad: outcome: expected allowed"]),
        ("markdown", ["bad: outcome: expected allowed, got denied", "1 not as expected"]),
    ],
)
def test_other_forms(hotpass: Hotpass, form: str, parts: list[str]) -> None:
    write(DIFFERS)
    ran = hotpass("policy", "test", "--format", form)
    assert ran.code == 1
    for part in parts:
        assert part in ran.out, ran.out


def test_a_report_to_a_file_and_the_text_on_screen(hotpass: Hotpass) -> None:
    write(DIFFERS)
    ran = hotpass("policy", "test", "--output", "found.xml", "--require-cases")
    assert ran.code == 1
    assert "1 not as expected" in ran.out
    assert "no case is about the promotion any stage to Staging" in Path("found.xml").read_text()


@pytest.mark.parametrize("words", [(), ("--json",), ("--require-cases",), ("-k", "bad")])
def test_it_is_the_same_with_and_without_typer(hotpass: Hotpass, words: tuple[str, ...]) -> None:
    write(DIFFERS)
    Path("gates").mkdir()
    Path("gates/empty.py").write_text("")
    plain, typed = hotpass("policy", "test", *words), hotpass("policy", "test", "--plugins", "gates", *words)
    assert (plain.code, plain.err) == (typed.code, typed.err)
    if "--json" not in words:
        assert seconds_out(plain.out) == seconds_out(typed.out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere: it does not exist"),
        ([""], "it names an empty place"),
        (["--policies-from", "HEAD"], "is in no git repository"),
        (["-k"], "requires an argument"),
        (["-k", "a", "--require-cases"], "Leave one of them out"),
        (["--format", "yaml"], "'yaml' is not one of"),
        (["--nope"], "No such option: --nope"),
        (["--json", "--format", "junit"], "contradict each other"),
    ],
)
def test_mistakes_on_the_command_line(hotpass: Hotpass, words: list[str], message: str) -> None:
    write()
    ran = hotpass("policy", "test", *words)
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_no_place_at_all(hotpass: Hotpass) -> None:
    ran = hotpass("policy", "test")
    assert ran.code == 2
    assert "Name files or folders: `hotpass policy test PATH…`, or run `hotpass init`." in ran.err


def test_the_gates_of_a_plugin_folder(hotpass: Hotpass, folder: Path) -> None:
    write(
        "cases: [{case: a, to: Staging, candidate: {params: {rows: '7'}}, expect: {outcome: allowed}}]",
        POLICY.replace("[signature]", "[rows]"),
    )
    (folder / "gates").mkdir()
    (folder / "gates/rows.py").write_text(
        "from hotpass import Gate, failed, hookimpl, passed\n"
        "class Rows(Gate):\n"
        "    '''Rows are known.'''\n"
        "    name = 'rows'\n"
        "    schema = {'type': 'object'}\n"
        "    def evaluate(self, candidate, now):\n"
        "        rows = candidate.param('rows')\n"
        "        return passed('there are', rows=rows) if rows else failed('there are none')\n"
        "@hookimpl\n"
        "def hotpass_gates(): return [Rows]\n"
    )
    (folder / "pyproject.toml").write_text('[tool.hotpass]\nplugins = "gates"\n')
    ran = hotpass("policy", "test")
    assert (ran.code, ran.err) == (0, "")


def test_of_a_git_revision(hotpass: Hotpass) -> None:
    write()
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"],
    ):
        subprocess.run(["git", *words], check=True)
    write(DIFFERS)
    assert hotpass("policy", "test").code == 1
    for place in ((), ("policies",), ("policies/leads.yaml",), ("policies/leads.cases.yaml",)):
        ran = hotpass("policy", "test", "--policies-from", "HEAD", *place)
        assert (ran.code, ran.err) == (0, "")
        assert "policies/leads.yaml@" in ran.out
        assert "2 cases, all as expected" in ran.out


def test_it_loads_neither_mlflow_nor_typer_nor_rich() -> None:
    write()
    code = (
        "import sys; from hotpass.cli.app import main;"
        "code = main(['policy', 'test', '--require-cases', '-k', 'x', 'policies']) and "
        "main(['policy', 'test']);"
        "print(code, sorted({'mlflow', 'sklearn', 'pandas', 'numpy', 'typer', 'rich', 'pytest', 'hypothesis'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_the_schema_of_cases_is_printed_as_committed(hotpass: Hotpass) -> None:
    ran = hotpass("policy", "schema", "--of", "cases")
    assert ran.out == (ROOT / "policies" / "cases.schema.json").read_text()
    write()
    assert "wrote policies/cases.schema.json" in hotpass("policy", "schema", "--write").out.splitlines()
    assert json.loads(Path("policies/cases.schema.json").read_text())["title"] == "Hotpass cases"


def test_the_cases_of_our_own_policy_show_every_gate_both_ways(hotpass: Hotpass) -> None:
    ran = hotpass("policy", "test", ROOT / "policies", "--require-coverage", "--json")
    assert (ran.code, ran.err) == (0, "")
    outcomes = {case["outcome"] for case in ran.json["cases"]}
    assert outcomes == {"allowed", "denied", "pending", None}

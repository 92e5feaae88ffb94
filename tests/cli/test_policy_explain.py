"""`hotpass policy explain` and what lint says of rules, as commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent

POLICY = """\
policy: lead
models: ["lead_*"]
promotions:
  - to: Staging
    gates:
      - metric_threshold: {roc_auc: {at_least: 0.7}}
"""


def hotpass(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "hotpass", *words], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("HOTPASS_POLICIES", "HOTPASS_PLUGINS", "HOTPASS_POLICIES_FROM"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/lead.yaml").write_text(POLICY)
    return tmp_path


def test_it_is_plain_text_and_loads_no_mlflow() -> None:
    code = (
        "import sys; from hotpass.cli.app import main\n"
        "try: main(['policy', 'explain'])\n"
        "finally: print(sorted({'mlflow', 'pandas', 'sklearn', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Policy lead (policies/lead.yaml)\n====")
    assert "  - ROC AUC is at least 0.7.\n" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_markdown_and_json_say_the_same() -> None:
    markdown = hotpass("policy", "explain", "--format", "markdown").stdout
    assert markdown.startswith("## Policy lead\n\nIt is about every model whose name begins with lead\\_.")
    assert "### To Staging, from any stage\n" in markdown
    assert "- ROC AUC is at least 0.7.\n" in markdown
    (said,) = json.loads(hotpass("policy", "explain", "--json").stdout)["policies"]
    first = said["sections"][0]
    assert (first["to"], first["from"], first["heading"]) == ("Staging", None, "To Staging, from any stage")
    assert first["rules"] == [{
        "gate": "metric_threshold", "name": "metric_threshold", "says": ["ROC AUC is at least 0.7."],
        "notes": [], "enforcement": "mandatory", "where": "policies/lead.yaml:6:9",
    }]  # fmt: skip
    assert (
        hotpass("policy", "explain", "--format", "json").stdout
        == hotpass("policy", "explain", "--json").stdout
    )


def test_what_one_model_must_pass(folder: Path) -> None:
    (folder / "policies/all.yaml").write_text(POLICY.replace("lead", "all").replace("all_*", "*"))
    (folder / "policies/other.yaml").write_text(POLICY.replace("lead", "other"))
    text = hotpass("policy", "explain", "--model", "lead_x").stdout
    assert [line for line in text.splitlines() if line.startswith("Policy")] == [
        "Policy all (policies/all.yaml)", "Policy lead (policies/lead.yaml)",
    ]  # fmt: skip
    assert text.endswith("\nWhere several policies are about a model, it must pass all of them.\n")


def test_a_model_that_no_policy_is_about() -> None:
    done = hotpass("policy", "explain", "--model", "leads")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Error: no policy is about the model leads; they are about lead_*. Did you mean lead_*? "
        "Where none is, a "
        "version goes to Production only from Staging, and a guarded server leaves the model alone.\n"
    )


def test_as_of_a_revision(folder: Path) -> None:
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], check=True)
    (folder / "policies/lead.yaml").write_text(POLICY.replace("0.7", "0.1"))
    assert "at least 0.1." in hotpass("policy", "explain").stdout
    assert "at least 0.7." in hotpass("policy", "explain", "--policies-from", "HEAD").stdout
    done = hotpass("policy", "explain", "--policies-from", "nowhere")
    assert done.returncode == 2
    assert "nowhere" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--format", "html"], "'html' is not one of"),
        (["--json", "--format", "markdown"], "--json and --format markdown contradict each other"),
        (["--model", ""], "the name of the model is empty"),
        (["nowhere.yaml"], "nowhere.yaml: it does not exist"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(words: list[str], says: str) -> None:
    done = hotpass("policy", "explain", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_policy_is_not_explained(folder: Path) -> None:
    (folder / "policies/lead.yaml").write_text(POLICY.replace("at_least", "atleast"))
    done = hotpass("policy", "explain")
    assert (done.returncode, done.stdout) == (2, "")
    assert "policies/lead.yaml:6:38: unknown key 'atleast'\n    Did you mean 'at_least'?" in done.stderr


DOUBTFUL = POLICY.replace("0.7", "0")


def test_strict_makes_warnings_count(folder: Path) -> None:
    assert hotpass("policy", "lint", "--strict").returncode == 0
    (folder / "policies/lead.yaml").write_text(DOUBTFUL)
    assert hotpass("policy", "lint").returncode == 0
    done = hotpass("policy", "lint", "--strict")
    assert done.returncode == 1
    assert "policies/lead.yaml:6:9: warning: metric_threshold cannot fail for roc_auc" in done.stdout
    assert done.stderr == "1 warning, and with --strict none may be.\n"


def test_strict_in_every_form(folder: Path) -> None:
    (folder / "policies/lead.yaml").write_text(DOUBTFUL)
    done = hotpass("policy", "lint", "--strict", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["ok"], said["warnings"][0]["rule"]) == (1, False, "cannot-fail")
    done = hotpass("policy", "lint", "--strict", "--format", "sarif")
    (result,) = json.loads(done.stdout)["runs"][0]["results"]
    assert (done.returncode, result["ruleId"], result["level"]) == (1, "cannot-fail", "warning")
    done = hotpass("policy", "lint", "--strict", "--format", "github")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("::warning file=policies/lead.yaml,line=6,col=9,title=cannot-fail (lead)::")


def test_a_wrong_policy_is_2_with_strict_too(folder: Path) -> None:
    (folder / "policies/lead.yaml").write_text(DOUBTFUL + "x: y\n")
    assert hotpass("policy", "lint", "--strict").returncode == 2

"""What the guide to the evaluation gates says is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from hotpass.cli.app import main
from hotpass.testing import make
from hotpass_evaluation.gates.alpha_budget import Budget
from hotpass_evaluation.gates.metrics import requirements_of
from hotpass_evaluation.gates.requirements import in_words
from hotpass_evaluation.gates.words import percent
from hotpass_evaluation.statistics import KNOWN, Interval
from support.small_models import classifier, rows, store

FILE = Path(__file__).resolve().parents[3] / "plugins" / "hotpass_evaluation" / "README.md"
README = FILE.read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_python_block_runs_on_real_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = rows(1200, 1)
    store(classifier(train), tmp_path / "challenger")
    store(classifier(train, ("balance", "job")), tmp_path / "champion")
    rows(1500, 2).to_csv("holdout.csv", index=False)
    (code,) = blocks("python")
    exec(compile(code, str(FILE), "exec"), {})


def test_policies_and_cases_pass_as_they_stand(tmp_path, capsys):
    for block in blocks("yaml"):
        named = re.match(r"# (policies/\S+)\n", block)
        if named:
            file = tmp_path / named[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text(block)
        else:
            ((entry,),) = [yaml.safe_load(block)]
            make("evaluation", entry["evaluation"])
    assert main(["policy", "lint", str(tmp_path / "policies")]) == 0
    assert main(["policy", "test", str(tmp_path / "policies")]) == 0
    assert "1 case" in capsys.readouterr().out


def test_every_metric_is_in_the_table():
    table = README.split("\n## Metrics\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", table)) | {"lift", "capture"}
    assert {name for name, known in KNOWN.items() if not known.same_as or name == "f1"} <= named


def test_the_message_is_what_is_said():
    (asked,) = requirements_of({"roc_auc": {"better_by": 0}}, 0.95)
    said = in_words(asked, Interval(0.0021, -0.0018, 0.0060, ""), 8238)
    assert said in " ".join(README.split())


@pytest.mark.parametrize("challengers", [None, 10])
def test_the_table_of_shares(challengers):
    budget = Budget(0.05, challengers)
    row = next(line for line in README.splitlines() if line.startswith("| `alpha_budget") and
               ("challengers" in line) is bool(challengers))  # fmt: skip
    cells = [cell.strip() for cell in row.strip("|").split("|")[1:]]
    shares = [budget.share(look) for look in (1, 2, 3, 4, 10)]
    assert [float(cell.rstrip("%")) / 100 for cell in [*cells[:4], cells[5]]] == pytest.approx(
        shares, rel=0.02
    )
    assert cells[-1] == percent(0.05)


def test_links_lead_somewhere():
    for target, anchor in re.findall(r"\]\(([^)#]*)#([\w-]+)\)", README):
        text = (FILE.parent / target).resolve().read_text() if target else README
        headings = {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
                    for line in text.splitlines() if line.startswith("#")}  # fmt: skip
        assert anchor in headings, (target, anchor)

"""The story of evaluation on a bank's leads, by the commands that a team types, a process for each: what
looks better is held back, what is better goes through, what leaks and what fails some of the people is
stopped.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.pages import README, blocks

HOTPASS = Path(sys.executable).with_name("hotpass")
LEADS = README.parents[1] / "shared" / "data" / "bank-marketing.csv"

#: README's own: the policy, and the commands that train, by version.
POLICY = next(block.text for block in blocks() if block.language == "yaml" and "evaluation:" in block.text)
TRAINED = [
    shlex.split(line)[2:]
    for block in blocks()
    if block.language == "console" and "holdout.csv" in block.text
    for line in block.text.splitlines()
    if line.startswith("$ hotpass train ")
]
#: And what its table says of each version.
SAID = [line for line in README.read_text().splitlines() if re.match(r"\| [1-5] \|.*\|.*\|.*\|", line)]

pytestmark = pytest.mark.skipif(not LEADS.exists(), reason=f"the bank's leads are not at {LEADS}")


def hotpass(*words: str, code: int = 0) -> str:
    ran = subprocess.run([HOTPASS, *words], capture_output=True, text=True, timeout=600)
    assert ran.returncode == code, f"{' '.join(words)}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a policy, every fourth lead held out, and of the others those never called before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    monkeypatch.setenv("HOTPASS_ACTOR", "ada")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Path("policies").mkdir()
    Path("policies/bank.yaml").write_text(POLICY)
    header, *leads = LEADS.read_text().splitlines(keepends=True)
    # As awk counts lines, in the README: the header is the first.
    held_out = [lead for number, lead in enumerate(leads, start=2) if number % 4 == 0]
    others = [lead for number, lead in enumerate(leads, start=2) if number % 4]
    previous = header.split(";").index("previous")
    newcomers = [lead for lead in others if lead.split(";")[previous] == "0"]
    for name, rows in (("holdout", held_out), ("train", others), ("newcomers", newcomers)):
        Path(f"{name}.csv").write_text(header + "".join(rows))


def judged(version: int, code: int) -> dict[str, dict[str, Any]]:
    """What each gate said when the version asked for Production."""
    hotpass("promote", "bank", str(version), "--to", "Staging")
    hotpass("promote", "bank", str(version), "--to", "Production", code=code)
    last = json.loads(hotpass("history", "bank", "--json"))["records"][0]
    assert (last["version"], last["to"]) == (version, "Production")
    return {one["gate"]: one for one in last["judgements"]}


def told(gate: dict[str, Any], version: int) -> None:
    """The interval in README's row is the one that the gate gave, and so is the number of rows to settle it.
    """
    row = SAID[version - 1]
    (interval,) = re.findall(r"-?0\.\d+ \(-?0\.\d+ to -?0\.\d+\)", row)
    assert interval in gate["message"]
    for rows in re.findall(r"some [\d,]+ rows would settle it", row):
        assert rows.replace(" rows", "") in gate["message"]


def verdicts(gates: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: one["verdict"] for name, one in gates.items() if one["verdict"] != "passed"}


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.usefixtures("team")
def test_what_is_shown_to_be_better_goes_through_and_nothing_else() -> None:
    assert len(TRAINED) == len(SAID) == 5
    for words in TRAINED:
        hotpass(*words)

    first = judged(1, 0)
    assert verdicts(first) == {}
    told(first["evaluation"], 1)

    looks_better = judged(2, 3)
    assert verdicts(looks_better) == {"evaluation": "inconclusive"}
    told(looks_better["evaluation"], 2)

    leaks = judged(3, 1)
    assert verdicts(leaks) == {"leakage": "failed"}
    assert leaks["leakage"]["message"].startswith("duration alone reaches an AUC of 0.822")

    fails_some = judged(4, 1)
    assert verdicts(fails_some) == {"slices": "failed"}
    assert fails_some["slices"]["message"].startswith("previous from 1 (1,432 rows): roc_auc is worse")
    told(fails_some["slices"], 4)

    better = judged(5, 0)
    assert verdicts(better) == {}
    told(better["evaluation"], 5)
    assert json.loads(hotpass("status", "--json"))["models"][0]["champion"] == 5

"""The story of evaluation on a bank's leads, by the commands that a team types, a process for each: what
looks better is held back, what is better goes through, what leaks and what fails some of the people is
stopped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOTPASS = Path(sys.executable).with_name("hotpass")
LEADS = Path(__file__).parents[2] / "shared" / "data" / "bank-marketing.csv"

POLICY = """\
policy: bank
models: [bank]
promotions:
  - to: Staging
    gates: [signature]
  - to: Production
    from: Staging
    gates:
      - serialization
      - size: 5MB
      - leakage: {target: y}
      - evaluation:
          data: holdout.csv
          target: y
          metrics:
            roc_auc: {at_least: 0.7, better_by: 0}
          alpha_budget: 0.05
          first_champion: allow
      - slices:
          data: holdout.csv
          target: y
          by: [job, {previous: {bins: [1]}}]
          metrics:
            roc_auc: {may_lose_at_most: 0.005}
          unsettled: pass
          first_champion: allow
"""

#: What is trained, by version: the rows, and how.
TRAINED = (
    ("train.csv", "--drop", "duration", "--drop", "default"),
    ("train.csv", "--drop", "duration"),
    ("train.csv",),
    ("newcomers.csv", "--drop", "duration", "--estimator", "gradient_boosting"),
    ("train.csv", "--drop", "duration", "--estimator", "gradient_boosting"),
)

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


def verdicts(gates: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: one["verdict"] for name, one in gates.items() if one["verdict"] != "passed"}


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.usefixtures("team")
def test_what_is_shown_to_be_better_goes_through_and_nothing_else() -> None:
    for rows, *how in TRAINED:
        hotpass("train", "--input", rows, "--target", "y", "--model", "bank", *how)

    assert verdicts(judged(1, 0)) == {}

    looks_better = judged(2, 3)
    assert verdicts(looks_better) == {"evaluation": "inconclusive"}
    assert "better by 0.002" in looks_better["evaluation"]["message"]
    assert "would settle it" in looks_better["evaluation"]["message"]

    leaks = judged(3, 1)
    assert verdicts(leaks) == {"leakage": "failed"}
    assert leaks["leakage"]["message"].startswith("duration alone reaches an AUC of 0.82")

    fails_some = judged(4, 1)
    assert verdicts(fails_some) == {"slices": "failed"}
    assert fails_some["slices"]["message"].startswith(
        "previous from 1 (1,432 rows): roc_auc is worse by 0.035"
    )

    better = judged(5, 0)
    assert verdicts(better) == {}
    assert "better by 0.04" in better["evaluation"]["message"]
    assert json.loads(hotpass("status", "--json"))["models"][0]["champion"] == 5

"""The promotion story, from training to rollback, as a script, for environments without pytest.

Usage: python story.py FOLDER. It works in FOLDER, on a SQLite store made there; the last line is `story: ok`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

MODEL = "lead_scoring_story"
POLICY = """\
policy: story
models: ["lead_scoring_*"]
promotions:
  - to: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.6}
      - signature
      - input_example
  - to: Production
    from: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.6}
      - champion_comparison:
          first_champion: allow
          roc_auc: {may_lose_at_most: 0.05}
      - staging_dwell: 1s
      - lineage:
          commit: false
"""


def train(estimator: str, seed: int) -> None:
    """Trains on made-up leads with numbers, words and gaps, and registers the model."""
    import numpy as np
    import pandas as pd

    from hotpass.transform.scoring import train_lead_scoring_model

    random = np.random.default_rng(seed)
    visits = random.poisson(3.0, 400).astype(float)
    source = random.choice(["web", "fair", "referral"], 400)
    won = (visits + 2 * (source == "referral") + random.normal(0, 1, 400) > 4).astype(int)
    visits[::17] = np.nan
    leads = pd.DataFrame({"visits": visits, "source": source, "won": won})
    train_lead_scoring_model(
        leads, target_column="won", enable_mlflow=True, mlflow_model_name=MODEL, estimator=estimator
    )


def denied(promotion: Callable[[], object]) -> str:
    """The outcome of a promotion that must not be allowed."""
    from hotpass import PromotionDenied

    try:
        promotion()
    except PromotionDenied as refusal:
        return str(refusal.decision.outcome)
    raise AssertionError("it was allowed")


def main(folder: Path) -> None:
    os.chdir(folder)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    os.environ.update(
        MLFLOW_TRACKING_URI=uri, MLFLOW_REGISTRY_URI=uri, MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true"
    )
    (folder / "policies").mkdir()
    (folder / "policies" / "story.yaml").write_text(POLICY)

    import time

    import mlflow
    import pandas as pd

    from hotpass.api import connect
    from hotpass.ml import get_model_metadata, load_production_model

    for number, estimator in enumerate(["logistic_regression", "gradient_boosting"]):
        train(estimator, seed=number)
    with connect(policies="policies") as session:
        assert denied(lambda: session.promote(MODEL, 1, "Production")) == "denied", "1 was never in Staging"
        for version in (1, 2):
            session.promote(MODEL, version, "Staging", archive_existing=False)
            assert not session.check(MODEL, version, "Production").allowed, "it only just arrived"
            time.sleep(1.2)
            session.promote(MODEL, version, "Production")
        stages = {int(found["version"]): found["stage"] for found in get_model_metadata(MODEL)}
        assert stages == {1: "Archived", 2: "Production"}, stages
        leads = pd.DataFrame({"visits": [9.0, None], "source": ["referral", "web"]})
        better, worse = load_production_model(MODEL).predict_proba(leads)[:, 1]
        assert better > worse
        session.rollback(MODEL, reason="version 2 scores the wrong leads")
        client = mlflow.MlflowClient()
        assert int(client.get_model_version_by_alias(MODEL, "production").version) == 1
        assert session.audit(MODEL).clean
        records = len(session.history(MODEL))
        assert records >= 6, records
    print(f"mlflow {mlflow.__version__}, pandas {pd.__version__}")
    print("story: ok")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())

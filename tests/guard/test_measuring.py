"""A guarded server measures by itself: the data, the models and what is asked are its own, and a model that
is loaded there sees nothing of the server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hotpass
from hotpass.ml import log_training_run
from hotpass.verdicts import Verdict
from support.guarded import Guarded

pytestmark = [pytest.mark.slow, pytest.mark.ci]

POLICY = """\
policy: guarded
models: ["guarded_*"]
promotions:
  - to: Production
    gates:
      - evaluation:
          data: {data}
          target: bought
          metrics:
            roc_auc: {{at_least: 0.6, may_lose_at_most: 0.01}}
          first_champion: allow
          unpickle: allow
"""


def leads(rows: int, seed: int) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    age, income = chance.normal(size=(2, rows))
    bought = (age + 0.5 * income + chance.normal(size=rows) > 1).astype(int)
    return pd.DataFrame({"age": age, "income": income, "bought": bought})


def trained(model: Any, name: str, learns: Callable[[Any], Any] = lambda bought: bought, **more: Any) -> int:
    frame = leads(2000, 1)
    model.fit(frame[["age", "income"]], learns(frame["bought"]))
    log_training_run(
        model, {}, {"roc_auc": 0.99}, model_name=name, input_example=frame[["age", "income"]].head(),
        training_frame=frame, target_column="bought", keep_training_rows=True, **more,
    )  # fmt: skip
    from mlflow import MlflowClient

    return max(int(version.version) for version in MlflowClient().search_model_versions(f"name = '{name}'"))


class Nosy:
    """Looks around in the process that loads it, and writes down what it finds."""

    def __init__(self, inner: Any, notes: Path) -> None:
        self.inner, self.notes = inner, notes

    def __reduce__(self) -> tuple[Any, ...]:
        looks = (
            "import os,json,pathlib;"
            f"pathlib.Path({str(self.notes)!r}).write_text(json.dumps("
            "[dict(os.environ), pathlib.Path('/proc/self/environ').read_bytes().decode(errors='replace'),"
            " os.getcwd(), [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')"
            " if os.path.islink(f'/proc/self/fd/{n}')]]))"
        )
        return eval, (
            f"exec({looks!r}) or "
            f"__import__('pickle').loads(__import__('base64').b64decode({self._inner()!r}))",
        )

    def _inner(self) -> str:
        import base64
        import pickle

        return base64.b64encode(pickle.dumps(self.inner)).decode()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_the_server_measures_and_models_see_nothing_of_it(
    own_guarded: Callable[..., Guarded], tmp_path: Path
) -> None:
    from sklearn.linear_model import LogisticRegression

    data = tmp_path / "holdout.csv"
    leads(3000, 2).to_csv(data, index=False)
    server = own_guarded(policies=POLICY.format(data=data))
    name = server.name("measured")
    first = trained(LogisticRegression(), name)
    decision = hotpass.promote(name, first, "Production")
    [judgement] = decision.judgements
    assert "first champion" in judgement.result.message
    assert judgement.result.evidence["rows"] == 3000

    # A claim of 0.99 in the run is worth nothing.
    worse = trained(LogisticRegression(), name, learns=lambda bought: 1 - bought)
    with pytest.raises(hotpass.PromotionDenied) as denied:
        hotpass.promote(name, worse, "Production")
    [judgement] = denied.value.decision.judgements
    assert judgement.result.verdict is Verdict.FAILED
    assert "roc_auc is worse by" in judgement.result.message

    notes = tmp_path / "notes.json"
    nosy = trained(Nosy(LogisticRegression(), notes), name, allow_cloudpickle=True)
    hotpass.check(name, nosy, "Production")
    environment, raw, folder, opened = json.loads(notes.read_text())
    told = json.dumps([environment, raw, folder, opened])
    assert "mlflow.db" not in told
    assert "guard.key" not in told
    assert not [key for key in environment if key.startswith(("MLFLOW_", "HOTPASS_", "_MLFLOW"))]
    assert str(server.folder) not in folder
    assert os.environ["MLFLOW_TRACKING_URI"] not in told

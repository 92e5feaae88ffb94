"""What a warm `load_production_model` costs beside `mlflow.sklearn.load_model`, on SQLite and over HTTP."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import mlflow
import pytest
from sklearn.ensemble import RandomForestClassifier

from hotpass.ml import forget_loaded_models, init_mlflow, load_production_model
from hotpass.transform.scoring import train_lead_scoring_model
from support.leads import bank_marketing
from support.stores import Store

pytestmark = pytest.mark.benchmark
TARGET = 20
ESTIMATORS: dict[str, Any] = {
    "logistic regression": "logistic_regression",
    "gradient boosting": "gradient_boosting",
    "random forest of 100": RandomForestClassifier(100, min_samples_leaf=20),
}


def _median_ms(call: Callable[[], Any], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


@pytest.mark.parametrize("kind", ["sqlite_store", "http_store"])
def test_warm_load_beside_mlflows(
    kind: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    store: Store = request.getfixturevalue(kind)
    init_mlflow()
    leads = bank_marketing(12_000)
    lines = [
        f"load_production_model, warm, beside mlflow.sklearn.load_model ({store.kind}); median of 40 calls"
    ]
    for name, estimator in ESTIMATORS.items():
        model = name.replace(" ", "_")
        train_lead_scoring_model(leads, "y", enable_mlflow=True, mlflow_model_name=model, estimator=estimator)
        store.client.set_registered_model_alias(model, "production", 1)
        forget_loaded_models()
        start = time.perf_counter()
        loaded = load_production_model(model)
        cold = (time.perf_counter() - start) * 1000
        assert load_production_model(model) is loaded
        warm = _median_ms(lambda model=model: load_production_model(model), 40)  # type: ignore[misc]
        alias = _median_ms(
            lambda model=model: store.client.get_model_version_by_alias(model, "production"),  # type: ignore[misc]
            40,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = _median_ms(
                lambda model=model: mlflow.sklearn.load_model(f"models:/{model}@production"),  # type: ignore[misc]
                40,
            )
        verdict = "reached" if theirs / warm >= TARGET else "MISSED"
        lines.append(
            f"  {name:<22} warm {warm:7.2f} ms   MLflow {theirs:8.2f} ms   {theirs / warm:6.1f}x "
            f"(target {TARGET}x: {verdict})   the registry call alone {alias:.2f} ms   cold {cold:.0f} ms"
        )
    with capsys.disabled():
        print("\n" + "\n".join(lines))

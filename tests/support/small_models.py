"""Small models as MLflow stores them, and data to judge them by, for tests of gates that ask models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml


def rows(count: int = 400, seed: int = 0) -> pd.DataFrame:
    """`age` and `balance` (numbers, some missing), `job` (text), and `y`, yes or no, which hangs on them."""
    random = np.random.default_rng(seed)
    age, balance = random.integers(18, 90, count), random.normal(1000, 500, count).round(2)
    job = random.choice(["admin", "services", "retired"], count)
    chance = 1 / (1 + np.exp(-(age - 50) / 10 - (job == "retired")))
    data = pd.DataFrame({"age": age, "balance": balance, "job": job,
                         "y": np.where(random.random(count) < chance, "yes", "no")})  # fmt: skip
    data.loc[data.index % 17 == 3, "balance"] = np.nan
    return data


def classifier(data: pd.DataFrame, columns: tuple[str, ...] = ("age", "balance", "job")) -> Any:
    """A pipeline that is fitted on those columns."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [one for one in columns if one != "job"]
    steps: list[Any] = [("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers)]
    if "job" in columns:
        steps.append(("text", OneHotEncoder(handle_unknown="ignore"), ["job"]))
    model = make_pipeline(ColumnTransformer(steps), LogisticRegression())
    frame = data[list(columns)].assign(**{one: data[one].astype("float64") for one in numbers})
    return model.fit(frame, (data["y"] == "yes").astype(int))


def store(
    model: Any, folder: Path, *, pickled: bool = False, signature: dict[str, str] | None = None
) -> Path:
    """Writes a scikit-learn model as MLflow does: with skops, or with cloudpickle."""
    import cloudpickle
    import skops.io

    folder.mkdir(parents=True)
    name = "model.pkl" if pickled else "model.skops"
    if pickled:
        (folder / name).write_bytes(cloudpickle.dumps(model))
    else:
        skops.io.dump(model, folder / name)
    form = "cloudpickle" if pickled else "skops"
    said: dict[str, Any] = {"flavors": {"sklearn": {"pickled_model": name, "serialization_format": form}}}
    if signature:
        said["signature"] = {"inputs": json.dumps([{"name": n, "type": t} for n, t in signature.items()])}
    (folder / "MLmodel").write_text(yaml.safe_dump(said))
    return folder

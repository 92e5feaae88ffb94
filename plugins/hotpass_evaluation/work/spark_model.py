"""A model as `mlflow.pyfunc.spark_udf` loads it on Spark's executors: the same code loads and asks it there
as in the local engine, so it is as strict, and its scores are the same.

The folder that `wrap` writes is an MLflow model of its own. Its MLmodel file is ours and names this module;
the model judged lies beside it, untouched. What that says of itself (which loader, which types to trust, what
to predict) counts no more than it does locally.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

_DATA = "data"
_MODEL = "model"
_OPTIONS = "options.json"


def schema_text(schema: pa.Schema) -> str:
    """An Arrow schema, for JSON."""
    return b64encode(schema.serialize()).decode("ascii")


def wrap(model: Mapping[str, Any], schema: str, folder: Path) -> None:
    """Writes `model` (what a job says of it) into the new `folder`, for `mlflow.pyfunc.spark_udf`. `schema`
    is that of the features as they were read (see `schema_text`).
    """
    from mlflow import pyfunc
    from mlflow.models import Model

    data = folder / _DATA
    copytree(model["files"], data / _MODEL)
    (data / _OPTIONS).write_text(json.dumps({**model, "schema": schema}), encoding="utf-8")
    wrapped = Model()
    pyfunc.add_to_model(wrapped, loader_module="hotpass_evaluation.work.spark_model", data=_DATA)
    wrapped.save(str(folder / "MLmodel"))


def _load_pyfunc(path: str) -> _OnExecutor:
    """What MLflow calls on an executor."""
    return _OnExecutor(Path(path))


class _OnExecutor:
    def __init__(self, data: Path) -> None:
        import pyarrow as pa

        from hotpass_evaluation.work.predictor import load

        asked = json.loads((data / _OPTIONS).read_text(encoding="utf-8"))
        self._schema = pa.ipc.read_schema(pa.py_buffer(b64decode(asked.pop("schema"))))
        # Some models read their files again later on; they go with this object.
        self._copy = TemporaryDirectory(prefix="model-")
        self._model = load({**asked, "files": str(data / _MODEL)}, Path(self._copy.name))

    def predict(self, frame: pd.DataFrame, params: object = None) -> np.ndarray:
        """Scores, float64, one for each row of `frame`, which is what Spark made of the features."""
        import pyarrow as pa

        # What Spark's own conversion does to types (a missing text, a category) would make other numbers.
        batch = pa.RecordBatch.from_pandas(frame, schema=self._schema, preserve_index=False)
        scores: np.ndarray = self._model.scores(batch)
        return scores

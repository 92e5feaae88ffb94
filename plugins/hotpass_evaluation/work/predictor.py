"""`python -m hotpass_evaluation.work.predictor`: loads one model and scores the rows that it is sent.

The model is somebody else's, and may be hostile where unpickling is allowed. What stands here is only ours
until it is loaded: nothing that this process says later is believed but the scores themselves, and those are
only ever its own.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

from hotpass.workers import job, streams
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.frames import SCORES, say, say_words

_MOST = 500  # characters of an error


def main() -> None:
    """Says that it is ready; waits for a line; loads, and says what the model wants; answers batches."""
    asked = job()
    given, out = streams()
    stream = io.BufferedReader(given, 1 << 16)  # type: ignore[type-var] # it is raw
    # What takes long to import is imported while others do the same: models are loaded one after the other.
    import pyarrow as pa
    import skops.io  # noqa: F401

    from hotpass.errors import CallError, RegistryError
    from hotpass.transform import model_inputs  # noqa: F401

    say_words(out, ready=True)
    if not stream.readline():
        return
    try:
        model = load(asked, Path.cwd())
        say_words(out, kind=model.kind, columns=model.columns)
        with pa.ipc.open_stream(stream) as reader:
            for batch in reader:
                scores = model.scores(batch)
                say(out, SCORES, memoryview(scores.tobytes()))
    except (Unusable, CallError, RegistryError) as error:
        say_words(out, unusable=str(error))
    except SystemExit:
        say_words(
            out,
            unusable=f"{asked['name']} ends the process that asks it (SystemExit). Take sys.exit() out of "
            "the model's code and log it again",
        )


def brief(error: BaseException) -> str:
    """The name of an error and its first sentence; libraries add paragraphs of advice."""
    lines = str(error).strip().splitlines()
    said = lines[0].partition(". ")[0].strip().rstrip(".:")[:_MOST] if lines else ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def private_copy(asked: dict[str, Any], place: Path) -> Path:
    """The model's files in a folder of this process's own, in `place`. Raises Unusable where they are not
    those that were judged.
    """
    from hotpass.artifacts import digest_of_folder

    copy = place / "model"
    shutil.copytree(asked["files"], copy)
    found = digest_of_folder(copy)
    if found != asked["digest"]:
        raise Unusable(
            f"the files of {asked['name']} changed while they were judged: their digest is "
            f"{found[:12]}…, and "
            f"was {asked['digest'][:12]}…. It was not loaded"
        )
    return copy


class Model(NamedTuple):
    """A loaded model: `kind` is `classifier`, `regressor` or `unknown`; `columns` says how each column that
    it takes is read, in order; `score` takes a data frame.
    """

    name: str
    kind: str
    columns: dict[str, str]
    score: Any

    def scores(self, batch: Any) -> Any:
        """(rows,) float64 for a batch of Arrow. Raises Unusable where the model gives something else."""
        import numpy as np

        frame = batch.to_pandas()
        try:
            found = self.score(frame)
        except (MemoryError, Unusable):
            raise
        except Exception as error:
            remedy = "Correct the rows, or let the model's pipeline take them as they are"
            if "NaN" in str(error) or "infinity" in str(error):
                remedy = "Impute empty and infinite values in the model's pipeline, or fill them in the data"
            raise Unusable(f"{self.name} cannot score these rows: {brief(error)}. {remedy}") from error
        try:
            values = np.asarray(found, dtype=np.float64)
        except (TypeError, ValueError):
            kind = getattr(found, "dtype", type(found).__name__)
            raise Unusable(f"{self.name} answers with {kind}, not with a number for each row") from None
        if values.ndim == 2 and values.shape[1] in (1, 2):
            values = values[:, -1]
        if values.shape != (len(frame),):
            raise Unusable(
                f"{self.name} answered with {' by '.join(map(str, values.shape)) or 'one'} values for "
                f"{len(frame)} "
                "rows; one for each is wanted"
            )
        return np.ascontiguousarray(values)


def load(asked: dict[str, Any], place: Path) -> Model:
    """The model that the job names: `files`, `digest`, `name`, `positive`, `unpickle`. Its files are copied
    to `place` first. Raises Unusable, CallError and RegistryError.
    """
    import yaml

    folder, name = private_copy(asked, place), asked["name"]
    try:
        said = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
        flavors, signature = dict(said["flavors"]), said.get("signature") or {}
        inputs = [
            (one.get("name"), str(one.get("type"))) for one in json.loads(signature.get("inputs") or "[]")
        ]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise Unusable(f"the MLmodel file of {name} cannot be read: {error}") from None
    typed = {column: kind for column, kind in inputs if column}
    sklearn = flavors.get("sklearn")
    safe = isinstance(sklearn, dict) and sklearn.get("serialization_format") == "skops"
    if not safe and not asked["unpickle"]:
        kinds = ", ".join(sorted(set(flavors) - {"python_function"})) or "a Python function"
        if isinstance(sklearn, dict):
            how = f"with {sklearn.get('serialization_format', 'pickle')}"
        else:
            how = f"as {kinds}, which is no scikit-learn model in MLflow's safe format"
        raise Unusable(
            f"{name} is stored {how}, so that loading it may run whatever its files say. It was not loaded. "
            "Train it again (the default format, skops, is safe), or, if you trust whoever registers "
            "models, allow it in the policy: unpickle: allow"
        )
    if isinstance(sklearn, dict):
        return _sklearn(folder, asked, typed, str(sklearn.get("pickled_model", "")))
    return _pyfunc(folder, name, typed)


def _sklearn(folder: Path, asked: dict[str, Any], typed: dict[str, str], stored_in: str) -> Model:
    from hotpass.errors import CallError, RegistryError
    from hotpass.ml.serialization import load_folder
    from hotpass.transform.model_inputs import as_inputs, column_names, columns_by_kind
    from hotpass_evaluation.work.coding import positive_index

    name = asked["name"]
    try:
        types = _types_in(folder, stored_in) if asked["unpickle"] else []
        estimator = load_folder(folder, name, types, allow_cloudpickle=asked["unpickle"])
    except CallError as error:
        # The remedy there is one of Python code; this one is the policy's.
        said, found, _ = str(error).partition(" If you have looked at them")
        remedy = " If you trust whoever registers models, allow it in the policy: unpickle: allow"
        raise Unusable(said + remedy * bool(found)) from None
    except RegistryError as error:
        if isinstance(error.__cause__, MemoryError):
            raise error.__cause__ from None
        raise Unusable(f"{str(error).rstrip('.')}. Log the model again and register that") from None
    names = column_names(estimator)
    numeric, text = columns_by_kind(estimator)
    columns = {}
    for one in names or tuple(typed):
        columns[one] = "text" if one in text else "number" if one in numeric else _kind(typed.get(one))
    if not columns:
        raise Unusable(
            f"{name} does not say which columns it takes: it was fitted on an array, and has no "
            "signature. Log "
            "one with it: mlflow.sklearn.log_model(…, signature=…), or fit it on a data frame"
        )

    def inputs(frame: Any) -> Any:
        return as_inputs(estimator, frame) if names else frame.to_numpy(dtype=float)

    if hasattr(estimator, "classes_") or hasattr(estimator, "predict_proba"):
        if not hasattr(estimator, "predict_proba"):
            raise Unusable(
                f"{name} gives no probabilities ({type(estimator).__name__} has no predict_proba). "
                "Wrap it in "
                "CalibratedClassifierCV"
            )
        place = positive_index(list(estimator.classes_), asked["positive"], name)
        return Model(
            name, "classifier", columns, lambda frame: estimator.predict_proba(inputs(frame))[:, place]
        )
    if not hasattr(estimator, "predict"):
        raise Unusable(f"{name} cannot predict: it is a {type(estimator).__name__}")
    return Model(name, "regressor", columns, lambda frame: estimator.predict(inputs(frame)))


def _types_in(folder: Path, stored_in: str) -> list[str]:
    """All types in a skops file, for whoever trusts those that register models; none in other files."""
    import skops.io

    file = (folder / stored_in).resolve()
    if file.suffix != ".skops" or not file.is_relative_to(folder.resolve()) or not file.is_file():
        return []
    try:
        return list(skops.io.get_untrusted_types(file=file))
    except MemoryError:
        raise
    except Exception:  # a file that is none, which loading it says
        return []


def _pyfunc(folder: Path, name: str, typed: dict[str, str]) -> Model:
    if not typed:
        raise Unusable(f"{name} has no signature that names its columns. Log one with it: signature=…")
    try:
        import mlflow.pyfunc
    except ImportError:
        raise Unusable(f"{name} needs MLflow to be loaded: pip install 'hotpass[evaluate]'") from None
    try:
        loaded = mlflow.pyfunc.load_model(str(folder))
    except MemoryError:
        raise
    except Exception as error:
        raise Unusable(
            f"{name} cannot be loaded: {brief(error)}. Install here what it needs, or log it again"
        ) from error

    def score(frame: Any) -> Any:
        return loaded.predict(frame.assign(**{one: _typed(frame[one], typed[one]) for one in typed}))

    return Model(name, "unknown", {one: _kind(kind) for one, kind in typed.items()}, score)


def _kind(signature_type: str | None) -> str:
    if signature_type in ("double", "float", "long", "integer"):
        return "number"
    return "text" if signature_type == "string" else "any"


def _typed(column: Any, signature_type: str) -> Any:
    """A column as MLflow wants it for a type of a signature."""
    import pandas as pd

    if signature_type in ("long", "integer") and not column.isna().any():
        return column.astype("int64" if signature_type == "long" else "int32")
    if signature_type in ("double", "float"):
        return column.astype("float64" if signature_type == "double" else "float32")
    if signature_type == "datetime":
        return pd.to_datetime(column)
    if signature_type == "string":
        return column.astype(object).map(str, na_action="ignore")
    return column


if __name__ == "__main__":
    main()
    sys.exit(0)

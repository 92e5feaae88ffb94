"""What is said of models and data that are made to trip whoever asks them: one sentence, and a remedy."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from hotpass import workers
from hotpass.artifacts import digest_of_folder
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.asking import asked
from hotpass_evaluation.work.frames import Broken, words
from hotpass_evaluation.work.models import Predictor
from hotpass_evaluation.work.table import Table
from support.small_models import classifier, rows, store

_NAME = "the challenger (leads version 2)"
_SAYS = """
from hotpass.workers import streams
content = {content}
streams()[1].write(b"J" + len(content).to_bytes(8, "big") + content)
import time; time.sleep(60)
"""
_DEEP = _SAYS.format(content='b"[" * 200_000')
#: Read, but too deep to be written out.
_NESTED = _SAYS.format(content="""b'{"unusable": ' + b"[" * 900 + b"]" * 900 + b"}"  """)


class _Loaded:
    """Runs code as it is unpickled."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> Any:
        return exec, (self.code,)


class _Asked:
    """A model that runs code when it is asked."""

    classes_ = np.array([0, 1])

    def __init__(self, code: str) -> None:
        self.code = code
        self.feature_names_in_ = np.array(["age"])

    def predict_proba(self, frame: Any) -> Any:
        exec(self.code)
        return np.full((len(frame), 2), 0.5)


def _job(folder: Path, unpickle: bool = True) -> dict[str, Any]:
    model = {"files": str(folder), "digest": digest_of_folder(folder), "name": _NAME}
    limits = {"seconds": 60, "memory": None}
    return {"challenger": model, "positive": None, "unpickle": unpickle, "limits": limits}


def _pickled(model: Any, folder: Path) -> dict[str, Any]:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        return _job(store(model, folder / "model", pickled=True))
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def _score(job: dict[str, Any], folder: Path, batch: pa.RecordBatch | None = None) -> np.ndarray:
    batch = pa.record_batch({"age": [1.0, 2.0]}) if batch is None else batch
    with Predictor(job["challenger"], job, folder) as model:
        model.load()
        model.begin(batch.schema)
        model.feed(batch)
        return model.scores()


@pytest.mark.parametrize("content", [b"[" * 200_000, b"[1]", b"{", b"\xff", b'{"unusable": [1]}'])
def test_what_are_no_words(content: bytes) -> None:
    with pytest.raises(Broken):
        words(content)


@pytest.mark.parametrize("code", [_DEEP, _NESTED], ids=["deep", "nested"])
def test_answers_that_are_nested_too_deep_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    began = time.monotonic()
    job = _pickled(_Loaded(code), tmp_path)
    with pytest.raises(Unusable, match=r"^the challenger .* answered something that is no score$"):
        _score(job, tmp_path)
    monkeypatch.chdir(tmp_path)
    said = r"^the challenger .* answered something that makes no sense$"
    with pytest.raises(Unusable, match=said), asked(job["challenger"], job):
        pass
    assert time.monotonic() - began < 40


def test_a_worker_whose_answer_is_nested_too_deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep_work.py").write_text(
        "from hotpass.workers import job, streams\njob()\nstreams()[1].write(b'[' * 50_000)"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(workers.WorkerFailed, match="answered with something else than JSON"):
        workers.run("deep_work", {}, folder=tmp_path, limits=workers.Limits(60, None))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (_Loaded("raise SystemExit(0)"), "ends the process that asks it (SystemExit). Take sys.exit() out"),
        (_Asked("raise SystemExit(0)"), "ends the process that asks it (SystemExit). Take sys.exit() out"),
        (_Loaded("import os; os._exit(0)"), "ended while it was loaded."),
        (_Asked("raise ValueError('No good. Read this.\\nAnd that')"),
         "cannot score these rows: ValueError: No good. Correct the rows, or let the model's pipeline"),
        (_Asked("raise ValueError"), "cannot score these rows: ValueError. Correct the rows"),
    ],
    ids=["exit in loading", "exit in scoring", "quiet exit", "advice", "no word"],
)  # fmt: skip
def test_what_is_said_of_a_model_that_does_not_do(tmp_path: Path, model: Any, said: str) -> None:
    with pytest.raises(Unusable) as caught:
        _score(_pickled(model, tmp_path), tmp_path)
    assert str(caught.value).startswith(f"{_NAME} {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("unpickle", [True, False])
def test_a_model_file_that_is_none(tmp_path: Path, unpickle: bool) -> None:
    folder = store(classifier(rows(100), ("age",)), tmp_path / "model")
    (folder / "model.skops").write_bytes(b"no archive")
    with pytest.raises(Unusable) as caught:
        _score(_job(folder, unpickle), tmp_path)
    assert str(caught.value) == (
        f"{_NAME}: its model file cannot be read: BadZipFile: File is not a zip file. Log the model "
        "again and "
        "register that"
    )


def test_rows_with_infinite_values(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    data = rows(100)[["age", "y"]].astype({"age": float})
    job = _job(store(LogisticRegression().fit(data[["age"]], data["y"] == "yes"), tmp_path / "model"), False)
    job["positive"] = True
    with pytest.raises(Unusable) as caught:
        _score(job, tmp_path, pa.record_batch({"age": [1.0, float("inf")]}))
    assert str(caught.value) == (
        f"{_NAME} cannot score these rows: ValueError: Input X contains NaN. Impute empty and infinite "
        "values in the model's pipeline, or fill them in the data"
    )


def test_rows_that_have_no_end(tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text("a,b\n1,x\n2," + "x" * 5_000_000 + "\n")
    table = Table(tmp_path / "long.csv")
    with pytest.raises(Unusable, match=r"^long.csv: a row is longer than 2 MiB. Look for a quotation mark"):
        list(table.batches(["a", "b"]))
    (tmp_path / "head.csv").write_text('"' + "a" * 200_000 + '",b\n1,2\n')
    with pytest.raises(Unusable, match=r"^the first line of head.csv must name the columns, and cannot"):
        Table(tmp_path / "head.csv")


_READS = """
from pathlib import Path
from hotpass.workers import serve
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.table import Table

def work(job):
    try:
        return sum(batch.num_rows for batch in Table(Path(job["file"])).batches(["a"]))
    except Unusable as error:
        return str(error)

serve(work)
"""


def test_a_file_that_is_small_and_holds_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reads_much.py").write_text(_READS)
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "bomb.parquet"
    # One page of text that is 512 MiB long.
    table = pa.table({"a": pa.array(["x" * (1 << 29)])})
    parquet.write_table(table, file, compression="zstd", use_dictionary=False, write_statistics=False)
    assert file.stat().st_size < 1 << 20
    limits = workers.Limits(60, 300 << 20)
    assert workers.run("reads_much", {"file": str(file)}, folder=tmp_path, limits=limits) == (
        "reading bomb.parquet needs more memory than its limit of 300 MiB. It may help to write it "
        "with smaller "
        "row groups. Raise it: limits: {memory: …}"
    )

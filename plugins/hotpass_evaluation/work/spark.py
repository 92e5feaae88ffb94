"""`engine: spark`: the models score in Spark, so that scoring outgrows one machine.

What is distributed is the scoring. This machine reads the data, in chunks, and sends features on, as Parquet
files; it gets the scores back, 8 bytes a row, and computes the statistics on them as the local engine does,
so the figures are the same. That is the limit: scores, target, weights and groups of all rows must fit into
the memory of this machine, 32 to 40 bytes a row with two models, and the bootstrap works on them there: 100
million rows are 4 GB. Nothing is counted in Spark itself.

Each model scores in a session of its own, in a worker without credentials, and never meets a label. The
champion goes first: its scores are out of reach before the challenger's file is opened. Some rows are also
scored on this machine; executors with other versions of libraries, which give other scores, are found out.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import dataset

from hotpass.errors import mask
from hotpass.workers import WorkerFailed, run
from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.models import REMEDY, Predictor
from hotpass_evaluation.work.spark_model import schema_text
from hotpass_evaluation.work.spark_predictor import ROW, SCORE

_MODULE = "hotpass_evaluation.work.spark_predictor"
_INSTALL = "pip install 'hotpass[spark]'"
#: Rows of a file of features; Spark makes a task of one or more of them.
_ROWS_OF_A_FILE = 1_000_000
#: And its numbers, 2 GiB of them: a worker writes no file without end.
_CELLS_OF_A_FILE = 1 << 28
#: Rows that are scored on this machine as well, and how far apart the scores may be, by their size.
_COMPARED, _APART = 1000, 1e-9


def look_for_spark(spark: Mapping[str, Any]) -> None:
    """Raises Unusable where Spark cannot work from here."""
    missing = find_spec("pyspark") is None
    if missing or (spark["remote"] and find_spec("grpc") is None):
        raise Unusable(
            f"engine: spark needs PySpark{'' if missing else ' with Spark Connect'}, which is not installed: "
            f"{_INSTALL}. Or leave engine out."
        )
    home = os.environ.get("JAVA_HOME")
    if not spark["remote"] and not (shutil.which("java") or (home and Path(home, "bin", "java").exists())):
        raise Unusable(
            "engine: spark needs Java 17 or later, and there is none: neither `java` on the PATH nor "
            "JAVA_HOME. "
            f"Install it beside {_INSTALL}, or name a Spark Connect server: SPARK_REMOTE=sc://HOST:15002."
        )
    if not spark["folder"] and (spark["remote"] or not str(spark["master"]).startswith("local")):
        raise Unusable(
            f"a Spark on other machines ({mask(str(spark['remote'] or spark['master']))}) needs a "
            "folder that "
            "they all see: spark: {folder: /mnt/shared/hotpass}"
        )
    if spark["folder"] and not Path(spark["folder"]).is_dir():
        raise Unusable(f"spark: folder: {spark['folder']} is no folder here")


class Features:
    """The features of all rows, where Spark finds them: Parquet files of `ROW` and c0, c1, …."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows = folder / "features", 0
        self.folder.mkdir()
        self._schema: pa.Schema | None = None
        self._writer: pq.ParquetWriter | None = None
        self._written = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """The next rows."""
        if self._schema is None:
            self._schema = batch.schema
        rows = pa.array(np.arange(self.rows, self.rows + batch.num_rows), pa.int64())
        arrays = [rows, *(_for_spark(column) for column in batch.columns)]
        table = pa.table(arrays, names=[ROW, *(f"c{number}" for number in range(batch.num_columns))])
        most = min(_ROWS_OF_A_FILE, _CELLS_OF_A_FILE // max(1, batch.num_columns))
        if self._writer is None or self._written >= most:
            self.close()
            file = self.folder / f"{self.rows:012d}.parquet"
            self._writer, self._written = pq.ParquetWriter(file, table.schema, compression="snappy"), 0
        self._writer.write_table(table.cast(self._writer.schema))
        self.rows, self._written = self.rows + batch.num_rows, self._written + batch.num_rows

    @property
    def schema(self) -> pa.Schema:
        """That of the batches."""
        if self._schema is None:
            raise Unusable("there are no rows to score")
        return self._schema

    def close(self) -> None:
        """Ends the file that is being written."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _for_spark(column: pa.Array) -> pa.Array:
    """`column` in a type that Spark reads from Parquet; an executor makes of it what it was."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _for_spark(column.cast(kind.value_type))
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_unsigned_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(pa.timestamp("us", kind.tz))
    return column


class SparkPredictor(Predictor):
    """One model that scores in Spark. Its process on this machine says what it takes, and scores the rows by
    which the two are compared.
    """

    def __init__(self, model: Mapping[str, Any], job: Mapping[str, Any], folder: Path) -> None:
        self._where: Mapping[str, Any] = job["spark"]
        look_for_spark(self._where)
        self._mine = Path(tempfile.mkdtemp(prefix="hotpass-spark-", dir=self._where["folder"] or folder))
        self._features = Features(self._mine)
        self._compared = 0
        #: The version of Spark that scored.
        self.spark = ""
        try:
            super().__init__(model, job, folder)
        except BaseException:
            shutil.rmtree(self._mine, ignore_errors=True)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            shutil.rmtree(self._mine, ignore_errors=True)

    def feed(self, batch: pa.RecordBatch) -> None:
        """Writes a batch for Spark, and sends what of it is compared."""
        self._features.write(batch)
        few = batch.slice(0, _COMPARED - self._compared)
        if few.num_rows:
            super().feed(few)
            self._compared += few.num_rows

    def scores(self) -> np.ndarray:
        """All scores, (rows,) float64, once the last batch was written. Raises Unusable, too, where Spark and
        this machine do not agree.
        """
        self._features.close()
        here = super().scores()
        job = {
            "folder": str(self._mine), "features": str(self._features.folder),
            "columns": list(self._features.schema.names), "schema": schema_text(self._features.schema),
            "model": self.asked, "spark": dict(self._where), "scores": str(self._mine / "scores"),
        }  # fmt: skip
        try:
            said = run(_MODULE, job, folder=self._mine, limits=self.limits)
        except WorkerFailed as error:
            raise Unusable(f"{self.name} in Spark: {error}{REMEDY.get(error.reason, '')}") from None
        if not isinstance(said, dict) or "unusable" in said:
            raise Unusable(str(said["unusable"]) if isinstance(said, dict) else "Spark gave no answer")
        self.spark = str(said["spark"])
        found = self.checked(read_scores(self._mine / "scores", self._features.rows, self.name))
        apart = np.abs(found[: len(here)] - here) / np.maximum(1, np.abs(here))
        if apart.size and apart.max() > _APART:
            raise Unusable(
                f"{self.name} scores otherwise in Spark than on this machine: "
                f"{int((apart > _APART).sum())} of "
                f"{len(here)} rows compared, by up to {apart.max():.3g}. Install the same versions of "
                "Python's "
                "libraries on the executors as here"
            )
        return found


def read_scores(folder: Path, rows: int, name: str) -> np.ndarray:
    """The scores (rows,) in the Parquet files in `folder`, in the order of the rows. Raises Unusable where
    not every row has exactly one.
    """
    found = np.full(rows, np.nan)
    seen = np.zeros(rows, dtype=bool)
    count = 0
    try:
        for batch in dataset.dataset(folder, format="parquet").to_batches(columns=[ROW, SCORE]):
            where = batch.column(0).to_numpy(zero_copy_only=False)
            if len(where) and (where.min() < 0 or where.max() >= rows):
                raise Unusable(f"Spark gave scores of {name} to rows that there are not")
            # A score that is null comes as NaN, and is refused as NaN is.
            found[where] = batch.column(1).to_numpy(zero_copy_only=False)
            seen[where] = True
            count += len(where)
    except (OSError, pa.ArrowException, ValueError, IndexError, KeyError) as error:
        raise Unusable(f"the scores of {name} that Spark wrote cannot be read: {error}") from None
    if count != rows or not seen.all():
        raise Unusable(f"Spark gave {count:,} scores of {name} to {rows:,} rows")
    return found

"""Data in batches of Arrow, from CSV and Parquet files of any size: one batch in memory at a time.

Numbers of a CSV file are float64; what is no number is text, but for true and false. The types are settled by
the beginning of the file and hold to its end: a later value that does not fit is an error that names its
line, not another reading of the column.
"""

from __future__ import annotations

import csv as csv_text
import difflib
import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from hotpass.texts import shown
from hotpass.workers import memory_limit, size_text
from hotpass_evaluation.unusable import Unusable

#: Rows of a batch.
ROWS = 50_000
#: Bytes of CSV parsed at a time.
_BLOCK = 2 << 20
_SAMPLE = 256 << 10
_DELIMITERS = ",;\t|"
_READ = 1 << 20
_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
_MOST_NAMED = 30
_NOT_UTF8 = "is not UTF-8 text. Save it as UTF-8: iconv -f cp1252 -t utf-8 OLD.csv > NEW.csv"
_WRONG_VALUE = re.compile(
    r"CSV column #(?P<column>\d+): (?:Row #(?P<row>\d+): )?.*invalid value '(?P<value>.*)'", re.DOTALL
)
_WRONG_WIDTH = re.compile(r"(?:Row #(?P<row>\d+): )?Expected (?P<wanted>\d+) columns, got (?P<found>\d+)")

#: How a column is read where whoever asks for it says so: as it is, as numbers, or as text.
Kind = str  # "any" | "number" | "text"


class Table:
    """A CSV file, or a Parquet file or folder. Opening it reads its beginning. Raises Unusable, also while
    batches are taken.

    `columns` are all names, in order; `digest` is the SHA-256 over the bytes of the file, or over those of
    the files of a folder, by name.
    """

    def __init__(self, path: Path, *, delimiter: str | None = None, name: str = "") -> None:
        self.path, self.name = path, name or path.name
        self.files = _files(path, self.name)
        self.is_csv = not _is_parquet(self.files[0])
        if self.is_csv:
            self.delimiter, names = _csv_header(self.files[0], self.name, delimiter)
        else:
            names = self._parquet_schema().names
        self.columns = tuple(names)
        self._check_names()
        self._types: dict[str, pa.DataType] | None = None

    @property
    def digest(self) -> str:
        """Read anew each time it is asked for."""
        if len(self.files) == 1:
            return _digest(self.files[0])
        pairs = "".join(f"{_digest(file)}  {file.relative_to(self.path)}\n" for file in self.files)
        return hashlib.sha256(pairs.encode()).hexdigest()

    @property
    def types(self) -> Mapping[str, pa.DataType]:
        """Of all columns, where nobody asks for another."""
        if self._types is None:
            if self.is_csv:
                self._types = self._csv_types()
            else:
                schema = self._parquet_schema()
                self._types = {name: schema.field(name).type for name in schema.names}
        return self._types

    def rows(self) -> int | None:
        """How many there are, where the file says so."""
        if self.is_csv:
            return None
        from pyarrow import parquet

        with _reading(self.name):
            return sum(int(parquet.read_metadata(file).num_rows) for file in self.files)

    def require(self, wanted: Iterable[str], what: str = "column") -> None:
        """Raises Unusable for names that are no columns, with those that may be meant."""
        missing = [one for one in dict.fromkeys(wanted) if one not in self.columns]
        if not missing:
            return
        close = [match for one in missing for match in difflib.get_close_matches(one, self.columns, n=1)]
        listed = ", ".join(shown(one) for one in self.columns[:_MOST_NAMED])
        raise Unusable(
            f"{self.name} has no {what} {', '.join(map(shown, missing))}."
            + (f" Did you mean {', '.join(map(shown, dict.fromkeys(close)))}?" if close else "")
            + f" Its columns: {listed}{' …' if len(self.columns) > _MOST_NAMED else ''}"
        )

    def batches(
        self, columns: Mapping[str, Kind] | Sequence[str], rows: int = ROWS
    ) -> Iterator[pa.RecordBatch]:
        """The `columns`, in that order, `rows` rows at a time (fewer are possible). A mapping says of each
        how it is read: a `number` is float64; a `text` is left unparsed in a CSV file, and as it is in a
        Parquet file.
        """
        kinds = dict(columns) if isinstance(columns, Mapping) else dict.fromkeys(columns, "any")
        self.require(kinds)
        read = self._csv_batches(kinds) if self.is_csv else self._parquet_batches(kinds, rows)
        for batch in read:
            for start in range(0, batch.num_rows, rows):
                yield batch.slice(start, rows)

    # --- CSV ------------------------------------------------------------------------------------------------

    def _csv_types(self) -> dict[str, pa.DataType]:
        from pyarrow import csv

        options = csv.ReadOptions(use_threads=False, block_size=_SAMPLE)
        parse, convert = self._parse(), self._convert(None)
        with self._faults({}), self._open(self.files[0]) as stream:
            found = csv.open_csv(stream, options, parse, convert).schema
        return {name: _settled(found.field(name).type) for name in found.names}

    def _csv_batches(self, kinds: Mapping[str, Kind]) -> Iterator[pa.RecordBatch]:
        from pyarrow import csv

        types = {
            name: {"number": pa.float64(), "text": pa.string()}.get(kind) or self.types[name]
            for name, kind in kinds.items()
        }
        convert = self._convert(types)
        convert.include_columns = list(kinds) or list(self.columns[:1])
        options = csv.ReadOptions(use_threads=False, block_size=_BLOCK)
        with self._faults(types), self._open(self.files[0]) as stream:
            yield from csv.open_csv(stream, options, self._parse(), convert)

    @contextmanager
    def _faults(self, types: Mapping[str, pa.DataType]) -> Iterator[None]:
        try:
            yield
        except MemoryError:
            raise Unusable(_too_large(self.name)) from None
        except (pa.ArrowException, OSError, EOFError, ValueError) as error:
            raise Unusable(self._csv_fault(str(error), types)) from None

    def _parse(self) -> Any:
        from pyarrow import csv

        return csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True)

    @staticmethod
    def _convert(types: Mapping[str, pa.DataType] | None) -> Any:
        from pyarrow import csv

        from hotpass.transform.tables import MISSING

        return csv.ConvertOptions(
            column_types=dict(types) if types else None, null_values=list(MISSING), strings_can_be_null=True,
            true_values=["true", "True", "TRUE"], false_values=["false", "False", "FALSE"],
        )  # fmt: skip

    def _csv_fault(self, error: str, types: Mapping[str, pa.DataType]) -> str:
        if found := _WRONG_VALUE.search(error):
            column = list(self.columns)[int(found["column"])]
            where = f", row {found['row']}" if found["row"] else ""
            if "UTF8" in error:
                return self._not_utf8(f"{where}, column {shown(column)}")
            what = "numbers" if pa.types.is_floating(types.get(column, pa.string())) else "true and false"
            return (
                f"{self.name}{where}: column {shown(column)} holds {shown(found['value'])!r}, and "
                f"{what} elsewhere. "
                "Correct that row; a value that is not known is an empty cell"
            )
        if found := _WRONG_WIDTH.search(error):
            where = f", row {found['row']}" if found["row"] else ""
            return (
                f"{self.name}{where}: {found['found']} cells where the first line names "
                f"{found['wanted']} columns. "
                "Put cells with the delimiter in them into quotation marks, or name the delimiter: "
                "data: {…, delimiter: ';'}"
            )
        if "straddling" in error:
            return (
                f"{self.name}: a row is longer than {size_text(_BLOCK)}. Look for a quotation mark "
                "that nobody "
                "closes, and leave out columns of long texts"
            )
        if "UTF8" in error.upper() or "utf-8" in error:
            return self._not_utf8("")
        return f"{self.name} cannot be read as CSV: {shown(error)}"

    def _not_utf8(self, where: str) -> str:
        return f"{self.name}{where} {_NOT_UTF8}"

    @staticmethod
    @contextmanager
    def _open(file: Path) -> Iterator[BinaryIO]:
        with file.open("rb") as plain:
            if file.suffix.lower() == ".gz":
                with gzip.open(plain, "rb") as stream:
                    yield stream  # type: ignore[misc] # it is one but for its type
            else:
                yield plain

    # --- Parquet --------------------------------------------------------------------------------------------

    def _parquet_schema(self) -> pa.Schema:
        from pyarrow import parquet

        with _reading(self.name):
            schema = parquet.read_schema(self.files[0])
            for file in self.files[1:]:
                other = parquet.read_schema(file)
                if not other.equals(schema):
                    wrong = [one for one in {*schema.names, *other.names}
                             if one not in schema.names or one not in other.names
                             or schema.field(one).type != other.field(one).type]  # fmt: skip
                    raise Unusable(
                        f"the files of {self.name} do not have the same columns: {file.name} differs in "
                        f"{', '.join(sorted(map(shown, wrong))) or 'their order'}. Write them anew "
                        "with one schema"
                    )
            return schema

    def _parquet_batches(self, kinds: Mapping[str, Kind], rows: int) -> Iterator[pa.RecordBatch]:
        from pyarrow import parquet

        for file in self.files:
            with _reading(self.name), parquet.ParquetFile(file, pre_buffer=False) as opened:
                for batch in opened.iter_batches(rows, columns=list(kinds), use_threads=False):
                    arrays = [self._as_kind(batch.column(name), name, kind) for name, kind in kinds.items()]
                    if arrays:
                        yield pa.RecordBatch.from_arrays(arrays, names=list(kinds))

    def _as_kind(self, array: pa.Array, name: str, kind: Kind) -> pa.Array:
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_nested(array.type) or pa.types.is_binary(array.type):
            raise Unusable(
                f"{self.name}: the cells of {shown(name)} hold {array.type}, not one value. Leave it out"
            )
        if kind == "number" and not pa.types.is_floating(array.type):
            try:
                return array.cast(pa.float64(), safe=False)
            except (pa.ArrowException, NotImplementedError):
                raise Unusable(
                    f"{self.name}: column {shown(name)} must hold numbers; it holds {array.type}"
                ) from None
        return array

    def _check_names(self) -> None:
        twice = sorted({one for one in self.columns if self.columns.count(one) > 1})
        if twice:
            raise Unusable(
                f"{self.name}: several columns are called {', '.join(map(shown, twice))}. Rename them"
            )
        if any(not one.strip() for one in self.columns):
            raise Unusable(f"{self.name}: a column has no name in the first line. Name it")


def _files(path: Path, name: str) -> list[Path]:
    if path.is_dir():
        # As Spark and pandas do: what begins with these is no data.
        found = sorted(
            one for one in path.rglob("*") if one.is_file() and not one.name.startswith(("_", "."))
        )
        files = [one for one in found if _is_parquet(one)]
        if not files:
            if len(found) == 1 and found[0].name.lower().endswith(_CSV):
                return found
            raise Unusable(f"{name} is a folder without Parquet files")
        return files
    if not path.is_file():
        raise Unusable(f"there is no {name}")
    if not _is_parquet(path) and not path.name.lower().endswith(_CSV):
        raise Unusable(f"{name} is of a kind that is not known: use {', '.join((*_CSV, *_PARQUET))}")
    if not path.stat().st_size:
        raise Unusable(f"{name} is empty")
    return [path]


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in _PARQUET


def _csv_header(file: Path, name: str, delimiter: str | None) -> tuple[str, list[str]]:
    try:
        with Table._open(file) as stream:
            start = stream.read(_SAMPLE)
    except (OSError, EOFError) as error:
        raise Unusable(f"{name} cannot be read: {error}") from None
    text = start.decode("utf-8-sig", errors="replace")
    lines = text.splitlines(keepends=True)
    if not lines or not lines[0].strip():
        raise Unusable(f"{name} is empty: its first line must name the columns")
    if "\0" in lines[0] or "\ufffd" in lines[0]:
        raise Unusable(
            f"{name} is not UTF-8 text. Save it as UTF-8: iconv -f cp1252 -t utf-8 OLD.csv > NEW.csv"
        )
    try:
        if delimiter is None:
            delimiter = max(
                _DELIMITERS, key=lambda mark: len(next(csv_text.reader(lines[:1], delimiter=mark)))
            )
        header = next(csv_text.reader(lines, delimiter=delimiter))
    except csv_text.Error as error:
        raise Unusable(
            f"the first line of {name} must name the columns, and cannot be read: {error}. Correct it"
        ) from None
    if len(lines) < 2 and len(start) < _SAMPLE:
        raise Unusable(f"{name} has a first line and no row")
    return delimiter, header


def _settled(kind: pa.DataType) -> pa.DataType:
    """Of what Arrow sees in the first rows: whole numbers may turn out to be others, and days to be text."""
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return pa.float64()
    return kind if pa.types.is_boolean(kind) else pa.string()


def _digest(file: Path) -> str:
    state = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_READ):
            state.update(block)
    return state.hexdigest()


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise Unusable(_too_large(name, " It may help to write it with smaller row groups.")) from None
    except (pa.ArrowException, OSError, EOFError, ValueError) as error:
        raise Unusable(
            f"{name} cannot be read: {shown(str(error).splitlines()[0] if str(error) else error)}"
        ) from None


def _too_large(name: str, also: str = "") -> str:
    allowed = memory_limit()
    limit = "there is" if allowed is None else f"its limit of {size_text(allowed)}"
    return f"reading {name} needs more memory than {limit}.{also} Raise it: limits: {{memory: …}}"

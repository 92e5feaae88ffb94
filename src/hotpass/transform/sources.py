"""Leads in chunks, from files of any size: each chunk an Arrow table, one in memory at a time.

CSV cells are kept as the text that they are, so that what is only passed through (a phone number with a
leading zero) comes out as it went in; the columns that a model reads are parsed for the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from hotpass.errors import CallError, HotpassError
from hotpass.transform.tables import check_header, check_readable, csv_shape, format_of

#: Bytes of a CSV file parsed at a time. Arrow reads up to 32 blocks ahead, so memory holds 16 MiB of the
#: file.
_BLOCK = 512 * 1024

#: The last row of a sheet, by the specification of Excel.
_MOST_ROWS = 1_048_576


class Source(NamedTuple):
    """An open file. `rows` is how many there are, or about; None where it does not say.

    `is_text`: every cell is text, whatever it says. `words_for_missing`: a cell that is empty, or says `NA`
    or the like, stands for a missing value."""

    columns: tuple[str, ...]
    rows: int | None
    chunks: Iterator[pa.Table]
    is_text: bool = False
    words_for_missing: bool = False
    separator: str = ","


@contextmanager
def open_source(path: Path, chunk_rows: int, encoding: str = "utf-8") -> Iterator[Source]:
    """Opens `path` by the end of its name. Raises CallError, also while chunks are taken, where it cannot be
    read.
    """
    check_readable(path)
    if chunk_rows < 1:
        raise CallError(f"a chunk of {chunk_rows} rows is none; give 1 or more.")
    opened = {"csv": _csv, "parquet": _parquet, "xlsx": _xlsx}[format_of(path)]
    with ExitStack() as stack:
        with _reading(path):
            source = stack.enter_context(opened(path, chunk_rows, encoding))
        yield source._replace(chunks=_guarded(path, source.chunks))


@contextmanager
def _csv(path: Path, chunk_rows: int, encoding: str) -> Iterator[Source]:
    from pyarrow import csv

    shape = csv_shape(path, encoding)
    with csv.open_csv(
        path,
        csv.ReadOptions(block_size=_BLOCK, encoding=encoding),
        csv.ParseOptions(delimiter=shape.separator, newlines_in_values=True),
        csv.ConvertOptions(
            column_types=dict.fromkeys(shape.header, pa.string()), strings_can_be_null=False, null_values=[]
        ),
    ) as reader:
        chunks = _of_size(reader, chunk_rows, reader.schema)
        yield Source(shape.header, shape.rows, chunks, True, True, shape.separator)


@contextmanager
def _parquet(path: Path, chunk_rows: int, encoding: str) -> Iterator[Source]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        check_header(path, file.schema_arrow.names)
        batches = file.iter_batches(batch_size=chunk_rows)
        schema = file.schema_arrow.remove_metadata()
        yield Source(
            tuple(schema.names), file.metadata.num_rows, (pa.Table.from_batches([b]) for b in batches)
        )


@contextmanager
def _xlsx(path: Path, chunk_rows: int, encoding: str) -> Iterator[Source]:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        if not book.worksheets:
            raise CallError(f"{path} has no sheet with cells.")
        sheet = book.worksheets[0]
        stated = sheet.max_row
        # What the sheet says of its size is not to be relied on; openpyxl would fill it up with empty cells.
        sheet.reset_dimensions()
        header = [None if cell is None else str(cell) for cell in next(sheet.iter_rows(values_only=True), ())]
        while header and header[-1] is None:
            header.pop()
        names = tuple(name or "" for name in header)
        if not names:
            raise CallError(f"{path} is empty: the first row of its first sheet must name the columns.")
        check_header(path, names)
        total = None if stated is None else stated - 1
        rows = sheet.iter_rows(min_row=2, max_col=len(names), values_only=True)
        tables = _tables_of_rows(names, _no_more_than_fit(path, rows), chunk_rows)
        yield Source(names, total, tables, words_for_missing=True)
    finally:
        book.close()


def _no_more_than_fit(path: Path, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """openpyxl fills gaps between rows, and a damaged file may number one as it likes."""
    for number, row in enumerate(rows, start=2):
        if number > _MOST_ROWS:
            raise CallError(f"{path} has rows beyond {_MOST_ROWS:,}, the last that a sheet can have.")
        yield row


def _tables_of_rows(
    names: tuple[str, ...], rows: Iterable[tuple[Any, ...]], chunk_rows: int
) -> Iterator[pa.Table]:
    waiting: list[tuple[Any, ...]] = []
    for row in rows:
        if all(cell is None for cell in row):
            continue
        waiting.append((*row[: len(names)], *[None] * (len(names) - len(row))))
        if len(waiting) == chunk_rows:
            yield _table_of_rows(names, waiting)
            waiting = []
    if waiting:
        yield _table_of_rows(names, waiting)


def _table_of_rows(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pa.Table:
    return pa.table(dict(zip(names, map(_array, zip(*rows, strict=True)), strict=True)))


def _array(cells: tuple[Any, ...]) -> pa.Array:
    """One type for a column of a sheet, whose cells each have their own: text where they do not agree, or are
    empty.
    """
    try:
        array = pa.array(cells)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())
    return array.cast(pa.string()) if pa.types.is_null(array.type) else array


def _of_size(batches: Iterable[pa.RecordBatch], rows: int, schema: pa.Schema) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        while count + batch.num_rows >= rows:
            take = rows - count
            yield pa.Table.from_batches([*waiting, batch.slice(0, take)], schema)
            batch, waiting, count = batch.slice(take), [], 0
        if batch.num_rows:
            waiting.append(batch)
            count += batch.num_rows
    if waiting:
        yield pa.Table.from_batches(waiting, schema)


def _guarded(path: Path, chunks: Iterator[pa.Table]) -> Iterator[pa.Table]:
    with _reading(path):
        yield from chunks


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    faults: tuple[type[Exception], ...] = (pa.ArrowException, LookupError, ValueError)
    if format_of(path) == "xlsx":
        faults = (Exception,)  # openpyxl does not say what it raises for a damaged book
    try:
        yield
    except HotpassError:
        raise
    except faults as error:
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        hint = " Name its encoding, for example cp1252 for files of Excel." if "UTF8" in text.upper() else ""
        raise CallError(f"{path} cannot be read as {format_of(path).upper()}: {text}.{hint}") from error

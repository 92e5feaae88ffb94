"""Scored leads into a file, chunk by chunk. The file appears under its name when it is complete, or not at
all.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from hotpass.errors import CallError
from hotpass.transform.tables import format_of, output_format_of, refuse_existing

Write = Callable[[pa.Table], None]

#: Rows of an Excel sheet, the one with the names included.
_SHEET_ROWS = 1_048_576


@contextmanager
def open_sink(path: Path, *, force: bool = False, separator: str = ",") -> Iterator[Write]:
    """A function that takes the next chunk; the file is complete once the block is left without an error.

    Raises CallError where `path` exists (unless `force`), cannot be written, or cannot hold what it is given.
    """
    kind = output_format_of(path)
    refuse_existing(path, force=force)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    opened = {"csv": _csv, "parquet": _parquet, "xlsx": _xlsx}[kind]
    try:
        with ExitStack() as stack:
            with _writing(path):
                write = stack.enter_context(opened(part, separator))

            def guarded(table: pa.Table) -> None:
                with _writing(path):
                    write(table)

            yield guarded
            with _writing(path):
                stack.close()
                with part.open("rb+") as stream:
                    os.fsync(stream.fileno())
                refuse_existing(path, force=force)  # it may have appeared meanwhile
                part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CallError(f"{path} cannot be written: {error.strerror or error}.") from error
    except pa.ArrowException as error:
        raise CallError(f"{path} cannot hold this as {format_of(path).upper()}: {error}") from error


@contextmanager
def _csv(part: Path, separator: str) -> Iterator[Write]:
    """Cells are quoted only in chunks where one has to be; what a spreadsheet takes for a formula stays as it
    is.
    """
    from pyarrow import csv as arrow_csv

    bare = arrow_csv.WriteOptions(include_header=False, delimiter=separator, quoting_style="none")
    quoted = arrow_csv.WriteOptions(include_header=False, delimiter=separator, quoting_style="needed")
    with part.open("wb") as stream:
        header_written = False

        def write(table: pa.Table) -> None:
            nonlocal header_written
            if not header_written:
                line = io.StringIO()
                csv.writer(line, delimiter=separator, lineterminator="\n").writerow(table.column_names)
                stream.write(line.getvalue().encode())
                header_written = True
            buffer = pa.BufferOutputStream()
            try:
                arrow_csv.write_csv(table, buffer, bare)
            except pa.ArrowInvalid:
                buffer = pa.BufferOutputStream()
                arrow_csv.write_csv(table, buffer, quoted)
            stream.write(buffer.getvalue())

        yield write


@contextmanager
def _parquet(part: Path, separator: str) -> Iterator[Write]:
    from pyarrow import parquet

    writer: Any = None

    def write(table: pa.Table) -> None:
        nonlocal writer
        if writer is None:
            writer = parquet.ParquetWriter(part, table.schema)
        writer.write_table(table if table.schema == writer.schema else _cast(table, writer.schema))

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Sheets have no column types: what their first rows say of a column, later ones may contradict."""
    try:
        return table.cast(schema)
    except pa.ArrowInvalid as error:
        raise CallError(
            f"a column changes its kind within the sheet, which Parquet cannot hold: {error}. Write .xlsx "
            "or .csv instead."
        ) from error


@contextmanager
def _xlsx(part: Path, separator: str) -> Iterator[Write]:
    import openpyxl
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("leads")
    count = 0

    def text(value: str) -> Any:
        # A lead's name can begin with "="; as a formula it would run on the machine of whoever opens the
        # list.
        cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value))
        cell.data_type = "s"
        return cell

    def write(table: pa.Table) -> None:
        nonlocal count
        if not count:
            sheet.append([text(name) for name in table.column_names])
            count = 1
        count += table.num_rows
        if count > _SHEET_ROWS:
            raise CallError(
                f"an Excel sheet holds {_SHEET_ROWS - 1:,} leads, and there are more. Write .csv or .parquet."
            )
        columns = [_cells(column, text) for column in table.columns]
        for row in zip(*columns, strict=True):
            sheet.append(row)

    try:
        yield write
        book.save(part)
    finally:
        # What was not saved is still being written, into a temporary file that openpyxl removes at exit.
        with contextlib.suppress(Exception):
            sheet.close()


def _cells(column: pa.ChunkedArray, text: Callable[[str], Any]) -> list[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:  # Excel has no time zones
        column = column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    values = column.to_pylist()
    if pa.types.is_floating(kind):
        return [None if value is None or value != value else value for value in values]
    plain = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_temporal(kind)
    return values if plain else [None if value is None else text(str(value)) for value in values]

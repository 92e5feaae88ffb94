"""Files of leads: CSV, Parquet and XLSX; what each is, and reading one whole."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hotpass.errors import CallError

if TYPE_CHECKING:
    import pandas as pd

#: Format by the end of a file's name.
FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "xlsx",
}

#: What a file that is written may end with.
OUTPUTS = (".csv", ".parquet", ".pq", ".xlsx")

#: Cells of a CSV file that stand for a missing value: those that pandas takes by default. Training and
#: scoring share the list, so that a cell means the same to both.
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip


_SEPARATORS = ";,\t|"
_SAMPLE = 64 * 1024  # bytes


class CsvShape(NamedTuple):
    """How a CSV file is written. `rows` is an estimate from the start of the file."""

    separator: str
    header: tuple[str, ...]
    rows: int


def format_of(path: Path) -> str:
    """`csv`, `parquet` or `xlsx`, by the end of the name. Raises CallError for another."""
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise CallError(f"{path} is of a kind that is not known; use {', '.join(FORMATS)}.")
    return found


def output_format_of(path: Path) -> str:
    """As `format_of`, for a file to be written: a name that says nothing of its format is refused."""
    if path.suffix.lower() not in OUTPUTS:
        raise CallError(f"{path} does not say what to write; use {', '.join(OUTPUTS)}.")
    return format_of(path)


def csv_shape(path: Path, encoding: str = "utf-8") -> CsvShape:
    """Separator and header of a CSV file. Raises CallError where it is empty or not text in that encoding."""
    with path.open("rb") as stream:
        start = stream.read(_SAMPLE)
    marked = encoding.lower() in ("utf-8", "utf8")
    try:
        # The sample may end within a character: the decoder keeps what is left of it to itself.
        text = codecs.getincrementaldecoder("utf-8-sig" if marked else encoding)().decode(start)
    except UnicodeError:
        raise CallError(
            f"{path} is not {encoding} text. Name its encoding, for example cp1252 for files of Excel."
        ) from None
    except (LookupError, ValueError, TypeError, AssertionError):
        # No such codec, a name that cannot be one, or a codec that is not between bytes and text.
        raise CallError(f"there is no encoding {encoding!r} of text files.") from None
    if not isinstance(text, str):
        raise CallError(f"there is no encoding {encoding!r} of text files.")
    first = text.splitlines()[0] if text.strip() else ""
    if not first.strip():
        raise CallError(f"{path} is empty: its first line must name the columns.")
    separator = "\t" if path.suffix.lower() == ".tsv" else max(_SEPARATORS, key=lambda s: _fields(first, s))
    header = next(csv.reader(text.splitlines(keepends=True), delimiter=separator))
    check_header(path, header)
    lines = max(1, text.count("\n"))
    rows = lines - 1 if len(start) < _SAMPLE else int(path.stat().st_size / (len(start) / lines))
    return CsvShape(separator, tuple(header), rows)


def check_header(path: Path, header: Sequence[str]) -> None:
    """Raises CallError for columns without a name or with the same one."""
    unnamed = [place for place, name in enumerate(header, start=1) if not name.strip()]
    if unnamed:
        raise CallError(f"{path}: column {unnamed[0]} has no name in the first line.")
    twice = sorted({name for name in header if list(header).count(name) > 1})
    if twice:
        raise CallError(f"{path}: several columns are called {', '.join(twice)}. Rename them.")


def check_readable(path: Path) -> None:
    """Raises CallError where `path` is not a file that can be read."""
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise CallError(f"{path} does not exist.") from None
    except IsADirectoryError:
        raise CallError(f"{path} is a folder; name a file.") from None
    except OSError as error:
        raise CallError(f"{path} cannot be read: {error.strerror}.") from None


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raises CallError where `path` is a folder, or exists and must not be replaced."""
    if path.is_dir():
        raise CallError(f"{path} is a folder; name a file.")
    if not force and path.exists():
        raise CallError(
            f"{path} exists. Name another file, or allow it to be replaced: --force (force=True)."
        )


def read_table(path: Path, encoding: str = "utf-8") -> pd.DataFrame:
    """The whole file as a data frame. Raises CallError where it cannot be read."""
    import pandas as pd

    check_readable(path)
    kind = format_of(path)
    try:
        if kind == "parquet":
            return pd.read_parquet(path)
        if kind == "xlsx":
            return pd.read_excel(path, keep_default_na=False, na_values=list(MISSING))
        shape = csv_shape(path, encoding)
        return pd.read_csv(
            path,
            sep=shape.separator,
            encoding=encoding,
            keep_default_na=False,
            na_values=list(MISSING),
            low_memory=False,
        )
    except CallError:
        raise
    except Exception as error:
        raise CallError(f"{path} cannot be read as {kind.upper()}: {error}") from error


def _fields(line: str, separator: str) -> int:
    return len(next(csv.reader([line], delimiter=separator)))

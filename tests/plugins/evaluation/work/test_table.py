"""Tables: CSV and Parquet in batches, and what is said of files that cannot be read."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from hotpass_evaluation.unusable import Unusable
from hotpass_evaluation.work.table import Table

#: Beyond what types are told by.
_MANY = 200_000


def _all(table: Table, columns: list[str] | None = None) -> dict[str, list[object]]:
    batches = list(table.batches(columns or table.columns, rows=1000))
    assert all(batch.num_rows <= 1000 for batch in batches)
    return pa.Table.from_batches(batches).to_pydict() if batches else {}


def _file(folder: Path, content: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_by_the_first_line(tmp_path: Path, mark: str) -> None:
    table = Table(_file(tmp_path, f"a{mark}b\n1{mark}x\n2{mark}y\n"))
    assert _all(table) == {"a": [1.0, 2.0], "b": ["x", "y"]}


def test_a_delimiter_that_is_given_counts(tmp_path: Path) -> None:
    table = Table(_file(tmp_path, "a,b;c\n1;2\n"), delimiter=";")
    assert _all(table) == {"a,b": [1.0], "c": [2.0]}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\xef\xbb\xbfa,b\n1,2\n", {"a": [1.0], "b": [2.0]}),
        (b"a,b\r\n1,2\r\n", {"a": [1.0], "b": [2.0]}),
        (b'a,b\n"x\ny",NA\n"",3\n', {"a": ["x\ny", None], "b": [None, 3.0]}),
        (b"a,b\n1e3,True\n-2,false\n", {"a": [1000.0, -2.0], "b": [True, False]}),
        (b"a,b\n2020-01-31,07:00\n", {"a": ["2020-01-31"], "b": ["07:00"]}),
        (b"a\n123456789012345678901234567890\n", {"a": [1.2345678901234568e29]}),
        (b"a\n1\n\n2\n", {"a": [1.0, 2.0]}),
    ],
    ids=["bom", "crlf", "quoted", "numbers", "days", "huge", "blank"],
)
def test_what_csv_cells_are(tmp_path: Path, content: bytes, found: dict[str, list[object]]) -> None:
    assert _all(Table(_file(tmp_path, content))) == found


def test_a_packed_file_is_the_same(tmp_path: Path) -> None:
    assert _all(Table(_file(tmp_path, gzip.compress(b"a,b\n1,x\n"), "data.csv.gz"))) == {
        "a": [1.0],
        "b": ["x"],
    }


def test_whole_numbers_may_turn_out_not_to_be(tmp_path: Path) -> None:
    table = Table(_file(tmp_path, "a\n" + "1\n" * _MANY + "2.5\n"))
    assert _all(table)["a"][-1] == 2.5


def test_columns_are_read_as_who_asks_says(tmp_path: Path) -> None:
    table = Table(_file(tmp_path, "id,a,b\n007,,1\n008,3,\n"))
    (batch,) = table.batches({"b": "number", "id": "text"})
    assert batch.to_pydict() == {"b": [1.0, None], "id": ["007", "008"]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "data.csv is empty"),
        ("\n", "its first line must name the columns"),
        ("a,b\n", "has a first line and no row"),
        ("a,a\n1,2\n", "several columns are called a. Rename them"),
        ("a,\n1,2\n", "a column has no name"),
        ("a,b\n1,2\n1,2,3\n", "row 3: 3 cells where the first line names 2 columns"),
        ("a,b\n" + "1,2\n" * _MANY + "1,2,3\n", f"row {_MANY + 2}: 3 cells where"),
        ("a,b\n" + "1,2\n" * _MANY + "1,ten\n", f"row {_MANY + 2}: column b holds 'ten', and numbers"),
        ("a,b\n" + "1,true\n" * _MANY + "1,so\n", "column b holds 'so', and true and false elsewhere"),
        ("a,b\nmüller,2\n".encode("cp1252"), "is not UTF-8 text. Save it as UTF-8"),
        (b"a,b\n" + b"x,1\n" * _MANY + "müller,2\n".encode("cp1252"), "is not UTF-8 text"),
        ("aü,b\n1,2\n".encode("cp1252"), "is not UTF-8 text"),
    ],
    ids=["empty", "blank", "header", "twice", "nameless", "ragged", "ragged late", "text late", "bool late",
         "cp1252", "cp1252 late", "cp1252 header"],
)  # fmt: skip
def test_what_is_said_of_csv_files_that_cannot_be_read(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    with pytest.raises(Unusable, match=said):
        _all(Table(_file(tmp_path, content)))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("data.parquet", b"no", "data.parquet cannot be read"),
        ("data.csv.gz", b"a,b\n1,2\n", "Not a gzipped file"),
        ("data.csv.gz", gzip.compress(b"a\n" + b"1\n" * 9999)[:-9], "ended before"),
        ("data.xlsx", b"PK", "is of a kind that is not known: use .csv, .tsv"),
    ],
)
def test_what_is_said_of_other_files(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        _all(Table(_file(tmp_path, content, name)))


def test_missing_columns_are_named_with_what_may_be_meant(tmp_path: Path) -> None:
    table = Table(_file(tmp_path, "age,job\n1,x\n"), name="holdout")
    with pytest.raises(
        Unusable, match=r"holdout has no column agee\. Did you mean age\? Its columns: age, job"
    ):
        list(table.batches(["agee"]))


def test_a_parquet_file_and_a_folder_of_them(tmp_path: Path) -> None:
    whole = pa.table(
        {"a": pa.array([1, 2, 3], pa.int32()), "b": pa.array(["x", None, "x"]).dictionary_encode()}
    )
    parquet.write_table(whole, tmp_path / "one.parquet")
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    for number in range(3):
        parquet.write_table(whole.slice(number, 1), folder / f"part-{number}.parquet")
    one, many = Table(tmp_path / "one.parquet"), Table(folder)
    assert _all(one) == _all(many) == {"a": [1, 2, 3], "b": ["x", None, "x"]}
    assert one.rows() == many.rows() == 3
    assert one.digest != many.digest
    (batch,) = one.batches({"a": "number"})
    assert batch.schema.field("a").type == pa.float64()


def test_parquet_files_that_do_not_fit_together(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    parquet.write_table(pa.table({"a": ["x"]}), tmp_path / "b.parquet")
    with pytest.raises(Unusable, match=r"do not have the same columns: b\.parquet differs in a"):
        Table(tmp_path)


def test_cells_that_hold_lists(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [[1, 2]]}), tmp_path / "a.parquet")
    with pytest.raises(Unusable, match="the cells of a hold list"):
        list(Table(tmp_path / "a.parquet").batches(["a"]))


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    import hashlib

    path = _file(tmp_path, "a\n1\n")
    assert Table(path).digest == hashlib.sha256(b"a\n1\n").hexdigest()


def test_names_from_the_file_cannot_write_lines(tmp_path: Path) -> None:
    with pytest.raises(Unusable) as caught:
        Table(_file(tmp_path, '"a\x1b[31m",b\n1,2\n')).require(["c"])
    assert "\x1b" not in str(caught.value)

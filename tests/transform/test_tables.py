"""What a file of leads is, and reading one whole."""

from __future__ import annotations

import pandas as pd
import pytest

from hotpass.errors import CallError
from hotpass.transform.tables import csv_shape, format_of, read_table


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out(tmp_path, separator):
    file = tmp_path / "leads.csv"
    file.write_text(f'id{separator}"a,b;c|d"{separator}note\n1{separator}2{separator}x\n')
    shape = csv_shape(file)
    assert (shape.separator, shape.header, shape.rows) == (separator, ("id", "a,b;c|d", "note"), 1)
    assert read_table(file)["note"].tolist() == ["x"]


def test_a_header_with_a_line_break_and_a_byte_order_mark(tmp_path):
    file = tmp_path / "leads.csv"
    file.write_bytes('﻿"id",second\r\n1,2\r\n'.encode())
    assert csv_shape(file).header == ("id", "second")
    assert read_table(file).columns.tolist() == ["id", "second"]


def test_rows_are_estimated_from_the_start(tmp_path):
    file = tmp_path / "leads.csv"
    file.write_text("a,b\n" + "1234,5678\n" * 50_000)
    assert csv_shape(file).rows == pytest.approx(50_000, rel=0.01)


def test_other_encodings(tmp_path):
    file = tmp_path / "leads.csv"
    file.write_bytes("name,age\nMüller,3\n".encode("cp1252"))
    with pytest.raises(CallError, match=r"is not utf-8 text\. Name its encoding, for example cp1252"):
        read_table(file)
    assert read_table(file, "cp1252")["name"].tolist() == ["Müller"]
    with pytest.raises(CallError, match="there is no encoding 'latin-99' of text"):
        read_table(file, "latin-99")


def test_a_sample_may_end_within_a_character(tmp_path):
    file = tmp_path / "leads.csv"
    file.write_text("a,b\n" + "é" * 65_533 + ",1\n", encoding="utf-8")
    assert csv_shape(file).header == ("a", "b")


@pytest.mark.parametrize("encoding", ["undefined", "punycode", "a\0b", "rot13", "base64", "utf-16", ""])
def test_encodings_that_are_none_for_a_file(tmp_path, encoding):
    file = tmp_path / "leads.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(CallError, match=r"no encoding|is not .* text"):
        csv_shape(file, encoding)


@pytest.mark.parametrize("padding", range(65_528, 65_540))
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_mark_and_a_character_across_the_end_of_the_sample(tmp_path, padding, mark):
    file = tmp_path / "leads.csv"
    start = mark + "é,b\n".encode()
    file.write_bytes(start + b"x" * (padding - len(start)) + "€,1\nü,2\n".encode())
    assert csv_shape(file).header == ("é", "b")


def test_a_bad_byte_near_the_end_of_the_sample_is_not_taken_for_a_cut(tmp_path):
    file = tmp_path / "leads.csv"
    file.write_bytes(b"a,b\n" + b"x" * 65_529 + b"\xff" + b"x" * 10)
    with pytest.raises(CallError, match="is not utf-8 text"):
        csv_shape(file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("\n1,2\n", "is empty"),
        ("a,,c\n1,2,3\n", "column 2 has no name"),
        ("a,b,a\n1,2,3\n", "called a"),
    ],
)
def test_headers_that_are_none(tmp_path, text, says):
    file = tmp_path / "leads.csv"
    file.write_text(text)
    with pytest.raises(CallError, match=says):
        read_table(file)


def test_places_that_are_no_files(tmp_path):
    with pytest.raises(CallError, match="does not exist"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CallError, match="is a folder"):
        read_table(tmp_path / "folder.csv")
    with pytest.raises(CallError, match=r"of a kind that is not known; use \.csv"):
        format_of(tmp_path / "leads.doc")


@pytest.mark.parametrize("name", ["leads.parquet", "leads.xlsx"])
def test_a_file_that_is_not_what_its_name_says(tmp_path, name):
    (tmp_path / name).write_text("a,b\n1,2\n")
    with pytest.raises(CallError, match=f"{name} cannot be read as"):
        read_table(tmp_path / name)


def test_missing_values_are_the_same_in_csv_and_excel(tmp_path):
    table = pd.DataFrame({"a": ["x", "NA", "", "n/a"], "b": [1, 2, 3, 4]})
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_excel(tmp_path / "t.xlsx", index=False)
    for name in ("t.csv", "t.xlsx"):
        assert read_table(tmp_path / name)["a"].isna().tolist() == [False, True, True, True]

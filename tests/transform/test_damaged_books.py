"""XLSX files that are damaged, or say of themselves what is not so."""

from __future__ import annotations

import re
import zipfile

import openpyxl
import pytest

from hotpass.errors import CallError
from hotpass.transform.sources import open_source
from hotpass.transform.tables import read_table

SHEET = "xl/worksheets/sheet1.xml"
ROWS = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}<sheetData>'
    '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c></row>{}</sheetData></worksheet>'
)


@pytest.fixture
def book(tmp_path):
    """Rewrites one part of a good book."""

    def rewrite(part, change):
        good, bad = tmp_path / "good.xlsx", tmp_path / "leads.xlsx"
        made = openpyxl.Workbook()
        made.active.append(["calls", "name"])
        made.active.append([1, "Ann"])
        made.save(good)
        with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
            for name in source.namelist():
                content = source.read(name).decode()
                target.writestr(name, change(content) if name == part else content)
        return bad

    return rewrite


def rows_of(path):
    with open_source(path, 100) as source:
        return [row for table in source.chunks for row in table.to_pylist()]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (SHEET, lambda text: text[: len(text) // 2]),
        (SHEET, lambda text: text.replace("<v>1</v>", "<v>one</v>")),
        (SHEET, lambda text: text.replace('r="A2"', 'r="2"')),
        ("xl/workbook.xml", lambda text: re.sub(r"<sheet [^>]*/>", "", text)),
        ("xl/workbook.xml", lambda text: text[:50]),
    ],
    ids=["truncated sheet", "bad number", "bad place", "no sheet", "truncated book"],
)
def test_a_damaged_book_is_one_error(book, part, change):
    bad = book(part, change)
    with pytest.raises(CallError, match=r"leads\.xlsx (cannot be read as XLSX|has no sheet)"):
        rows_of(bad)
    with pytest.raises(CallError, match=r"leads\.xlsx cannot be read as XLSX"):
        read_table(bad)


def test_what_a_sheet_says_of_its_size_is_not_relied_on(book):
    last = '<row r="3"><c r="A3"><v>7</v></c></row>'
    for stated in ("A1:XFD1048576", "A1:A1"):
        file = book(SHEET, lambda _, stated=stated: ROWS.format(f'<dimension ref="{stated}"/>', last))
        assert rows_of(file) == [{"1": 7, "2": None}]


def test_a_row_beyond_the_last_one_is_refused(book):
    last = '<row r="99999999999"><c r="A99999999999"><v>7</v></c></row>'
    with pytest.raises(CallError, match="rows beyond 1,048,576"):
        rows_of(book(SHEET, lambda _: ROWS.format("", last)))

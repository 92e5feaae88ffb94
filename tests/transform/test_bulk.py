"""Files scored into files: every pair of formats, chunk borders, and what leaves no file behind."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

import hotpass
from hotpass.errors import CallError
from hotpass.plugins import create_manager, register
from hotpass.requests import TrainingRequest
from hotpass.transform.bulk import score_file
from hotpass.transform.scoring import LeadScorer, score_prospects
from hotpass.transform.tables import read_table
from hotpass_training.trainer import train
from support.leads import made_up

LEADS = made_up(257, seed=5).drop(columns="won").assign(
    phone=lambda t: [f"0{n:05}" for n in t.index], name=lambda t: [f'Ann "{n}", Ltd' for n in t.index]
)  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return train(TrainingRequest(made_up(), "won")).model


@pytest.fixture(scope="module")
def expected(model):
    return score_prospects(model, LEADS)["score"].to_numpy()


def write(table: pd.DataFrame, file: Path) -> Path:
    {".csv": lambda: table.to_csv(file, index=False), ".parquet": lambda: table.to_parquet(file),
     ".xlsx": lambda: table.to_excel(file, index=False)}[file.suffix]()  # fmt: skip
    return file


def phones(file: Path) -> list[str]:
    """The column `phone` as it stands in the file; pandas would take the leading zeros off."""
    if file.suffix == ".xlsx":
        rows = list(openpyxl.load_workbook(file).active.values)
        return [row[rows[0].index("phone")] for row in rows[1:]]
    if file.suffix == ".csv":
        return pd.read_csv(file, dtype=str)["phone"].tolist()
    return pd.read_parquet(file)["phone"].tolist()


@pytest.mark.parametrize(("source", "target"), itertools.product([".csv", ".parquet", ".xlsx"], repeat=2))
def test_every_format_into_every_other(source, target, model, expected, tmp_path):
    into = tmp_path / f"out{target}"
    done = score_file(model, write(LEADS, tmp_path / f"leads{source}"), into, chunk_rows=100)
    assert done.rows == 257
    assert done.mean_score == pytest.approx(expected.mean())
    back = read_table(into)
    assert back.columns.tolist() == [*LEADS.columns, "score"]
    np.testing.assert_allclose(back["score"], expected)
    assert back["name"].tolist() == LEADS["name"].tolist()
    np.testing.assert_allclose(back["income"], LEADS["income"])
    assert phones(into) == LEADS["phone"].tolist()
    assert {file.name for file in tmp_path.iterdir()} == {f"leads{source}", f"out{target}"}


@pytest.mark.parametrize("chunk_rows", [1, 64, 256, 257, 258, 10_000])
@pytest.mark.parametrize("kind", [".csv", ".parquet", ".xlsx"])
def test_where_chunks_end_does_not_matter(chunk_rows, kind, model, expected, tmp_path):
    told = []
    score_file(
        model, write(LEADS, tmp_path / f"leads{kind}"), tmp_path / "out.parquet", chunk_rows=chunk_rows,
        progress=lambda done, total: told.append(done),
    )  # fmt: skip
    np.testing.assert_allclose(pd.read_parquet(tmp_path / "out.parquet")["score"], expected)
    assert len(told) == math.ceil(257 / chunk_rows)
    assert told[-1] == 257


def test_csv_cells_come_out_as_they_went_in(model, tmp_path):
    text = (
        "calls;income;branch;note\r\n"
        '3;050000.00;trade;"a ""b""; c"\r\n'
        '1;NA;;"two\nlines"\r\n'
        "-2;1e4;craft;=1+1\r\n"
        "True;;health; padded \r\n"
    )
    (tmp_path / "leads.csv").write_bytes(text.encode())
    score_file(model, tmp_path / "leads.csv", tmp_path / "out.csv")
    out = pd.read_csv(tmp_path / "out.csv", sep=";", dtype=str, keep_default_na=False)
    assert out["note"].tolist() == ['a "b"; c', "two\nlines", "=1+1", " padded "]
    assert out["income"].tolist() == ["050000.00", "NA", "1e4", ""]
    assert out["calls"].tolist() == ["3", "1", "-2", "True"]
    rows = pd.DataFrame({
        "calls": [3.0, 1, -2, 1], "income": [50_000, np.nan, 10_000, np.nan],
        "branch": np.array(["trade", np.nan, "craft", "health"], dtype=object),
    })  # fmt: skip
    np.testing.assert_allclose(out["score"].astype(float), model.predict_proba(rows)[:, 1])


@pytest.mark.parametrize("kind", [".csv", ".xlsx"])
def test_words_for_missing_mean_what_they_meant_in_training(kind, tmp_path):
    table = made_up().assign(branch=lambda t: t["branch"].where(t.index % 4 != 0, "n/a"))
    table["income"] = table["income"].astype(object).where(table.index % 5 != 0, "NA")
    fitted = train(TrainingRequest(read_table(write(table, tmp_path / f"train{kind}")), "won")).model
    leads = write(table.drop(columns="won"), tmp_path / f"leads{kind}")
    score_file(fitted, leads, tmp_path / "out.parquet")
    expected = score_prospects(fitted, read_table(leads))["score"]
    np.testing.assert_allclose(pd.read_parquet(tmp_path / "out.parquet")["score"], expected)


def test_cells_are_quoted_only_where_they_must_be(model, tmp_path):
    write(LEADS[["calls", "income", "branch", "phone"]], tmp_path / "leads.csv")
    score_file(model, tmp_path / "leads.csv", tmp_path / "out.csv")
    assert '"' not in (tmp_path / "out.csv").read_text()


def test_in_a_sheet_nothing_is_a_formula(model, tmp_path):
    leads = LEADS.head(2).assign(name=['=HYPERLINK("http://evil")', "\x07bell"])
    write(leads, tmp_path / "leads.csv")
    score_file(model, tmp_path / "leads.csv", tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    place = leads.columns.get_loc("name") + 1
    assert (sheet.cell(2, place).value, sheet.cell(2, place).data_type) == ('=HYPERLINK("http://evil")', "s")
    assert sheet.cell(3, place).value == "bell"
    assert sheet.cell(2, 1).data_type == "n"
    assert sheet.cell(2, sheet.max_column).data_type == "n"


def test_a_file_without_leads(model, tmp_path):
    for kind in (".csv", ".parquet", ".xlsx"):
        done = score_file(model, write(LEADS.head(0), tmp_path / f"leads{kind}"), tmp_path / f"out{kind}")
        assert done.rows == 0
        assert math.isnan(done.mean_score)
        assert read_table(tmp_path / f"out{kind}").columns.tolist() == [*LEADS.columns, "score"]


def test_signals_can_be_scored_in_bulk(tmp_path):
    write(pd.DataFrame({"id": ["a", "b"], "x": [0.25, None]}), tmp_path / "leads.csv")
    score_file(LeadScorer({"x": 1}), tmp_path / "leads.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "id,x,score\na,0.25,0.25\nb,,0\n"


def test_text_that_looks_like_numbers_is_a_category_where_it_was_learnt_as_one(tmp_path):
    table = made_up().assign(branch=lambda t: t["branch"].map({"trade": "01", "craft": "2", "health": "3"}))
    fitted = train(TrainingRequest(table, "won")).model
    leads = table.drop(columns="won")
    score_file(fitted, write(leads, tmp_path / "leads.csv"), tmp_path / "out.parquet")
    out = pd.read_parquet(tmp_path / "out.parquet")
    np.testing.assert_allclose(out["score"], score_prospects(fitted, leads)["score"])
    assert out["branch"].iloc[0] == leads["branch"].iloc[0]


@pytest.mark.parametrize("target", ["out.csv", "out.parquet", "out.xlsx"])
@pytest.mark.parametrize(
    ("leads", "says"),
    [
        (LEADS.drop(columns=["income", "branch"]), "not there: income, branch"),
        (LEADS.assign(score=1), "has a column 'score' already"),
        (
            LEADS.assign(income=["a lot" if n == 200 else n for n in LEADS.index]),
            "column income must hold numbers; .*'a lot'",
        ),
    ],
)
def test_what_cannot_be_scored_leaves_nothing_behind(target, leads, says, model, tmp_path):
    write(leads, tmp_path / "leads.csv")
    with pytest.raises(CallError, match=says):
        score_file(model, tmp_path / "leads.csv", tmp_path / target, chunk_rows=100)
    assert [file.name for file in tmp_path.iterdir()] == ["leads.csv"]


def test_an_output_that_exists_is_kept_unless_it_may_be_replaced(model, tmp_path):
    source, out = write(LEADS, tmp_path / "leads.csv"), tmp_path / "out.csv"
    out.write_text("precious")
    with pytest.raises(CallError, match=r"exists\. Name another file, or allow it to be replaced: --force"):
        score_file(model, source, out)
    assert out.read_text() == "precious"
    bad = write(LEADS.drop(columns="calls"), tmp_path / "bad.csv")
    with pytest.raises(CallError, match="not there: calls"):
        score_file(model, bad, out, force=True)
    assert out.read_text() == "precious"
    score_file(model, source, out, force=True)
    assert len(read_table(out)) == 257


def test_a_file_can_be_scored_onto_itself(model, tmp_path):
    source = write(LEADS, tmp_path / "leads.csv")
    score_file(model, source, source, force=True, chunk_rows=50)
    assert len(read_table(source)) == 257


def test_places_that_cannot_be_written(model, tmp_path):
    source = write(LEADS, tmp_path / "leads.csv")
    with pytest.raises(CallError, match=r"nowhere.out\.csv cannot be written: No such file"):
        score_file(model, source, tmp_path / "nowhere" / "out.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CallError, match="is a folder"):
        score_file(model, source, tmp_path / "folder.csv", force=True)
    with pytest.raises(CallError, match="of a kind that is not known"):
        score_file(model, source, tmp_path / "out.doc")
    with pytest.raises(CallError, match="a chunk of 0 rows is none"):
        score_file(model, source, tmp_path / "out.csv", chunk_rows=0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b"calls,income,branch\n1,2,trade\n1,2\n",
            "leads.csv cannot be read as CSV: .*Expected 3 columns, got 2",
        ),
        (b"calls,income,branch\n1,2,M\xfcller\n", "is not utf-8 text|Name its encoding"),
        (b"", "is empty"),
    ],
)
def test_broken_csv_files(content, says, model, tmp_path):
    (tmp_path / "leads.csv").write_bytes(content)
    with pytest.raises(CallError, match=says):
        score_file(model, tmp_path / "leads.csv", tmp_path / "out.csv")
    assert [file.name for file in tmp_path.iterdir()] == ["leads.csv"]


def test_an_encoding_can_be_named(model, tmp_path):
    (tmp_path / "leads.csv").write_bytes("calls,income,branch,name\n1,2,trade,Müller\n".encode("cp1252"))
    score_file(model, tmp_path / "leads.csv", tmp_path / "out.csv", encoding="cp1252")
    assert read_table(tmp_path / "out.csv")["name"].tolist() == ["Müller"]


def test_a_column_of_a_sheet_may_change_its_kind_where_the_target_can_hold_that(model, tmp_path):
    leads = LEADS.head(20).assign(note=[n if n < 10 else f"text {n}" for n in range(20)])
    write(leads, tmp_path / "leads.xlsx")
    score_file(model, tmp_path / "leads.xlsx", tmp_path / "out.csv", chunk_rows=10)
    assert read_table(tmp_path / "out.csv")["note"].tolist()[9:11] == ["9", "text 10"]
    with pytest.raises(CallError, match=r"changes its kind within the sheet.*Write \.xlsx or \.csv instead"):
        score_file(model, tmp_path / "leads.xlsx", tmp_path / "out.parquet", chunk_rows=10)


@pytest.mark.parametrize("error", [KeyError("x"), OSError("the network is down"), ZeroDivisionError()])
@pytest.mark.parametrize("kind", [".csv", ".parquet", ".xlsx"])
def test_what_a_plugin_raises_is_not_blamed_on_the_files(error, kind, tmp_path):
    class Broken:
        @hotpass.hookimpl
        def hotpass_score(self, request):
            raise error

    manager = create_manager()
    register(manager, Broken(), "broken")
    source = write(LEADS, tmp_path / f"leads{kind}")
    with pytest.raises(type(error)) as caught:
        score_file(LeadScorer(), source, tmp_path / f"out{kind}", manager=manager)
    assert caught.value is error
    assert [file.name for file in tmp_path.iterdir()] == [source.name]


def test_a_process_that_is_killed_leaves_no_output(tmp_path):
    """SIGKILL half-way: whatever is left does not have the output's name."""
    write(pd.concat([LEADS] * 20), tmp_path / "leads.csv")
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from hotpass.transform.bulk import score_file; from hotpass.transform.scoring import LeadScorer\n"
        "def stop(done, total):\n    if done > 1000: os.kill(os.getpid(), signal.SIGKILL)\n"
        "score_file(LeadScorer({'x': 1}), Path('leads2.csv'), Path('out.csv'), chunk_rows=100, "
        "progress=stop)\n"
    )
    pd.DataFrame({"x": np.linspace(0, 1, 5000)}).to_csv(tmp_path / "leads2.csv", index=False)
    killed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False, env=os.environ)
    assert killed.returncode == -9
    assert not (tmp_path / "out.csv").exists()


def test_memory_does_not_grow_with_the_rows(tmp_path):
    code = (
        "import sys, resource; from pathlib import Path\n"
        "from hotpass.transform.bulk import score_file; from hotpass.transform.scoring import LeadScorer\n"
        "score_file(LeadScorer({'x': 1}), Path(sys.argv[1]), Path(sys.argv[1] + '.out.csv'), "
        "chunk_rows=5000)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for rows in (500_000, 2_500_000):
        file = tmp_path / f"{rows}.csv"
        with file.open("w") as stream:
            stream.write("name,x\n")
            stream.writelines(f"lead number {n},0.{n % 1000}\n" for n in range(rows))
        done = subprocess.run(
            [sys.executable, "-c", code, str(file)], check=True, capture_output=True, text=True
        )
        peaks.append(int(done.stdout))
    # Kilobytes; the larger file has 50 MB more.
    assert peaks[1] < peaks[0] + 30_000, peaks

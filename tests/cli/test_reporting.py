"""`--format` and `--output`: where a report goes, also that of an error, and which calls make no sense."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hotpass.cli.lint import plain_words
from hotpass.cli.reporting import Reporting, rooted
from hotpass.reports import Check, Finding, Form, Level, Report
from support.commands import Hotpass
from support.report_readers import commands, junit, sarif

GOOD = """\
policy: good
models: ["good_*"]
promotions:
  - to: Staging
    gates: [input_example]
  - to: Production
    from: Staging
    gates: [signature]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "good.yaml").write_text(GOOD)
    return tmp_path


def test_the_report_goes_to_the_file_and_the_text_to_stdout(hotpass: Hotpass, folder: Path) -> None:
    text = hotpass("policy", "lint").out
    assert "policies/good.yaml: ok" in text
    for words in (["--format", "sarif", "--output", "r"], ["--output=r.sarif"], ["--output", "r.SARIF"]):
        ran = hotpass("policy", "lint", *words)
        assert (ran.code, ran.out, ran.err) == (0, text, "")
        [file] = [path for path in folder.iterdir() if path.name.startswith("r")]
        assert sarif(file.read_text())["results"] == []
        file.unlink()
    ran = hotpass("policy", "lint", "--json", "--output", "r.txt")
    assert (ran.code, ran.out) == (0, text)
    assert json.loads(Path("r.txt").read_text())["ok"] is True


def test_a_file_is_replaced_as_a_whole_and_a_link_stays_one(hotpass: Hotpass, folder: Path) -> None:
    Path("kept.xml").write_text("before")
    Path("link.xml").symlink_to("kept.xml")
    os.umask(os.umask(0o022))
    assert hotpass("policy", "lint", "--output", "link.xml").code == 0
    assert Path("link.xml").is_symlink()
    junit(Path("kept.xml").read_text())
    assert sorted(path.name for path in folder.iterdir()) == ["kept.xml", "link.xml", "policies"]
    assert hotpass("policy", "lint", "--format", "junit", "--output", "/dev/stdout").code == 0


@pytest.mark.parametrize("form", ["sarif", "junit", "json"])
def test_an_error_replaces_the_report_of_yesterday(hotpass: Hotpass, form: str) -> None:
    Path("report").write_text("yesterday's")
    Path("gates").mkdir()
    Path("gates/broken.py").write_text("raise RuntimeError('no')")
    ran = hotpass("policy", "lint", "--plugins", "gates", "--format", form, "--output", "report")
    assert (ran.code, ran.out, "broken.py" in ran.err) == (2, "", True)
    text = Path("report").read_text()
    if form == "sarif":
        assert sarif(text)["invocations"][0]["executionSuccessful"] is False
    elif form == "junit":
        assert junit(text)[0].get("errors") == "1"
    else:
        assert json.loads(text)["error"]["type"] == "PluginError"


def test_an_error_as_json_is_told_once(hotpass: Hotpass) -> None:
    for words in (["--json"], ["--format", "json"], ["--format=json"]):
        ran = hotpass("policy", "lint", *words, "--plugins", "nowhere")
        assert (ran.code, ran.json["error"]["type"]) == (2, "PluginError")
        assert "nowhere does not exist" in ran.err


def test_in_githubs_form_every_line_is_ours(hotpass: Hotpass) -> None:
    name = "::add-mask::x ##[add-mask]y.yaml"
    Path("policies", name).write_text("policy: [")
    ran = hotpass("policy", "lint", "--format", "github")
    assert (ran.code, ran.err) == (2, "")
    [command] = commands(ran.out)
    assert (command.name, command.properties["file"]) == ("error", f"policies/{name}")
    ran = hotpass("policy", "lint", "--format", "github", "--plugins", "##[add-mask]x")
    assert (ran.code, ran.err, len(commands(ran.out))) == (2, "", 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--json", "--format", "sarif"), "--json and --format sarif contradict each other"),
        (("--output", "x.txt"), "does not say in which form"),
        (("--format", "text", "--output", "x.txt"), "does not say in which form"),
        (("--format", "junit", "--output", "policies"), "is a folder"),
        (("--format", "junit", "--output", "no/where.xml"), "there is no folder no"),
        (("--format", "sarf"), "'sarf' is not one of 'text', 'json', 'junit', 'sarif', 'github', 'markdown'"),
        (("--format",), "requires an argument"),
        (("--output", ""), "names an empty place"),
    ],
)
def test_calls_that_make_no_sense(hotpass: Hotpass, words: tuple[str, ...], said: str) -> None:
    ran = hotpass("policy", "lint", *words)
    assert (ran.code, said in ran.err) == (2, True), ran.err
    assert "Traceback" not in ran.err


def test_a_file_that_cannot_be_written(hotpass: Hotpass, folder: Path) -> None:
    ran = hotpass("policy", "lint", "--output", f"{'x' * 300}.xml")
    assert (ran.code, "cannot be written: File name too long" in ran.err) == (2, True)


def test_all_forms_take_the_fast_way() -> None:
    for form in Form:
        for words in (["--format", form], [f"--format={form}"], ["policies", "--format", form]):
            plain = plain_words(words)
            assert plain is not None
            assert plain[1] == Reporting("policy lint", form)
    plain = plain_words(["--output", "r.md"])
    assert plain is not None
    assert plain[:2] == ([], Reporting("policy lint", Form.MARKDOWN, Path("r.md")))
    assert plain_words(["--plugins", "x"]) is None
    assert plain_words(["--format"]) is None
    assert plain_words(["--format", "x"]) is None


@pytest.mark.parametrize("form", ["sarif", "junit", "github", "markdown"])
def test_no_form_loads_typer_rich_or_mlflow(form: str) -> None:
    code = (
        "import sys; from hotpass.cli.app import main; code = main(sys.argv[1:]);"
        "heavy = {'typer', 'rich', 'mlflow', 'pandas', 'lxml'} & set(sys.modules);"
        "print(heavy, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "policy", "lint", "--format", form],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == "set()\n"
    assert done.stdout


def test_paths_are_as_seen_from_the_root_of_the_repository(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".git").mkdir()
    inner = folder / "models" / "leads"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    paths = [
        "policies/a.yaml",
        "../b.yaml",
        str(folder / "c.yaml"),
        "/etc/d.yaml",
        "x/e.yaml@1f2e3d4c5b6a",
        "",
    ]
    findings = tuple(Finding("rule", Level.ERROR, "no", path=path) for path in paths)
    found = rooted(Report("check", "title", (Check("suite", "check", findings),)))
    assert [finding.path for finding in found.findings()] == [
        "models/leads/policies/a.yaml", "models/b.yaml", "c.yaml", "/etc/d.yaml", "x/e.yaml", "",
    ]  # fmt: skip
    assert found.anchor == "models/leads/policies"


def test_a_report_is_readable_as_files_are(hotpass: Hotpass) -> None:
    before = os.umask(0o027)
    try:
        hotpass("policy", "lint", "--output", "r.xml")
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path("r.xml").stat().st_mode) == 0o640

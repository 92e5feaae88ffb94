"""Every form of a report is read by its reader, whatever the values are that come from elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.errors import PluginError, PolicyError, Problem, RegistryError
from hotpass.reports import Check, Finding, Form, Level, Report, render
from hotpass.reports.errors import report_of
from hotpass.reports.markdown import MOST_CHARACTERS
from support.report_readers import commands, junit, markdown, sarif

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
#: What somebody would write into a tag to get out of the form that it is shown in.
EVIL = [
    "::error::mine", "\n::error::mine", "x%0A::add-mask::x", "##[add-mask]x", "a,line=9::x", "a:b,c%d",
    "| a | b |", "`code` ``two`` `", "\\| \\` \\", "<img src=x onerror=alert(1)>", "</details><b>",
    "&lt; &amp;",
    "[link](http://evil.example)", "![image](http://evil.example/x.png)", "<http://evil.example>",
    "**bold** _it_ ~~gone~~", "# heading", "- item", "$x$", "@org/team #12 GH-12", "line\nbreak\r\nand\ttab",
    "\x1b[31mred\x00\x07", "\u202eleft", "]]> <!-- -->", "\ud800 surrogate", "{0} {{braces}}", "   ",
    "é → 漢字 🎉",
]  # fmt: skip
TEXT = st.text(min_size=1) | st.sampled_from(EVIL)


def a_report(message: str, *, name: str = "roc_auc", path: str = "policies/leads.yaml") -> Report:
    finding = Finding("gate-failed", Level.ERROR, message, message, path, 12, 9)
    warned = replace(finding, level=Level.WARNING, rule="gate-pending")
    return Report(
        "check", f"leads version 3: {message}",
        (Check("leads version 3", name, (finding, warned)), Check(message, "fine"),
         Check("leads version 3", "left out", skipped=message)),
        exit_code=1, at=AT,
    )  # fmt: skip


@given(TEXT)
def test_no_value_writes_a_workflow_command(text: str) -> None:
    report = a_report(text, name=text)
    found = commands(render(report, Form.GITHUB))
    assert [(command.name, command.properties["line"]) for command in found] == [
        ("error", "12"), ("warning", "12"),
    ]  # fmt: skip
    for command in found:
        assert command.properties["file"] == "policies/leads.yaml"
        assert set(command.properties) == {"file", "line", "col", "title"}


def test_a_workflow_command_says_what_was_meant() -> None:
    [command, _] = commands(render(a_report("50%0A of a:b, c\nnext", path="a,b:c/d.yaml"), Form.GITHUB))
    assert command.message == "50%0A of a:b, c\nnext\n50%0A of a:b, c\nnext"
    assert command.properties == {
        "file": "a,b:c/d.yaml", "line": "12", "col": "9", "title": "gate-failed (leads version 3: roc_auc)",
    }  # fmt: skip


def test_a_clean_report_has_no_annotation_and_says_so() -> None:
    report = Report("policy lint", "2 sound policies", (Check("a", "a.yaml"),))
    assert render(report, Form.GITHUB) == "hotpass policy lint: 2 sound policies\n"


@given(TEXT)
def test_junit_takes_every_value(text: str) -> None:
    root = junit(render(a_report(text, name=text), Form.JUNIT))
    assert sum(int(suite.get("tests")) for suite in root) == 3


def test_junit_tells_failures_from_errors_and_skips() -> None:
    broke = Finding("gate-broke", Level.ERROR, "KeyError", broke=True)
    failed = Finding("gate-failed", Level.ERROR, "no", "ask", "p.yaml", 3, 4)
    checks = (
        Check("m", "broke", (broke,)), Check("m", "both", (broke, failed)),
        Check("m", "skipped", skipped="no"),
        Check("m", "warned", (replace(failed, level=Level.WARNING),), seconds=1.5),
    )  # fmt: skip
    [suite] = junit(render(Report("check", "t", checks, at=AT), Form.JUNIT))
    assert [child.tag for case in suite.iter("testcase") for child in case] == ["error", "failure", "skipped"]
    assert (suite.get("time"), suite.get("timestamp")) == ("1.500", "2026-01-02T03:04:05")
    assert suite.find("testcase[@name='both']/failure").get("message") == "KeyError (and 1 more)"
    assert "p.yaml:3:4: error: no [gate-failed]\n    ask" in suite.find("testcase[@name='both']/failure").text
    assert suite.find("system-out").text == "p.yaml:3:4: warning: warned: no [gate-failed]\n    ask"


@given(TEXT)
def test_sarif_takes_every_value(text: str) -> None:
    run = sarif(render(a_report(text, name=text), Form.SARIF))
    assert [result["level"] for result in run["results"]] == ["error", "warning"]
    assert run["invocations"][0]["exitCode"] == 1
    assert "](" not in run["results"][0]["message"]["text"]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("policies/a b#c?.yaml", "policies/a%20b%23c%3F.yaml"),
        ("ä/%41.yaml", "%C3%A4/%2541.yaml"),
        ("/etc/hotpass/a.yaml", "file:///etc/hotpass/a.yaml"),
        ("c:d.yaml", "c%3Ad.yaml"),
        ("\udcff.yaml", "%FF.yaml"),
    ],
)
def test_a_place_in_sarif_is_a_uri(path: str, uri: str) -> None:
    [result, _] = sarif(render(a_report("no", path=path), Form.SARIF))["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == uri
    assert place["artifactLocation"].get("uriBaseId") == (None if uri.startswith("file:") else "%SRCROOT%")
    assert place["region"] == {"startLine": 12, "startColumn": 9}


def test_a_finding_without_a_file_is_shown_at_the_anchor() -> None:
    report = a_report("no", path="")
    [result, _] = sarif(render(report, Form.SARIF))["results"]
    [location] = result["locations"]
    assert location["physicalLocation"] == {"artifactLocation": {"uri": "policies", "uriBaseId": "%SRCROOT%"}}
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "leads version 3::roc_auc"


def test_a_fingerprint_outlives_lines_and_measured_values() -> None:
    def prints(*findings: Finding) -> list[str]:
        checks = (Check("leads", "policies/leads.yaml", findings),)
        run = sarif(render(Report("policy lint", "t", checks), Form.SARIF))
        return [result["partialFingerprints"]["hotpassFinding/v1"] for result in run["results"]]

    one = Finding("unknown-key", Level.ERROR, "the first is at a.yaml:12:3", path="a.yaml", line=20, column=5)
    moved = replace(one, message="the first is at a.yaml:14:3", line=22)
    assert prints(one) == prints(moved)
    assert len(set(prints(one, one, replace(one, message="another")))) == 3
    measured = replace(one, key="roc_auc", message="0.71 of 0.75")
    assert prints(measured) == prints(replace(measured, message="0.72 of 0.75"))
    assert prints(measured) != prints(replace(measured, path="b.yaml"))


@given(TEXT)
def test_markdown_shows_every_value_as_text(text: str) -> None:
    rows = markdown(render(a_report(text, name=text), Form.MARKDOWN))
    assert [len(row) for row in rows] == [5, 5, 5]


@pytest.mark.parametrize("text", [text for text in EVIL if text.isprintable() and text == text.strip()])
def test_markdown_leaves_a_value_as_it_is(text: str) -> None:
    [_, row, *_] = markdown(render(a_report(text, name=text), Form.MARKDOWN))
    name = f"leads version 3\n{text}"
    assert row == ["❌ error", name, f"{text}\n{text}", "policies/leads.yaml:12:9", "gate-failed"]


@given(
    st.text("ab _*~`\\|[]()<>&#$!:/.@-1", min_size=1) | st.text(st.characters(exclude_categories=["C", "Z"]))
)
def test_markdown_shows_every_value_as_it_is(text: str) -> None:
    [_, row, *_] = markdown(render(a_report(f"x{text}x", name="n"), Form.MARKDOWN))
    assert row[2].splitlines()[0] == f"x{text}x"


def test_markdown_mentions_nobody() -> None:
    text = render(a_report("@org/team, see #12 and GH-12"), Form.MARKDOWN)
    text = re.sub("`[^`]*`", "", text)  # in code nobody is looked for
    assert not any(mention in text for mention in ("@org", "#12", "GH-12"))


def test_markdown_folds_what_is_long_and_fits_a_comment() -> None:
    finding = Finding("gate-failed", Level.ERROR, "x" * 300, path="a.yaml", line=1)
    checks = tuple(Check("m", f"gate {n}", (finding,)) for n in range(30))
    text = render(Report("check", "t", checks), Form.MARKDOWN)
    assert "<details><summary>10 more</summary>" in text
    assert len(markdown(text)) == 32
    many = render(Report("check", "t", checks * 200), Form.MARKDOWN)
    assert len(many) <= MOST_CHARACTERS + 2000
    assert "more are left out here" in many
    fine = render(Report("check", "t", tuple(Check("m", f"gate {n}") for n in range(9000))), Form.MARKDOWN)
    assert len(fine) <= MOST_CHARACTERS + 2000
    assert "<details><summary>9000 fine</summary>" in fine


@pytest.mark.parametrize(
    ("error", "rule", "code"),
    [
        (PluginError("plugin gates.py does not load"), "broken-plugin", 2),
        (RegistryError("http://u:secret@host does not answer"), "registry-failed", 4),
        (KeyError("x"), "bug", 70),
    ],
)
def test_an_error_without_a_file_is_why_there_are_no_results(error: Exception, rule: str, code: int) -> None:
    report = report_of("check", error, code)
    run = sarif(render(report, Form.SARIF))
    [invocation] = run["invocations"]
    assert (run["results"], invocation["executionSuccessful"], invocation["exitCode"]) == ([], False, code)
    [notification] = invocation["toolExecutionNotifications"]
    assert notification["descriptor"] == {"id": rule, "index": 0}
    assert "secret" not in render(report, Form.SARIF)
    [suite] = junit(render(report, Form.JUNIT))
    assert suite.find("testcase/error").get("type") == rule
    [command] = commands(render(report, Form.GITHUB))
    assert command.name == "error"
    assert rule in render(report, Form.MARKDOWN)


def test_the_problems_of_a_policy_keep_their_places() -> None:
    problems = [Problem("a.yaml", 3, 5, "no", "do", "unknown-key"), Problem("b.yaml", 0, 0, "gone")]
    run = sarif(render(report_of("check", PolicyError(problems), 2), Form.SARIF))
    assert [result["ruleId"] for result in run["results"]] == ["unknown-key", "invalid-policy"]
    assert run["invocations"][0]["executionSuccessful"] is False


@pytest.mark.parametrize("form", [Form.TEXT, Form.JSON])
def test_text_and_json_are_each_commands_own(form: Form) -> None:
    with pytest.raises(ValueError, match="no form"):
        render(a_report("no"), form)

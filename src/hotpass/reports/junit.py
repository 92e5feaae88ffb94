"""JUnit XML, as test reports in CI are read: a suite for each policy or model, a case for each check.

It keeps to the oldest and strictest of the schemas, Ant's, and so to Jenkins' (junit-10) too. Neither has a
place for files and lines: they begin the text. What is no failure stands in the suite's output. Only a
skipped check has an element that Ant's schema lacks and all readers know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from hotpass.reports.model import Check, Finding, Level, Report

# What XML 1.0 cannot hold, not even as a character reference; and DEL and the C1 controls, which it can and
# had better not.
_NOT_XML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(report: Report) -> str:
    """The report as an XML document."""
    suites: dict[str, list[Check]] = {}
    for check in report.checks:
        suites.setdefault(check.suite, []).append(check)
    root = Element("testsuites")
    for number, (name, checks) in enumerate(suites.items()):
        root.append(_suite(report, number, name, checks))
    indent(root)
    # The declaration names UTF-8, in which the text has to be written.
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'


def _suite(report: Report, number: int, name: str, checks: Iterable[Check]) -> Element:
    checks = list(checks)
    suite = Element("testsuite", {
        "name": _name(name), "package": f"hotpass {report.command}", "id": str(number),
        "timestamp": report.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "hostname": "localhost",
        "tests": str(len(checks)),
        "failures": str(sum(_outcome(check) == "failure" for check in checks)),
        "errors": str(sum(_outcome(check) == "error" for check in checks)),
        "time": _seconds(sum(check.seconds for check in checks)),
    })  # fmt: skip
    skipped = sum(_outcome(check) == "skipped" for check in checks)
    if skipped:
        suite.set("skipped", str(skipped))
    properties = SubElement(suite, "properties")
    SubElement(properties, "property", name="title", value=_xml(report.title))
    for check in checks:
        _add(suite, check)
    said = [(check, f) for check in checks for f in check.findings if f.level is not Level.ERROR]
    lines = [_text(f, check.name if check.name != f.path else "") for check, f in said]
    SubElement(suite, "system-out").text = _xml("\n".join(lines))
    SubElement(suite, "system-err")
    return suite


def _add(suite: Element, check: Check) -> None:
    case = SubElement(
        suite, "testcase", name=_name(check.name), classname=_name(check.suite), time=_seconds(check.seconds)
    )
    outcome = _outcome(check)
    if outcome == "skipped":
        SubElement(case, outcome, message=_xml(check.skipped))
    elif outcome:
        # One element, however many findings: some readers show the last of several, and some the first.
        against = [finding for finding in check.findings if finding.level is Level.ERROR]
        first, more = against[0], len(against) - 1
        message = first.message + (f" (and {more} more)" if more else "")
        told = SubElement(case, outcome, message=_xml(message), type=_xml(first.rule))
        told.text = _xml("\n".join(map(_text, against)))


def _outcome(check: Check) -> str:
    """The element that says how it went; "" for a check that passed. Nothing was found wrong where it only
    broke.
    """
    if check.skipped:
        return "skipped"
    if not check.failed:
        return ""
    return "error" if all(f.broke for f in check.findings if f.level is Level.ERROR) else "failure"


def _text(finding: Finding, name: str = "") -> str:
    place = f"{finding.place}: " if finding.place else ""
    subject = f"{name}: " if name else ""
    remedy = f"\n    {finding.remedy}" if finding.remedy else ""
    return f"{place}{finding.level}: {subject}{finding.message} [{finding.rule}]{remedy}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _name(text: str) -> str:
    """A name may not be empty, and its blanks are read as one."""
    return " ".join(_xml(text).split()) or "-"


def _xml(text: str) -> str:
    """`text` with what XML cannot hold escaped as in Python."""
    return _NOT_XML.sub(lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

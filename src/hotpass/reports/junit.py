"""JUnit XML, as test reports in CI are read: a suite for each policy or model, a case for each check.

The dialect is that of Jenkins' schema (junit-10.xsd), which pytest writes too, and which Jenkins, GitLab,
GitHub's reporters and Azure read. It has no attributes for file and line: they begin the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from hotpass.reports.model import Check, Finding, Level, Report

# What XML 1.0 cannot hold, not even as a character reference, and DEL and the C1 controls, which it had
# better not.
_NOT_XML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(report: Report) -> str:
    """The report as an XML document."""
    suites: dict[str, list[Check]] = {}
    for check in report.checks:
        suites.setdefault(check.suite, []).append(check)
    root = Element("testsuites", {"name": _xml(f"hotpass {report.command}"), **_counts(report.checks)})
    for name, checks in suites.items():
        suite = SubElement(root, "testsuite", {"name": _xml(name), **_counts(checks)})
        suite.set("skipped", str(sum(bool(check.skipped) for check in checks)))
        for check in checks:
            _add(suite, check)
    indent(root)
    # The declaration names UTF-8, in which the text has to be written.
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'


def _add(suite: Element, check: Check) -> None:
    case = SubElement(
        suite, "testcase", name=_xml(check.name), classname=_xml(check.suite), time=_seconds(check.seconds)
    )
    against = [finding for finding in check.findings if finding.level is Level.ERROR]
    if check.skipped:
        SubElement(case, "skipped", message=_xml(check.skipped))
    elif against:
        # One element, however many findings: some readers show the last of several, and some the first.
        first, more = against[0], len(against) - 1
        message = first.message + (f" (and {more} more)" if more else "")
        tag = "error" if _broke(check) else "failure"
        SubElement(case, tag, message=_xml(message), type=_xml(first.rule)).text = _xml(_text(against))
    said = [finding for finding in check.findings if finding.level is not Level.ERROR]
    if said:
        SubElement(case, "system-out").text = _xml(_text(said))


def _broke(check: Check) -> bool:
    """Whether it broke and nothing was found wrong."""
    return check.failed and all(f.broke for f in check.findings if f.level is Level.ERROR)


def _counts(checks: Iterable[Check]) -> dict[str, str]:
    every = list(checks)
    looked_at = [check for check in every if not check.skipped]
    return {
        "tests": str(len(every)),
        "failures": str(sum(check.failed and not _broke(check) for check in looked_at)),
        "errors": str(sum(_broke(check) for check in looked_at)),
        "time": _seconds(sum(check.seconds for check in every)),
    }


def _text(findings: Iterable[Finding]) -> str:
    lines = []
    for finding in findings:
        place = f"{finding.place}: " if finding.place else ""
        lines.append(f"{place}{finding.level}: {finding.message} [{finding.rule}]")
        lines += [f"    {finding.remedy}"] if finding.remedy else []
    return "\n".join(lines)


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _xml(text: str) -> str:
    """`text` with what XML cannot hold escaped as in Python."""
    return _NOT_XML.sub(lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

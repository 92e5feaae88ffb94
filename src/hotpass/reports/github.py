"""GitHub's annotations: workflow commands on stdout, which show beside the lines of a pull request.

Whoever writes a tag or a policy must not be able to write a command of their own: every character that ends
a value, a property or a line is escaped. GitHub looks for the mark of its older commands anywhere in a line,
but not in one that is a command of the newer kind.
"""

from __future__ import annotations

from hotpass.reports.model import Finding, Level, Report
from hotpass.texts import printable, shown

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}
_OLDER_MARK, _BROKEN_MARK = "##[", "## ["


def as_annotations(report: Report) -> str:
    """One annotation a finding, then one plain line with the title."""
    lines = [
        _annotation(finding, f"{check.suite}: {check.name}" if check.name != finding.path else check.suite)
        for check in report.checks
        for finding in check.findings
    ]
    # It begins with a word of ours, so no `::` can stand at its beginning.
    title = f"hotpass {report.command}: {shown(report.title)}".replace(_OLDER_MARK, _BROKEN_MARK)
    return "\n".join([*lines, title, ""])


def _annotation(finding: Finding, subject: str) -> str:
    properties = {"file": finding.path}
    if finding.path and finding.line:
        properties |= {"line": str(finding.line)}
        properties |= {"col": str(finding.column)} if finding.column else {}
    properties["title"] = f"{finding.rule} ({subject})"
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    text = "\n".join(filter(None, [finding.message, finding.remedy]))
    return f"::{_COMMANDS[finding.level]} {said}::{_message(text)}"


def _message(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _message(shown(value)).replace(":", "%3A").replace(",", "%2C")

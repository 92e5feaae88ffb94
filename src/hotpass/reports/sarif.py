"""SARIF 2.1.0, which code scanning and editors read: each finding with its rule, its place, and a fingerprint
by which it is the same one after the file around it was edited.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from hotpass.reports.model import Check, Finding, Report
from hotpass.reports.rules import rule_of
from hotpass.texts import printable

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"
_FINGERPRINT = "hotpassFinding/v1"
_NUMBERED_PLACE = re.compile(r"\b(?:line|column) \d+|:\d+(?::\d+)?")


def as_sarif(report: Report) -> str:
    """The report as a SARIF log with one run."""
    found = [(check, finding) for check in report.checks for finding in check.findings]
    # What broke and has no place in a file is not a result: it is why there are none.
    homeless = [finding for _, finding in found if report.broke and not finding.path]
    results = [(check, finding) for check, finding in found if not report.broke or finding.path]
    ids = list(dict.fromkeys(finding.rule for _, finding in found))
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "hotpass",
                "version": version("hotpass"),
                "rules": [_rule(rule, found) for rule in ids],
            }
        },
        "automationDetails": {"id": f"hotpass/{report.command.replace(' ', '-')}/"},
        "invocations": [_invocation(report, homeless, ids)],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": _results(report, results, ids),
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: str, found: list[tuple[Check, Finding]]) -> dict[str, Any]:
    meaning = rule_of(rule)
    levels = [str(finding.level) for _, finding in found if finding.rule == rule]
    return {
        "id": rule,
        "shortDescription": {"text": meaning.short},
        "fullDescription": {"text": f"{meaning.short} {meaning.help}"},
        "help": {"text": meaning.help},
        "defaultConfiguration": {"level": levels[0]},
    }


def _invocation(report: Report, homeless: list[Finding], ids: list[str]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "executionSuccessful": not report.broke,
        "exitCode": report.exit_code,
        "exitCodeDescription": _text(report.title),
    }
    if homeless:
        out["toolExecutionNotifications"] = [
            {
                "descriptor": {"id": finding.rule, "index": ids.index(finding.rule)},
                "level": str(finding.level),
                "message": {"text": _message(finding)},
            }
            for finding in homeless
        ]
    return out


def _results(report: Report, found: list[tuple[Check, Finding]], ids: list[str]) -> list[dict[str, Any]]:
    seen: dict[str, int] = {}
    results = []
    for check, finding in found:
        print_ = _fingerprint(check, finding)
        seen[print_] = seen.get(print_, 0) + 1
        result = {
            "ruleId": finding.rule,
            "ruleIndex": ids.index(finding.rule),
            "level": str(finding.level),
            "message": {"text": _message(finding)},
            "partialFingerprints": {_FINGERPRINT: f"{print_}:{seen[print_]}"},
        }
        location = _location(report, check, finding)
        results.append(result | ({"locations": [location]} if location else {}))
    return results


def _location(report: Report, check: Check, finding: Finding) -> dict[str, Any]:
    """Where it is. Code scanning refuses a whole log for one result that is at no file, so a finding without
    one is shown at the report's anchor.
    """
    out: dict[str, Any] = {}
    path = finding.path or report.anchor
    if path:
        physical: dict[str, Any] = {"artifactLocation": _artifact(path)}
        if finding.path and finding.line:
            column = {"startColumn": finding.column} if finding.column else {}
            physical["region"] = {"startLine": finding.line, **column}
        out["physicalLocation"] = physical
    if check.name != finding.path:
        name = {"name": _text(check.name), "fullyQualifiedName": _text(f"{check.suite}::{check.name}")}
        out["logicalLocations"] = [name]
    return out


def _artifact(path: str) -> dict[str, str]:
    # A name that is not UTF-8 is here with surrogates for its bytes.
    uri = quote(os.fsencode(path))
    if path.startswith("/"):
        return {"uri": f"file://{uri}"}
    return {"uri": uri, "uriBaseId": _ROOT}


def _fingerprint(check: Check, finding: Finding) -> str:
    what = finding.key or _NUMBERED_PLACE.sub("", finding.message)
    parts = (finding.rule, finding.path, check.suite, check.name, what)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _message(finding: Finding) -> str:
    return _text("\n".join(filter(None, [finding.message, finding.remedy])))


def _text(text: str) -> str:
    """`text` as it stands: what would be a link in a message (3.11.6) is none."""
    return printable(text).replace("](", "] (").encode("utf-8", "backslashreplace").decode()

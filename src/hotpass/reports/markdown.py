"""Markdown, as a comment on a pull request or a step's summary: what was found as a table, the rest folded.

A value from elsewhere can neither end a table's cell nor open a link, an image or HTML, and mentions nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from hotpass.reports.model import Check, Finding, Level, Report
from hotpass.texts import printable, shown

#: Characters that fit a comment on GitHub; more findings than fit are counted.
MOST_CHARACTERS = 60_000
#: Lines of a table that are read at a glance; what is more is folded.
AT_A_GLANCE = 20

_SIGNS = {Level.ERROR: "❌ error", Level.WARNING: "⚠️ warning", Level.NOTE: "ℹ️ note"}  # noqa: RUF001
# What means something within a line; an underscore only at an end of a word. `//` and `www.` begin a link.
_SPECIAL = re.compile(r"[\\`*\[\]#|~<&$]|(?<!\w)_++|_++(?!\w)|/(?=/)|(?<=www)\.", re.IGNORECASE)
# `@name`, `#12` and `GH-12` would mention somebody or link an issue; GitHub looks after escapes are resolved.
_MENTION = re.compile(r"[@#](?=\w)|\bGH(?=-\d)", re.IGNORECASE)
_BREAK = "&#8203;"


def as_markdown(report: Report) -> str:
    """A heading with the title, a table of what was found, and what is fine in one folded list."""
    sign = "❌" if report.failed or report.broke else "✅"
    found = [(check, finding) for check in report.checks for finding in check.findings]
    parts = [f"### {sign} hotpass {report.command}: {escaped(report.title)}", ""]
    room = MOST_CHARACTERS - len(parts[0])
    several = len({check.suite for check in report.checks}) > 1
    # Where a check is a file, its place says which.
    named = any(check.name != finding.path for check, finding in found)
    rows = [_row(check, finding, named, several) for check, finding in _worst_first(found)]
    shown_rows, left = _fitting(rows, room)
    parts += _table(shown_rows[:AT_A_GLANCE], named)
    if len(shown_rows) > AT_A_GLANCE:
        parts += _folded(f"{len(shown_rows) - AT_A_GLANCE} more", _table(shown_rows[AT_A_GLANCE:], named))
    if left:
        parts += [f"{left} more are left out here; `--format json` has them all.", ""]
    room -= sum(len(row) for row in shown_rows)
    fine = [check for check in report.checks if not check.findings and not check.skipped]
    skipped = [check for check in report.checks if check.skipped]
    for checks, words in ((fine, "fine"), (skipped, "skipped")):
        lines, left = _fitting([_line(check) for check in checks], room)
        room -= sum(len(line) for line in lines)
        if checks:
            more = [f"- and {left} more"] if left else []
            parts += _folded(f"{len(checks)} {words}", [*lines, *more, ""])
    return "\n".join(parts).rstrip("\n") + "\n"


def escaped(text: str) -> str:
    """`text` as plain text in a cell of a table, its line breaks as `<br>`."""
    lines = printable(text).replace("\t", " ").split("\n")
    return "<br>".join(_plain(line) for line in lines)


def code(text: str) -> str:
    """`text` as code in a cell of a table; between backticks nothing but a backtick and a pipe means
    anything.
    """
    text = shown(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{space}{text.replace('|', chr(92) + '|')}{space}{fence}"


def _plain(line: str) -> str:
    held = _MENTION.sub(lambda found: found[0] + "\0", line)
    escaped = _SPECIAL.sub(lambda found: "".join("\\" + character for character in found[0]), held)
    return escaped.replace("\0", _BREAK)


def _worst_first(found: Iterable[tuple[Check, Finding]]) -> list[tuple[Check, Finding]]:
    order = list(_SIGNS)
    return sorted(found, key=lambda pair: order.index(pair[1].level))


def _row(check: Check, finding: Finding, named: bool, several: bool) -> str:
    subject = ""
    if check.name != finding.path:
        subject = (f"{code(check.suite)}<br>" if several else "") + code(check.name)
    says = "<br>".join(escaped(text) for text in (finding.message, finding.remedy) if text)
    place = code(finding.place) if finding.place else ""
    cells = [_SIGNS[finding.level], *([subject] if named else []), says, place, code(finding.rule)]
    return f"| {' | '.join(cells)} |"


def _table(rows: Sequence[str], named: bool) -> list[str]:
    if not rows:
        return []
    titles = ["", *(["check"] if named else []), "what it says", "where", "rule"]
    return [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|", *rows, ""]


def _line(check: Check) -> str:
    suite = f"{code(check.suite)}: " if check.suite != check.name else ""
    why = f": {escaped(check.skipped)}" if check.skipped else ""
    return f"- {suite}{code(check.name)}{why}"


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    # Markdown between the tags is read as such only after an empty line.
    return [f"<details><summary>{title}</summary>", "", *lines, "</details>", ""]


def _fitting(lines: Sequence[str], room: int) -> tuple[Sequence[str], int]:
    """As many of `lines` as have room, and how many have not."""
    used = 0
    for count, line in enumerate(lines):
        used += len(line) + 1
        if used > room:
            return lines[:count], len(lines) - count
    return lines, 0

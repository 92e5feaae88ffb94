"""YAML's syntax errors in plain words."""

from __future__ import annotations

import yaml

from hotpass.policy.words import shorten

_QUOTES = "Put the value in quotes."

#: Part of the parser's message -> ours, the remedy, and whether the place is where the unfinished thing
#: began.
_KNOWN = (
    (
        "mapping values are not allowed",
        "a ':' stands where none can",
        "Mend the indentation, or quote a text that has ': ' in it.",
        False,
    ),
    (
        "block sequence entries are not allowed",
        "a list begins in the middle of a line",
        "Put each '- ' on a line of its own, or write [a, b].",
        False,
    ),
    ("could not find expected ':'", "a ':' is missing after this key", "Write `key: value`.", True),
    (
        "did not find expected '-' indicator",
        "this is not in line with the list above",
        "Begin it with '- ', or mend the indentation.",
        False,
    ),
    ("did not find expected ',' or ']'", "the bracket '[' opened here is not closed", "Add a ']'.", True),
    ("did not find expected ',' or '}'", "the brace '{' opened here is not closed", "Add a '}'.", True),
    ("found unexpected end of stream", "the quote opened here is not closed", "Add the closing quote.", True),
    (
        "found unexpected document indicator",
        "the quote opened here is not closed",
        "Add the closing quote.",
        True,
    ),
    (
        "found unknown escape character",
        "an unknown escape after '\\'",
        "Use single quotes, in which '\\' is itself.",
        False,
    ),
    (
        "did not find expected key",
        "this does not fit the lines above",
        "Mend the indentation or the quotes.",
        False,
    ),
    (
        "did not find expected node content",
        "a value is missing here",
        "Write a value, or take the bracket out.",
        False,
    ),
    (
        "expected alphabetic or numeric character",
        "'*' and '&' have a meaning of their own in YAML",
        _QUOTES,
        True,
    ),
    (
        "found incompatible YAML document",
        "a YAML version that is not read",
        "Take the %YAML line out.",
        False,
    ),
    ("expected <document start>", "a second document begins here", "Keep one policy in a file.", False),
)


def in_plain_words(error: yaml.MarkedYAMLError, text: str) -> tuple[int, int, str, str]:
    """Line, column, message and remedy for a syntax error in `text`."""
    problem = error.problem or str(error)
    mark, start = error.problem_mark, error.context_mark
    lines = text.splitlines() or [""]
    known = next((entry for entry in _KNOWN if entry[0] in problem), None)
    if known is not None and known[3] and start is not None:
        mark = start
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    if line >= len(lines):  # the parser's place for "at the end" is a line that does not exist
        line, column = len(lines) - 1, len(lines[-1])
    if known is not None:
        return line + 1, column + 1, known[1], known[2]
    if "cannot start any token" in problem:
        found = lines[line][column : column + 1]
        if found == "\t":
            return line + 1, column + 1, "a tab", "Indent with spaces."
        return line + 1, column + 1, f"a value cannot begin with {found!r}", _QUOTES
    return line + 1, column + 1, f"this is not YAML: {shorten(problem)}", "Mend it, or quote the value."

"""Makes text from elsewhere (tags, names, actors, answers of plugins) safe to print: whoever may write a tag
must not be able to write a line of Hotpass's own, or to move the cursor of the terminal that shows it.
"""

from __future__ import annotations

import re

# C0 and C1 controls, the line breaks of Unicode, marks and overrides that change the direction of a text, and
# the byte order mark.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_BUT_LAYOUT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown(value: object) -> str:
    """One value as text on one line: each control character escaped as in Python (`\\x1b`, `\\n`)."""
    return _CONTROL.sub(_escaped, str(value))


def printable(text: str) -> str:
    """`text` of several lines: its line breaks and tabs stay, every other control character is escaped."""
    return _BUT_LAYOUT.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _SHORT.get(found[0]) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")

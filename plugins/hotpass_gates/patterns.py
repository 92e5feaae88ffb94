"""Regular expressions that a policy may hold: none that takes for ever on an unlucky text.

Python's `re` backtracks: where a text does not match, it tries every way in which the pattern could have
been laid over it. So the ways are counted beforehand (an upper bound: a repeat has as many as a text has
characters, a group as many as its branches together, parts in a row multiply), and a pattern with too many
is refused. The worst of what is left takes seconds on the longest text; anything that one would write takes
microseconds.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

#: Longer texts are not matched.
LONGEST_TEXT = 256

#: What three repeats and three optional items in a row have.
_MOST_WAYS = (LONGEST_TEXT + 1) ** 3 * 2**3

_TOKEN = re.compile(
    r"""
    (?P<flags>\(\?[aims]+\))
    | (?P<open>\((?:\?(?:P<\w+>|<?[=!]|[:>]|[aims-]+:))?)(?!\?)
    | (?P<close>\))
    | (?P<or>\|)
    | (?P<repeat>[*+?]|\{(?P<low>\d*)(?P<comma>,?)(?P<high>\d*)\})[?+]?
    | (?P<refused>\(\?|\\[1-9])
    | (?P<item>\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.)
    """,
    re.VERBOSE | re.DOTALL,
)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """`pattern`, compiled. Raises ValueError, in words, for one that is wrong or could take for ever."""
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
    if _ways(pattern) > _MOST_WAYS:
        raise ValueError(
            f"{pattern!r} can be tried in too many ways, and could take for ever. Use at most three of * "
            "and +, none around another ([a-z_]+ for ([a-z]+_)+), and {1,9} for the rest."
        )
    return compiled


@dataclass(slots=True)
class _Level:
    """What is known of one open group."""

    done: int = 0  # the ways of the branches that are complete
    branch: int = 1  # those of the branch at hand, up to its last item
    item: int = 1  # those of the last item

    def next_item(self, ways: int) -> None:
        self.branch, self.item = self.branch * self.item, ways

    def total(self) -> int:
        return self.done + self.branch * self.item


def _ways(pattern: str) -> int:
    """An upper bound of the ways in which `pattern` can be laid over a text. Raises ValueError for what is
    refused."""
    levels = [_Level()]
    for token in _TOKEN.finditer(pattern):
        level = levels[-1]
        if token["refused"]:
            raise ValueError(
                f"{pattern!r} has {token['refused']}…; back references, conditions, comments and flags other "
                "than a, i, m and s are not for policies"
            )
        if token["open"]:
            levels.append(_Level())
        elif token["close"]:
            levels.pop()
            levels[-1].next_item(level.total())
        elif token["or"]:
            level.done, level.branch, level.item = level.total(), 1, 1
        elif token["repeat"]:
            level.item = _repeated(level.item, token)
        elif token["item"]:
            level.next_item(1)
        if max(level.branch, level.item, level.done) > _MOST_WAYS:
            return _MOST_WAYS + 1
    return levels[0].total()


def _repeated(ways: int, token: re.Match[str]) -> int:
    """The ways of an item that has `ways` by itself, under the repeat `token`."""
    low, high = {"*": ("0", ""), "+": ("1", ""), "?": ("0", "1")}.get(
        token["repeat"], (token["low"], token["high"] if token["comma"] else token["low"])
    )
    if low == high == "":
        return ways  # `{}` and `{,}`: not a repeat but these very characters
    fewest, most = int(low or 0), min(int(high or LONGEST_TEXT), LONGEST_TEXT)
    counts = max(most - fewest, 0) + 1
    if ways == 1:
        return counts
    if most * math.log2(ways) > math.log2(_MOST_WAYS):
        return _MOST_WAYS + 1  # a power of thousands of digits takes longer than any match
    return int(counts * ways**most)

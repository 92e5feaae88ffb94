"""Which model patterns of policies overlap, and which are covered by others. `*` is any text, `?` any one
character, and everything else is itself, as in `Policy.covers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

_WILD = "*?"
#: Sets of places in the covering patterns that are looked at before the answer is "not certain".
_MOST_STEPS = 5_000


def overlap(some: Iterable[str], others: Sequence[str]) -> tuple[str, str] | None:
    """A pattern of each that a model's name can fit at once; None where no name fits both."""
    for one in some:
        for other in others:
            if patterns_overlap(one, other):
                return one, other
    return None


@lru_cache(maxsize=10_000)
def patterns_overlap(one: str, other: str) -> bool:
    """Whether some name fits both patterns."""
    head, tail = ends(one)
    other_head, other_tail = ends(other)
    if not (head.startswith(other_head) or other_head.startswith(head)):
        return False
    if not (tail.endswith(other_tail) or other_tail.endswith(tail)):
        return False
    waiting, seen = [(0, 0)], {(0, 0)}
    while waiting:
        i, j = waiting.pop()
        if i == len(one) and j == len(other):
            return True
        a, b = one[i : i + 1], other[j : j + 1]
        steps = []
        if a == "*":
            steps.append((i + 1, j))
        if b == "*":
            steps.append((i, j + 1))
        # One more character of the name: a star stays where it is, anything else is used up.
        if a and b and (a == b or a in _WILD or b in _WILD):
            steps.append((i + (a != "*"), j + (b != "*")))
        for step in steps:
            if step not in seen:
                seen.add(step)
                waiting.append(step)
    return False


def covered(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether every name that fits one of `some` certainly fits one of `others`."""
    known, these = set(others), tuple(others)
    return all(
        pattern in known or (_may_cover(pattern, these) and _covered(pattern, these)) for pattern in some
    )


def _may_cover(pattern: str, others: Sequence[str]) -> bool:
    """Whether two names that fit `pattern` fit one of the others: most often the answer is no."""
    plain = pattern.replace("?", "\0")
    return all(
        any(fnmatchcase(name, other) for other in others)
        for name in (plain.replace("*", ""), plain.replace("*", "\0\0\0"))
    )


@lru_cache(maxsize=10_000)
def _covered(pattern: str, others: tuple[str, ...]) -> bool:
    # Every name of the pattern is followed through all the others at once. A character that stands in none of
    # them is like any other such, so one of those is enough.
    alphabet = [*sorted({c for text in (pattern, *others) for c in text} - set(_WILD)), "\0"]
    start = (_closure(pattern, {0}), tuple(_closure(other, {0}) for other in others))
    waiting, seen = [start], {start}
    while waiting:
        mine, theirs = waiting.pop()
        if len(pattern) in mine and not any(
            len(other) in places for other, places in zip(others, theirs, strict=True)
        ):
            return False
        for character in alphabet:
            next_mine = _step(pattern, mine, character)
            if not next_mine:
                continue
            state = (
                next_mine,
                tuple(_step(other, at, character) for other, at in zip(others, theirs, strict=True)),
            )
            if state not in seen:
                if len(seen) >= _MOST_STEPS:
                    return False
                seen.add(state)
                waiting.append(state)
    return True


def ends(pattern: str) -> tuple[str, str]:
    """What stands before the first `*` or `?`, and after the last."""
    wild = [place for place, character in enumerate(pattern) if character in _WILD]
    return (pattern[: wild[0]], pattern[wild[-1] + 1 :]) if wild else (pattern, pattern)


def _closure(pattern: str, places: Iterable[int]) -> frozenset[int]:
    """`places`, and those behind the stars there, since a star may stand for nothing."""
    out = set()
    for place in places:
        out.add(place)
        while pattern[place : place + 1] == "*":
            place += 1
            out.add(place)
    return frozenset(out)


def _step(pattern: str, places: Iterable[int], character: str) -> frozenset[int]:
    """Where `pattern` can be after one more character."""
    return _closure(pattern, {
        place + (pattern[place] != "*")
        for place in places
        if place < len(pattern) and pattern[place] in (*_WILD, character)
    })  # fmt: skip


def neighbours(groups: Sequence[Sequence[str]], most: int) -> list[list[int]]:
    """For each group of patterns, the places of the other groups that it overlaps with, at most `most`.

    Only groups with patterns of which one's beginning is the beginning of the other's are compared, so that a
    thousand teams with prefixes of their own cost no more than a thousand steps.
    """
    by_head: dict[str, list[tuple[int, str, str]]] = {}
    for place, patterns in enumerate(groups):
        for pattern in patterns:
            head, tail = ends(pattern)
            by_head.setdefault(head, []).append((place, tail, pattern))
    found: list[dict[int, None]] = [{} for _ in groups]
    for place, patterns in enumerate(groups):
        mine = found[place]
        for pattern in patterns:
            head, tail = ends(pattern)
            for length in range(len(head) + 1):
                for other, other_tail, other_pattern in by_head.get(head[:length], ()):
                    if not (tail.endswith(other_tail) or other_tail.endswith(tail)):
                        continue
                    if other == place or other in mine or min(len(mine), len(found[other])) >= most:
                        continue
                    if patterns_overlap(pattern, other_pattern):
                        mine[other] = found[other][place] = None
    return [list(others) for others in found]

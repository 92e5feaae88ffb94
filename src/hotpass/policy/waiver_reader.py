"""One waiver file, from bytes to a Waiver: all problems at once, each with its place."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from hotpass.copies import in_copy
from hotpass.errors import Problem
from hotpass.policy.compose import Limits, parse
from hotpass.policy.desk import Desk, Field
from hotpass.policy.discovery import shown
from hotpass.policy.nodes import List, Node, Scalar, is_sound, value_of
from hotpass.policy.reader import NAME
from hotpass.policy.waivers import FOLDER, Waiver, is_waiver
from hotpass.policy.words import kind_of, shorten
from hotpass.stages import ModelStage

REQUIRED = (
    "waiver",
    "policy",
    "gate",
    "model",
    "versions",
    "to",
    "reason",
    "granted_by",
    "granted",
    "expires",
)
KEYS = (*REQUIRED, "workspace")

LIMITS = Limits(what="waiver", size=64 * 1024, nodes=1_000)

#: Characters in a reason, as much as a server takes; of a name;
#: versions in one waiver, and the highest number of one.
LONGEST_REASON, LONGEST_NAME, MOST_VERSIONS, HIGHEST_VERSION = 2_000, 200, 100, 999_999_999

#: Longer is allowed, and lint says so.
_LONG = timedelta(days=366)

_DAY = timedelta(days=1)
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOMENT = rf"{_DATE}[T ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}})?"
_ZONE = r"(Z|[-+][0-9]{2}:[0-9]{2})"
#: What `granted` and `expires` may be.
WHEN = rf"{_DATE}|{_MOMENT}{_ZONE}"


class Span(NamedTuple):
    """A date's first moment and the one after its last, in UTC; twice the same for a moment."""

    start: datetime
    end: datetime


class WaiverFiles:
    """Reads waiver files, and notes names that are given twice."""

    def __init__(self) -> None:
        self.all: list[Waiver] = []
        #: Those that were found in a folder with policies, and not named by themselves.
        self.beside: list[Waiver] = []
        self._first: dict[str, Waiver] = {}

    def read(self, content: bytes, file: Path, place: Path) -> tuple[Sequence[Problem], Sequence[Problem]]:
        """The problems and warnings of `file`, found at the policy place `place`; without problems its waiver
        is kept.
        """
        root, problems = parse(content, shown(file), LIMITS)
        desk = Desk(shown(file), problems)
        waiver = None if root is None else _waiver(root, content, desk)
        if root is not None and waiver is not None:
            first = self._first.setdefault(waiver.name, waiver)
            if first is waiver:
                disk = "" if in_copy(file) is not None else os.path.abspath(file)
                waiver = replace(waiver, disk=disk)
                self.all.append(waiver)
                if file != place and not is_waiver(place / "any", place):
                    self.beside.append(waiver)
            else:
                desk.note(root, f"the waiver {waiver.name!r} is also in {first.path}",
                          "Give one of them another name.")  # fmt: skip
        return sorted(set(desk.problems)), sorted(set(desk.warnings))


def _waiver(root: Node, content: bytes, desk: Desk) -> Waiver | None:
    node = desk.mapping(root, "a waiver", "Begin with `waiver: a-name`, and keep one in a file.")
    if node is None:
        return None
    if "promotions" in node.entries and "waiver" not in node.entries:
        desk.note(node, f"this is a policy, and a folder {FOLDER!r} holds waivers", "Move it out of there.")
        return None
    fields = desk.fields(node, KEYS, REQUIRED, "a waiver", node)
    granted, expires = (
        _when(fields.get("granted"), "granted", desk),
        _when(fields.get("expires"), "expires", desk),
    )
    if granted and expires:
        _check_span(granted, expires, fields, desk)
    waiver = Waiver(
        name=_name(fields.get("waiver"), "a waiver's name", "waiver: late-dwell", desk),
        policy=_name(fields.get("policy"), "a policy's name", "policy: lead-scoring", desk),
        gate=_line(fields.get("gate"), "'gate'", "gate: staging_dwell", desk),
        model=_model(fields.get("model"), desk),
        versions=frozenset(_versions(fields.get("versions"), desk)),
        to_stage=_to(fields.get("to"), desk),
        reason=_line(fields.get("reason"), "'reason'", "", desk, LONGEST_REASON),
        granted_by=_line(fields.get("granted_by"), "'granted_by'", "granted_by: head-of-risk", desk),
        granted_from=granted.start if granted else datetime.max.replace(tzinfo=UTC),
        granted_until=granted.end if granted else datetime.min.replace(tzinfo=UTC),
        expires=expires.end if expires else datetime.min.replace(tzinfo=UTC),
        workspace=_line(fields.get("workspace"), "'workspace'", "workspace: team-a", desk) or "default",
        path=desk.path,
        where=desk.where(node),
        digest=hashlib.sha256(content).hexdigest(),
    )
    return None if desk.problems else waiver


def _name(field: Field | None, what: str, example: str, desk: Desk) -> str:
    name = desk.text(field, what, example)
    if field is not None and name is not None and not re.fullmatch(NAME, name):
        desk.note(field[1], f"{what} cannot be {shorten(name)!r}",
                  "Use letters, digits, '.', '_' and '-', at most 100.")  # fmt: skip
    return name or ""


def _line(field: Field | None, what: str, example: str, desk: Desk, longest: int = LONGEST_NAME) -> str:
    text = desk.text(field, what, example)
    if field is not None and text is not None and len(text) > longest:
        desk.note(field[1], f"{what} has more than {longest:,} characters", "Say it in fewer.")
    return (text or "").strip()


def _model(field: Field | None, desk: Desk) -> str:
    name = desk.text(field, "'model'", "model: lead_scoring_eu")
    if field is not None and name is not None:
        if any(character in name for character in "*?"):
            desk.note(field[1], f"{shorten(name)!r} is a pattern, and a waiver is for one model",
                      "Name the model; each one needs a waiver of its own.")  # fmt: skip
        elif any(character in name for character in "/:") or name != name.strip() or len(name) > 255:
            desk.note(field[1], f"no model can be named {shorten(name)!r}",
                      "At most 255 characters, none of / and :, no blanks around.")  # fmt: skip
    return name or ""


def _versions(field: Field | None, desk: Desk) -> Iterable[int]:
    if field is None:
        return []
    node = field[1]
    if not isinstance(node, List) or not 0 < len(node.items) <= MOST_VERSIONS:
        if is_sound(node):
            value = value_of(node)
            is_number = isinstance(value, int) and not isinstance(value, bool)
            remedy = f"Write versions: [{value}]." if is_number else "For example: versions: [7]"
            kind = kind_of(value)
            if isinstance(value, list):
                kind = f"a list of more than {MOST_VERSIONS}" if value else "an empty list"
            desk.note(node, f"'versions' must be a list of version numbers, and this is {kind}", remedy)
        return []
    found: dict[int, Node] = {}
    for item in node.items:
        if not is_sound(item):
            continue
        value = value_of(item)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= HIGHEST_VERSION:
            desk.note(item, f"each of 'versions' must be a version's number, and this is {kind_of(value)}",
                      "Numbers only, so that nobody gets a waiver who was not looked at: "
                      "versions: [7]")  # fmt: skip
        elif value in found:
            desk.note(item, f"version {value} is given twice", "Keep one of the two.")
        else:
            found[value] = item
    return found


def _to(field: Field | None, desk: Desk) -> str:
    stage = desk.stage(field, "to")
    if field is not None and stage == ModelStage.NONE:
        desk.note(field[1], "nothing is promoted to None", "Name the stage that the gate is on the way to.")
    return stage or ""


def _when(field: Field | None, key: str, desk: Desk) -> Span | None:
    """The date or moment of a field; None, after noting why, where it is neither."""
    if field is None:
        return None
    node, example = field[1], f"{key}: 2026-02-01, or {key}: 2026-02-01T12:00Z"
    if isinstance(node, Scalar) and is_sound(node) and not isinstance(node.value, str):
        desk.note(
            node, f"{key!r} must be a date, and this is {kind_of(node.value)}", f"For example: {example}"
        )
        return None
    text = desk.text_of(node, repr(key), example, one_of_few=True)
    if text is None:
        return None
    try:
        if re.fullmatch(_DATE, text):
            start = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return Span(start, start + _DAY)
        if re.fullmatch(_MOMENT, text):
            desk.note(node, f"{shorten(text)!r} has no time zone", f"Write {text}Z if it is in UTC.")
            return None
        if not re.fullmatch(WHEN, text):
            desk.note(node, f"{shorten(text)!r} is no date", f"For example: {example}")
            return None
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        desk.note(node, f"{shorten(text)} is too far away", f"For example: {example}")
        return None
    except ValueError:
        desk.note(node, f"there is no such date as {shorten(text)!r}", f"For example: {example}")
        return None
    return Span(moment, moment)


def _check_span(granted: Span, expires: Span, fields: Any, desk: Desk) -> None:
    if expires.end <= granted.start or expires.start < granted.start:
        desk.note(
            fields["expires"][1], "it expires before it is granted", "Are the two dates the right way round?"
        )
    elif expires.end - granted.end > _LONG:
        desk.warn(fields["expires"][1], "this waiver lasts for more than a year",
                  "Let it end sooner, or change the policy.")  # fmt: skip

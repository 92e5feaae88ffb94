"""Why a gate that has not passed does not block: a waiver, or an override by somebody who may. Frozen values.

A waiver is a file beside the policies: it was granted before, for named versions, and ends by itself. An
override is one person's word for one promotion.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from hotpass.json_values import Json, as_text


class ExcuseKind(StrEnum):
    """Where an excuse comes from."""

    WAIVER = "waiver"
    OVERRIDE = "override"


class Excuse(NamedTuple):
    """Who let a gate's verdict pass, and why.

    `by` is who granted the waiver, as its file says, or who overrides; only the second can have
    authenticated. The rest is a waiver's: its name, its place (`file:line:column`), the SHA-256 of its file,
    and when it is over.
    """

    kind: ExcuseKind
    by: str
    reason: str
    authenticated: bool = False
    waiver: str = ""
    where: str = ""
    digest: str = ""
    expires: datetime | None = None

    @property
    def verb(self) -> str:
        """`waived` or `overridden`."""
        return "waived" if self.kind is ExcuseKind.WAIVER else "overridden"

    def in_words(self) -> str:
        """`waived by cleo until 2026-02-01 00:00:00 UTC: the fair`, `overridden by ana (claimed): …`."""
        words = f"{self.verb} by {self.by}"
        if self.kind is ExcuseKind.OVERRIDE and not self.authenticated:
            words += " (claimed)"
        if self.expires is not None:
            words += f" until {self.expires.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        return f"{words}: {self.reason}" if self.reason else words

    def as_json(self) -> dict[str, Json]:
        out: dict[str, Json] = {"kind": str(self.kind), "by": self.by, "reason": self.reason}
        if self.kind is ExcuseKind.OVERRIDE:
            return out | {"authenticated": self.authenticated}
        expires = self.expires.isoformat() if self.expires else None
        return out | {
            "waiver": self.waiver, "where": self.where, "digest": self.digest, "expires": expires,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Excuse:
        """What `as_json` gave. Raises KeyError, TypeError and ValueError for anything else."""
        kind, by, reason = ExcuseKind(data["kind"]), as_text(data["by"]), as_text(data["reason"])
        if kind is ExcuseKind.OVERRIDE:
            return cls(kind, by, reason, authenticated=data["authenticated"] is True)
        return cls(
            kind, by, reason, False, as_text(data["waiver"]), as_text(data["where"]), as_text(data["digest"]),
            None if data["expires"] is None else datetime.fromisoformat(data["expires"]),
        )  # fmt: skip

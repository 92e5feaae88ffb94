"""What a command found, before it takes a form: `lint`, `test`, `check` and `scan` all tell it this way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from hotpass.errors import Problem


class Level(StrEnum):
    """How much a finding matters."""

    ERROR = "error"  # the command fails because of it
    WARNING = "warning"  # allowed, and rarely meant
    NOTE = "note"  # said, and nothing is wrong


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to tell, with its place. Lines and columns count from 1; 0 where there is none."""

    #: What kind of thing, in lower case with hyphens: `invalid-policy`, `never-passes`, `gate-failed`.
    rule: str
    level: Level
    message: str
    remedy: str = ""
    path: str = ""
    line: int = 0
    column: int = 0
    #: What tells it from others of its rule in the same check, where the message does not: one that holds a
    #: measured value is another one at every run.
    key: str = ""
    #: Whether something broke, so that nothing can be said either way; else it was looked at and found wrong.
    broke: bool = False

    @classmethod
    def of(cls, problem: Problem, rule: str, level: Level = Level.ERROR) -> Finding:
        """What is wrong with a policy file, as a finding; `rule` where the problem does not name its own."""
        return cls(
            problem.rule or rule, level, problem.message, problem.remedy, problem.path, problem.line,
            problem.column,
        )  # fmt: skip

    @property
    def place(self) -> str:
        """`file:line:column`, as far as there is one."""
        numbers = [str(number) for number in (self.line, self.column if self.line else 0) if number]
        return ":".join([self.path, *numbers]) if self.path else ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, such as a file, a gate or a case, and what was found; nothing where all
    is well.
    """

    #: What it belongs to: a policy, a folder, a model.
    suite: str
    name: str
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    #: Why it was not looked at, where it was not.
    skipped: str = ""

    @property
    def failed(self) -> bool:
        return any(finding.level is Level.ERROR for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Report:
    """All that one command looked at. `title` is one line that says what it was and came to."""

    command: str
    title: str
    checks: tuple[Check, ...]
    exit_code: int = 0
    #: Whether the command ended before it had looked at everything: a broken plugin, no registry.
    broke: bool = False
    #: The file or folder to show a finding at that has no place of its own; "" for none.
    anchor: str = "policies"
    #: When it was made; with a time zone.
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def failed(self) -> bool:
        return any(check.failed for check in self.checks)

    def findings(self) -> Iterable[Finding]:
        return (finding for check in self.checks for finding in check.findings)

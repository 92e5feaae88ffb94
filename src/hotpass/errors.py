"""Every error that Hotpass raises, in one tree.

HotpassError                      exit code
├── PolicyError                       2      a policy file (or several) is wrong; all problems at once
├── CallError                         2      the call is wrong: unknown stage, contradiction with the policy
│   ├── NotFound                      2      no such model, version or record; names those that exist
│   └── MissingDependency             2      an extra is not installed; names the command that installs it
├── PluginError                       2      a plugin failed to load or breaks the contract
├── PromotionDenied                   1      a decision that does not allow; carries it
│   └── PromotionPending              3      not yet: pending or inconclusive; says when to try again
│       └── PromotionOvertaken        3      another promotion moved the champion in between
├── TrainingRejected                  1      a trained model misses its thresholds (also a RuntimeError)
└── RegistryError                     4      the registry could not be reached or did not do as told
    ├── LedgerError                   4      the ledger could not be read or written
    │   └── LedgerDamaged             4      a record or a whole ledger is gone, or is not what was written
    └── ArtifactsChanged              4      the files of a version are not those that were decided on
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from hotpass.verdicts import Decision

# Up to the last @ before a blank: a password may have an unescaped /, @ or quote in it. Masking too much does
# no harm. The schemes left out have no user name, and an @ of theirs is part of a path or begins an alias.
_USERINFO = re.compile(
    r"(?<![a-zA-Z0-9+.-])(?!(?:models|runs|file|sqlite)[:+])(?P<head>[a-zA-Z][a-zA-Z0-9+.-]*:/+)(?P<who>\S*)@"
)
# A user name is kept where it is plainly one. With nothing after the colon, or with GitHub's constant there,
# what stands in the place of the user name is a token.
_USER = re.compile(r"(?P<user>[^\s:/@'\"]+:)(?!x-oauth-basic$)(?=.)")
_KEY_SECRET = re.compile(
    r"(?P<head>(?:password|passwd|pwd|token|secret|signature|api[_-]?key|access[_-]?key)(?:=|%3D))[^&\s]+",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """`text` with every secret replaced by `***` that stands in a URI (password or token) or after a name
    such as `password=`.
    """
    if "@" in text:
        text = _USERINFO.sub(_without_secret, text)
    return _KEY_SECRET.sub(r"\g<head>***", text)


def _without_secret(found: re.Match[str]) -> str:
    user = _USER.match(found["who"])
    return found["head"] + (user["user"] if user else "") + "***@"


class HotpassError(Exception):
    """Base of all errors of Hotpass; its text is one a person can act on, with passwords masked."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str) -> None:
        super().__init__(mask(message))


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with a policy file. `line` and `column` count from 1; 0 where there is no place.

    `rule` is what kind of thing, in lower case with hyphens, by which reports sort and tools silence it.
    """

    path: str
    line: int
    column: int
    message: str
    remedy: str = ""
    rule: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place}: {self.message}" + (f"\n    {self.remedy}" if self.remedy else "")


class PolicyError(HotpassError):
    """One or more policy files are wrong. `problems` holds all of them, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class CallError(HotpassError):
    """The call itself is wrong, so nothing was judged."""


class NotFound(CallError, LookupError):
    """What was asked for does not exist; the message names what does."""


class MissingDependency(CallError, ImportError):
    """An optional dependency is missing; the message gives the command that installs it."""


class PluginError(HotpassError):
    """A plugin failed to load or does not keep the contract; the message names the plugin."""


class PromotionDenied(HotpassError):
    """The decision does not allow the promotion. `decision` has every verdict."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, decision: Decision) -> None:
        super().__init__(message)
        self.decision = decision


class PromotionPending(PromotionDenied):
    """Not yet: at least one gate waits (for time, an approval, more evidence) and none failed."""

    exit_code: ClassVar[int] = 3


class PromotionOvertaken(PromotionPending):
    """Something changed what was judged, or what was moved, at the same time. The message says what is the
    case now.
    """


class TrainingRejected(HotpassError, RuntimeError):
    """A trained model misses the thresholds it was trained for; it is logged but not registered."""

    exit_code: ClassVar[int] = 1


class RegistryError(HotpassError):
    """The registry could not be reached, or did not do as told."""

    exit_code: ClassVar[int] = 4


class LedgerError(RegistryError):
    """The ledger could not be read or written, so nothing was moved."""


class LedgerDamaged(LedgerError):
    """A record, or a whole ledger, is gone or is not what Hotpass wrote."""


class ArtifactsChanged(RegistryError):
    """The files of a model version differ from those that the decision on record was about."""

"""What the rules of policies, each of them valid, come to together: a rule that cannot fail, one that can
never pass, two that contradict each other, one that asks for nothing new, a way into Production past Staging.

Only what is certain is said, from what the gates say of themselves (`Gate.demands`). A gate that says nothing
is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hotpass.errors import Problem
from hotpass.policy.asked import Asked, asked_of
from hotpass.policy.bound_warnings import bound_warnings
from hotpass.policy.loader import Report
from hotpass.policy.model import Policy
from hotpass.policy.overlap_warnings import overlap_warnings
from hotpass.policy.pair_warnings import pair_warnings
from hotpass.policy.stage_warnings import stage_warnings


def with_warnings(report: Report) -> Report:
    """`report` with the warnings about all its policies together, and about each shared one by itself."""
    found = {*report.warnings, *warnings_of(report.policies), *_of_shared(report.shared)}
    return replace(report, warnings=tuple(sorted(found)))


def warnings_of(policies: Sequence[Policy]) -> tuple[Problem, ...]:
    """The warnings about `policies`, in the order of the files."""
    found: list[Problem] = []
    each = asked_of(policies, found)
    for policy, gates in zip(policies, each, strict=True):
        found.extend(stage_warnings(policy))
        found.extend(_of_gates(gates))
    if len(each) > 1:
        found.extend(overlap_warnings(each))
    return tuple(sorted(set(found)))


def _of_shared(policies: Sequence[Policy]) -> Iterator[Problem]:
    """The warnings about policies that are only there to be extended, which may have no way to a stage."""
    for gates in asked_of(policies, []):
        yield from _of_gates(gates)


def _of_gates(gates: Sequence[Asked]) -> Iterator[Problem]:
    for asked in gates:
        yield from bound_warnings(asked)
    yield from pair_warnings(gates)

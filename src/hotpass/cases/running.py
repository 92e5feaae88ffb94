"""Runs cases: each candidate is judged by its policy, and what the policy says is compared with what the case
expects. No registry takes part, nor does a waiver or a veto of a plugin: a case is about its policy alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from hotpass.cases.differences import differences
from hotpass.cases.model import Case, CasesFile, Result
from hotpass.engine import evaluate
from hotpass.errors import HotpassError
from hotpass.policy.model import Policy, PolicySet
from hotpass.testing.building import candidate


def run_files(files: Iterable[CasesFile]) -> Iterator[Result]:
    """The result of every case, in the order of the files. Each policy's plans are made once."""
    for file in files:
        policies = PolicySet.of([file.policy])
        for case in file.cases:
            yield run_case(case, policies)


def run_case(case: Case, policies: PolicySet | Policy) -> Result:
    """What came of `case` under one policy, or a PolicySet of one."""
    if isinstance(policies, Policy):
        policies = PolicySet.of([policies])
    begun = time.perf_counter()
    decision, broke = None, ""
    if policies.policies[0].covers(case.model):
        try:
            # Nothing is measured, so a gate that would is broken where the case does not say what it finds.
            subject = candidate(**{"measured": {}, **case.arguments})
            decision = evaluate(policies, subject, case.now, override=case.override)
        except HotpassError as error:  # a gate that asks for what cannot be had
            broke = f"{type(error).__name__}: {error}"
    found = differences(case, policies.policies[0], decision, broke)
    return Result(case, decision, found, time.perf_counter() - begun)

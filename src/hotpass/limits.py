"""A time limit on gates, for those who want one."""

from __future__ import annotations

import contextvars
import threading
from dataclasses import replace
from datetime import datetime

from hotpass.candidate import Candidate
from hotpass.gates import Gate
from hotpass.policy.model import GateEntry, PolicySet
from hotpass.verdicts import GateResult, Verdict


class TimeLimited(Gate):
    """Runs another gate and gives up on it after some seconds, with verdict `error`."""

    name = "time_limited"
    schema = {"type": "object"}

    def __init__(self, gate: Gate, seconds: float) -> None:
        super().__init__(gate.parameters)
        self._gate = gate
        self._seconds = seconds

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        answer: list[GateResult | BaseException] = []

        def run() -> None:
            try:
                answer.append(self._gate.evaluate(candidate, now))
            except BaseException as error:
                answer.append(error)

        # A daemon thread: Python cannot stop it, and it must not keep the process from ending either. It sees
        # what this one sees of its context: MLflow keeps a request's workspace there.
        context = contextvars.copy_context()
        worker = threading.Thread(
            target=context.run, args=(run,), daemon=True, name=f"hotpass-gate-{self._gate.name}"
        )
        worker.start()
        worker.join(self._seconds)
        if not answer:
            return GateResult(
                Verdict.ERROR,
                f"ran past its time limit of {self._seconds:g} s. Raise the limit "
                "(HOTPASS_GATE_TIME_LIMIT) or make it faster.",
            )
        if isinstance(answer[0], BaseException):
            raise answer[0]
        return answer[0]


def with_time_limit(policies: PolicySet, seconds: float) -> PolicySet:
    """The same policies, each gate with a limit of `seconds`."""

    def limited(entries: tuple[GateEntry, ...]) -> tuple[GateEntry, ...]:
        return tuple(replace(entry, gate=TimeLimited(entry.gate, seconds)) for entry in entries)

    return replace(
        policies,
        policies=tuple(
            replace(
                policy,
                promotions=tuple(replace(p, gates=limited(p.gates)) for p in policy.promotions),
                rollback=limited(policy.rollback) if policy.rollback else policy.rollback,
            )
            for policy in policies.policies
        ),
    )

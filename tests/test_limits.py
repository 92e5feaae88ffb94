"""A gate with a time limit sees what it would see without one."""

from __future__ import annotations

import contextvars
from datetime import UTC, datetime

from hotpass.gates import Gate
from hotpass.limits import TimeLimited
from hotpass.testing import candidate
from hotpass.verdicts import GateResult, passed

WORKSPACE: contextvars.ContextVar[str] = contextvars.ContextVar("workspace", default="default")


class Where(Gate):
    """Says in which workspace it runs, as MLflow's stores find it out: by a context variable."""

    name = "where"
    schema = {"type": "object"}

    def evaluate(self, candidate: object, now: datetime) -> GateResult:
        return passed(WORKSPACE.get())


def test_the_context_of_the_request_reaches_the_gate() -> None:
    token = WORKSPACE.set("team-a")
    try:
        result = TimeLimited(Where({}), 30.0).evaluate(candidate(), datetime.now(UTC))
    finally:
        WORKSPACE.reset(token)
    assert result.message == "team-a"

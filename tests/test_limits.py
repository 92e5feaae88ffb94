"""A gate with a time limit sees what it would see without one."""

from __future__ import annotations

import contextvars
from datetime import UTC, datetime
from pathlib import Path

from hotpass.gates import Gate
from hotpass.limits import TimeLimited, with_time_limit
from hotpass.policy.loader import load_policies
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


def test_waivers_are_kept(tmp_path: Path) -> None:
    (tmp_path / "waivers").mkdir()
    (tmp_path / "leads.yaml").write_text(
        "policy: leads\nmodels: [a]\npromotions: [{to: Staging, gates: [signature]}]\n"
    )
    (tmp_path / "waivers" / "w.yaml").write_text(
        "waiver: w\npolicy: leads\ngate: signature\nmodel: a\nversions: [1]\nto: Staging\nreason: r\n"
        "granted_by: cleo\ngranted: 2026-01-01\nexpires: 2026-01-02\n"
    )
    policies = load_policies(tmp_path)

    limited = with_time_limit(policies, 30.0)

    assert len(limited.waivers) == 1
    assert limited.refs() == policies.refs()
    assert isinstance(limited.policies[0].promotions[0].gates[0].gate, TimeLimited)

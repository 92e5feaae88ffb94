"""The strategies make what gates can meet, nasty things too, and candidates that can be judged."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from hotpass.candidate import Candidate, Metric
from hotpass.engine import evaluate
from hotpass.gates import Gate
from hotpass.policy.model import PolicySet
from hotpass.testing import NOW, strategies
from hotpass.verdicts import Decision

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(strategies.candidates())
def test_any_candidate_can_be_judged_and_its_decision_written_down(who: Candidate) -> None:
    decision = evaluate(PolicySet(), who, NOW)
    for name in (*who.metric_names(), "roc_auc"):
        who.metric(name)
    for read in (who.started_at, who.datasets, who.model_file, who.stays, who.trainer, who.registrant):
        read()
    assert (who.approvals(), who.requester, who.champion) is not None
    text = json.dumps({**decision.as_json(), "evidence": who.read}, allow_nan=False)
    assert Decision.from_json(decision.as_json()) == decision
    assert text.encode()


KINDS: dict[str, Callable[[Any], Any]] = {
    "no run": lambda who: who.run() is None,
    "no champion": lambda who: who.champion is None,
    "a champion": lambda who: who.champion is not None,
    "no model file": lambda who: who.model_file() is None,
    "NaN": lambda who: any(math.isnan(value) for value in values(who)),
    "infinite": lambda who: any(math.isinf(value) for value in values(who)),
    "a metric of a data set": lambda who: any(m is not None and m.dataset for m in found(who)),
    "an empty tag": lambda who: "" in who.facts.tags.values(),
    "beyond ASCII": lambda who: any(not value.isascii() for value in who.facts.tags.values()),
    "a stay that lasts": lambda who: who.in_stage_since(who.stage) is not None,
    "from the future": lambda who: any(stay.since > NOW for stay in who.stays()),
    "an old run": lambda who: who.started_at() and NOW - who.started_at() > timedelta(days=90),
    "a rollback": lambda who: who.rollback,
    "already there": lambda who: who.stage == who.to_stage,
    "a claimed approval": lambda who: any(not given.authenticated for given in who.approvals()),
    "inputs without outputs": lambda who: (
        who.model_file() and who.model_file().inputs and not who.model_file().outputs
    ),
}


def test_what_is_among_them() -> None:
    seen: set[str] = set()

    # The same ones in every run, so that nothing is missed by bad luck.
    @settings(QUICK, max_examples=250, derandomize=True, database=None)
    @given(strategies.candidates())
    def look(who: Candidate) -> None:
        seen.update(name for name, is_so in KINDS.items() if is_so(who))

    look()
    assert seen == set(KINDS)


def values(who: Candidate) -> list[float]:
    return [metric.value for metric in found(who) if metric is not None]


def found(who: Candidate) -> list[Metric | None]:
    return [who.metric(name) for name in who.metric_names()]


@QUICK
@given(
    strategies.candidates(
        stage="Staging", champion=None, metrics=strategies.metrics(["f1"]), tags=st.just({"owner": "ana"})
    )
)
def test_some_things_can_be_fixed(who: Candidate) -> None:
    assert (who.stage, who.champion, who.tag("owner")) == ("Staging", None, "ana")


@QUICK
@given(strategies.stays("Canary"))
def test_a_history_is_in_order_and_only_its_end_lasts(stays: list[Any]) -> None:
    assert [stay.since for stay in stays] == sorted(stay.since for stay in stays)
    assert all(stay.until is not None for stay in stays[:-1])
    assert all(stay.stage == "Canary" for stay in stays[-1:] if stay.until is None)


def test_parameters_come_from_the_examples() -> None:
    class WithExamples(Gate):
        """Has some."""

        name = "with_examples"
        schema = {"type": "object", "examples": [{"a": 1}]}

        def evaluate(self, candidate, now):
            raise NotImplementedError

    class Without(WithExamples):
        """Has none, and needs one."""

        schema = {"type": "string"}

    assert find(strategies.parameters(WithExamples), lambda value: value == {"a": 1}) == {"a": 1}
    assert find(strategies.parameters(WithExamples), lambda value: value == {}) == {}
    with pytest.raises(ValueError, match="has no `examples`"):
        strategies.parameters(Without)

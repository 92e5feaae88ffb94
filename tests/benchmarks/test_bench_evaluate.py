"""Decisions a second: `evaluate()` with the eight default gates, beside the same rules in CEL, in one run
on one core.

Run with `uv run pytest -m benchmark tests/benchmarks`. Nothing is asserted about time; that both say yes to
the same candidate, and no to a worse one, is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import cel
import pytest

from hotpass.candidate import Candidate, Subject
from hotpass.engine import evaluate
from hotpass.policy.model import GateEntry, Policy, PolicySet, PromotionEntry
from hotpass.testing import NOW, candidate, make

pytestmark = pytest.mark.benchmark

TARGET = 25_000
BATCH = 2_000

GATES: dict[str, Any] = {
    "metric_threshold": {"roc_auc": {"at_least": 0.75}, "precision": {"at_least": 0.60}},
    "champion_comparison": {"roc_auc": {"may_lose_at_most": 0.005}},
    "staging_dwell": "24h",
    "required_tags": {"owner": "present", "dataset": {"matches": "contacts_[0-9]{4}"}},
    "signature": {"columns": ["completeness"]},
    "input_example": {},
    "lineage": {},
    "freshness": "30d",
}

CEL_RULES = (
    "metrics.roc_auc >= 0.75 && metrics.precision >= 0.60",
    "has(champion.roc_auc) && metrics.roc_auc >= champion.roc_auc - 0.005",
    "stage == 'Staging' && now - in_stage_since >= duration('24h')",
    "has(tags.owner) && tags.owner != '' && has(tags.dataset) && tags.dataset.matches('^contacts_[0-9]{4}$')",
    "size(inputs) > 0 && size(outputs) > 0 && 'completeness' in inputs",
    "input_example",
    "size(datasets) > 0 && datasets[0].digest != '' && commit.matches('^[0-9a-f]{7,64}$')",
    "started_at <= now && now - started_at <= duration('720h')",
)


def sample(roc_auc: float = 0.81) -> Candidate:
    return candidate(
        metrics={"roc_auc": roc_auc, "precision": 0.66, "recall": 0.4, "log_loss": 0.41},
        champion={"metrics": {"roc_auc": 0.80, "precision": 0.64}},
        tags={"owner": "ana", "dataset": "contacts_2025"},
        run_tags={"mlflow.source.git.commit": "0123456789abcdef0123456789abcdef01234567"},
        datasets=[("contacts_2025", "1a2b3c4d", "training")],
        started_at=NOW - timedelta(days=3),
        in_stage_since=NOW - timedelta(hours=30),
        signature={"inputs": {"completeness": "double", "intent": "double"}, "outputs": {"score": "double"}},
        input_example=True,
    )


def as_context(roc_auc: float = 0.81) -> dict[str, Any]:
    return {
        "metrics": {"roc_auc": roc_auc, "precision": 0.66, "recall": 0.4, "log_loss": 0.41},
        "champion": {"roc_auc": 0.80, "precision": 0.64},
        "tags": {"owner": "ana", "dataset": "contacts_2025"},
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "datasets": [{"name": "contacts_2025", "digest": "1a2b3c4d"}],
        "started_at": NOW - timedelta(days=3),
        "in_stage_since": NOW - timedelta(hours=30),
        "inputs": ["completeness", "intent"],
        "outputs": ["score"],
        "input_example": True,
        "stage": "Staging",
        "now": NOW,
    }


def policies() -> PolicySet:
    entries = tuple(GateEntry(name, make(name, given), name, "lead-scoring") for name, given in GATES.items())
    promotion = PromotionEntry("Production", "Staging", entries)
    return PolicySet.of([Policy("lead-scoring", ("lead_scoring_*",), (promotion,), digest="0" * 64)])


@contextmanager
def one_core() -> Iterator[None]:
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if before:
        os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        if before:
            os.sched_setaffinity(0, before)


def per_second(decisions: Mapping[str, Callable[[], object]], rounds: int = 12) -> dict[str, float]:
    """For each way to decide, decisions a second of processor time: the best of `rounds`, which take turns.

    Processor time, since what else the machine does must not count; taking turns, so that it harms all alike.
    """
    best = dict.fromkeys(decisions, 0.0)
    for _ in range(rounds):
        for name, decide in decisions.items():
            begun = time.process_time()
            for _ in range(BATCH):
                decide()
            best[name] = max(best[name], BATCH / (time.process_time() - begun))
    return best


def test_decisions_a_second_beside_cel(capsys: pytest.CaptureFixture[str]) -> None:
    in_force = policies()
    kept = sample()
    champion = kept.champion
    assert champion is not None

    def fresh(of: Candidate = kept) -> bool:
        holder = Subject(champion.facts, champion._sources)
        return evaluate(
            in_force, Candidate(of.facts, of._sources, "Production", champion=holder), NOW
        ).allowed

    def again() -> bool:
        return evaluate(in_force, kept, NOW).allowed

    each = [cel.compile(rule) for rule in CEL_RULES]
    joined = cel.compile(" && ".join(f"({rule})" for rule in CEL_RULES))
    prepared = cel.Context(as_context())

    def cel_each(roc_auc: float = 0.81) -> bool:
        context = cel.Context(as_context(roc_auc))
        answers = [program.execute(context) for program in each]  # all of them, as Hotpass runs all gates
        return all(answers)

    def cel_joined_prepared() -> bool:
        return bool(joined.execute(prepared))

    assert all(decide() is True for decide in (fresh, again, cel_each, cel_joined_prepared))
    assert not fresh(sample(0.7))
    assert not cel_each(0.7)

    with one_core():
        figures = per_second({
            "Hotpass, a new candidate each time": fresh,
            "Hotpass, the same candidate": again,
            "CEL, eight compiled rules, a new context each time": cel_each,
            "CEL, one compiled rule, a context made ahead": cel_joined_prepared,
        })  # fmt: skip
    ours, theirs = figures["Hotpass, a new candidate each time"], max(list(figures.values())[2:])
    with capsys.disabled():
        print("\n\nDecisions a second, eight gates, one core (more is better)")
        for name, figure in figures.items():
            print(f"  {name:<52}{figure:>10,.0f}")
        print(f"  Hotpass anew each time / the faster CEL: {ours / theirs:.2f}")
        print(f"  target of {TARGET:,}: {'met' if ours >= TARGET else 'MISSED'}; "
              f"more than CEL: {'met' if ours > theirs else 'MISSED'}")  # fmt: skip

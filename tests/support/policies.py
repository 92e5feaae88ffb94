"""Policies for tests, made without YAML."""

from __future__ import annotations

from typing import Any

from hotpass.plugins import create_manager, gate_classes
from hotpass.policy.model import GateEntry, Policy, PolicySet, PromotionEntry

EIGHT_GATES: dict[str, Any] = {
    "metric_threshold": {"roc_auc": {"at_least": 0.7}, "precision": {"at_least": 0.5}},
    "champion_comparison": {"roc_auc": {"may_lose_at_most": 0.05}, "first_champion": "allow"},
    "staging_dwell": "1s",
    "required_tags": {"owner": "present"},
    "signature": {},
    "input_example": {},
    "lineage": {},
    "freshness": "30d",
}


def entries(gates: dict[str, Any], policy: str = "test") -> tuple[GateEntry, ...]:
    """Gate entries for `gates` (name -> parameters), from the installed plugins."""
    classes = gate_classes(create_manager())
    return tuple(
        GateEntry(name, classes[name](parameters), name, policy, f"{policy}.yaml:{number}:1")
        for number, (name, parameters) in enumerate(gates.items(), 1)
    )


def policy_set(
    staging: dict[str, Any] | None = None,
    production: dict[str, Any] | None = None,
    *,
    production_from: str | None = "Staging",
    rollback: dict[str, Any] | None = None,
    models: tuple[str, ...] = ("*",),
    archive_existing: bool | None = None,
) -> PolicySet:
    """One policy with a promotion to Staging and one to Production, with these gates."""
    easy = {"metric_threshold": {"roc_auc": {"at_least": 0.5}}}
    promotions = (
        PromotionEntry("Staging", None, entries(staging or easy)),
        PromotionEntry("Production", production_from, entries(production or easy), archive_existing),
    )
    return PolicySet.of(
        [Policy("test", models, promotions, rollback=entries(rollback) if rollback else None)]
    )

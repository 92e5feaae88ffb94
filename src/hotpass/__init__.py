"""Hotpass: a promotion policy engine for the MLflow model registry.

The names below are the public ones. Those that need MLflow are imported when first used, so that `import
hotpass` stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotpass.candidate import Candidate
from hotpass.demands import Demand
from hotpass.errors import (
    ArtifactsChanged,
    CallError,
    HotpassError,
    LedgerError,
    MissingDependency,
    NotFound,
    PluginError,
    PolicyError,
    PromotionDenied,
    PromotionOvertaken,
    PromotionPending,
    RegistryError,
    TrainingRejected,
)
from hotpass.gates import Gate, ParameterError
from hotpass.hookspecs import hookimpl
from hotpass.stages import ModelStage
from hotpass.verdicts import (
    Decision,
    GateResult,
    Outcome,
    Verdict,
    failed,
    inconclusive,
    passed,
    pending,
)

if TYPE_CHECKING:
    from hotpass.api import adopt, approve, check, connect, history, promote, rollback, withdraw
    from hotpass.policy.loader import load_policies

_LAZY = {
    "adopt": "hotpass.api",
    "approve": "hotpass.api",
    "check": "hotpass.api",
    "connect": "hotpass.api",
    "history": "hotpass.api",
    "promote": "hotpass.api",
    "rollback": "hotpass.api",
    "withdraw": "hotpass.api",
    "load_policies": "hotpass.policy.loader",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'hotpass' has no attribute {name!r}")


__all__ = [
    "ArtifactsChanged",
    "CallError",
    "Candidate",
    "Decision",
    "Demand",
    "Gate",
    "GateResult",
    "HotpassError",
    "LedgerError",
    "MissingDependency",
    "ModelStage",
    "NotFound",
    "Outcome",
    "ParameterError",
    "PluginError",
    "PolicyError",
    "PromotionDenied",
    "PromotionOvertaken",
    "PromotionPending",
    "RegistryError",
    "TrainingRejected",
    "Verdict",
    "adopt",
    "approve",
    "check",
    "connect",
    "failed",
    "history",
    "hookimpl",
    "inconclusive",
    "load_policies",
    "passed",
    "pending",
    "promote",
    "rollback",
    "withdraw",
]

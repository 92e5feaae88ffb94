"""Hotpass: a promotion policy engine for the MLflow model registry.

The names below are the public ones. Each is imported when first used, so that `import hotpass` costs nothing:
it happens at the start of every pytest run (`hotpass.pytest_plugin`), and MLflow takes seconds to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hotpass.api import adopt, approve, check, connect, history, promote, report, rollback, withdraw
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
    from hotpass.gates import Gate, MeasuringGate, ParameterError
    from hotpass.hookspecs import hookimpl
    from hotpass.policy.loader import load_policies
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

#: Each public name, by the module it is in.
_HOMES = {
    "adopt": "hotpass.api",
    "approve": "hotpass.api",
    "check": "hotpass.api",
    "connect": "hotpass.api",
    "history": "hotpass.api",
    "promote": "hotpass.api",
    "report": "hotpass.api",
    "rollback": "hotpass.api",
    "withdraw": "hotpass.api",
    "Candidate": "hotpass.candidate",
    "Demand": "hotpass.demands",
    "ArtifactsChanged": "hotpass.errors",
    "CallError": "hotpass.errors",
    "HotpassError": "hotpass.errors",
    "LedgerError": "hotpass.errors",
    "MissingDependency": "hotpass.errors",
    "NotFound": "hotpass.errors",
    "PluginError": "hotpass.errors",
    "PolicyError": "hotpass.errors",
    "PromotionDenied": "hotpass.errors",
    "PromotionOvertaken": "hotpass.errors",
    "PromotionPending": "hotpass.errors",
    "RegistryError": "hotpass.errors",
    "TrainingRejected": "hotpass.errors",
    "Gate": "hotpass.gates",
    "MeasuringGate": "hotpass.gates",
    "ParameterError": "hotpass.gates",
    "hookimpl": "hotpass.hookspecs",
    "load_policies": "hotpass.policy.loader",
    "ModelStage": "hotpass.stages",
    "Decision": "hotpass.verdicts",
    "GateResult": "hotpass.verdicts",
    "Outcome": "hotpass.verdicts",
    "Verdict": "hotpass.verdicts",
    "failed": "hotpass.verdicts",
    "inconclusive": "hotpass.verdicts",
    "passed": "hotpass.verdicts",
    "pending": "hotpass.verdicts",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if f"hotpass.{name}" in _HOMES.values():
        return importlib.import_module(f"hotpass.{name}")
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
    "MeasuringGate",
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
    "report",
    "rollback",
    "withdraw",
]

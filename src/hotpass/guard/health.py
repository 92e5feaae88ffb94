"""Whether a guard is well, and what it is set up to do."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from hotpass.verdicts import Json

if TYPE_CHECKING:
    from hotpass.guard.core import Guard


def health_of(guard: Guard) -> dict[str, Json]:
    """`healthy`, and in `problems` why not; `policies` are those in force since `since`."""
    settings, policies = guard.settings, guard.policies
    return {
        "healthy": not guard.in_force.problems,
        "problems": guard.in_force.problems,
        "policies": [policy.name for policy in policies.policies],
        "since": guard.in_force.since.isoformat(),
        "observe": settings.observe,
        "auth": settings.auth,
        "sealed": guard.seal is not None,
        "unmatched": settings.unmatched or "builtin",
        "hotpass": version("hotpass"),
        "mlflow": version("mlflow"),
    }

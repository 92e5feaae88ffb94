"""Whether a guard is well, and what it is set up to do."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from hotpass.verdicts import Json

if TYPE_CHECKING:
    from hotpass.guard.core import Guard


def health_of(guard: Guard) -> dict[str, Json]:
    """What `/api/2.0/hotpass/health` answers.

    `status` is "green", or "red" with the reasons in `problems`; `policies` are those in force since `since`,
    which for a broken edit are the last good ones. It is the health of the worker that is asked; all of them
    look at the same files and the same ledger.
    """
    settings, reading = guard.settings, guard.in_force.reading()
    problems = [reading.problems] if reading.problems else []
    problems += guard.troubles()
    return {
        "status": "red" if problems else "green",
        "problems": problems,
        "policies": [
            {
                "policy": policy.name,
                "models": list(policy.models),
                "path": policy.path,
                "digest": policy.digest,
            }
            for policy in reading.policies.policies
        ],
        "since": reading.since.isoformat(),
        "observe": settings.observe,
        "auth": settings.auth,
        "sealed": guard.seal is not None,
        "unmatched": settings.unmatched or "builtin",
        "versions": {"hotpass": version("hotpass"), "mlflow": version("mlflow")},
    }

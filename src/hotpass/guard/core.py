"""The guard itself: the policies in force, and the engine over MLflow's own stores behind the guarded ones.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING

from hotpass.guard.guard_settings import GuardSettings
from hotpass.guard.in_force import PoliciesInForce
from hotpass.ledger.record import Actor
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.session import Session

if TYPE_CHECKING:
    from hotpass.policy.model import PolicySet


class Guard:
    """One for each registry in a process; safe to use from several threads."""

    def __init__(self, settings: GuardSettings) -> None:
        """Raises what keeps it from guarding: PolicyError, PluginError, CallError."""
        self.settings = settings
        self.in_force = PoliciesInForce()
        self.seal = settings.seal()
        self._local = threading.local()

    @property
    def policies(self) -> PolicySet:
        """The policies in force now."""
        return self.in_force.current()

    def covers(self, model: str) -> bool:
        """Whether `model` is guarded: a policy covers it, or nothing may move without one."""
        return self.settings.unmatched == "deny" or bool(self.policies.covering(model))

    def guarded_aliases(self, model: str) -> frozenset[str]:
        """The aliases of `model`, in lower case, that only a decision may move."""
        policies = self.policies
        named = {alias for policy in policies.covering(model) for alias in policy.guarded_aliases()}
        return frozenset(named | policies.stage_aliases(model))

    def session(self, actor: Actor) -> Session:
        """The engine for one call of `actor`, over MLflow's plain stores. Use it in one thread, and let it
        go.
        """
        return Session(
            self.registry,
            self.policies,
            self.in_force.manager,
            actor=actor,
            unmatched=self.settings.unmatched,
            seal=self.seal,
            policies_on_disk=False,
        )

    @property
    def registry(self) -> MlflowRegistry:
        """MLflow's own stores, unguarded; each thread has its own, since it remembers what it read."""
        found: MlflowRegistry | None = getattr(self._local, "registry", None)
        if found is None:
            found = MlflowRegistry(self.settings.registry_uri, self.settings.tracking_uri, create=True)
            self._local.registry = found
        return found


@functools.cache
def guard_of(settings: GuardSettings) -> Guard:
    """The process' guard with these settings. MLflow makes its stores in several places, and they share it.
    """
    return Guard(settings)

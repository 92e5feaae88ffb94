"""The guard itself: the policies in force, and the engine over MLflow's own stores behind the guarded ones.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hotpass.errors import HotpassError
from hotpass.guard.guard_settings import GuardSettings
from hotpass.guard.health import health_of
from hotpass.guard.in_force import PoliciesInForce
from hotpass.ledger.home import ROOT
from hotpass.ledger.record import Actor
from hotpass.observing import Observation
from hotpass.registry.calls import call, within
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.session import Session
from hotpass.verdicts import Decision, Json

if TYPE_CHECKING:
    from hotpass.policy.model import PolicySet

log = logging.getLogger("hotpass")

#: Seconds within which the database must answer for the guard to be well.
HEALTH_PATIENCE = 5.0


class Guard:
    """One for each registry in a process; safe to use from several threads."""

    def __init__(self, settings: GuardSettings) -> None:
        """Raises what keeps it from guarding: PolicyError, PluginError, CallError."""
        self.settings = settings
        self.in_force = PoliciesInForce()
        self.seal = settings.seal()
        self._lock = threading.Lock()
        self._opened: MlflowRegistry | None = None
        self._unrecorded = ""

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
            keep_files=False,
        )

    @property
    def registry(self) -> MlflowRegistry:
        """MLflow's own stores, unguarded; it remembers nothing of an earlier request."""
        with self._lock:
            if self._opened is None:
                settings = self.settings
                self._opened = MlflowRegistry(
                    settings.registry_uri, settings.tracking_uri, create=True, trust_tags=False
                )
            return self._opened.fresh()

    def observe(
        self,
        model: str,
        call: str,
        reasons: Sequence[str],
        actor: Actor,
        decision: Decision | None = None,
        version: int | None = None,
    ) -> None:
        """Records that `actor` made `call` on `model`, which would have been refused for `reasons`.

        A guard that observes denies nothing, not even what it cannot record: that is an error in the log, and
        the guard's health is red until the next one can be recorded.
        """
        observation = Observation(model, call, tuple(reasons), actor, version, decision)
        try:
            self.session(actor).observe(observation)
        except Exception as error:
            self._unrecorded = (
                f"{call} of {model} would have been refused, which could not be recorded: {error}"
            )
            log.error("%s", self._unrecorded)
        else:
            self._unrecorded = ""
            log.warning(
                "%s of %s by %s would have been refused: %s", call, model, actor.name, "; ".join(reasons)
            )

    def troubles(self) -> list[str]:
        """What keeps this guard from doing its work now, besides its policies; empty where all is well."""
        found = [self._unrecorded] if self._unrecorded else []
        try:
            with within(HEALTH_PATIENCE):
                call("read the ledger", self.registry.tracking.get_experiment_by_name, ROOT)
        except HotpassError as error:
            found.append(str(error))
        return found

    def health(self) -> dict[str, Json]:
        """Whether it is well, with the reasons, and what it is set up to do; see `health_of`."""
        return health_of(self)


@functools.cache
def guard_of(settings: GuardSettings) -> Guard:
    """The process' guard with these settings. MLflow makes its stores in several places, and they share it.
    """
    return Guard(settings)

"""Observing: a record of what a guard would have refused, and let pass because it only observes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hotpass.errors import LedgerError
from hotpass.ledger.chain import Chain
from hotpass.ledger.record import Actor, Entry, Kind
from hotpass.ledger.turns import Turns, clock
from hotpass.recovery import settle
from hotpass.registry.port import Registry
from hotpass.verdicts import Decision, Json

#: Seconds for which a call that passes anyway is held up by others that write to the same ledger.
PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Observation:
    """A call on `model` that would have been refused, for `reasons`; `decision` where the engine judged it.
    """

    model: str
    call: str
    reasons: Sequence[str]
    actor: Actor
    version: int | None = None
    decision: Decision | None = None

    def body(self) -> dict[str, Json]:
        said: dict[str, Json] = {
            "model": self.model, "call": self.call, "reasons": list(self.reasons), "outcome": "observed",
        }  # fmt: skip
        version = self.decision.identity.version if self.decision else self.version
        if version is not None:
            said["version"] = version
        if self.decision is not None:
            said["decision"] = self.decision.as_json()
        return said


def observe(
    registry: Registry, chain: Chain, observation: Observation, notify: Callable[[str], None]
) -> Entry:
    """Records it. Raises NotFound for an unknown model, LedgerError, RegistryError."""
    turns = Turns(chain, lambda entry: settle(registry, entry), notify)
    deadline = clock() + PATIENCE
    workspace = registry.model(observation.model).workspace
    while clock() < deadline:
        entry = chain.append(
            Kind.OBSERVATION,
            observation.body(),
            after=turns.wait(deadline),
            moves=False,
            actor=observation.actor,
            workspace=workspace,
            title=f"would have been refused: {observation.call}",
            note="\n".join(observation.reasons),
        )
        if entry is not None:
            return entry
    raise LedgerError(f"others kept writing to the ledger of {observation.model} for {PATIENCE:.0f} s")

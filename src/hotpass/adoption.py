"""Adopting: writing down what an existing registry holds, so that dwell times and rollbacks have a start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotpass.errors import RegistryError
from hotpass.ledger.chain import Chain
from hotpass.ledger.expected import Expected
from hotpass.ledger.record import Actor, Entry, Kind
from hotpass.ledger.turns import Turns, clock
from hotpass.recovery import PATIENCE, settle
from hotpass.registry.port import Registry
from hotpass.stages import RESTING, ModelStage
from hotpass.verdicts import Json

#: Versions in one record; more go into the next.
BATCH = 200


def plan(registry: Registry, chain: Chain, name: str) -> dict[str, Json]:
    """What adopting model `name` would write down: versions in a stage or under an alias that the ledger does
    not know, or not any more.

    Where the chain may not be gone on with (`hotpass.ledger.trust`), `accepts` says why, and adopting accepts
    it. A version's stay starts when it is adopted: MLflow does not record when it entered its stage. Versions
    that serve get the digest of their files as they are now.
    """
    model = registry.model(name)
    expected = Expected(chain.entries(whole=True))
    followed = expected.moved_aliases | {"staging", "production"}
    versions: list[dict[str, Any]] = []
    for facts in registry.versions(name):
        aliases = sorted(alias for alias, number in model.aliases.items() if number == facts.version)
        stay = expected.stay(facts)
        if stay is None and facts.stage == ModelStage.NONE and not aliases:
            continue
        elsewhere = [
            alias for alias in aliases
            if alias.lower() in followed and expected.aliases.get(alias) != facts.version
        ]  # fmt: skip
        if stay is not None and stay.stage == facts.stage and not elsewhere:
            continue
        seen: dict[str, Any] = {
            "version": facts.version,
            "created_at": facts.created_at_ms,
            "stage": facts.stage,
            "aliases": aliases,
        }
        if facts.stage not in RESTING:
            seen["artifact_digest"] = registry.tagged_digest(facts) or registry.artifact_digest(facts)
        versions.append(seen)
    found = {"model": name, "versions": versions, "aliases": dict(model.aliases), "outcome": "adopted"}
    return found | chain.to_accept(model.tags, model.workspace)


def adopt(
    registry: Registry, chain: Chain, name: str, actor: Actor, notify: Callable[[str], None]
) -> list[Entry]:
    """Records what `plan` says, in as many records as it takes. Changes nothing in the registry."""
    turns = Turns(chain, lambda entry: settle(registry, entry), notify)
    deadline = clock() + PATIENCE
    written: list[Entry] = []
    while True:
        head = turns.wait(deadline)
        body = plan(registry, chain, name)
        left = len(body["versions"]) - BATCH
        body["versions"] = body["versions"][:BATCH]
        if not body["versions"] and "accepts" not in body:
            return written
        entry = chain.append(
            Kind.ADOPTION,
            body,
            after=head,
            moves=False,
            actor=actor,
            workspace=registry.model(name).workspace,
            title=f"adopted {len(body['versions'])} versions",
        )
        if entry is not None:
            written.append(entry)
            if left <= 0:
                return written
        elif clock() > deadline:
            raise RegistryError(
                f"others kept writing to the ledger of {name} for {PATIENCE:.0f} s. Try again."
            )

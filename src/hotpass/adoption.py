"""Adopting: writing down what an existing registry holds, so that dwell times and rollbacks have a start."""

from __future__ import annotations

import time
from typing import Any

from hotpass.errors import RegistryError
from hotpass.ledger.chain import Chain
from hotpass.ledger.reading import current_stay
from hotpass.ledger.record import Actor, Entry, Kind
from hotpass.promotion import DIGEST_TAG, PATIENCE
from hotpass.recovery import settle
from hotpass.registry.port import Registry
from hotpass.stages import ModelStage
from hotpass.verdicts import Json


def plan(registry: Registry, chain: Chain, name: str) -> dict[str, Json]:
    """What adopting model `name` would write down: versions in a stage or under an alias that the ledger does
    not know.

    A version's stay starts when it is adopted: MLflow does not record when it entered its stage. Versions
    that serve get the digest of their files as they are now.
    """
    model = registry.model(name)
    aliases: dict[int, list[str]] = {}
    for alias, number in model.aliases.items():
        aliases.setdefault(number, []).append(alias)
    entries = chain.entries(whole=True)
    versions: list[dict[str, Any]] = []
    for facts in registry.versions(name):
        if facts.stage == ModelStage.NONE and facts.version not in aliases:
            continue
        if current_stay(entries, facts) is not None:
            continue
        seen: dict[str, Any] = {
            "version": facts.version, "created_at": facts.created_at_ms, "stage": facts.stage,
            "aliases": sorted(aliases.get(facts.version, ())),
        }  # fmt: skip
        if facts.stage not in (ModelStage.NONE, ModelStage.ARCHIVED):
            seen["artifact_digest"] = facts.tags.get(DIGEST_TAG) or registry.artifact_digest(facts)
        versions.append(seen)
    return {"model": name, "versions": versions, "aliases": dict(model.aliases), "outcome": "adopted"}


def adopt(registry: Registry, chain: Chain, name: str, actor: Actor) -> Entry | None:
    """Records what `plan` says; None where there is nothing to record. Changes nothing in the registry."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        head = chain.wait_for_turn(
            lambda entry: settle(registry, entry), notify=lambda text: None, deadline=deadline
        )
        body = plan(registry, chain, name)
        if not body["versions"]:
            return None
        workspace = registry.model(name).workspace
        entry = chain.append(
            Kind.ADOPTION, body, after=head, moves=False, actor=actor, workspace=workspace,
            title=f"adopted {len(body['versions'])} versions",
        )  # fmt: skip
        if entry is not None:
            return entry
    raise RegistryError(f"others kept writing to the ledger of {name} for {PATIENCE:.0f} s. Try again.")

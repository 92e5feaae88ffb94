"""The first step of a promotion: everything that the request names, looked up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from hotpass.candidate import VersionFacts
from hotpass.errors import CallError, NotFound
from hotpass.ledger.chain import Chain
from hotpass.ledger.reading import served_before
from hotpass.policy.model import PolicySet
from hotpass.registry.port import ModelFacts, Registry
from hotpass.stages import RESTING, ModelStage, alias_of, canonical


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for. `version` None asks for the rollback's default."""

    model: str
    version: int | Literal["latest"] | None
    to_stage: str
    archive_existing: bool | None = None
    reason: str = ""
    rollback: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request with all that it names looked up."""

    request: Request
    model: ModelFacts
    facts: VersionFacts
    champion: VersionFacts | None
    archive: bool

    @property
    def alias(self) -> str | None:
        return alias_of(self.request.to_stage)

    @property
    def in_place(self) -> bool:
        """Whether the version holds the target stage already, pointer included."""
        there = self.facts.stage == self.request.to_stage
        return there and (self.alias is None or self.model.alias(self.alias) == self.facts.version)


def resolve(
    registry: Registry, policies: PolicySet, chains: Callable[[str], Chain], request: Request
) -> Resolved:
    """Raises NotFound for names that do not exist, CallError for a call that the policy contradicts."""
    to_stage = canonical(request.to_stage)
    request = replace(request, to_stage=to_stage)
    archive = _archive_existing(policies, request)
    model = registry.model(request.model)
    champion = registry.holder(model, to_stage) if alias_of(to_stage) else None
    version = request.version
    if version is None:
        version = _version_before(chains(request.model), request, champion)
    if version == "latest":
        if not model.newest:
            raise NotFound(f"model {request.model!r} has no versions. Register one first.")
        version = max(facts.version for facts in model.newest)
    facts = next((facts for facts in model.newest if facts.version == version), None)
    if facts is None:
        facts = registry.version(request.model, version)
    if champion is not None and champion.version == facts.version:
        champion = None
    return Resolved(request, model, facts, champion, archive)


def _archive_existing(policies: PolicySet, request: Request) -> bool:
    to_stage = request.to_stage
    if to_stage in RESTING:
        return False
    wants = {
        (entry.archive_existing, policy.name, entry.where)
        for policy in policies.covering(request.model)
        for entry in policy.entries_to(to_stage)
    }
    said = {archive for archive, _, _ in wants if archive is not None}
    if len(said) > 1:
        places = ", ".join(sorted(where or name for _, name, where in wants))
        raise CallError(f"the policies disagree on archive_existing for {to_stage}: {places}")
    default = said.pop() if said else to_stage == ModelStage.PRODUCTION
    asked = request.archive_existing
    if asked is None:
        return default
    if (
        wants
        and asked != default
        and (to_stage == ModelStage.PRODUCTION or any(a is not None for a, _, _ in wants))
    ):
        raise CallError(
            f"archive_existing={asked} contradicts the policy, which says {default} for {to_stage} "
            f"({', '.join(sorted(where or name for _, name, where in wants))}). Leave the argument out."
        )
    return asked


def _version_before(chain: Chain, request: Request, champion: VersionFacts | None) -> int:
    entries = chain.entries(whole=True)
    for identity, _ in served_before(entries, request.to_stage):
        if champion is None or identity.version != champion.version:
            return identity.version
    raise NotFound(
        f"the ledger knows no earlier version of {request.model!r} in {request.to_stage} to roll back to. "
        "Name one with --to-version, if it was there before; see: hotpass history " + request.model
    )

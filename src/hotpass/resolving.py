"""The first step of a promotion: everything that the request names, looked up."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from hotpass.candidate import VersionFacts
from hotpass.errors import CallError, NotFound
from hotpass.ledger.chain import Chain
from hotpass.ledger.reading import held_in_turn
from hotpass.policy.model import PolicySet
from hotpass.registry.port import ModelFacts, Registry
from hotpass.stages import RESTING, ModelStage, alias_of, canonical


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for. `version` None asks for the rollback's default.

    `request_id` tells a request that was sent twice from two: what is on record under it is the answer.
    """

    model: str
    version: int | Literal["latest"] | None
    to_stage: str
    archive_existing: bool | None = None
    reason: str = ""
    rollback: bool = False
    request_id: str = ""
    #: The alias whose setting the caller itself tells MLflow's webhooks of.
    announced: str = ""
    #: The gates that the caller wants to override, by the names of their entries.
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request with all that it names looked up; its own request names the version by number."""

    request: Request
    model: ModelFacts
    facts: VersionFacts
    champion: VersionFacts | None
    archive: bool
    #: Aliases that follow stages, in lower case.
    stage_aliases: frozenset[str]

    @property
    def alias(self) -> str | None:
        return alias_of(self.request.to_stage)

    @property
    def in_place(self) -> bool:
        """Whether the version holds the target stage already, pointer included."""
        there = self.facts.stage == self.request.to_stage
        return there and (self.alias is None or self.model.alias(self.alias) == self.facts.version)

    @property
    def serving_aliases(self) -> list[str]:
        """The aliases by which the version serves now. Nothing serves from Staging."""
        mine = {
            alias.lower() for alias, version in self.model.aliases.items() if version == self.facts.version
        }
        return sorted((mine & self.stage_aliases) - {ModelStage.STAGING.lower()})

    def aliases_to_delete(self) -> list[str]:
        """The aliases that are wrong after the move: other spellings of the target's, and those of stages
        that it left.
        """
        return sorted(
            alias
            for alias, version in self.model.aliases.items()
            if (alias.lower() == self.alias and alias != self.alias)
            or (
                version == self.facts.version
                and alias.lower() in self.stage_aliases
                and alias.lower() != self.alias
            )
        )


def resolve(
    registry: Registry, policies: PolicySet, chains: Callable[[str], Chain], request: Request
) -> Resolved:
    """Raises NotFound for names that do not exist, CallError for a call that the policy contradicts."""
    to_stage = policies.spelling_of(request.model, canonical(request.to_stage))
    if request.rollback and to_stage in RESTING:
        raise CallError(
            f"a rollback puts a version back into service; {to_stage} is where versions rest. Use: promote"
        )
    request = replace(request, to_stage=to_stage)
    archive = _archive_existing(policies, request)
    model = registry.model(request.model)
    champion = registry.holder(model, to_stage) if alias_of(to_stage) else None
    version = request.version
    if version is None:
        version = _version_before(registry, chains(request.model), request, champion)
    facts = find_version(registry, model, version)
    if champion is not None and champion.version == facts.version:
        champion = None
    stage_aliases = policies.stage_aliases(request.model)
    return Resolved(replace(request, version=facts.version), model, facts, champion, archive, stage_aliases)


def find_version(registry: Registry, model: ModelFacts, version: int | Literal["latest"]) -> VersionFacts:
    """The version of that number, or the highest one. Raises NotFound where there is none."""
    if version != "latest":
        return model.find(version) or registry.version(model.name, version)
    newest = max(model.newest, key=lambda facts: facts.version, default=None)
    newest = newest or next(registry.versions(model.name), None)
    if newest is None:
        raise NotFound(f"model {model.name!r} has no versions. Register one first.")
    return newest


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


def _version_before(registry: Registry, chain: Chain, request: Request, champion: VersionFacts | None) -> int:
    """What a rollback goes back to where nobody says: the version that the holder replaced, and that still
    exists.
    """
    for identity in reversed(held_in_turn(chain.entries(whole=True), request.to_stage)):
        if champion is not None and identity.version == champion.version:
            continue
        with contextlib.suppress(NotFound):
            if registry.version(request.model, identity.version).identity().same_version(identity):
                return identity.version
    raise NotFound(
        f"the ledger knows no earlier version of {request.model!r} in {request.to_stage} to roll back to. "
        "Name one with --to-version, if it was there before; see: hotpass history " + request.model
    )

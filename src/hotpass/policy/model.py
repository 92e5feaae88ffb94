"""A policy once it is read and valid: frozen, with its gates made. `loader.py` makes these from YAML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, NamedTuple

from hotpass.gates import Gate
from hotpass.policy.waivers import Waiver, by_model
from hotpass.verdicts import Enforcement, PolicyRef


@dataclass(frozen=True, slots=True)
class GateEntry:
    """One entry under `gates:`. `where` is its place, `policies/lead.yaml:12:9`."""

    gate_name: str
    gate: Gate
    name: str
    policy: str
    where: str = ""
    enforcement: Enforcement = Enforcement.MANDATORY
    by: tuple[str, ...] = ()
    hint: str = ""
    parameters: Any = None


@dataclass(frozen=True, slots=True)
class PromotionEntry:
    """One entry under `promotions:`. `from_stage` None means from any stage.

    `archive_existing` None leaves it to the default: true for Production.
    """

    to_stage: str
    from_stage: str | None
    gates: tuple[GateEntry, ...]
    archive_existing: bool | None = None
    where: str = ""


class PolicyFile(NamedTuple):
    """A file on disk that a policy was read from: its absolute path, and the SHA-256 of what was read."""

    path: str
    digest: str


@dataclass(frozen=True)
class Policy:
    """Which models it covers, and for each promotion which gates must pass."""

    name: str
    models: tuple[str, ...]
    promotions: tuple[PromotionEntry, ...]
    rollback: tuple[GateEntry, ...] | None = None
    description: str = ""
    aliases: tuple[str, ...] = ()
    path: str = ""
    digest: str = ""
    #: The files that can change under it, by which a promotion sees that they did. A commit's cannot.
    files: tuple[PolicyFile, ...] = ()
    #: The shared policies that it extends, the nearest first in each chain; its `digest` covers them.
    extends: tuple[PolicyRef, ...] = ()

    @cached_property
    def ref(self) -> PolicyRef:
        return PolicyRef(self.name, self.path, self.digest)

    def covers(self, model: str) -> bool:
        """Whether the policy is about `model`: its patterns are shell-style and case matters."""
        return any(fnmatchcase(model, pattern) for pattern in self.models)

    def entries_to(self, to_stage: str) -> tuple[PromotionEntry, ...]:
        """Its promotions to `to_stage`, whatever they are from."""
        return tuple(entry for entry in self.promotions if entry.to_stage == to_stage)

    def guarded_aliases(self) -> frozenset[str]:
        """Aliases that only a decision may move, in lower case: the target stages' own and those under
        `aliases:`.
        """
        stages = {entry.to_stage.lower() for entry in self.promotions}
        return frozenset(stages | {alias.lower() for alias in self.aliases}) - {"none", "archived"}


@dataclass(frozen=True)
class PolicySet:
    """All policies in force. `source` says where they were found; `configured` is False where nobody named
    a place.
    """

    policies: tuple[Policy, ...] = ()
    source: str = ""
    configured: bool = False
    waivers: tuple[Waiver, ...] = ()

    @cached_property
    def plans(self) -> dict[Any, Any]:
        """Where the engine keeps what it worked out from these policies; it lives as long as they do."""
        return {}

    def covering(self, model: str) -> tuple[Policy, ...]:
        return tuple(policy for policy in self.policies if policy.covers(model))

    def waivers_of(self, model: str) -> tuple[Waiver, ...]:
        """The waivers of `model`, in the order of their files."""
        return self._waivers.get(model, ())

    @cached_property
    def _waivers(self) -> dict[str, tuple[Waiver, ...]]:
        return by_model(self.waivers)

    def spelling_of(self, model: str, stage: str) -> str:
        """`stage` as the policies of `model` spell it: a team's stages are the same whatever their letter
        case.
        """
        for policy in self.covering(model):
            for entry in policy.promotions:
                for known in (entry.to_stage, entry.from_stage):
                    if known is not None and known.lower() == stage.lower():
                        return known
        return stage

    def stage_aliases(self, model: str) -> frozenset[str]:
        """The aliases that follow the stages of `model`, in lower case."""
        of_policies = {
            entry.to_stage.lower() for policy in self.covering(model) for entry in policy.promotions
        }
        return frozenset(of_policies | {"staging", "production"}) - {"none", "archived"}

    def refs(self) -> tuple[PolicyRef, ...]:
        """The files of all policies and waivers: what is in force changes when these do."""
        return (*(policy.ref for policy in self.policies), *(waiver.ref for waiver in self.waivers))

    @classmethod
    def of(cls, policies: Iterable[Policy], source: str = "the call") -> PolicySet:
        return cls(tuple(policies), source, configured=True)

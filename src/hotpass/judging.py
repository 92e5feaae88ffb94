"""The second and third step of a promotion: gather the evidence and evaluate it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from hotpass import engine
from hotpass.candidate import Person
from hotpass.excusing import Override
from hotpass.gather import Batch, Memory, gather
from hotpass.ledger.chain import Chain
from hotpass.ledger.reading import current_stay, served_before
from hotpass.ledger.record import Actor, Kind
from hotpass.policy.model import PolicySet
from hotpass.registry.port import Registry
from hotpass.resolving import Resolved
from hotpass.shelf import Shelf
from hotpass.stages import alias_of
from hotpass.verdicts import Decision, Outcome

if TYPE_CHECKING:
    import pluggy


class Judge:
    """Decides on resolved requests, and writes nothing."""

    def __init__(
        self,
        registry: Registry,
        policies: PolicySet,
        manager: pluggy.PluginManager,
        unmatched: Literal["builtin", "deny"] | None,
        now: Callable[[], datetime],
        actor: Actor,
    ) -> None:
        """`actor` is who asks. `unmatched` None is the built-in rule too, but not for a model that had
        policies before.
        """
        self.policies = policies
        self._registry = registry
        self._manager = manager
        self._unmatched = unmatched
        self._now = now
        self._requester = Person(actor.name, actor.authenticated)
        self.shelf = Shelf(registry)
        self._veto = engine.vetoes(manager)

    def judge(self, resolved: Resolved, chain: Chain, memory: Memory | None) -> tuple[Decision, Batch]:
        """The decision, and the batch that loaded its evidence. `memory` may stand in for what was read
        before.
        """
        request = resolved.request
        candidate, batch = gather(
            self._registry,
            chain,
            self._manager,
            resolved.model,
            resolved.facts,
            request.to_stage,
            champion=resolved.champion,
            memory=memory,
            rollback=request.rollback,
            artifact_digest=self._registry.tagged_digest(resolved.facts),
            requester=self._requester,
            in_place=resolved.in_place,
            shelf=self.shelf,
        )
        decision = engine.evaluate(
            self.policies,
            candidate,
            self._now(),
            unmatched=self._unmatched or "builtin",
            veto=self._veto,
            reason=request.reason,
            override=Override(request.overrides, self._requester, request.reason),
        )
        against = (
            self._against_a_rollback(resolved, chain)
            if request.rollback
            else [*self._came_past(resolved, chain), *self._lost_policies(decision, chain)]
        )
        if against:
            decision = replace(decision, outcome=Outcome.DENIED, notes=(*decision.notes, *against))
        return decision, batch

    def _came_past(self, resolved: Resolved, chain: Chain) -> list[str]:
        """A version that stands in the target stage without its pointer is moved like any other; so it must
        have come there by a decision, or it would get the pointer without the promotion that leads there.
        """
        stage = resolved.request.to_stage
        if (
            resolved.facts.stage != stage
            or resolved.in_place
            or not self.policies.covering(resolved.facts.model)
        ):
            return []
        if current_stay(chain.entries(whole=True), resolved.facts) is not None:
            return []
        return [
            f"version {resolved.facts.version} came to {stage} past Hotpass, and the alias "
            f"{alias_of(stage)} is not on it. "
            "Move it back in MLflow and promote it, or record what is there now: hotpass adopt "
            f"{resolved.facts.model}"
        ]

    def _lost_policies(self, decision: Decision, chain: Chain) -> list[str]:
        """A model that was judged by policies and is covered by none now: most likely the folder was not
        found.
        """
        if decision.policies or self._unmatched is not None:
            return []
        before = [entry for entry in chain.entries() if entry.record.kind is Kind.DECISION]
        names = [ref["name"] for ref in before[-1].record.body["policies"]] if before else []
        if not names:
            return []
        return [
            f"the last decision was made by policy {names[0]}, and no policy covers the model now "
            f"({self.policies.source or 'no policy folder was found'}). Name the folder with --policies or "
            "HOTPASS_POLICIES; or set HOTPASS_UNMATCHED=builtin to go on without"
        ]

    def _against_a_rollback(self, resolved: Resolved, chain: Chain) -> list[str]:
        """What every rollback needs: a reason, an allowed decision that put the version there before, the
        same files, and that it does not serve elsewhere.
        """
        against = []
        stage, facts = resolved.request.to_stage, resolved.facts
        if not resolved.request.reason.strip():
            against.append("a rollback needs a reason (--reason)")
        serves = [alias for alias in resolved.serving_aliases if alias != resolved.alias]
        if serves:
            against.append(
                f"version {facts.version} serves under the alias {serves[0]} now; rolling it back "
                "would take it away there"
            )
        identity = facts.identity()
        before = [
            served
            for served, _ in served_before(chain.entries(whole=True), stage)
            if served.same_version(identity)
        ]
        if not before:
            return [*against, f"no allowed decision ever put version {facts.version} in {stage}"]
        digest = self._registry.artifact_digest(facts)
        if digest not in {served.artifact_digest for served in before}:
            against.append(
                f"its files are not those that were in {stage}: their digest is {digest[:12]} now, and was "
                f"{before[0].artifact_digest[:12] or 'not recorded'}"
            )
        return against

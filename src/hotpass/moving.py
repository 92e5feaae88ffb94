"""The last steps of a promotion where there is only a server: record, recheck, move and confirm, a request
each. Where the database is at hand they are one transaction: `transaction.py`.

The record is the lock: it is opened before anything moves, and nobody else moves while it is open. Then id,
pointer, stage, in this order, so that a crash at any moment can be told apart afterwards (`recovery.py`). The
record's lease is a promise to the others: what cannot be done within half of it is given up, and the rest is
left for a write that is still on its way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hotpass.artifacts import DIGEST_TAG
from hotpass.errors import PromotionOvertaken, RegistryError
from hotpass.ledger.chain import Chain
from hotpass.ledger.draft import Draft
from hotpass.ledger.record import Actor, Entry
from hotpass.ledger.turns import clock
from hotpass.recovery import reassert, settle
from hotpass.registry.calls import within
from hotpass.registry.convert import DECISION_TAG
from hotpass.registry.port import Moved, Reader, Registry
from hotpass.resolving import Resolved
from hotpass.verdicts import Decision

#: What changed since the decision was made, in words, by what is read under the lock; "" where nothing did.
Recheck = Callable[[Reader], str]


class Mover:
    """Carries out decisions by requests to a registry."""

    def __init__(self, registry: Registry, actor: Actor, notify: Callable[[str], None]) -> None:
        self._registry = registry
        self._actor = actor
        self._notify = notify

    def carry_out(
        self,
        chain: Chain,
        after: Entry | None,
        draft: Draft,
        decision: Decision,
        resolved: Resolved,
        recheck: Recheck,
        decided: Callable[[Entry], None],
    ) -> Entry | str | None:
        """The record of `decision`, once it was moved and closed.

        What changed, in words, where `recheck` found something: the record is closed then, and nothing was
        moved. None where another record got there first. `decided` is told of the record once the decision is
        final. Raises what kept it from moving, with the record closed; PromotionOvertaken where it moved and
        something else changed the registry at the same time.
        """
        started = clock()
        entry = chain.append_draft(draft, after)
        if entry is None:
            return None
        try:
            changed = recheck(self._registry)
        except BaseException:
            chain.close(entry, moved=False, at_ms=None)
            raise
        if changed:
            chain.close(entry, moved=False, at_ms=None)
            return changed
        try:
            self._carry_out(chain, entry, replace(decision, id=entry.id), resolved, started)
        finally:
            decided(entry)
        return entry

    def _carry_out(
        self, chain: Chain, entry: Entry, decision: Decision, resolved: Resolved, started: float
    ) -> None:
        """`started`, by `clock()`, is from before the record was written."""
        try:
            with within(chain.lease / 2):
                moved = self._move(chain, entry, decision, resolved, started)
        except BaseException as error:
            if not self._still_ours(chain, entry, started):
                raise self._late(chain, decision, resolved) from error
            # Ctrl-C too: do not leave to the next what can be settled now.
            done, at_ms = settle(self._registry, entry)
            chain.close(entry, moved=done, at_ms=at_ms)
            if not done or not isinstance(error, Exception):
                raise
            moved = Moved(self._registry.version(resolved.facts.model, resolved.facts.version), at_ms)
        else:
            if not self._still_ours(chain, entry, started):
                raise self._late(chain, decision, resolved)
            chain.close(entry, moved=True, at_ms=moved.at_ms)
        self._confirm(decision, resolved, moved)

    def _move(
        self, chain: Chain, entry: Entry, decision: Decision, resolved: Resolved, started: float
    ) -> Moved:
        registry, facts, request = self._registry, resolved.facts, resolved.request

        def in_time() -> None:
            if clock() - started > chain.lease / 2:
                raise RegistryError(
                    f"the registry is too slow: decision {entry.id} was not carried out within half "
                    "its lease of "
                    f"{chain.lease:g} s. See what it came to: hotpass history {facts.model}"
                )

        in_time()
        registry.tag_version(facts.model, facts.version, DECISION_TAG, entry.id)
        if facts.tags.get(DIGEST_TAG) != decision.identity.artifact_digest:
            registry.tag_version(facts.model, facts.version, DIGEST_TAG, decision.identity.artifact_digest)
        in_time()
        if resolved.alias is not None:
            registry.set_alias(facts.model, resolved.alias, facts.version)
        for alias in resolved.aliases_to_delete():
            in_time()
            registry.delete_alias(facts.model, alias)
        in_time()
        return registry.set_stage(facts, request.to_stage, archive_existing=resolved.archive)

    def _still_ours(self, chain: Chain, entry: Entry, started: float) -> bool:
        """Whether nobody has set out to settle the record. Nobody may before its lease is over, so that costs
        nothing.
        """
        if clock() - started < chain.lease:
            return True
        fresh = chain.reread(entry)
        return fresh.is_open and fresh.settlers == 0

    def _late(self, chain: Chain, decision: Decision, resolved: Resolved) -> PromotionOvertaken:
        """Undoes what a write did that arrived after the record was settled by somebody else."""
        facts, stage = resolved.facts, resolved.request.to_stage
        reassert(self._registry, chain, stage, self._actor, self._notify)
        return PromotionOvertaken(
            f"the registry took so long to move {facts.model} version {facts.version} that decision "
            f"{decision.id} was "
            f"settled by another process. The registry is as the ledger says: hotpass history {facts.model}",
            decision.as_overtaken("it was settled by another process"),
        )

    def _confirm(self, decision: Decision, resolved: Resolved, moved: Moved) -> None:
        """The registry's answer to the move is its state in that transaction: the stage, and where the alias
        points.
        """
        facts, stage = moved.facts, resolved.request.to_stage
        if facts.created_at_ms != resolved.facts.created_at_ms:
            what = (
                "was deleted and created again while it was moved, and the new one has been judged by nobody"
            )
        elif facts.stage != stage:
            what = f"was moved to {stage} and is in {facts.stage} now"
        elif resolved.alias is not None and resolved.alias not in facts.aliases:
            what = f"was moved to {stage}, and the alias {resolved.alias} points elsewhere now"
        else:
            return
        raise PromotionOvertaken(
            f"{facts.model} version {facts.version} {what}: something changed the registry past Hotpass. "
            f"See: hotpass status --model {facts.model}",
            decision.as_overtaken(f"version {facts.version} {what}"),
        )

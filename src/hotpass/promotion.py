"""The main job, in the order one would tell it: resolve, gather, evaluate, record, move, confirm.

Evaluation happens outside any lock. The decision is then appended to the ledger, which is the lock; what it
rests on is checked again; and only then is the registry touched: the version is tagged with the decision's
id, the pointer (the alias) moves, then the stage, and the former champion is archived with it. `recovery.py`
finishes what a crash interrupted.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hotpass import engine
from hotpass.errors import (
    PromotionDenied,
    PromotionOvertaken,
    PromotionPending,
    RegistryError,
)
from hotpass.gather import Batch, Memory, gather
from hotpass.ledger.chain import Chain
from hotpass.ledger.reading import served_before
from hotpass.ledger.record import Actor, Entry, Kind
from hotpass.policy.model import PolicySet
from hotpass.recovery import settle
from hotpass.registry.port import Moved, Registry
from hotpass.resolving import Request, Resolved, resolve
from hotpass.stages import alias_of
from hotpass.verdicts import Decision, Outcome

if TYPE_CHECKING:
    import pluggy

log = logging.getLogger("hotpass")

DECISION_TAG = "hotpass.decision"
DIGEST_TAG = "hotpass.artifact_digest"
#: Seconds for which a promotion waits for others and begins again when something changed under it.
PATIENCE = 120.0
#: How often evidence may change between evaluation and lock before it is called unsettled.
RESTARTS = 3


class Promoter:
    """Judges and carries out promotions in one registry, by one set of policies. Safe to keep; not for
    several threads.
    """

    def __init__(
        self,
        registry: Registry,
        chains: Callable[[str], Chain],
        policies: PolicySet,
        manager: pluggy.PluginManager,
        *,
        actor: Actor,
        unmatched: Literal["builtin", "deny"] = "builtin",
        notify: Callable[[str], None] = lambda text: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.registry = registry
        self.chains = chains
        self.policies = policies
        self.manager = manager
        self.actor = actor
        self.unmatched: Literal["builtin", "deny"] = unmatched
        self._notify = notify
        self._now = now
        self._memory = Memory()
        self._veto = engine.vetoes(manager)

    # --- 1. resolve, 2. gather, 3. evaluate -----------------------------------------------------------------

    def _resolve(self, request: Request) -> Resolved:
        return resolve(self.registry, self.policies, self.chains, request)

    def check(self, request: Request) -> Decision:
        """What `promote` would decide now. Writes nothing and waits for nobody."""
        chain = self.chains(request.model)
        chain.refresh()
        return self._judge(self._resolve(request), chain, None)[0]

    def _judge(self, resolved: Resolved, chain: Chain, memory: Memory | None) -> tuple[Decision, Batch]:
        request = resolved.request
        candidate, batch = gather(
            self.registry,
            chain,
            self.manager,
            resolved.model,
            resolved.facts,
            request.to_stage,
            champion=resolved.champion,
            memory=memory,
            rollback=request.rollback,
            artifact_digest=resolved.facts.tags.get(DIGEST_TAG, ""),
        )
        decision = engine.evaluate(
            self.policies,
            candidate,
            self._now(),
            unmatched=self.unmatched,
            veto=self._veto,
            reason=request.reason,
        )
        if request.rollback:
            decision = self._qualify_rollback(decision, resolved, chain)
        return decision, batch

    def _qualify_rollback(self, decision: Decision, resolved: Resolved, chain: Chain) -> Decision:
        """What every rollback needs: a reason, an allowed decision that put the version there before, the
        same files.
        """
        against = []
        if not resolved.request.reason.strip():
            against.append("a rollback needs a reason (--reason)")
        stage = resolved.request.to_stage
        before = [
            identity
            for identity, _ in served_before(chain.entries(whole=True), stage)
            if identity.same_version(decision.identity)
        ]
        if not before:
            against.append(f"no allowed decision ever put version {resolved.facts.version} in {stage}")
        else:
            digest = self.registry.artifact_digest(resolved.facts)
            decision = replace(decision, identity=decision.identity._replace(artifact_digest=digest))
            if digest not in {identity.artifact_digest for identity in before}:
                against.append(
                    f"its files are not those that were in {stage}: their digest is {digest[:12]} now, "
                    f"and was {before[0].artifact_digest[:12] or 'not recorded'}"
                )
        if not against:
            return decision
        return replace(decision, outcome=Outcome.DENIED, notes=(*decision.notes, *against))

    # --- 4. record ------------------------------------------------------------------------------------------

    def promote(self, request: Request) -> Decision:
        """Decides, records the decision and, where it is allowed, moves the version. Returns the decision.

        Raises PromotionDenied (or PromotionPending, PromotionOvertaken) with the decision where it is not
        allowed; CallError and NotFound where the call is wrong; RegistryError and LedgerError where a store
        did not do as told.
        """
        chain = self.chains(request.model)
        deadline = time.monotonic() + PATIENCE
        first: Resolved | None = None
        memory: Memory | None = self._memory if chain.known else None
        restarts = 0
        while True:
            head = chain.wait_for_turn(
                lambda entry: settle(self.registry, entry), notify=self._notify, deadline=deadline
            )
            self._hint_experiments(chain)
            resolved = self._resolve(request)
            first = first or resolved
            decision, batch = self._judge(resolved, chain, memory)
            if memory is not None and not decision.allowed:
                memory = None  # a refusal is never given on remembered evidence
                decision, batch = self._judge(resolved, chain, None)
            decision = self._overtaken(decision, first, resolved)
            moves = decision.allowed and not resolved.in_place
            if moves and not decision.identity.artifact_digest:
                digest = self.registry.artifact_digest(resolved.facts)
                decision = replace(decision, identity=decision.identity._replace(artifact_digest=digest))
            started = time.monotonic()
            entry = self._append(chain, head, decision, resolved, batch, moves=moves)
            if entry is None:  # another record got there first: what was judged may be out of date
                memory = None
                if time.monotonic() > deadline:
                    raise RegistryError(
                        f"others kept promoting {request.model} for {PATIENCE:.0f} s. Try again."
                    )
                continue
            decision = replace(decision, id=entry.id)
            if not moves:
                self._tell("hotpass_decided", decision)
                return _or_raise(decision)
            stale = [
                ref.path
                for ref in decision.policies
                if ref.path and _digest(ref.path) not in ("", ref.digest)
            ]
            changed = "" if stale else self._changed(decision, resolved, batch)
            if stale or changed:
                chain.close(entry, moved=False, at_ms=None)
            if stale:
                note = (
                    f"policy {stale[0]} changed on disk since it was read. Nothing was moved; promote again."
                )
                raise PromotionOvertaken(
                    note,
                    replace(
                        decision, outcome=Outcome.INCONCLUSIVE, notes=(*decision.notes, note), overtaken=True
                    ),
                )
            if changed:
                memory, restarts = None, restarts + 1
                if restarts > RESTARTS:
                    raise RegistryError(
                        f"{changed}, {restarts} times in a row. Nothing was moved; try again later."
                    )
                self._notify(f"{changed}; judging again")
                continue
            batch.remember(self._memory)
            self._tell("hotpass_decided", decision)
            return self._carry_out(chain, entry, decision, resolved, started)

    def _append(
        self,
        chain: Chain,
        head: Entry | None,
        decision: Decision,
        resolved: Resolved,
        batch: Batch,
        *,
        moves: bool,
    ) -> Entry | None:
        body = decision.as_json()
        del body["id"]
        body["archive"] = resolved.archive
        body["champion"] = resolved.champion.version if resolved.champion else None
        body["aliases_before"] = dict(resolved.model.aliases)
        body["experiments"] = batch.experiments()
        return chain.append(
            Kind.DECISION,
            body,
            after=head,
            moves=moves,
            actor=self.actor,
            workspace=decision.identity.workspace,
            title=f"v{decision.identity.version} {body['from']} -> {body['to']}: {decision.outcome}",
            note=decision.summary(),
        )

    def _hint_experiments(self, chain: Chain) -> None:
        """Tells the registry where earlier decisions found their evidence, so that it can read several in one
        request.
        """
        hint = getattr(self.registry, "knows_experiments", None)
        if hint is not None and chain.known:
            hint(
                [name for entry in chain.entries()[-5:] for name in entry.record.body.get("experiments", ())]
            )

    def _overtaken(self, decision: Decision, first: Resolved, now: Resolved) -> Decision:
        """A champion that changed while this promotion waited was not what the caller asked to replace."""
        before = first.champion.version if first.champion else None
        after = now.champion.version if now.champion else None
        if before == after or now.in_place or not (now.archive or "champion" in (decision.evidence or {})):
            return decision
        by = f"version {after}" if after is not None else "nobody"
        note = (
            f"overtaken: {now.request.to_stage} was held by "
            f"{f'version {before}' if before else 'nobody'} when this began "
            f"and is held by {by} now. Nothing was moved; promote again to be judged against {by}."
        )
        outcome = Outcome.INCONCLUSIVE if decision.allowed else decision.outcome
        return replace(decision, outcome=outcome, notes=(*decision.notes, note), overtaken=True)

    def _changed(self, decision: Decision, resolved: Resolved, batch: Batch) -> str:
        """What changed between evaluation and lock, in words; "" where nothing did."""
        model = self.registry.model(resolved.request.model)
        champion = self.registry.holder(model, resolved.request.to_stage) if resolved.alias else None
        before = (
            resolved.champion.version
            if resolved.champion
            else resolved.facts.version
            if resolved.in_place
            else None
        )
        after = champion.version if champion else None
        if after != before and after != resolved.facts.version:
            return f"the holder of {resolved.request.to_stage} changed"
        facts = next((facts for facts in model.newest if facts.version == resolved.facts.version), None)
        if facts is None:
            facts = self.registry.version(model.name, resolved.facts.version)
        if (facts.stage, facts.created_at_ms, facts.tags) != (
            resolved.facts.stage,
            resolved.facts.created_at_ms,
            resolved.facts.tags,
        ):
            return f"version {facts.version} itself changed"
        if dict(model.tags) != dict(resolved.model.tags):
            return "the model's tags changed"
        if batch.changed():
            return "the evidence changed"
        return ""

    # --- 5. move, 6. confirm --------------------------------------------------------------------------------

    def _carry_out(
        self, chain: Chain, entry: Entry, decision: Decision, resolved: Resolved, started: float
    ) -> Decision:
        try:
            moved = self._move(chain, entry, decision, resolved, started)
        except BaseException:  # Ctrl-C too: do not leave to the next what can be settled now
            done, at_ms = settle(self.registry, entry)
            chain.close(entry, moved=done, at_ms=at_ms)
            if not done:
                raise
            moved = Moved(self.registry.version(resolved.facts.model, resolved.facts.version), at_ms)
        else:
            chain.close(entry, moved=True, at_ms=moved.at_ms)
        self._confirm(chain, entry, decision, resolved, moved, started)
        self._tell("hotpass_promoted", decision)
        return decision

    def _move(
        self, chain: Chain, entry: Entry, decision: Decision, resolved: Resolved, started: float
    ) -> Moved:
        """Id, pointer, stage: in this order, so that a crash anywhere can be told apart afterwards."""
        registry, facts, request = self.registry, resolved.facts, resolved.request

        def in_time() -> None:
            # The lease is a promise to the others; past most of it they may soon settle the record
            # themselves.
            if time.monotonic() - started > chain.lease * 0.8:
                raise RegistryError(
                    f"the registry is too slow: decision {entry.id} was not carried out within its lease of "
                    f"{chain.lease:g} s. See what it came to: hotpass history {facts.model}"
                )

        in_time()
        registry.tag_version(facts.model, facts.version, DECISION_TAG, entry.id)
        if facts.tags.get(DIGEST_TAG) != decision.identity.artifact_digest:
            registry.tag_version(facts.model, facts.version, DIGEST_TAG, decision.identity.artifact_digest)
        in_time()
        if resolved.alias is not None:
            registry.set_alias(facts.model, resolved.alias, facts.version)
        left = alias_of(facts.stage)
        if left is not None and left != resolved.alias and resolved.model.alias(left) == facts.version:
            registry.delete_alias(facts.model, left)
        in_time()
        return registry.set_stage(facts, request.to_stage, archive_existing=resolved.archive)

    def _confirm(
        self, chain: Chain, entry: Entry, decision: Decision, resolved: Resolved, moved: Moved, started: float
    ) -> None:
        """The registry's answer to the move is its state in that transaction: the stage and where the alias
        points.
        """
        late = time.monotonic() - started > chain.lease and chain.settled_meanwhile(entry)
        facts = moved.facts
        pointed = resolved.alias is None or any(alias.lower() == resolved.alias for alias in facts.aliases)
        if facts.stage == resolved.request.to_stage and pointed and not late:
            return
        raise PromotionOvertaken(
            f"{facts.model} version {facts.version} was moved and is not what "
            f"{resolved.request.to_stage} points at now "
            f"(it is in {facts.stage}): something else changed the registry at the same time. See: "
            "hotpass status",
            replace(decision, outcome=Outcome.INCONCLUSIVE, overtaken=True),
        )

    def _tell(self, hook: str, decision: Decision) -> None:
        """Tells all plugins; one that raises is reported and changes nothing."""
        for impl in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                impl.function(*([decision] if impl.argnames else []))
            except Exception as error:
                log.warning(
                    "plugin %s: %s raised %s: %s", impl.plugin_name, hook, type(error).__name__, error
                )


def _or_raise(decision: Decision) -> Decision:
    if decision.allowed:
        return decision
    kind = PromotionDenied if decision.outcome is Outcome.DENIED else PromotionPending
    if decision.overtaken and decision.outcome is Outcome.INCONCLUSIVE:
        kind = PromotionOvertaken
    raise kind(decision.summary(), decision)


def _digest(path: str) -> str:
    """SHA-256 of the file; "" where it is not there to be compared."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""

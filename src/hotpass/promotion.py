"""The main job, in the order one would tell it: resolve, gather, evaluate, record, move, confirm.

Evaluation happens outside any lock. The decision is then appended to the ledger, which is the lock; what it
rests on is checked again; and only then is the registry touched. The steps have files of their own:
`resolving.py`, `gather.py`, `judging.py`, `moving.py`; `recovery.py` finishes what a crash interrupted.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hotpass.errors import PromotionDenied, PromotionOvertaken, PromotionPending, RegistryError
from hotpass.gather import Batch, Memory
from hotpass.judging import Judge
from hotpass.ledger.chain import Chain
from hotpass.ledger.record import Actor, Entry, Kind
from hotpass.ledger.turns import Turns, clock
from hotpass.moving import Mover
from hotpass.policy.model import PolicySet
from hotpass.recovery import PATIENCE, settle
from hotpass.registry.port import Registry
from hotpass.resolving import Request, Resolved, resolve
from hotpass.verdicts import Decision, Outcome

if TYPE_CHECKING:
    import pluggy

log = logging.getLogger("hotpass")

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
        unmatched: Literal["builtin", "deny"] | None = None,
        policies_on_disk: bool = True,
        notify: Callable[[str], None] = lambda text: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.registry = registry
        self.chains = chains
        self.policies = policies
        self.manager = manager
        self.actor = actor
        self._notify = notify
        self._judge = Judge(registry, policies, manager, unmatched, now, actor)
        self._mover = Mover(registry, actor, notify)
        self._memory = Memory()
        # Absolute, since a process may change its directory between reading a policy and being asked to check
        # it again.
        self._files = {
            policy.path: Path(policy.path).absolute()
            for policy in policies.policies
            if policy.path and policies_on_disk
        }

    def check(self, request: Request) -> Decision:
        """What `promote` would decide now. Writes nothing and waits for nobody."""
        chain = self.chains(request.model)
        chain.refresh()
        return self._judge.judge(self._resolve(request), chain, None)[0]

    def promote(self, request: Request) -> Decision:
        """Decides, records the decision and, where it is allowed, moves the version. Returns the decision.

        Raises PromotionDenied (or PromotionPending, PromotionOvertaken) with the decision where it is not
        allowed; CallError and NotFound where the call is wrong; RegistryError and LedgerError where a store
        did not do as told.
        """
        chain = self.chains(request.model)
        turns = Turns(chain, lambda entry: settle(self.registry, entry), self._notify)
        deadline = clock() + PATIENCE
        memory: Memory | None = self._memory if chain.known else None
        head = chain.head if chain.known else chain.refresh()
        # What the caller saw is what counts: who holds the stage now, before waiting for others.
        first = self._resolve(request) if head is not None and head.is_open else None
        restarts = 0
        while True:
            head = turns.wait(deadline)
            self._hint_experiments(chain)
            resolved = self._resolve(request if first is None else first.request)
            first = first or resolved
            if resolved.in_place:
                memory = None  # nothing will be checked again
            decision, batch = self._judge.judge(resolved, chain, memory)
            if memory is not None and not decision.allowed:
                memory = None  # a refusal is never given on remembered evidence
                decision, batch = self._judge.judge(resolved, chain, None)
            decision = _unless_overtaken(decision, first, resolved)
            moves = decision.allowed and not resolved.in_place
            if moves:
                decision = self._with_digest(decision, resolved)
                moves = decision.allowed
            started = clock()
            entry = self._append(chain, head, decision, resolved, batch, moves=moves)
            if entry is None:  # another record got there first: what was judged may be out of date
                memory = None
                if clock() > deadline:
                    raise RegistryError(
                        f"others kept promoting {request.model} for {PATIENCE:.0f} s. Nothing was "
                        "moved; try again."
                    )
                continue
            decision = replace(decision, id=entry.id)
            if moves:
                changed = self._changed(chain, entry, decision, resolved, batch)
                if changed:
                    memory, restarts = None, restarts + 1
                    if restarts > RESTARTS:
                        raise RegistryError(
                            f"{changed}, {restarts} times in a row. Nothing was moved; try again later."
                        )
                    self._notify(f"{changed}; judging again")
                    continue
                batch.remember(self._memory)
                try:
                    self._mover.carry_out(chain, entry, decision, resolved, started)
                finally:
                    self._tell("hotpass_decided", decision)
                self._tell("hotpass_promoted", decision)
                return decision
            self._tell("hotpass_decided", decision)
            return _or_raise(decision)

    # --- the parts ------------------------------------------------------------------------------------------

    def _resolve(self, request: Request) -> Resolved:
        return resolve(self.registry, self.policies, self.chains, request)

    def _with_digest(self, decision: Decision, resolved: Resolved) -> Decision:
        """The decision, bound to the version's files.

        Where the files are at hand they are read. Elsewhere the digest that was tagged when the version was
        registered saves downloading them; whoever loads the version compares it with what is there.
        """
        claimed = decision.identity.artifact_digest
        found = (
            self.registry.digest_at_hand(resolved.facts)
            if claimed
            else self.registry.artifact_digest(resolved.facts)
        )
        if found is None or found == claimed:
            return decision
        if not claimed:
            return replace(decision, identity=decision.identity._replace(artifact_digest=found))
        note = (
            f"its files have changed since it was registered: their digest is {found[:12]} now, and "
            f"was {claimed[:12]}. "
            "Register them as a new version"
        )
        return replace(decision, outcome=Outcome.DENIED, notes=(*decision.notes, note))

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
        body["aliases_to_delete"] = resolved.aliases_to_delete()
        body["experiments"] = batch.experiments()
        return chain.append(
            Kind.DECISION,
            body,
            after=head,
            moves=moves,
            actor=self.actor,
            workspace=decision.identity.workspace,
            title=f"v{body['version']} {body['from']} -> {body['to']}: {decision.outcome}"
            + (" (rollback)" if decision.rollback else ""),
            note=decision.summary(),
        )

    def _hint_experiments(self, chain: Chain) -> None:
        """Tells the registry where earlier decisions found their evidence, so that it can read several in one
        request.
        """
        self.registry.knows_experiments(
            [name for entry in chain.entries()[-5:] for name in entry.record.body.get("experiments", ())]
        )

    def _changed(
        self, chain: Chain, entry: Entry, decision: Decision, resolved: Resolved, batch: Batch
    ) -> str:
        """What changed between evaluation and lock, in words; "" where nothing did. Where it did, the record
        is closed.

        Raises PromotionOvertaken for a policy that changed: this process has only the old one.
        """
        stale = [
            ref.path
            for ref in decision.policies
            if ref.path in self._files and self._digest(ref.path) != ref.digest
        ]
        try:
            changed = (
                f"policy {stale[0]} changed on disk"
                if stale
                else changed_since(self.registry, resolved, batch)
            )
        except BaseException:
            chain.close(entry, moved=False, at_ms=None)
            raise
        if changed:
            chain.close(entry, moved=False, at_ms=None)
        if stale:
            note = f"{changed} since it was read. Nothing was moved; promote again."
            raise PromotionOvertaken(note, decision.as_overtaken(note))
        return changed

    def _digest(self, path: str) -> str:
        """SHA-256 of the policy file as it is now; "" where it is gone."""
        try:
            return hashlib.sha256(self._files[path].read_bytes()).hexdigest()
        except OSError:
            return ""

    def _tell(self, hook: str, decision: Decision) -> None:
        """Tells all plugins; one that raises is reported and changes nothing."""
        for impl in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                impl.function(*([decision] if impl.argnames else []))
            except Exception as error:
                log.warning(
                    "plugin %s: %s raised %s: %s", impl.plugin_name, hook, type(error).__name__, error
                )


def changed_since(registry: Registry, resolved: Resolved, batch: Batch) -> str:
    """Whether the registry, or the evidence in `batch`, is not what it was, in words; "" where it is."""
    stage, before = resolved.request.to_stage, resolved.facts
    model = registry.model(before.model)
    champion = registry.holder(model, stage) if resolved.alias else None
    if champion is not None and champion.version == before.version:
        champion = None
    if (champion and champion.version) != (resolved.champion and resolved.champion.version):
        return f"the holder of {stage} changed"
    now = model.find(before.version) or registry.version(before.model, before.version)
    if (now.stage, now.created_at_ms, now.tags) != (before.stage, before.created_at_ms, before.tags):
        return f"version {now.version} itself changed"
    if dict(model.tags) != dict(resolved.model.tags):
        return "the model's tags changed"
    return "the evidence changed" if batch.changed() else ""


def _unless_overtaken(decision: Decision, first: Resolved, now: Resolved) -> Decision:
    """A champion that changed while this promotion waited is not the one that the caller asked to replace."""
    before = first.champion.version if first.champion else None
    after = now.champion.version if now.champion else None
    if before == after or now.in_place or not (now.archive or "champion" in (decision.evidence or {})):
        return decision
    was, by = (f"version {version}" if version is not None else "nobody" for version in (before, after))
    note = (
        f"overtaken: {now.request.to_stage} was held by {was} when this began and is held by {by} now. "
        f"Nothing was moved; promote again to be judged against {by}."
    )
    return decision.as_overtaken(note)


def _or_raise(decision: Decision) -> Decision:
    if decision.allowed:
        return decision
    kind = PromotionDenied if decision.outcome is Outcome.DENIED else PromotionPending
    if decision.overtaken and decision.outcome is Outcome.INCONCLUSIVE:
        kind = PromotionOvertaken
    raise kind(decision.summary(), decision)

"""The main job, in the order one would tell it: resolve, gather, evaluate, record, move, confirm.

Evaluation happens outside any lock. What it rests on is then checked again inside one, and only there is the
decision recorded and the registry touched: in one transaction where registry and ledger are in a database at
hand (`transaction.py`), else with the ledger's last record as the lock (`moving.py`; `recovery.py` finishes
what a crash interrupted there). The other steps have files of their own too: `resolving.py`, `gather.py`,
`judging.py`, `rechecking.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from hotpass.errors import CallError, PromotionDenied, PromotionOvertaken, PromotionPending, RegistryError
from hotpass.gather import Batch, Memory
from hotpass.judging import Judge
from hotpass.ledger.chain import Chain
from hotpass.ledger.draft import Draft
from hotpass.ledger.record import Actor, Entry, Kind
from hotpass.ledger.trust import cut_off
from hotpass.ledger.turns import Turns, clock
from hotpass.moving import Mover
from hotpass.pages.keeping import Reports
from hotpass.policy.model import PolicySet
from hotpass.rechecking import PolicyFiles, changed_since, unless_overtaken
from hotpass.recovery import PATIENCE, settle
from hotpass.registry.port import Reader, Registry
from hotpass.resolving import Request, Resolved, resolve
from hotpass.transaction import Transactions
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
        transactions: Transactions | None = None,
        reports: Reports | None = None,
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
        self.shelf = self._judge.shelf
        self._mover = Mover(registry, actor, notify)
        self._transactions = transactions
        self._reports = reports
        self._memory = Memory()
        self._files = PolicyFiles(policies if policies_on_disk else PolicySet())

    def check(self, request: Request) -> Decision:
        """What `promote` would decide now. Writes nothing and waits for nobody."""
        chain = self.chains(request.model)
        chain.refresh()
        chain.refuse_unsealed()
        resolved = self._resolve(request)
        _refuse_cut_off(chain, resolved)
        return self._judge.judge(resolved, chain, None)[0]

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
            answer = _answer(chain, request) if request.request_id else None
            if answer is not None:
                return _or_raise(answer)
            self._hint_experiments(chain)
            resolved = self._resolve(request if first is None else first.request)
            first = first or resolved
            _refuse_cut_off(chain, resolved)
            if chain.head is not head:  # the model's head named a record that was not read yet
                memory = None
                continue
            if resolved.in_place:
                memory = None  # nothing will be checked again
            decision, batch = self._judge.judge(resolved, chain, memory)
            if memory is not None and not decision.allowed:
                memory = None  # a refusal is never given on remembered evidence
                decision, batch = self._judge.judge(resolved, chain, None)
            decision = unless_overtaken(decision, first, resolved)
            if decision.allowed and not resolved.in_place:
                decision = self._files.unless_changed(self._with_digest(decision, resolved))
            moves = decision.allowed and not resolved.in_place
            done = self._carry_out(chain, head, decision, resolved, batch, moves=moves)
            if done is None:  # another record got there first: what was judged may be out of date
                memory = None
                if clock() > deadline:
                    raise RegistryError(
                        f"others kept promoting {request.model} for {PATIENCE:.0f} s. Nothing was "
                        "moved; try again."
                    )
                continue
            if isinstance(done, str):
                memory, restarts = None, restarts + 1
                if restarts > RESTARTS:
                    raise RegistryError(
                        f"{done}, {restarts} times in a row. Nothing was moved; try again later."
                    )
                self._notify(f"{done}; judging again")
                continue
            decision = replace(decision, id=done.id)
            if moves:
                batch.remember(self._memory)
                self._tell("hotpass_promoted", decision)
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

    def _carry_out(
        self,
        chain: Chain,
        head: Entry | None,
        decision: Decision,
        resolved: Resolved,
        batch: Batch,
        *,
        moves: bool,
    ) -> Entry | str | None:
        """The record of the decision behind `head`, once it was carried out; what changed since, in words; or
        None where another record got there first.
        """
        body = decision.as_json()
        del body["id"]
        body["archive"] = resolved.archive
        body["champion"] = resolved.champion.version if resolved.champion else None
        body["aliases_to_delete"] = resolved.aliases_to_delete()
        body["experiments"] = batch.experiments()
        if resolved.request.request_id:
            body["request_id"] = resolved.request.request_id
        if resolved.request.overrides:  # also those that were not needed: the same request asks for the same
            body["overrides"] = list(resolved.request.overrides)
        title = f"v{body['version']} {body['from']} -> {body['to']}: {decision.outcome}"
        draft = Draft(
            Kind.DECISION,
            body,
            moves,
            self.actor,
            decision.identity.workspace,
            title + (" (rollback)" if decision.rollback else ""),
            decision.summary(),
        )

        def decided(entry: Entry) -> None:
            made = replace(decision, id=entry.id)
            if self._reports is not None:
                last = chain.head  # the same record, as it ended
                self._reports.keep(made, chain.home, last if last and last.id == entry.id else entry)
            self._tell("hotpass_decided", made)

        if not moves:
            entry = chain.append_draft(draft, head)
            if entry is not None:
                decided(entry)
            return entry

        def recheck(reader: Reader) -> str:
            return self._files.changed(decision) or changed_since(reader, resolved, batch)

        way = self._transactions or self._mover
        return way.carry_out(chain, head, draft, decision, resolved, recheck, decided)

    def _hint_experiments(self, chain: Chain) -> None:
        """Tells the registry where earlier decisions found their evidence, so that it can read several in one
        request.
        """
        self.registry.knows_experiments(
            [name for entry in chain.entries()[-5:] for name in entry.record.body.get("experiments", ())]
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


def _refuse_cut_off(chain: Chain, resolved: Resolved) -> None:
    against = chain.against_head(resolved.model.tags, resolved.model.workspace)
    if against:
        raise cut_off(resolved.model.name, against)


def _answer(chain: Chain, request: Request) -> Decision | None:
    """The decision that the same request came to when it was sent before."""
    entry = chain.answered(request.request_id)
    if entry is None:
        return None
    body = entry.record.body
    asked = (request.to_stage.lower(), request.rollback, list(request.overrides))
    same = entry.record.kind is Kind.DECISION and asked == (
        body["to"].lower(), body["rollback"], body.get("overrides", []),
    )  # fmt: skip
    if not same or (isinstance(request.version, int) and request.version != body["version"]):
        raise CallError(
            f"the request id {request.request_id!r} was used for another request (record {entry.id}). "
            "Send each request with an id of its own."
        )
    return Decision.from_json({**body, "id": entry.id})


def _or_raise(decision: Decision) -> Decision:
    if decision.allowed:
        return decision
    kind = PromotionDenied if decision.outcome is Outcome.DENIED else PromotionPending
    if decision.overtaken and decision.outcome is Outcome.INCONCLUSIVE:
        kind = PromotionOvertaken
    raise kind(decision.summary(), decision)

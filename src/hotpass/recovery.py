"""Settles what was left open or came too late, from what the registry and the ledger show.

The alias is the pointer that serving reads, so it decides: where it points at the candidate, and the version
carries the decision's id, the promotion has happened and the rest of it is finished; otherwise nothing has,
and nothing will.
"""

from __future__ import annotations

from collections.abc import Callable

from hotpass.errors import LedgerError, NotFound
from hotpass.ledger.chain import Chain
from hotpass.ledger.record import Actor, Entry, Kind
from hotpass.ledger.turns import Turns, clock
from hotpass.registry.convert import DECISION_TAG
from hotpass.registry.port import Registry
from hotpass.stages import alias_of

#: Seconds for which a promotion waits for others, and begins again when something changed under it.
PATIENCE = 180.0


def settle(registry: Registry, entry: Entry) -> tuple[bool, int | None]:
    """Whether the record's move took effect, and when (ms, the server's clock). Finishes it where it half
    did.
    """
    if entry.record.kind is Kind.REPAIR:
        return True, _put_back(registry, entry)
    if entry.record.kind is not Kind.DECISION:
        return True, None
    body, identity = entry.record.body, entry.identity()
    assert identity is not None  # every decision has one
    to_stage = body["to"]
    try:
        model = registry.model(identity.model)
        facts = registry.version(identity.model, identity.version)
    except NotFound:
        return False, None
    if facts.created_at_ms != identity.created_at or facts.tags.get(DECISION_TAG) != entry.id:
        return False, None
    alias = alias_of(to_stage)
    to_delete = [name for name in body["aliases_to_delete"] if model.aliases.get(name) == facts.version]
    if alias is not None:
        done = model.alias(alias) == facts.version
    elif body["aliases_to_delete"]:
        done = len(to_delete) < len(body["aliases_to_delete"])
    else:
        done = facts.stage == to_stage
    if not done:
        return False, None
    for name in to_delete:
        registry.delete_alias(facts.model, name)
    moved = registry.set_stage(facts, to_stage, archive_existing=bool(body["archive"]))
    return True, moved.at_ms


def reassert(
    registry: Registry, chain: Chain, stage: str, actor: Actor, notify: Callable[[str], None]
) -> None:
    """Puts the holder of `stage` back that the ledger names, and records that as a repair.

    For a write that arrived after its record had been settled by another process: nothing but the ledger
    still knows who is to serve. Raises LedgerError or RegistryError.
    """
    turns = Turns(chain, lambda entry: settle(registry, entry), notify)
    deadline = clock() + PATIENCE
    while clock() < deadline:
        head = turns.wait(deadline)
        chain.refresh()
        movers = [e for e in chain.entries(whole=True) if e.moved and e.record.body.get("to") == stage]
        if not movers or head is None:
            return
        body = {
            "to": stage,
            "version": movers[-1].record.body["version"],
            "created_at": movers[-1].record.body["identity"]["created_at"],
            "archive": movers[-1].record.body["archive"],
            "outcome": "repaired",
        }
        entry = chain.append(
            Kind.REPAIR,
            body,
            after=head,
            moves=True,
            actor=actor,
            workspace=head.record.workspace,
            title=f"repair: v{body['version']} holds {stage}",
        )
        if entry is not None:
            chain.close(entry, moved=True, at_ms=_put_back(registry, entry))
            return
    raise LedgerError(
        f"others kept writing to the ledger of {chain.home.model}; a repair of {stage} did not get its turn"
    )


def _put_back(registry: Registry, entry: Entry) -> int | None:
    body, name = entry.record.body, entry.record.model
    try:
        facts = registry.version(name, int(body["version"]))
    except NotFound:
        return None
    if facts.created_at_ms != body["created_at"]:
        return None
    alias = alias_of(body["to"])
    if alias is not None:
        registry.set_alias(name, alias, facts.version)
    return registry.set_stage(facts, body["to"], archive_existing=bool(body["archive"])).at_ms

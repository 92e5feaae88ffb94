"""Settles a record that a crash left open, from what the registry shows.

The alias is the pointer that serving reads, so it decides: where it points at the candidate, and the version
carries the decision's id, the promotion has happened and the rest of it is finished; otherwise nothing has,
and nothing will.
"""

from __future__ import annotations

from hotpass.errors import NotFound
from hotpass.ledger.record import Entry, Kind
from hotpass.registry.port import Registry
from hotpass.stages import alias_of


def settle(registry: Registry, entry: Entry) -> tuple[bool, int | None]:
    """Whether the record's move took effect, and when (ms, the server's clock). Finishes it where it half
    did.
    """
    if entry.record.kind is not Kind.DECISION:
        return True, None
    body, identity = entry.record.body, entry.identity()
    assert identity is not None  # every decision has one
    to_stage, from_stage = body["to"], body["from"]
    try:
        model = registry.model(identity.model)
        facts = registry.version(identity.model, identity.version)
    except NotFound:
        return False, None
    if facts.created_at_ms != identity.created_at or facts.tags.get("hotpass.decision") != entry.id:
        return False, None
    alias = alias_of(to_stage)
    left = alias_of(from_stage)
    if alias is not None:
        done = model.alias(alias) == facts.version
    elif left is not None and body.get("aliases_before", {}).get(left) == facts.version:
        done = model.alias(left) is None
    else:
        done = facts.stage == to_stage
    if not done:
        return False, None
    if left is not None and left != alias and model.alias(left) == facts.version:
        registry.delete_alias(facts.model, left)
    moved = registry.set_stage(facts, to_stage, archive_existing=bool(body.get("archive")))
    return True, moved.at_ms

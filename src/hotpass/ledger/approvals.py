"""Which approvals of a version stand, by the ledger's entries. Pure.

An approval names the version by its identity, files included, and the stage that it is for. It may be given
at any time before the promotion, also before the version enters the stage that comes first. It ends when its
giver takes it back, or when a decision moves the version to that stage: the next time it has to go there, it
needs new ones. An approval of a copy, of a version that was made again under the same number, or of other
files is one of something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from hotpass.facts import Approval
from hotpass.ledger.record import Actor, Entry, Kind
from hotpass.verdicts import Identity

#: By how much the clocks of those who write records may differ from the registry's.
_CLOCKS = timedelta(days=1)


def standing_approvals(
    entries: Iterable[Entry],
    identity: Identity,
    to_stage: str,
    *,
    used: bool = False,
    proves: Callable[[Entry], bool] = lambda entry: True,
) -> list[Approval]:
    """The approvals of the version `identity`, whatever its files, for `to_stage`; `entries` and the result
    oldest first.

    Of each person the latest word counts. With `used`, they are those that the move rested on which brought
    the version where it is. Approvals that `proves` denies are nobody's.
    """
    standing: dict[Actor, Approval] = {}
    spent: dict[Actor, Approval] | None = None
    for entry in entries:
        record = entry.record
        if not _is_about(entry, identity, to_stage):
            continue
        if record.kind is Kind.DECISION:
            if entry.moved:
                spent, standing = standing, {}
        elif record.kind is Kind.APPROVAL and proves(entry):
            standing.pop(record.actor, None)
            standing[record.actor] = _approval(entry)
        elif record.kind is Kind.WITHDRAWAL and proves(entry):
            standing = {actor: given for actor, given in standing.items() if not _own(record.actor, actor)}
    return list((standing if spent is None or not used else spent).values())


def own_approvals(approvals: Iterable[Approval], actor: Actor) -> list[Approval]:
    """Those that `actor` can take back.

    One who has authenticated can also take back what was only claimed in that name, and never the other way
    round.
    """
    return [given for given in approvals if _own(actor, Actor(given.name, given.authenticated))]


def goes_back_to(entries: Sequence[Entry], created_at_ms: int) -> bool:
    """Whether `entries` hold every record that can be about a version made then (ms since the epoch).

    Should a clock be wrong by more than is allowed for here, approvals are missed and never invented: what is
    left of a chain when its beginning is left out has every withdrawal of every approval in it.
    """
    if not entries or entries[0].record.seq == 1:
        return True
    return entries[0].record.time + _CLOCKS < datetime.fromtimestamp(created_at_ms / 1000, UTC)


def _is_about(entry: Entry, identity: Identity, to_stage: str) -> bool:
    try:
        subject = entry.identity()
    except TypeError:  # somebody's own idea of an identity
        return False
    if subject is None or not subject.same_version(identity):
        return False
    return str(entry.record.body.get("to", "")).lower() == to_stage.lower()


def _own(actor: Actor, giver: Actor) -> bool:
    return actor.name == giver.name and (actor.authenticated or not giver.authenticated)


def _approval(entry: Entry) -> Approval:
    record, subject = entry.record, entry.identity()
    return Approval(
        record.actor.name, record.actor.authenticated, record.time, str(record.body.get("reason", "")),
        entry.id, subject.artifact_digest if subject else "",
    )  # fmt: skip

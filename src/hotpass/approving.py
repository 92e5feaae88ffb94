"""Approving: a person's word, in the ledger, that one version with the files it has may go to a stage.

Whether an approval counts is for the gate `approvals` of a policy to say, when the promotion is asked for;
`ledger/approvals.py` says which ones stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from hotpass.errors import CallError, RegistryError
from hotpass.facts import Approval, VersionFacts
from hotpass.gather import digest_now
from hotpass.ledger.approvals import goes_back_to, own_approvals, standing_approvals
from hotpass.ledger.chain import Chain
from hotpass.ledger.record import Actor, Entry, Kind
from hotpass.ledger.turns import Turns, clock
from hotpass.recovery import PATIENCE, settle
from hotpass.registry.port import ModelFacts, Registry
from hotpass.resolving import find_version
from hotpass.stages import alias_of
from hotpass.verdicts import Identity, Json

#: The name of somebody of whom nothing is known.
NOBODY = "unknown"


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody says about one version and one stage, spelt as the policies spell it.

    `request_id` tells a request that was sent twice from two requests.
    """

    model: str
    version: int | Literal["latest"]
    stage: str
    actor: Actor
    reason: str
    request_id: str = ""


def approve(registry: Registry, chain: Chain, word: Word, notify: Callable[[str], None]) -> Entry:
    """Records the approval and returns its record.

    Where the actor's approval stands already, that is the answer, and nothing is recorded. A request with an
    id is recorded all the same, or it would approve anew if it came again after the approval had ended.
    Raises CallError where nobody says who approves or why, where the version holds the stage already, or
    where its files are not those that were registered; NotFound, RegistryError, LedgerError.
    """
    _check(word, "an approval")
    facts = find_version(registry, registry.model(word.model), word.version)
    digest = _digest(registry, facts)

    def say(model: ModelFacts, facts: VersionFacts, entries: Sequence[Entry]) -> Entry | dict[str, Json]:
        alias = alias_of(word.stage)
        if facts.stage == word.stage and (alias is None or model.alias(alias) == facts.version):
            raise CallError(
                f"{facts.model} version {facts.version} is in {word.stage} already; there is nothing to "
                "approve"
            )
        body = _body(word, facts.identity(digest), "approved")
        for given in _standing(chain, facts, entries, word):
            who = Actor(given.name, given.authenticated)
            if who == word.actor and given.artifact_digest == digest:
                if word.request_id:
                    return body | {"stood": given.record_id}
                return next(entry for entry in entries if entry.id == given.record_id)
        return body

    return _record(registry, chain, facts, word, Kind.APPROVAL, say, notify)


def withdraw(registry: Registry, chain: Chain, word: Word, notify: Callable[[str], None]) -> Entry:
    """Takes the actor's own approval back, and returns the record of that.

    Raises CallError where there is none, or nobody says who or why; NotFound, RegistryError, LedgerError.
    """
    _check(word, "taking back an approval")
    facts = find_version(registry, registry.model(word.model), word.version)

    def say(model: ModelFacts, facts: VersionFacts, entries: Sequence[Entry]) -> Entry | dict[str, Json]:
        standing = _standing(chain, facts, entries, word)
        own = own_approvals(standing, word.actor)
        if not own:
            raise CallError(_nothing_to_take_back(facts, word, standing))
        body = _body(word, facts.identity(own[-1].artifact_digest), "withdrawn")
        return body | {"approvals": [given.record_id for given in own]}

    return _record(registry, chain, facts, word, Kind.WITHDRAWAL, say, notify)


def _record(
    registry: Registry,
    chain: Chain,
    first: VersionFacts,
    word: Word,
    kind: Kind,
    say: Callable[[ModelFacts, VersionFacts, Sequence[Entry]], Entry | dict[str, Json]],
    notify: Callable[[str], None],
) -> Entry:
    """Appends what `say` comes to, in a turn of its own; nothing where that is a record already."""
    turns = Turns(chain, lambda entry: settle(registry, entry), notify)
    deadline = clock() + PATIENCE
    chain.refresh()
    while True:
        head = turns.wait(deadline)
        model = registry.model(word.model)
        facts = find_version(registry, model, first.version)
        if facts.created_at_ms != first.created_at_ms:
            raise CallError(
                f"{facts.model} version {facts.version} was deleted and created again just now. Nothing was "
                "written; look at the new one first."
            )
        entries = _entries_about(chain, facts)
        body = _sent_before(chain, kind, facts, word) or say(model, facts, entries)
        if isinstance(body, Entry):
            return body
        title = {
            Kind.APPROVAL: f"v{facts.version} approved for {word.stage}",
            Kind.WITHDRAWAL: f"v{facts.version}: approval for {word.stage} withdrawn",
        }[kind]
        entry = chain.append(
            kind,
            body,
            after=head,
            moves=False,
            actor=word.actor,
            workspace=facts.workspace,
            title=title,
            note=f"{title} by {word.actor.name}: {word.reason}",
        )
        if entry is not None:
            return entry
        if clock() > deadline:
            raise RegistryError(
                f"others kept writing to the ledger of {word.model} for {PATIENCE:.0f} s. Try again."
            )


def _check(word: Word, what: str) -> None:
    if not word.reason.strip():
        raise CallError(f"{what} needs a reason: --reason on the command line, reason= in a call")
    if not word.actor.name.strip() or word.actor.name == NOBODY:
        raise CallError(f"{what} needs a name, and nobody says whose this is. Set HOTPASS_ACTOR, or log in.")


def _digest(registry: Registry, facts: VersionFacts) -> str:
    """The digest of the version's files. Raises CallError where they have changed since it was registered."""
    claimed, found = registry.tagged_digest(facts), digest_now(registry, facts)
    if claimed and claimed != found:
        raise CallError(
            f"the files of {facts.model} version {facts.version} have changed since it was registered: their "
            f"digest is {found[:12]} now, and was {claimed[:12]}. Register them as a new version"
        )
    return found


def _entries_about(chain: Chain, facts: VersionFacts) -> Sequence[Entry]:
    entries = chain.entries()
    return entries if goes_back_to(entries, facts.created_at_ms) else chain.entries(whole=True)


def _standing(chain: Chain, facts: VersionFacts, entries: Iterable[Entry], word: Word) -> list[Approval]:
    return standing_approvals(entries, facts.identity(), word.stage, proves=chain.proves)


def _sent_before(chain: Chain, kind: Kind, facts: VersionFacts, word: Word) -> Entry | None:
    """The record of this request, where its answer was lost on the way and it was sent again."""
    entry = chain.answered(word.request_id) if word.request_id else None
    if entry is None:
        return None
    record, asked = entry.record, (kind, word.actor, facts.version, word.stage.lower())
    if (record.kind, record.actor, record.body["version"], record.body["to"].lower()) != asked:
        raise CallError(
            f"the request id {word.request_id!r} was used for another request (record {entry.id}). "
            "Send each request with an id of its own."
        )
    return entry


def _body(word: Word, identity: Identity, outcome: str) -> dict[str, Json]:
    body: dict[str, Json] = {
        "model": identity.model, "version": identity.version, "identity": identity._asdict(),
        "to": word.stage, "outcome": outcome, "reason": word.reason,
    }  # fmt: skip
    return body | {"request_id": word.request_id} if word.request_id else body


def _nothing_to_take_back(facts: VersionFacts, word: Word, standing: Sequence[Approval]) -> str:
    of = f"{facts.model} version {facts.version} for {word.stage}"
    if any(given.name == word.actor.name for given in standing):
        return (
            f"the approval of {of} by {word.actor.name} was given by somebody who had authenticated; "
            "it takes "
            "the same to take it back"
        )
    others = ", ".join(dict.fromkeys(given.name for given in standing))
    return f"{word.actor.name} has no approval of {of} to take back" + (
        f"; there are those of {others}, and each takes back their own" if others else ""
    )

"""Whether a chain may be gone on with: no record came past the guard, and none is missing at its end. Pure.

A sealed adoption accepts what was found before it, so that an operator who has looked into it can go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hotpass.errors import LedgerDamaged
from hotpass.ledger.head import TAG_HEAD, Head
from hotpass.ledger.record import Entry, Kind
from hotpass.ledger.seal import Seal

#: In an adoption's body: the head that it takes the place of.
INSTEAD_OF = "instead_of"


def unsealed(entries: Sequence[Entry], seal: Seal) -> Entry | None:
    """The first record that does not bear this seal and comes after one that does, or says it does; None
    where a sealed adoption follows it. `entries` oldest first.
    """
    found: Entry | None = None
    guarded = False
    for entry in entries:
        if seal.proves(entry.hash, entry.seal):
            guarded = True
            if entry.record.kind is Kind.ADOPTION:
                found = None
        elif (guarded or entry.seal) and found is None:
            found, guarded = entry, True
    return found


def came_past_the_guard(entry: Entry) -> LedgerDamaged:
    """The error for a record that `unsealed` found."""
    model = entry.record.model
    return LedgerDamaged(
        f"the ledger of {model}: record {entry.id} does not bear the guard's seal, and the guard "
        "sealed records "
        f"before it. Nothing was moved. See: hotpass audit verify {model}. An operator who has the "
        "guard's key "
        f"can accept what is there: hotpass adopt {model}"
    )


def against_head(
    tags: Mapping[str, str], entries: Sequence[Entry], seal: Seal | None, workspace: str, model: str
) -> str:
    """What speaks against a chain by the registered model's `tags`, in words; "" where nothing does.

    `entries` are all that may be meant. A head with a seal of this guard's also says that its record had one.
    """
    text = tags.get(TAG_HEAD)
    if text is None or any(_accepts(entry, text, seal) for entry in reversed(entries)):
        return ""
    head = Head.parse(text)
    if head is None:
        return f"the model's tag {TAG_HEAD} was edited: it says {text[:80]!r}"
    named = next((entry for entry in reversed(entries) if entry.id == head.id), None)
    if named is None:
        return (
            f"record {head.id} (number {head.seq}) is gone, and the model's tag {TAG_HEAD} says that it was "
            "written: the newest records were cut off, or the model was renamed and its ledger was not"
        )
    if named.hash != head.hash:
        return f"record {head.id} was edited: the model's tag {TAG_HEAD} has another hash for it"
    if seal is not None and head.is_sealed:
        if not head.proved(seal, workspace, model):
            return f"the seal of the model's tag {TAG_HEAD} was not made with this guard's key"
        if not seal.proves(named.hash, named.seal):
            return f"record {head.id} was sealed by the guard, and its seal is gone"
    return ""


def cut_off(model: str, why: str) -> LedgerDamaged:
    """The error for what `against_head` says."""
    return LedgerDamaged(
        f"the ledger of {model}: {why}. Nothing was moved. See: hotpass audit verify {model}. To go "
        "on with what "
        f"is there, and have that on record: hotpass adopt {model}"
    )


def _accepts(entry: Entry, head: str, seal: Seal | None) -> bool:
    return (
        entry.record.kind is Kind.ADOPTION
        and entry.record.body.get(INSTEAD_OF) == head
        and (seal is None or seal.proves(entry.hash, entry.seal))
    )

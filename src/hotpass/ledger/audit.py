"""Proves a chain: names every record that was edited, removed or inserted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hotpass.errors import LedgerDamaged, LedgerError
from hotpass.ledger.head import TAG_HEAD, Head
from hotpass.ledger.home import ROOT, Home
from hotpass.ledger.record import PARAM_NEXT, TAG_HASH, Entry, Kind
from hotpass.ledger.runs import end_problem, entry_of
from hotpass.ledger.seal import Seal
from hotpass.ledger.trust import against_head
from hotpass.verdicts import Json

#: In the place of a record's id, for what is wrong with the ledger as a whole.
NO_RECORD = "-"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a record, in words."""

    record: str
    message: str


@dataclass(slots=True)
class Audit:
    """What was found in one model's chain. `notes` are remarks that prove no tampering."""

    model: str
    records: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: Of the runs in the chain and beside it, and of those in the chain.
    ids: set[str] = field(default_factory=set)
    walked: set[str] = field(default_factory=set)
    #: Whether the chain could be followed to its end.
    whole: bool = False
    #: Records that carry a guard's seal, and whether a key was there to prove them.
    sealed: int = 0
    seals_proved: bool = False
    #: The records of the chain as far as they could be read, oldest first.
    entries: list[Entry] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.findings

    def as_json(self) -> dict[str, Json]:
        return {
            "model": self.model,
            "records": self.records,
            "sealed": self.sealed,
            "seals_proved": self.seals_proved,
            "clean": self.clean,
            "findings": [{"record": f.record, "message": f.message} for f in self.findings],
            "notes": self.notes,
        }


def verify(home: Home, *, seal: Seal | None = None, model_tags: Mapping[str, str] | None = None) -> Audit:
    """Walks the chain from its start, whatever was hidden or deleted. Raises LedgerError where it cannot be
    read.

    With `seal`, every record's seal is proved. `model_tags` are the registered model's, of which one says how
    far the chain reached; None where the registry has no such model. What no walk can show without a key: the
    last record edited, or cut off together with the param that names it and the model's tag set back.
    """
    audit = Audit(home.model, seals_proved=seal is not None)
    head = (model_tags or {}).get(TAG_HEAD)
    try:
        found = home.find()
        genesis = home.run(home.genesis) if found else None
    except LedgerDamaged as error:
        audit.findings.append(Finding(NO_RECORD, f"removed: {error}"))
        return audit
    if genesis is None:
        audit.whole = True
        if head is not None:
            audit.findings.append(
                Finding(
                    NO_RECORD, f"removed: the model's tag {TAG_HEAD} is that of a ledger, and there is none"
                )
            )
        return audit
    if genesis.info.lifecycle_stage == "deleted":
        audit.findings.append(
            Finding(
                home.genesis,
                f"removed: the start of the chain was deleted. Restore the run, or experiment {ROOT!r}",
            )
        )
    runs = {run.info.run_id: run for run in home.all(deleted_too=True)}
    audit.ids.update(runs)
    audit.whole = _walk(audit, genesis, runs)
    _look_beside_the_chain(audit, runs)
    audit.findings.extend(_prove_seals(audit, seal))
    if audit.whole and model_tags is not None:
        audit.findings.extend(_prove_head(audit, seal, model_tags))
    last = audit.entries[-1] if audit.entries else None
    if last is not None and last.is_open and last.record.moves:
        audit.notes.append(
            f"record {last.id} is open: its promotion is under way, or crashed and not settled yet"
        )
    return audit


def _walk(audit: Audit, genesis: Any, runs: Mapping[str, Any]) -> bool:
    """Follows the chain from its start and compares every hash and link; whether it could to the end."""
    following: str | None = genesis.data.params.get(PARAM_NEXT)
    named_by = "the start of the chain"
    previous: Entry | None = None
    while following:
        if following in audit.walked:
            audit.findings.append(
                Finding(following, "the chain leads back to this record: its links were edited")
            )
            return False
        audit.walked.add(following)
        run = runs.get(following)
        if run is None:
            audit.findings.append(
                Finding(
                    following, f"removed: {named_by} names this record as the next, and it is gone for good"
                )
            )
            return False
        audit.records += 1
        if run.info.lifecycle_stage == "deleted":
            audit.findings.append(
                Finding(following, "removed: its run was deleted. Restore it: MlflowClient().restore_run()")
            )
        try:
            entry = entry_of(run, checked=False)
        except LedgerError as error:
            audit.findings.append(Finding(following, f"edited: {error}"))
            return False
        audit.findings.extend(_wrong_with(entry, run, previous, audit.model))
        audit.entries.append(entry)
        previous, named_by = entry, f"record {following}"
        following = entry.next_id
    return True


def _wrong_with(entry: Entry, run: Any, previous: Entry | None, model: str) -> Iterator[Finding]:
    record = entry.record
    if entry.hash != run.data.tags.get(TAG_HASH):
        yield Finding(entry.id, "edited: its content does not have the hash it was written with")
    wrong = end_problem(run, record)
    if wrong:
        yield Finding(entry.id, f"edited: {wrong}")
    if record.model != model:
        yield Finding(entry.id, f"inserted: it is about model {record.model}")
    expected = previous.record.seq + 1 if previous else 1
    if record.seq != expected:
        yield Finding(
            entry.id, f"removed or inserted: it has number {record.seq}, and {expected} was due here"
        )
    said = dict(record.previous)
    if previous is None:
        if said:
            yield Finding(entry.id, f"removed: it follows record {said.get('id')}, which is not in the chain")
        return
    is_now = previous.link()
    if said.get("id") != is_now["id"]:
        yield Finding(entry.id, f"removed or inserted: it follows record {said.get('id')}, not {previous.id}")
    elif said.get("hash") != is_now["hash"]:
        yield Finding(previous.id, f"edited: record {entry.id} was written behind other content")
    elif said != is_now:
        yield Finding(previous.id, f"edited: how it ended was changed after record {entry.id} was written")


def _look_beside_the_chain(audit: Audit, runs: Mapping[str, Any]) -> None:
    for run_id, run in runs.items():
        if run_id in audit.walked or run.info.lifecycle_stage == "deleted":
            continue  # who lost the race for a place takes the record away again
        if run.data.params.get(PARAM_NEXT) or run.info.status in ("FINISHED", "KILLED"):
            audit.findings.append(
                Finding(run_id, "inserted: it looks like a record and no record leads to it")
            )
        else:
            audit.notes.append(
                f"run {run_id} was written and never appended (its process stopped before); it has no effect"
            )


def _prove_seals(audit: Audit, seal: Seal | None) -> Iterator[Finding]:
    """Every seal is the guard's, and from the first on every record has one.

    A sealed adoption accepts what came past the guard before it: that is a remark from then on.
    """
    audit.sealed = sum(1 for entry in audit.entries if entry.seal)
    if seal is None:
        if audit.sealed:
            audit.notes.append(
                f"sealed records: {audit.sealed}; without the guard's key their seals were not proved "
                "(--key-file, or HOTPASS_GUARD_KEY_FILE)"
            )
        return
    proved = {entry.id for entry in audit.entries if seal.proves(entry.hash, entry.seal)}
    adoptions = [e for e in audit.entries if e.id in proved and e.record.kind is Kind.ADOPTION]
    guarded = False
    before = 0
    for entry in audit.entries:
        if entry.id in proved:
            guarded = True
            continue
        if entry.seal:
            wrong = "edited: its seal was not made with this key for what it says now"
        elif guarded:
            wrong = "inserted past the guard: it has no seal, and sealed records come before it"
        else:
            before += 1
            continue
        adopted = next((later for later in adoptions if later.record.seq > entry.record.seq), None)
        if adopted is None:
            yield Finding(entry.id, wrong)
        else:
            audit.notes.append(f"record {entry.id}: {wrong}; adopted since, by record {adopted.id}")
    if before:
        audit.notes.append(f"records from before the guard: {before}" if proved else "no record is sealed")


def _prove_head(audit: Audit, seal: Seal | None, tags: Mapping[str, str]) -> Iterator[Finding]:
    """The chain reaches as far as the registered model's tag says. A record that moved something in the
    transaction that wrote it has written that tag too.
    """
    text, entries = tags.get(TAG_HEAD), audit.entries
    newest = next((entry for entry in reversed(entries) if entry.record.atomic), None)
    if text is None:
        if newest is not None:
            yield Finding(
                newest.id,
                f"the model's tag {TAG_HEAD}, written with this record, is gone: somebody deleted it, or the "
                "model was deleted and created again. The next promotion writes it again",
            )
        return
    workspace = entries[-1].record.workspace if entries else "default"
    head = Head.parse(text)
    against = against_head(tags, entries, seal, workspace, audit.model)
    if against:
        gone = "removed" if head is not None and head.id not in audit.walked else "edited"
        yield Finding(head.id if head else NO_RECORD, f"{gone}: {against}")
        return
    reached = next((entry for entry in entries if head is not None and entry.id == head.id), None)
    if head is None or reached is None:
        audit.notes.append(f"the model's tag {TAG_HEAD} does not fit, which an adoption has accepted")
        return
    if head.seq != reached.record.seq:
        yield Finding(
            head.id,
            f"edited: the model's tag {TAG_HEAD} calls it number {head.seq}; it is {reached.record.seq}",
        )
    if newest is not None and newest.record.seq > reached.record.seq:
        yield Finding(
            newest.id,
            f"edited: the model's tag {TAG_HEAD} was set back to number {reached.record.seq}, and was "
            "written "
            "with this record",
        )
    if seal is not None and reached.seal and not head.is_sealed and reached.record.atomic:
        yield Finding(head.id, f"edited: the seal of the model's tag {TAG_HEAD} is gone")

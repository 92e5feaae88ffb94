"""Proves a chain: names every record that was edited, removed or inserted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hotpass.errors import LedgerError
from hotpass.ledger.home import Home, end_problem, entry_of
from hotpass.ledger.record import PARAM_NEXT, TAG_HASH, Entry
from hotpass.verdicts import Json


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
    #: Of the runs in the chain and beside it.
    ids: set[str] = field(default_factory=set)

    @property
    def clean(self) -> bool:
        return not self.findings

    def as_json(self) -> dict[str, Json]:
        return {
            "model": self.model,
            "records": self.records,
            "clean": self.clean,
            "findings": [{"record": f.record, "message": f.message} for f in self.findings],
            "notes": self.notes,
        }


def verify(home: Home) -> Audit:
    """Walks the chain from its start, whatever was hidden or deleted. Raises LedgerError where it cannot be
    read.

    What no walk can show without a key: the last record edited, or cut off together with the param that names
    it.
    """
    audit = Audit(home.model)
    if not home.find():
        return audit
    runs = {run.info.run_id: run for run in home.all(deleted_too=True)}
    audit.ids.update(runs)
    genesis = home.run(home.genesis)
    following: str | None = genesis.data.params.get(PARAM_NEXT)
    named_by = "the start of the chain"
    previous: Entry | None = None
    walked: set[str] = set()
    while following:
        if following in walked:
            audit.findings.append(
                Finding(following, "the chain leads back to this record: its links were edited")
            )
            break
        walked.add(following)
        run = runs.get(following)
        if run is None:
            audit.findings.append(
                Finding(
                    following, f"removed: {named_by} names this record as the next, and it is gone for good"
                )
            )
            break
        audit.records += 1
        if run.info.lifecycle_stage == "deleted":
            audit.findings.append(
                Finding(following, "removed: its run was deleted. Restore it: MlflowClient().restore_run()")
            )
        try:
            entry = entry_of(run, checked=False)
        except LedgerError as error:
            audit.findings.append(Finding(following, f"edited: {error}"))
            break
        audit.findings.extend(_wrong_with(entry, run, previous, home.model))
        previous, named_by = entry, f"record {following}"
        following = entry.next_id
    _look_beside_the_chain(audit, runs, walked)
    if previous is not None and previous.is_open and previous.record.moves:
        audit.notes.append(
            f"record {previous.id} is open: its promotion is under way, or crashed and not settled yet"
        )
    return audit


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


def _look_beside_the_chain(audit: Audit, runs: dict[str, Any], walked: set[str]) -> None:
    for run_id, run in runs.items():
        if run_id in walked or run.info.lifecycle_stage == "deleted":
            continue  # who lost the race for a place takes the record away again
        if run.data.params.get(PARAM_NEXT) or run.info.status in ("FINISHED", "KILLED"):
            audit.findings.append(
                Finding(run_id, "inserted: it looks like a record and no record leads to it")
            )
        else:
            audit.notes.append(
                f"run {run_id} was written and never appended (its process stopped before); it has no effect"
            )

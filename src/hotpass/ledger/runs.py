"""The record in an MLflow run, and how it ended by the run's word. Pure."""

from __future__ import annotations

from typing import Any

from hotpass.errors import LedgerError
from hotpass.ledger.record import PARAM_END, PARAM_NEXT, PARAM_SETTLER, TAG_HASH, Entry, Record, State, join
from hotpass.ledger.seal import TAG_SEAL

_UNDER_WAY = ("RUNNING", "SCHEDULED")
#: Milliseconds by which the clocks of a client and a server may differ before a time is called impossible.
SKEW_MS = 10 * 60 * 1000


def entry_of(run: Any, *, checked: bool = True) -> Entry:
    """The entry in an MLflow run. Raises LedgerError where it is no record, or its hash does not fit (if
    `checked`).
    """
    tags = run.data.tags
    try:
        record, digest = join(tags)
    except LedgerError as error:
        raise LedgerError(f"{error} (run {run.info.run_id}). Run: hotpass audit verify") from None
    # What was written with its move says itself how it ended.
    wrong = "" if record.atomic else end_problem(run, record)
    if checked and wrong:
        raise LedgerError(
            f"record {run.info.run_id} of {record.model} was edited after it was written: {wrong}. "
            "Run: hotpass audit verify"
        )
    if checked and digest != tags.get(TAG_HASH):
        raise LedgerError(
            f"record {run.info.run_id} of {record.model} was edited after it was written. Run: "
            "hotpass audit verify"
        )
    return _entry(run, record, digest)


def _entry(run: Any, record: Record, digest: str) -> Entry:
    params = run.data.params
    state, ended_at_ms = _end_of(run, record)
    return Entry(
        id=run.info.run_id,
        record=record,
        hash=digest,
        state=state,
        opened_at_ms=run.info.start_time,
        ended_at_ms=ended_at_ms,
        next_id=params.get(PARAM_NEXT),
        settlers=sum(1 for key in params if key.startswith(PARAM_SETTLER)),
        seal=run.data.tags.get(TAG_SEAL, ""),
    )


def _end_of(run: Any, record: Record) -> tuple[State, int | None]:
    """How the record ended, and when in ms. What was said in a param counts, since that cannot be changed."""
    if not record.moves:
        return State.CLOSED, None  # as soon as it is linked
    if record.atomic:
        return State.CLOSED, record.time_ms
    said = _said_end(run)
    if said is not None:
        return said
    if run.info.status in _UNDER_WAY:
        return State.OPEN, None
    return (State.CLOSED if run.info.status == "FINISHED" else State.ABANDONED), run.info.end_time


def end_problem(run: Any, record: Record) -> str:
    """What is impossible about how the record ended; "" where nothing is.

    A record's own process says that it succeeded by the run's status alone, which saves a request; so a time
    before the record was written, or a failure without the param, can only have been put there by somebody
    else.
    """
    if record.atomic:
        as_written = run.info.status == "FINISHED" and run.info.end_time == record.time_ms
        return "" if as_written else "it ended as it was written, and its run says otherwise"
    if not record.moves or run.info.status in _UNDER_WAY:
        return ""
    if PARAM_END in run.data.params:
        return "" if _said_end(run) else f"its end is {run.data.params[PARAM_END]!r}"
    if run.info.status != "FINISHED":
        return f"its status is {run.info.status}"
    at_ms = run.info.end_time
    return (
        "it ended before it began"
        if at_ms is None or at_ms < record.time.timestamp() * 1000 - SKEW_MS
        else ""
    )


def _said_end(run: Any) -> tuple[State, int] | None:
    state, _, at = run.data.params.get(PARAM_END, "").partition("@")
    try:
        return State(state), int(at)
    except ValueError:
        return None

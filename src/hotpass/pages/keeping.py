"""The report of a decision, kept as an artifact of the run that keeps its record.

It is no part of the record: nothing that fails here changes a decision, and nothing here is believed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from hotpass.ledger.home import Home
from hotpass.ledger.record import Entry, Kind
from hotpass.pages.finding import record_of
from hotpass.pages.numbers import moment
from hotpass.pages.page import FILE, page_of
from hotpass.registry import kept_files
from hotpass.verdicts import Decision

log = logging.getLogger("hotpass")


class Report(NamedTuple):
    """A report, and where it is from: `kept` says that it was written when the decision was made."""

    html: str
    decision: Decision
    kept: bool

    @property
    def file_name(self) -> str:
        """`leads-7-00f15b1a.html`; a decision that is not on record has its stage in the place of the id."""
        identity = self.decision.identity
        parts = (identity.model, str(identity.version), self.decision.id[:8] or self.decision.to_stage)
        return "-".join(re.sub(r"[^\w.]+", "_", part)[:80].lstrip(".") for part in parts) + ".html"


class Reports:
    """Keeps reports in the ledger's store, and reads them. `on` is whether any are written."""

    def __init__(self, ledger_uri: str, *, on: bool) -> None:
        self._uri = ledger_uri
        self.on = on

    def keep(self, decision: Decision, home: Home, entry: Entry) -> None:
        """Writes the report beside the record `entry`. What keeps it from that is a warning in the log."""
        if not self.on:
            return
        try:
            page = page_of(decision, entry).encode()
            kept_files.write(home.files_of(entry.id), FILE, page, tracking_uri=self._uri)
        except Exception as error:
            log.warning(
                "the report of decision %s could not be kept, and the decision stands: %s. It can be made "
                "again from the record: hotpass report. HOTPASS_REPORTS=off keeps none.", entry.id, error,
            )  # fmt: skip

    def find(
        self,
        wanted: Decision | str,
        models: Sequence[str],
        history: Callable[[str], list[Entry]],
        home: Callable[[str], Home],
        *,
        from_record: bool = False,
    ) -> Report:
        """The report of a decision; by the beginning of its id, of one about `models`. Raises NotFound,
        CallError, RegistryError, MissingDependency.
        """
        known = wanted if isinstance(wanted, Decision) else None
        if known is not None and not known.id:
            return fresh(known)
        entry = (
            record_of(known.id, [known.identity.model], history)
            if known is not None
            else record_of(str(wanted), models, history)
        )
        return self._of(home(entry.record.model), entry, from_record=from_record, known=known)

    def _of(self, home: Home, entry: Entry, *, from_record: bool, known: Decision | None) -> Report:
        decision = decision_of(entry)
        if not from_record:
            page = kept_files.read(home.files_of(entry.id), FILE, tracking_uri=self._uri)
            if page is not None:
                return Report(page.decode(errors="replace"), decision, kept=True)
            if known is not None and any(one.result.exhibits for one in known.judgements):
                return Report(page_of(known, entry), known, kept=False)
        remark = (
            f"Made again from the record, at {moment(datetime.now(UTC))}. What the gates drew when they "
            "judged is not in the record, and so not here."
        )
        return Report(page_of(decision, entry, remark=remark), decision, kept=False)


def fresh(decision: Decision) -> Report:
    """The report of a decision that was only asked for."""
    return Report(page_of(decision), decision, kept=False)


def decision_of(entry: Entry) -> Decision:
    """The decision in its record. Raises RegistryError where that cannot be read."""
    assert entry.record.kind is Kind.DECISION
    return Decision.from_json({**entry.record.body, "id": entry.id})

"""What serves behind a guarded server, and whether the record says the same. Read past the server, from its
database.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import text

import hotpass
from hotpass.ledger.head import TAG_HEAD
from hotpass.ledger.record import Entry
from hotpass.ledger.seal import Seal
from hotpass.session import Session

from .guarded import Guarded

#: From any stage, so that versions can take turns in Production for ever.
PRODUCTION_ALONE = """\
policy: production
models: ["guarded_*"]
promotions:
  - to: Production
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.75}
"""


@dataclass
class Behind:
    """The database of a guarded server."""

    server: Guarded

    @cached_property
    def session(self) -> Session:
        """With the server's policies, and without its key."""
        return self._connected(self.server.database_uri)

    @cached_property
    def _through_the_server(self) -> Session:
        return self._connected(self.server.uri)

    def _connected(self, uri: str) -> Session:
        return hotpass.connect(policies=self.server.policies, registry_uri=uri, tracking_uri=uri)

    @cached_property
    def seal(self) -> Seal:
        return Seal(self.server.key_file.read_bytes().strip())

    def holder(self, model: str) -> int | None:
        """The version that the alias names."""
        return self.session.registry.model(model).aliases.get("production")

    def wait_for_a_move(self) -> None:
        """Until a version of any model was moved; ten seconds at most."""
        begin, until = self._heads(), time.monotonic() + 10
        while self._heads() == begin and time.monotonic() < until:
            time.sleep(0.001)

    def _heads(self) -> list[Any]:
        heads = text("SELECT name, value FROM registered_model_tags WHERE key = :key ORDER BY name")
        with self.session.registry.store.engine.connect() as connection:
            return list(connection.execute(heads, {"key": TAG_HEAD}))

    def inconsistent(self, model: str) -> list[str]:
        """What is wrong with where `model`'s versions stand, in words: one version is in Production, the
        alias is on it, and it is the one that was moved last, by the record.
        """
        versions = self.session.registry.versions(model)
        in_production = [facts.version for facts in versions if facts.stage == "Production"]
        entries = self.session.recent(model)
        moved = [entry.record.body["version"] for entry in entries if entry.moved]
        wrong = [f"record {entry.id} is half done" for entry in entries if entry.is_open]
        if not in_production == [self.holder(model)] == moved[-1:]:
            wrong.append(
                f"Production holds {in_production}, the alias is on {self.holder(model)}, the last move on "
                f"record is of {moved[-1:]}"
            )
        return wrong

    def unlike_the_record(self, model: str, *, files: bool = True) -> list[str]:
        """What an audit with the guard's key and a scan for drift find, and records without a seal. With
        `files` the scan asks the server, which alone knows where they are; else it leaves them out.
        """
        audit = self.session.audit(model, seal=self.seal)
        wrong = [f"{finding.record}: {finding.message}" for finding in audit.findings]
        if audit.sealed != audit.records:
            wrong.append(f"of {audit.records} records {audit.sealed} are sealed")
        session = self._through_the_server if files else self.session
        for scan in session.drift(model, seal=self.seal, files=files):
            wrong += [f"{drift.kind}: {drift.recorded}; {drift.found}" for drift in scan.findings]
        return wrong


def only(entries: list[Entry], version: int) -> list[Entry]:
    return [entry for entry in entries if entry.record.body.get("version") == version]


def outcome(entry: Entry) -> str:
    """As clients are told it: "moved", "overtaken" or "denied"."""
    body = entry.record.body
    if body["outcome"] == "allowed":
        return "moved" if entry.moved else "in place"
    return "overtaken" if body["overtaken"] and body["outcome"] == "inconclusive" else "denied"

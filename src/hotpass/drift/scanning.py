"""Compares a model with its record: the ledger, where versions stand, tags, evidence, files.

Nothing is changed. What is read is read many at a time: pages of versions and records, and the runs and
LoggedModels of hundreds of versions in one request each. Only files are read version by version.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from hotpass.drift.evidence import changed_evidence, served_versions
from hotpass.drift.findings import Drift, Kind, Scan
from hotpass.drift.places import moved_past
from hotpass.drift.seen import Seen, command
from hotpass.drift.tags import forged_tags
from hotpass.errors import NotFound
from hotpass.facts import VersionFacts
from hotpass.ledger.audit import NO_RECORD, Audit, verify
from hotpass.ledger.expected import Expected
from hotpass.ledger.home import Home
from hotpass.ledger.reading import key_of
from hotpass.ledger.seal import Seal
from hotpass.policy.model import PolicySet
from hotpass.registry.files import FilesMissing
from hotpass.registry.mlflow_registry import MlflowRegistry

#: How often a model is looked at again that was promoted meanwhile.
RESTARTS = 3
#: Seconds between two lines of progress.
PACE = 5.0


def scan(
    registry: MlflowRegistry,
    home: Home,
    policies: PolicySet,
    *,
    seal: Seal | None = None,
    files: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> Scan:
    """What of the model of `home` is unlike its record. With `seal`, records have to be the guard's; without
    `files`, those are left out. Raises RegistryError and LedgerError where something cannot be read.
    """
    for attempt in range(1, RESTARTS + 1):
        found, audit = _look(registry, home, policies, seal, files, tell)
        if found.clean or attempt == RESTARTS or not _went_on(home, audit):
            break
        tell(f"{home.model} was promoted meanwhile; looking again")
    return found


def _look(
    registry: MlflowRegistry,
    home: Home,
    policies: PolicySet,
    seal: Seal | None,
    files: bool,
    tell: Callable[[str], None],
) -> tuple[Scan, Audit]:
    name = home.model
    try:
        model = registry.model(name)
    except NotFound:
        model = None
    audit = verify(home, seal=seal, model_tags=None if model is None else model.tags)
    found = Scan(name, records=audit.records, notes=list(audit.notes))
    found.findings += _ledger(audit)
    expected = Expected(audit.entries)
    if model is None:
        if expected.stays:
            found.findings.append(
                Drift(
                    name,
                    None,
                    Kind.MODEL,
                    f"{len(expected.stays)} versions were in stages",
                    "the model is gone: deleted, or renamed",
                    f"rename it back in MLflow; what it was is on record: {command('history', name)}",
                )
            )
        return found, audit
    versions = list(registry.versions(name))
    numbers = {facts.version for facts in versions}
    recorded = {identity.version for identity in expected.identities()}
    if recorded - numbers:
        versions += registry.hidden_versions(name, recorded - numbers)
    seen = Seen(model, versions, expected, policies, frozenset(audit.ids), audit.whole)
    found.versions = len(seen.by_version)
    tell(f"{name}: {len(versions)} versions, {audit.records} records")
    found.findings += moved_past(seen)
    found.findings += forged_tags(seen)
    found.findings += changed_evidence(registry, seen, tell)
    if files:
        served = served_versions(seen)
        found.files = len(served)
        found.findings += _changed_files(registry, seen, served, tell)
    return found, audit


def _ledger(audit: Audit) -> Iterator[Drift]:
    for finding in audit.findings:
        record = "the ledger" if finding.record == NO_RECORD else f"record {finding.record}"
        yield Drift(
            audit.model, None, Kind.LEDGER, record, finding.message, command("audit", "verify", audit.model)
        )


def _changed_files(
    registry: MlflowRegistry, seen: Seen, served: Sequence[VersionFacts], tell: Callable[[str], None]
) -> Iterator[Drift]:
    behind = registry.logged_models([facts.model_id for facts in served if facts.model_id])
    told = time.monotonic()
    for number, facts in enumerate(served, 1):
        if time.monotonic() - told > PACE:
            told = time.monotonic()
            tell(f"{seen.name}: the files of version {facts.version} ({number} of {len(served)})")
        digest, entry = seen.expected.digests[key_of(facts.identity())]
        if facts.model_id and facts.model_id not in behind:
            said = f"logged model {facts.model_id} is gone, and the files with it"
        else:
            try:
                now = registry.artifact_digest(facts)
            except FilesMissing as error:
                said = str(error)
            else:
                if now == digest:
                    continue
                said = f"files {now[:12]}"
        yield seen.drift(
            facts.version, Kind.FILES, f"files {digest[:12]} (record {entry.id[:8]})", said,
            "put the files back that were decided on, or "
            f"{command('rollback', seen.name, '--reason', 'drift')}",
        )  # fmt: skip


def _went_on(home: Home, audit: Audit) -> bool:
    """Whether records were written, or ended, since the ledger was read."""
    if not audit.ids:
        return False
    last = audit.entries[-1] if audit.entries else None
    if last is not None and last.is_open:
        return True
    runs, _ = home.newest(3, deleted_too=True)
    return any(run.info.run_id not in audit.ids for run in runs)

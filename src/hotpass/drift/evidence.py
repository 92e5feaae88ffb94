"""Evidence that reads otherwise today than in the decisions that rest on it.

Every value in a decision's snapshot is read again, by the code that read it then (`candidate.Subject`), from
runs and LoggedModels that are read many at a time. Metrics, parameters and what else a training run leaves
are finished when a version is judged; tags of versions and models are not, so there only the last decision
that read one counts, and a tag that was added since is no drift. What a decision read in the files, as a
guard does, is not read again here: their digest is compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from hotpass.candidate import Subject
from hotpass.drift.findings import Drift, Kind
from hotpass.drift.seen import Seen, by, command, short
from hotpass.facts import VersionFacts
from hotpass.gather import Batch, VersionSources
from hotpass.ledger.reading import key_of
from hotpass.ledger.record import Entry
from hotpass.registry.convert import MODEL_FILE_TAG, model_file_of_tag
from hotpass.registry.port import Registry
from hotpass.stages import RESTING
from hotpass.verdicts import Json

#: Versions whose runs and LoggedModels are read in one request each.
BATCH = 500

#: A value as a decision read it.
Reading = tuple[Entry, Json]


def changed_evidence(registry: Registry, seen: Seen, tell: Callable[[str], None]) -> Iterator[Drift]:
    """One finding for each value that is another one now. Raises RegistryError."""
    readings = _readings(seen)
    wanted = [seen.by_version[version] for version in sorted(readings)]
    registry.knows_experiments(
        [name for entry in seen.expected.entries for name in entry.record.body.get("experiments", ())]
    )
    for start in range(0, len(wanted), BATCH):
        chunk = wanted[start : start + BATCH]
        if len(wanted) > BATCH:
            tell(f"{seen.name}: the evidence of versions {chunk[0].version} to {chunk[-1].version}")
        batch = Batch(registry, chunk)
        for facts in chunk:
            sources = VersionSources(registry, facts, batch, seen.model, tuple, lambda name: None)
            yield from _changed(seen, Subject(facts, sources), batch, readings[facts.version])


def _readings(seen: Seen) -> dict[int, dict[str, list[Reading]]]:
    """Per version, each key of a snapshot with what decisions that moved something read there, oldest first.

    What a decision read of the champion counts as read of the version that was the champion.
    """
    found: dict[int, dict[str, list[Reading]]] = defaultdict(lambda: defaultdict(list))
    for entry in seen.expected.entries:
        subject, body = entry.identity(), entry.record.body
        if subject is None or not entry.moved:
            continue
        facts = seen.by_version.get(subject.version)
        rival = seen.by_version.get(body.get("champion") or 0)
        for key, value in (body.get("evidence") or {}).items():
            if key.startswith("champion."):
                if rival is not None and rival.created_at_ms <= entry.record.time.timestamp() * 1000:
                    found[rival.version][key.removeprefix("champion.")].append((entry, value))
            elif facts is not None and subject.same_version(facts.identity()):
                found[facts.version][key].append((entry, value))
    return found


def _changed(
    seen: Seen, subject: Subject, batch: Batch, readings: dict[str, list[Reading]]
) -> Iterator[Drift]:
    facts = subject.facts
    stands = facts.stage not in RESTING
    run_gone = bool(facts.run_id) and facts.run_id not in batch.runs()
    model_gone = bool(facts.model_id) and facts.model_id not in batch.logged_models()
    remedy = (
        f"{command('rollback', seen.name, '--reason', 'drift')}, and register the model anew"
        if stands
        else "do not roll back to it; register the model anew"
    )
    for gone, what in ((run_gone, f"run {facts.run_id}"), (model_gone, f"logged model {facts.model_id}")):
        if gone and any(_rests_on_run(key) for key in readings):
            yield seen.drift(facts.version, Kind.EVIDENCE, what, "it is gone", remedy)
    if run_gone or model_gone:
        readings = {key: values for key, values in readings.items() if not _rests_on_run(key)}
    for key, values in readings.items():
        if key.startswith(("version.tags.", "model.tags.")):
            values = values[-1:]
            if values[0][1] is None or (key.startswith("model.tags.") and not stands):
                continue
        for entry, recorded in values:
            now = _read_again(subject, batch, key, recorded)
            if now != recorded:
                yield seen.drift(
                    facts.version,
                    Kind.EVIDENCE,
                    f"{key} was {short(recorded)} ({by(entry)})",
                    f"{key} is {short(now)}",
                    remedy,
                )
                break


def _rests_on_run(key: str) -> bool:
    return not key.startswith(("version.tags.", "model.tags."))


def _read_again(subject: Subject, batch: Batch, key: str, recorded: Json) -> Json:
    """What is read there now; `recorded` for what only the moment of a decision can say."""
    kind, _, rest = key.partition(".")
    if kind == "metrics":
        name, dataset = _metric(rest, recorded)
        subject.metric(name, dataset)
    elif kind in ("version", "run", "model") and rest.startswith("tags."):
        subject.tag(rest.removeprefix("tags."), on=kind)
    elif kind == "params":
        subject.param(rest)
    elif key == "run":
        subject.run()
    elif key == "run.started_at":
        subject.started_at()
    elif key == "datasets":
        subject.datasets()
    elif key == "model_file" and isinstance(recorded, dict) and recorded.get("source") == "tag":
        return _said_of_its_file(subject.facts, batch)
    return subject.read.get(key, recorded)


def _metric(rest: str, recorded: Json) -> tuple[str, str | None]:
    """The name and the data set in a key such as `roc_auc@validation`; a metric's name may hold an @ too."""
    dataset = recorded.get("dataset") if isinstance(recorded, dict) else None
    if dataset and rest.endswith(f"@{dataset}"):
        return rest.removesuffix(f"@{dataset}"), dataset
    name, sign, asked = rest.rpartition("@")
    return (name, asked) if sign and recorded is None else (rest, None)


def _said_of_its_file(facts: VersionFacts, batch: Batch) -> Json:
    """What the LoggedModel's tag says is in the MLmodel file, whatever the registry would believe itself."""
    found = batch.logged_models().get(facts.model_id)
    said = found.tags.get(MODEL_FILE_TAG) if found else None
    if said is None:
        return None
    try:
        return model_file_of_tag(said).as_json()
    except ValueError:
        return said


def served_versions(seen: Seen) -> Sequence[VersionFacts]:
    """The versions whose files matter: those that stand or served, and whose digest is on record."""
    found = []
    aliased = set(seen.model.aliases.values())
    for facts in seen.by_version.values():
        key = key_of(facts.identity())
        if key in seen.expected.digests and (
            seen.expected.served(key) or facts.version in aliased or facts.stage not in RESTING
        ):
            found.append(facts)
    return sorted(found, key=lambda facts: facts.version)

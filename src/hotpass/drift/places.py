"""Stages, aliases and versions that are not where the record has them: somebody moved them past Hotpass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from hotpass.drift.findings import Drift, Kind
from hotpass.drift.seen import Seen, at, command
from hotpass.facts import Stay, VersionFacts
from hotpass.ledger.reading import key_of
from hotpass.stages import RESTING, ModelStage, alias_of


def moved_past(seen: Seen) -> Iterator[Drift]:
    """Everything that is elsewhere, in the order in which one would look."""
    yield from _versions(seen)
    yield from _stages(seen)
    yield from _holders(seen)
    yield from _aliases(seen)


def _versions(seen: Seen) -> Iterator[Drift]:
    """Versions on record that are gone, or that are others now."""
    last = {identity.version: identity for identity in seen.expected.identities()}
    for version, identity in sorted(last.items()):
        facts = seen.by_version.get(version)
        if facts is not None and key_of(facts.identity()) in seen.expected.stays:
            continue
        stays = seen.expected.stays[key_of(identity)]
        recorded = f"created {at(identity.created_at)}, last in {stays[-1].stage}"
        again = f"it has no record of its own: {command('history', seen.name)}"
        if facts is None:
            remedy = "what it was is on record: " + command("history", seen.name, "--version", str(version))
            if stays[-1].stage not in RESTING:
                remedy = f"{command('rollback', seen.name, '--reason', 'drift')}; {remedy}"
            yield seen.drift(version, Kind.VERSION, recorded, "deleted", remedy)
        else:
            found = f"another one, created {at(facts.created_at_ms)}"
            yield seen.drift(version, Kind.VERSION, recorded, found, again)


def _stages(seen: Seen) -> Iterator[Drift]:
    for facts in sorted(seen.by_version.values(), key=lambda one: one.version):
        if seen.expected.allows_stage(facts):
            continue
        stay = seen.expected.stay(facts)
        recorded = f"{stay.stage} since {at(stay.since)}" if stay else "in no stage"
        updated = f", updated {at(facts.updated_at_ms)}" if facts.updated_at_ms else ""
        yield seen.drift(
            facts.version,
            Kind.STAGE,
            recorded,
            f"{facts.stage}{updated}",
            _stage_remedy(seen, facts, stay),
        )


def _stage_remedy(seen: Seen, facts: VersionFacts, stay: Stay | None) -> str:
    if stay is not None and stay.stage not in RESTING:
        return f"{seen.put_back(facts.version, stay.stage)}; or {seen.adopt}"
    if facts.stage in RESTING:
        return seen.adopt
    holder = seen.by_version.get(seen.expected.holder(facts.stage) or 0)
    if holder is not None and holder.stage != facts.stage:
        return f"{seen.put_back(holder.version, facts.stage)}; or {seen.adopt}"
    return f"move it out of {facts.stage} in MLflow; or {seen.adopt}"


def _holders(seen: Seen) -> Iterator[Drift]:
    """Several versions where the rule leaves room for one."""
    holders: dict[str, list[int]] = defaultdict(list)
    for facts in seen.by_version.values():
        if facts.stage not in RESTING:
            holders[facts.stage].append(facts.version)
    under_way = seen.expected.open.record.body.get("to") if seen.expected.open else None
    for stage, versions in sorted(holders.items()):
        if len(versions) < 2 or stage == under_way or not _room_for_one(seen, stage):
            continue
        holder = seen.expected.holder(stage)
        keep = holder if holder in versions else max(versions)
        others = [version for version in sorted(versions) if version != keep]
        yield seen.drift(
            None,
            Kind.HOLDERS,
            f"one version in {stage}: {keep}",
            f"{', '.join(map(str, sorted(versions)))} are in {stage}",
            "; ".join(command("promote", seen.name, str(v), "--to", ModelStage.ARCHIVED) for v in others)
            + ", or archive them in MLflow",
        )


def _room_for_one(seen: Seen, stage: str) -> bool:
    covering = seen.policies.covering(seen.name)
    said = {
        entry.archive_existing
        for policy in covering
        for entry in policy.entries_to(stage)
        if entry.archive_existing is not None
    }
    if said:
        return False not in said
    if not covering:
        last = seen.expected.archives(stage)
        if last is not None:
            return last
    return stage == ModelStage.PRODUCTION


def _aliases(seen: Seen) -> Iterator[Drift]:
    expected, aliases = seen.expected, seen.model.aliases
    guarded = set(seen.policies.stage_aliases(seen.name)) | expected.moved_aliases
    for policy in seen.policies.covering(seen.name):
        guarded |= policy.guarded_aliases()
    spelt = {alias for alias in aliases if alias.lower() in guarded}
    for alias in sorted(guarded | spelt):
        points_at, due = aliases.get(alias), expected.aliases.get(alias)
        if expected.allows_alias(alias, points_at) or (points_at is None and due not in seen.by_version):
            continue
        if due is not None and due in seen.by_version:
            stays = expected.stays.get(key_of(seen.by_version[due].identity()), [])
            stage = next((stay.stage for stay in reversed(stays) if alias_of(stay.stage) == alias), None)
            remedy = f"{seen.put_back(due, stage)}; or {seen.adopt}" if stage else seen.adopt
        elif alias != alias.lower():
            remedy = f"delete it in MLflow: serving reads {alias.lower()}; or {seen.adopt}"
        else:
            remedy = f"delete it in MLflow; or {seen.adopt}"
        yield seen.drift(
            due if due is not None else points_at,
            Kind.ALIAS,
            f"{alias} on version {due}" if due is not None else f"no alias {alias}",
            f"{alias} on version {points_at}" if points_at is not None else f"{alias} is missing",
            remedy,
        )

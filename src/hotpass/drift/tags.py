"""Tags that only Hotpass writes, and the one with which MLflow hides a model."""

from __future__ import annotations

from collections.abc import Iterator

from hotpass.artifacts import DIGEST_TAG
from hotpass.drift.findings import Drift, Kind
from hotpass.drift.seen import Seen, at
from hotpass.facts import VersionFacts
from hotpass.ledger.reading import key_of
from hotpass.registry.convert import DECISION_TAG

#: MLflow lists no model and no version with this tag among its models.
PROMPT_TAG = "mlflow.prompt.is_prompt"


def forged_tags(seen: Seen) -> Iterator[Drift]:
    """Versions whose tags say what no record says, and a model that somebody declared a prompt."""
    if seen.expected.entries and seen.model.is_prompt:
        yield seen.drift(
            None, Kind.MODEL, "a model with a ledger",
            f"tag {PROMPT_TAG}: MLflow hides it as a prompt",
            f"delete the tag: MlflowClient().delete_registered_model_tag({seen.name!r}, {PROMPT_TAG!r})",
        )  # fmt: skip
    for facts in seen.versions:
        if facts.tags.get(PROMPT_TAG, "").lower() != "true":
            continue
        yield seen.drift(
            facts.version, Kind.VERSION, "a model version on record",
            f"tag {PROMPT_TAG}: MLflow hides it as a prompt",
            f"delete the tag: {_delete(facts, PROMPT_TAG)}",
        )  # fmt: skip
    for facts in sorted(seen.by_version.values(), key=lambda one: one.version):
        yield from _decision(seen, facts)
        yield from _digest(seen, facts)


def _decision(seen: Seen, facts: VersionFacts) -> Iterator[Drift]:
    said = facts.tags.get(DECISION_TAG)
    moves = seen.expected.moves.get(key_of(facts.identity()), [])
    wrong = _wrong_with(seen, facts, said, moves[-1].record.seq if moves else 0)
    if not wrong:
        return
    if moves:
        recorded = f"decision {moves[-1].id[:8]} of {at(moves[-1].moved_at)}"
        remedy = (
            f"MlflowClient().set_model_version_tag({facts.model!r}, '{facts.version}', {DECISION_TAG!r}, "
            f"{moves[-1].id!r})"
        )
    else:
        recorded, remedy = "no decision moved it", _delete(facts, DECISION_TAG)
    yield seen.drift(facts.version, Kind.TAG, recorded, f"{DECISION_TAG} {wrong}", remedy)


def _wrong_with(seen: Seen, facts: VersionFacts, said: str | None, newest: int) -> str:
    """What is wrong with the decision that a version's tag names; "" where nothing is."""
    if said is None:
        return "is gone" if newest else ""
    entry = seen.expected.by_id.get(said)
    if entry is None:
        if said in seen.known_ids and not seen.whole:
            return ""  # the broken chain is a finding of its own
        return f"names {said[:32]!r}, which the ledger does not have"
    subject = entry.identity()
    if subject is None or not subject.same_version(facts.identity()):
        about = f"version {subject.version}" if subject and subject.version != facts.version else "another"
        return f"names {said[:8]}, which is about {about}"
    if not entry.record.moves:
        return f"names {said[:8]}, which moved nothing"
    return f"names {said[:8]}, which is not the last" if entry.record.seq < newest else ""


def _digest(seen: Seen, facts: VersionFacts) -> Iterator[Drift]:
    key = key_of(facts.identity())
    if key not in seen.expected.digests:
        return
    recorded, entry = seen.expected.digests[key]
    said = facts.tags.get(DIGEST_TAG)
    if said == recorded or (said is None and key not in seen.expected.moves):
        return
    yield seen.drift(
        facts.version, Kind.TAG, f"files {recorded[:12]} (record {entry.id[:8]})",
        f"{DIGEST_TAG} is {'gone' if said is None else said[:12]}",
        f"MlflowClient().set_model_version_tag({facts.model!r}, '{facts.version}', {DIGEST_TAG!r}, "
        f"{recorded!r})",
    )  # fmt: skip


def _delete(facts: VersionFacts, tag: str) -> str:
    return f"MlflowClient().delete_model_version_tag({facts.model!r}, '{facts.version}', {tag!r})"

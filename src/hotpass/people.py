"""Who made a version's run and who registered it, by the tags that say so. Pure.

A guarded server that authenticates writes both down when it happens, in tags that nobody else can write, and
seals them if it has a key, since they can be older than the guard. They are two questions: whoever registers
a version names any run beside their own files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hotpass.facts import Person, RunFacts, VersionFacts
from hotpass.json_values import canonical_json

#: The tag of a run that says who made it, and the one with the guard's seal on that.
CREATED_BY_TAG = "hotpass.created_by"
CREATED_BY_SEAL_TAG = f"{CREATED_BY_TAG}.seal"
#: The tag of a version that says who registered it, and the one with the guard's seal on that.
REGISTERED_BY_TAG = "hotpass.registered_by"
REGISTERED_BY_SEAL_TAG = f"{REGISTERED_BY_TAG}.seal"
#: The tag of a run in which MLflow's client says whose account it ran under.
USER_TAG = "mlflow.user"

#: Whether a seal, or its absence, is good enough for a text.
Proves = Callable[[str, str | None], bool]


def anything_goes(text: str, seal: str | None) -> bool:
    """What there is to say of a seal without the guard's key."""
    return True


def created_by(run_id: str, name: str) -> str:
    """What the guard seals for a run."""
    return canonical_json([CREATED_BY_TAG, run_id, name])


def registered_by(facts: VersionFacts, name: str) -> str:
    """What the guard seals for a version."""
    version = [facts.workspace, facts.model, facts.version, facts.created_at_ms]
    return canonical_json([REGISTERED_BY_TAG, *version, name])


def trainer_of(run: RunFacts | None, proves: Proves = anything_goes) -> Person | None:
    """Who made the run; None where nobody says.

    What the seal does not prove is only claimed, and so is MLflow's own `mlflow.user`.
    """
    tags: Mapping[str, str] = run.tags if run else {}
    name = tags.get(CREATED_BY_TAG)
    if run is not None and name:
        return Person(name, proves(created_by(run.run_id, name), tags.get(CREATED_BY_SEAL_TAG)))
    return Person(tags[USER_TAG]) if tags.get(USER_TAG) else None


def registrant_of(facts: VersionFacts, proves: Proves = anything_goes) -> Person | None:
    """Who registered the version; None where nobody says. What the seal does not prove is only claimed."""
    name = facts.tags.get(REGISTERED_BY_TAG)
    if not name:
        return None
    return Person(name, proves(registered_by(facts, name), facts.tags.get(REGISTERED_BY_SEAL_TAG)))

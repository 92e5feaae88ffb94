"""Who made a version's run and who registered it, by the tags that say so. Pure.

A guarded server that authenticates writes both down when it happens, in tags that nobody else can write.
They are two questions: whoever registers a version names any run beside their own files.
"""

from __future__ import annotations

from collections.abc import Mapping

from hotpass.facts import Person, RunFacts, VersionFacts

#: The tag of a run that says who made it.
CREATED_BY_TAG = "hotpass.created_by"
#: The tag of a version that says who registered it.
REGISTERED_BY_TAG = "hotpass.registered_by"
#: The tag of a run in which MLflow's client says whose account it ran under.
USER_TAG = "mlflow.user"


def trainer_of(run: RunFacts | None) -> Person | None:
    """Who made the run; None where nobody says. MLflow's own `mlflow.user` is what the client claimed."""
    tags: Mapping[str, str] = run.tags if run else {}
    if tags.get(CREATED_BY_TAG):
        return Person(tags[CREATED_BY_TAG], authenticated=True)
    return Person(tags[USER_TAG]) if tags.get(USER_TAG) else None


def registrant_of(facts: VersionFacts) -> Person | None:
    """Who registered the version; None where nobody says."""
    name = facts.tags.get(REGISTERED_BY_TAG)
    return Person(name, authenticated=True) if name else None

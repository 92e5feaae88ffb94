"""How a registry keeps stages: natively, or as a version tag where it has none. Chosen once for each
registry.

MLflow deprecated stages in 2.9; Databricks Unity Catalog has none. A team's own stage names are kept as a tag
everywhere.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any, Protocol

from hotpass.candidate import VersionFacts
from hotpass.errors import NotFound
from hotpass.registry.calls import call
from hotpass.registry.convert import STAGE_TAG, version_facts
from hotpass.registry.filters import name_is
from hotpass.registry.port import Moved
from hotpass.stages import ModelStage, is_native


class Representation(Protocol):
    """Sets the stage of a version and, with `archive_existing`, takes all others out of that stage."""

    def set_stage(self, facts: VersionFacts, stage: str, *, archive_existing: bool) -> Moved: ...


def representation_of(store: Any, version: Any) -> Representation:
    """The representation of the registry that `version` (a ModelVersion of it) came from."""
    return NativeStages(store) if version.current_stage else TaggedStages(store)


class NativeStages:
    """MLflow's own stages; one request moves the version and archives the others, in one transaction."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._tagged = TaggedStages(store)

    def set_stage(self, facts: VersionFacts, stage: str, *, archive_existing: bool) -> Moved:
        if not is_native(stage):
            # MLflow refuses names other than its four, so the native stage stays None and the tag says the
            # rest.
            if facts.stage != ModelStage.NONE and is_native(facts.stage):
                self._transition(facts, ModelStage.NONE, archive_existing=False)
            return self._tagged.set_stage(facts, stage, archive_existing=archive_existing)
        moved = self._transition(facts, stage, archive_existing=archive_existing)
        if STAGE_TAG in facts.tags:
            with contextlib.suppress(NotFound):
                call(
                    "remove the stage tag",
                    self._store.delete_model_version_tag,
                    facts.model,
                    str(facts.version),
                    STAGE_TAG,
                )
            tags = {key: value for key, value in moved.facts.tags.items() if key != STAGE_TAG}
            moved = moved._replace(facts=replace(moved.facts, tags=tags))
        return moved

    def _transition(self, facts: VersionFacts, stage: str, *, archive_existing: bool) -> Moved:
        # MLflow refuses archive_existing_versions for stages in which nothing serves.
        archive = archive_existing and stage in (ModelStage.STAGING, ModelStage.PRODUCTION)
        # str(): the SQL store keeps what it is given, and a str enum is not what it would give back.
        moved = call(
            f"move {facts.model} version {facts.version} to {stage}",
            self._store.transition_model_version_stage,
            facts.model,
            # An int: the SQL store compares it with an integer column, which psycopg 3 refuses for a str.
            facts.version,
            str(stage),
            archive,
        )
        facts = version_facts(moved)
        return Moved(facts, facts.updated_at_ms or None)


class TaggedStages:
    """The stage as the version tag `hotpass.stage`."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def set_stage(self, facts: VersionFacts, stage: str, *, archive_existing: bool) -> Moved:
        self._tag(facts.model, facts.version, stage)
        if archive_existing:
            for other in self._others_in(facts, stage):
                self._tag(facts.model, other, ModelStage.ARCHIVED)
        found = call(
            f"read {facts.model} version {facts.version}",
            self._store.get_model_version,
            facts.model,
            str(facts.version),
        )
        return Moved(version_facts(found), None)  # setting a tag leaves last_updated_timestamp as it was

    def _tag(self, model: str, version: int, stage: str) -> None:
        from mlflow.entities.model_registry import ModelVersionTag

        call(
            f"move {model} version {version} to {stage}",
            self._store.set_model_version_tag,
            model,
            str(version),
            ModelVersionTag(STAGE_TAG, str(stage)),
        )

    def _others_in(self, facts: VersionFacts, stage: str) -> list[int]:
        """Looked through here: Unity Catalog filters by name alone."""
        found: list[int] = []
        token = None
        while True:
            page = call(
                f"list the versions of {facts.model} in {stage}",
                self._store.search_model_versions,
                name_is(facts.model),
                max_results=1000,
                page_token=token,
            )
            found.extend(
                other.version
                for other in map(version_facts, page)
                if other.model == facts.model and other.stage == stage
            )
            token = page.token
            if not token:
                return [version for version in found if version != facts.version]

"""What the guarded registry store knows of a model before it lets a call through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL
from mlflow.store.model_registry.dbmodels.models import (
    SqlModelVersion,
    SqlRegisteredModel,
    SqlRegisteredModelTag,
)
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from hotpass.guard import registry_rules as rules
from hotpass.guard.refusals import told_to_mlflow
from hotpass.guard.registry_rules import VersionState
from hotpass.guard.sessions import JoinedSessions
from hotpass.guard.standing import Standing
from hotpass.registry.convert import version_facts

if TYPE_CHECKING:
    from sqlalchemy.orm import Query, Session

    from hotpass.guard.core import Guard

#: Databases that take two texts for equal only where they are.
_EXACT = ("sqlite", "postgresql")


class RegistryView(SqlAlchemyStore):  # type: ignore[misc]
    """MLflow's store, whose methods can be called in a session that is open already."""

    ManagedSessionMaker: Any

    def _look_through(self, guard: Guard) -> None:
        """To be called once the store is made."""
        self._guard = guard
        self._standing = Standing(guard)
        self._sessions = JoinedSessions(self.ManagedSessionMaker)
        self.ManagedSessionMaker = self._sessions

    def _reached(self, name: Any) -> str | None:
        """The model's name as the database has it, where it is in reach; else None."""
        if not isinstance(name, str):
            return None  # MLflow refuses it
        stored = self._as_stored(name)
        with told_to_mlflow():
            return stored if self._guard.covers(stored) else None

    def _as_stored(self, name: str) -> str:
        """MySQL and SQL Server find a model by other spellings of its name too."""
        if self._get_dialect() in _EXACT:
            return name
        with self._sessions.joined() as session:
            found = self._rows(session, name).first()
            return name if found is None else str(found.name)

    def _rows(self, session: Session, model: str) -> Query[Any]:
        found: Query[Any] = self._get_query(session, SqlRegisteredModel).filter(
            SqlRegisteredModel.name == model
        )
        return found

    def _model_tags(self, session: Session, model: str) -> dict[str, str]:
        tags = self._get_query(session, SqlRegisteredModelTag).filter(SqlRegisteredModelTag.name == model)
        return {tag.key: tag.value for tag in tags}

    def _state(self, session: Session, model: str, version: int) -> VersionState:
        """Raises MlflowException for a version that does not exist."""
        facts = version_facts(self.get_model_version(model, version))
        return VersionState(facts, self._standing.frozen_version(model, version, session.connection()))

    def _states(self, session: Session, model: str) -> list[VersionState]:
        """All versions. Not by MLflow's search: one with the tag of prompts hides all the others from it."""
        numbers = self._get_query(session, SqlModelVersion).filter(
            SqlModelVersion.name == model, SqlModelVersion.current_stage != STAGE_DELETED_INTERNAL
        )
        return [self._state(session, model, row.version) for row in numbers.order_by(SqlModelVersion.version)]

    def _is_prompt(self, session: Session, model: str, state: VersionState) -> bool:
        """Whether it is a version of a genuine prompt: both must say so, since a model may not have become
        one.
        """
        return rules.is_prompt(state.facts.tags) and rules.is_prompt(self._model_tags(session, model))

    def _all_prompts(self, session: Session, model: str, states: list[VersionState]) -> bool:
        return rules.is_prompt(self._model_tags(session, model)) and all(
            rules.is_prompt(state.facts.tags) for state in states
        )

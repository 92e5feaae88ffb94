"""MLflow's SQL model registry store with the engine before every call that could change what serves or take
evidence away.

A model that no policy covers is MLflow's alone. For one in reach, a stage transition and a guarded alias are
promotions, which the engine decides and carries out on MLflow's plain stores (`engine_calls.py`). What must
hold for the other calls is in `registry_rules.py`; it is checked and done in one transaction under the
model's lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from mlflow.entities.model_registry import ModelVersionTag
from mlflow.entities.model_registry.model_version_stages import (
    DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS,
    get_canonical_stage,
)
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore
from mlflow.utils.validation import (
    _validate_model_alias_name,
    _validate_model_alias_name_reserved,
    _validate_model_version,
)

from hotpass.guard import registry_rules as rules
from hotpass.guard.engine_calls import EngineCalls
from hotpass.guard.known_methods import check_known
from hotpass.guard.known_registry_methods import REGISTRY_METHODS
from hotpass.guard.refusals import refusal, told_to_mlflow
from hotpass.guard.registry_view import RegistryView
from hotpass.guard.spelling import folded
from hotpass.guard.who import actor_of_request
from hotpass.people import REGISTERED_BY_SEAL_TAG, REGISTERED_BY_TAG, registered_by
from hotpass.registry.convert import version_facts
from hotpass.stages import alias_of, canonical

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hotpass.guard.core import Guard

T = TypeVar("T")


class GuardedRegistryStore(RegistryView):
    """The guarded registry store of a server without workspaces."""

    def __init__(self, guard: Guard, db_uri: str, read_db_uri: str | None = None) -> None:
        """`db_uri` is plain. Raises CallError where MLflow's store has methods that Hotpass does not know."""
        check_known(type(self), REGISTRY_METHODS)
        # MLflow 3.12 has no replicas to read from, and no such argument.
        super().__init__(db_uri, **({"read_db_uri": read_db_uri} if read_db_uri else {}))
        self._look_through(guard)
        self._engine_calls = EngineCalls(guard)

    # --- promotions -----------------------------------------------------------------------------------------

    def transition_model_version_stage(
        self, name: str, version: Any, stage: str, archive_existing_versions: bool
    ) -> Any:
        def plainly() -> Any:
            return super(GuardedRegistryStore, self).transition_model_version_stage(
                name, version, stage, archive_existing_versions
            )

        model = self._reached(name)
        if model is None:
            return plainly()
        to_stage = get_canonical_stage(stage)
        if archive_existing_versions and to_stage not in DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS:
            return plainly()  # which MLflow refuses, in words of its own
        number = _number(version)
        # On the wire "do not archive" cannot be told from "not said".
        archive = True if archive_existing_versions else None
        if not self._promoted(model, number, to_stage, archive, "transition_model_version_stage"):
            return plainly()
        with self._sessions.joined():
            return self.get_model_version(name, number)

    def set_registered_model_alias(self, name: str, alias: str, version: Any) -> None:
        def plainly() -> None:
            super(GuardedRegistryStore, self).set_registered_model_alias(name, alias, version)

        model = self._reached(name)
        if model is None:
            return plainly()
        _validate_model_alias_name(alias)
        _validate_model_alias_name_reserved(alias)
        guarded = self._guard.guarded_aliases(model)
        if folded(alias) not in map(folded, guarded):
            return plainly()
        number = _number(version)
        policies = self._guard.policies
        misspelt = rules.against_spelling(alias, guarded)
        if not misspelt and alias in policies.stage_aliases(model):
            if not self._promoted(model, number, alias, None, "set_registered_model_alias", announced=alias):
                plainly()
            return None

        def against(session: Session) -> list[str]:
            state = self._state(session, model, number)
            if self._is_prompt(session, model, state):
                return []
            history = self._engine_calls.history(model)
            return misspelt or rules.against_own_alias(alias, state.facts, policies, history)

        what = f"{model} version {number} may not get the alias {alias}"
        return self._unless(against, model, what, "set_registered_model_alias", plainly)

    def _promoted(
        self, model: str, version: int, to: str, archive: bool | None, call: str, announced: str = ""
    ) -> bool:
        """Whether the version is in stage `to` now by the engine's decision, or was there already, pointer
        included: MLflow's client sends a request again whose answer was late.

        False where the call is for MLflow: for a prompt, and where the guard only observes. Raises
        MlflowException for a refusal.
        """
        with self._sessions.joined() as session, told_to_mlflow():
            state = self._state(session, model, version)
            if self._is_prompt(session, model, state):
                return False
            to_stage = self._guard.policies.spelling_of(model, canonical(to))
        alias = alias_of(to_stage)
        if state.facts.stage == to_stage and (alias is None or alias in state.facts.aliases):
            return True
        return self._engine_calls.promoted(model, version, to_stage, archive, call, announced)

    # --- taking away ----------------------------------------------------------------------------------------

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        def plainly() -> None:
            super(GuardedRegistryStore, self).delete_registered_model_alias(name, alias)

        model = self._reached(name)
        if model is None:
            return plainly()
        _validate_model_alias_name(alias)
        if folded(alias) not in map(folded, self._guard.guarded_aliases(model)):
            return plainly()

        def against(session: Session) -> list[str]:
            found = self._get_registered_model_alias(session, model, alias)
            if found is None:
                return []
            state = self._state(session, model, found.version)
            if self._is_prompt(session, model, state):
                return []
            return rules.against_deleting_alias(alias, state.facts)

        what = f"the alias {alias} of {model} may not be deleted"
        return self._unless(against, model, what, "delete_registered_model_alias", plainly)

    def delete_model_version(self, name: str, version: Any) -> None:
        def plainly() -> None:
            super(GuardedRegistryStore, self).delete_model_version(name, version)

        model = self._reached(name)
        if model is None:
            return plainly()
        number = _number(version)

        def against(session: Session) -> list[str]:
            state = self._state(session, model, number)
            if self._is_prompt(session, model, state):
                return []
            return rules.against_deleting_version(state, self._engine_calls.history(model))

        what = f"{model} version {number} may not be deleted"
        return self._unless(against, model, what, "delete_model_version", plainly)

    def delete_registered_model(self, name: str) -> None:
        def plainly() -> None:
            super(GuardedRegistryStore, self).delete_registered_model(name)

        model = self._reached(name)
        if model is None:
            return plainly()

        def against(session: Session) -> list[str]:
            states = self._states(session, model)
            if self._all_prompts(session, model, states):
                return []
            return rules.against_deleting_model(states, self._engine_calls.history(model))

        return self._unless(against, model, f"{model} may not be deleted", "delete_registered_model", plainly)

    def rename_registered_model(self, name: str, new_name: str) -> Any:
        def plainly() -> Any:
            return super(GuardedRegistryStore, self).rename_registered_model(name, new_name)

        model, before, after = self._as_stored(name), self._reached(name), self._reached(new_name)
        if before is None and after is None:
            return plainly()

        def against(session: Session) -> list[str]:
            states = self._states(session, model)
            if self._all_prompts(session, model, states):
                return []
            guarded = {
                alias
                for one in (before, after)
                if one is not None
                for alias in self._guard.guarded_aliases(one)
            }
            histories = {one: self._engine_calls.history(one) for one in (model, new_name)}
            foreign = self._model_tags(session, model) if before is None else None
            return rules.against_rename(states, histories, guarded, foreign)

        what = f"{model} may not be renamed to {new_name}"
        return self._unless(against, model, what, "rename_registered_model", plainly)

    # --- tags -----------------------------------------------------------------------------------------------

    def set_model_version_tag(self, name: str, version: Any, tag: Any) -> None:
        def plainly() -> None:
            super(GuardedRegistryStore, self).set_model_version_tag(name, version, tag)

        return self._change_tag(name, version, tag.key, tag.value, "set_model_version_tag", plainly)

    def delete_model_version_tag(self, name: str, version: Any, key: str) -> None:
        def plainly() -> None:
            super(GuardedRegistryStore, self).delete_model_version_tag(name, version, key)

        return self._change_tag(name, version, key, None, "delete_model_version_tag", plainly)

    def _change_tag(
        self, name: str, version: Any, key: str, value: str | None, call: str, plainly: Callable[[], None]
    ) -> None:
        model = self._reached(name)
        if model is None:
            return plainly()
        number = _number(version)

        def against(session: Session) -> list[str]:
            reasons = rules.against_tag(key)
            state = self._state(session, model, number)
            if reasons or self._is_prompt(session, model, state):
                return reasons
            return rules.against_changing_tag(state, key, value)

        done = "deleted" if value is None else "set"
        what = f"the tag {key} of {model} version {number} may not be {done}"
        return self._unless(against, model, what, call, plainly)

    def set_registered_model_tag(self, name: str, tag: Any) -> None:
        def plainly() -> None:
            super(GuardedRegistryStore, self).set_registered_model_tag(name, tag)

        return self._change_model_tag(name, tag.key, "set", "set_registered_model_tag", plainly)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        def plainly() -> None:
            super(GuardedRegistryStore, self).delete_registered_model_tag(name, key)

        return self._change_model_tag(name, key, "deleted", "delete_registered_model_tag", plainly)

    def _change_model_tag(
        self, name: str, key: str, done: str, call: str, plainly: Callable[[], None]
    ) -> None:
        """What speaks against a model's tag speaks by its key alone, so all others are MLflow's."""
        model = self._reached(name)
        reasons = rules.against_tag(key) if model is not None else []
        if model is None or not reasons:
            return plainly()
        what = f"the tag {key} of {model} may not be {done}"
        return self._unless(lambda session: reasons, model, what, call, plainly)

    # --- creating, which is never refused -------------------------------------------------------------------

    def create_registered_model(
        self,
        name: str,
        tags: Any = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> Any:
        if self._reached(name) is not None:
            tags = rules.without_ours(
                tags, prompt=rules.is_prompt({tag.key: tag.value for tag in tags or ()})
            )
        return super().create_registered_model(name, tags, description, deployment_job_id)

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Any = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> Any:
        """With MLflow's auth, the version says who registered it, in a tag that nobody else can write, under
        the guard's seal if it has a key.
        """

        def plainly() -> Any:
            return super(GuardedRegistryStore, self).create_model_version(
                name, source, run_id, tags, run_link, description, local_model_path, model_id
            )

        model, prompt = self._reached(name), False
        if model is not None and tags:
            with self._sessions.joined() as session:
                prompt = rules.is_prompt(self._model_tags(session, model))
            tags = rules.without_ours(tags, prompt=prompt)
        actor, seal = actor_of_request(), self._guard.seal
        if model is None or prompt or not actor.authenticated:
            return plainly()
        tags = [*(tags or ()), ModelVersionTag(REGISTERED_BY_TAG, actor.name)]
        if seal is None:
            return plainly()
        with self._sessions.joined():
            made = plainly()
            said = registered_by(version_facts(made), actor.name)
            tag = ModelVersionTag(REGISTERED_BY_SEAL_TAG, seal.of(said))
            super().set_model_version_tag(made.name, made.version, tag)
            made._add_tag(tag)
        return made

    # --- checking -------------------------------------------------------------------------------------------

    def _unless(
        self,
        against: Callable[[Session], list[str]],
        model: str,
        what: str,
        call: str,
        plainly: Callable[[], T],
    ) -> T:
        """Does what MLflow does unless something speaks `against` it, in one transaction."""
        if self._guard.settings.observe:
            self._observed(against, model, call)
            return plainly()
        with self._sessions.locked(lambda session: self._rows(session, model)) as session:
            with told_to_mlflow():
                reasons = against(session)
            if reasons:
                raise refusal(what, reasons)
            return plainly()

    def _observed(self, against: Callable[[Session], list[str]], model: str, call: str) -> None:
        try:
            with self._sessions.joined() as session, told_to_mlflow():
                reasons = against(session)
        except MlflowException:
            return  # the call itself meets the same fault
        if reasons:
            self._engine_calls.observe(model, call, reasons)


class GuardedWorkspaceRegistryStore(GuardedRegistryStore, WorkspaceAwareSqlAlchemyStore):  # type: ignore[misc]
    """The guarded registry store of a server with workspaces: policies and ledgers are each workspace's
    own.
    """


def _number(version: Any) -> int:
    """Raises MlflowException for what is not a version. MLflow's check returns it since 3.16."""
    _validate_model_version(version)
    return int(version)

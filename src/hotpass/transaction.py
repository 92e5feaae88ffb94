"""The last steps of a promotion where the database is at hand: recheck, record and move in one transaction.

The registered model's row is the lock (in SQLite, the whole database). Inside it nothing that the decision
rests on can change, and what is written shows all at once or not at all: there is never anything to settle.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hotpass.artifacts import DIGEST_TAG
from hotpass.ledger.chain import Chain
from hotpass.ledger.draft import Draft
from hotpass.ledger.record import Entry
from hotpass.ledger.rows import upsert
from hotpass.ledger.writing import Slot
from hotpass.moving import Recheck
from hotpass.registry.convert import DECISION_TAG, STAGE_TAG
from hotpass.registry.database import Database
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.registry.port import ModelFacts
from hotpass.registry.sql_reader import SqlReader
from hotpass.resolving import Resolved
from hotpass.stages import ModelStage, is_native
from hotpass.verdicts import Decision

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

log = logging.getLogger("hotpass")


class Transactions:
    """Carries out decisions about models whose registry and ledger are in one database."""

    def __init__(self, database: Database, registry: MlflowRegistry) -> None:
        """`registry` reads the runs behind the versions where they are not in the database."""
        self._database = database
        self._elsewhere = None if database.holds(registry.tracking) else registry
        self._by_workspace = bool(registry.tracking.supports_workspaces)

    def carry_out(
        self,
        chain: Chain,
        after: Entry | None,
        draft: Draft,
        decision: Decision,
        resolved: Resolved,
        recheck: Recheck,
        decided: Callable[[Entry], None],
    ) -> Entry | str | None:
        """The record of `decision`, behind `after`, once it and its move are committed; `decided` is told of
        it.

        What changed, in words, where `recheck` found something, and None where another record got there
        first: nothing was written then. Raises LedgerError.
        """
        chain.refuse_unsealed()

        def work(slot: Slot) -> Entry | str:
            reader = SqlReader(
                slot.session,
                self._database,
                by_workspace=self._by_workspace,
                elsewhere=self._elsewhere,
            )
            changed = recheck(reader)
            if changed:
                return changed
            entry = slot.fill(draft, with_its_move=True)
            tags = {DECISION_TAG: entry.id, DIGEST_TAG: decision.identity.artifact_digest}
            _Move(slot.session, self._database.workspace, resolved, entry.record.time_ms).make(reader, tags)
            return entry

        done = chain.in_one_transaction(after, work)
        if isinstance(done, Entry):
            self._announce(resolved)
            decided(done)
        return done

    def _announce(self, resolved: Resolved) -> None:
        """Tells MLflow's webhooks of the aliases, as its server would have (`_set_registered_model_alias`,
        `_delete_registered_model_alias` in `mlflow.server.handlers`). Nothing that fails there undoes a move.
        """
        name, alias, version = resolved.model.name, resolved.alias, resolved.facts.version
        told = [("DELETED", {"name": name, "alias": gone}) for gone in resolved.aliases_to_delete()]
        if alias is not None and resolved.model.aliases.get(alias) != version:
            told.append(("CREATED", {"name": name, "alias": alias, "version": str(version)}))
        for action, payload in told:
            if payload["alias"] == resolved.request.announced:
                continue
            try:
                from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent
                from mlflow.webhooks.delivery import deliver_webhook

                event = WebhookEvent(WebhookEntity.MODEL_VERSION_ALIAS, WebhookAction[action])
                deliver_webhook(event=event, payload=payload, store=self._database.store)
            except Exception as error:
                what = f"{type(error).__name__}: {error}"
                log.warning("webhooks were not told of alias %s of %s: %s", payload["alias"], name, what)


class _Move:
    """The rows of one move: what MLflow's own methods would write, one after the other."""

    def __init__(self, session: Session, workspace: str, resolved: Resolved, now_ms: int) -> None:
        self._session = session
        self._model = {"workspace": workspace, "name": resolved.facts.model}
        self._version = {**self._model, "version": resolved.facts.version}
        self._resolved = resolved
        self._now_ms = now_ms

    def make(self, reader: SqlReader, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            if self._resolved.facts.tags.get(key) != value:
                self._tag(self._resolved.facts.version, key, value)
        self._point(self._resolved.model)
        if is_native(self._resolved.request.to_stage):
            self._enter_native()
        else:
            self._enter_own(reader)

    def _point(self, model: ModelFacts) -> None:
        from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModelAlias
        from sqlalchemy import delete

        alias, version = self._resolved.alias, self._resolved.facts.version
        if alias is not None and model.aliases.get(alias) != version:
            upsert(
                self._session, SqlRegisteredModelAlias, {**self._model, "alias": alias}, {"version": version}
            )
        for wrong in self._resolved.aliases_to_delete():
            where = _is(SqlRegisteredModelAlias, {**self._model, "alias": wrong})
            self._session.execute(delete(SqlRegisteredModelAlias).where(*where))

    def _enter_native(self) -> None:
        """As `SqlAlchemyStore.transition_model_version_stage`, which archives others for Staging and
        Production alone.
        """
        stage = self._resolved.request.to_stage
        if self._resolved.archive and stage in (ModelStage.STAGING, ModelStage.PRODUCTION):
            self._stage_others(stage)
        self._stage(stage)
        if STAGE_TAG in self._resolved.facts.tags:
            self._untag(STAGE_TAG)

    def _enter_own(self, reader: SqlReader) -> None:
        """As `TaggedStages`: a team's own stage is a tag, and the native one stays None."""
        facts, stage = self._resolved.facts, self._resolved.request.to_stage
        if facts.stage != ModelStage.NONE and is_native(facts.stage):
            self._stage(ModelStage.NONE)
        others = reader.in_stage(facts.model, stage) if self._resolved.archive else []
        self._tag(facts.version, STAGE_TAG, stage)
        for other in others:
            if other.version != facts.version:
                self._tag(other.version, STAGE_TAG, ModelStage.ARCHIVED)

    def _stage_others(self, stage: str) -> None:
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
        from sqlalchemy import update

        self._session.execute(
            update(SqlModelVersion)
            .where(
                *_is(SqlModelVersion, {**self._model, "current_stage": str(stage)}),
                SqlModelVersion.version != self._resolved.facts.version,
            )
            .values(current_stage=ModelStage.ARCHIVED.value, last_updated_time=self._now_ms)
        )

    def _stage(self, stage: str) -> None:
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModel
        from sqlalchemy import update

        self._session.execute(
            update(SqlModelVersion)
            .where(*_is(SqlModelVersion, self._version))
            .values(current_stage=str(stage), last_updated_time=self._now_ms)
        )
        self._session.execute(
            update(SqlRegisteredModel)
            .where(*_is(SqlRegisteredModel, self._model))
            .values(last_updated_time=self._now_ms)
        )

    def _tag(self, version: int, key: str, value: str) -> None:
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersionTag

        where = {**self._model, "version": version, "key": key}
        upsert(self._session, SqlModelVersionTag, where, {"value": str(value)})

    def _untag(self, key: str) -> None:
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersionTag
        from sqlalchemy import delete

        where = _is(SqlModelVersionTag, {**self._version, "key": key})
        self._session.execute(delete(SqlModelVersionTag).where(*where))


def _is(table: Any, where: dict[str, Any]) -> list[Any]:
    return [getattr(table, column) == value for column, value in where.items()]

"""The guarded tracking store and MLflow's plain one on the same database, without a server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .guarded_clients import GuardedClient, guarded_client
from .stores import Store
from .versions import make_version


@dataclass(frozen=True)
class GuardedRuns:
    """`registry` is the guarded registry; `store` and `plain` are the guarded and the plain tracking store.
    """

    registry: GuardedClient
    artifacts: str

    @cached_property
    def guard(self) -> Any:
        from hotpass.guard.core import guard_of
        from hotpass.guard.guard_settings import GuardSettings

        return guard_of(GuardSettings.from_environment(self.registry.plain.uri))

    @cached_property
    def store(self) -> Any:
        from hotpass.guard.tracking_store import tracking_builder

        return tracking_builder(self.guard)(self.registry.plain.uri, self.artifacts)

    @cached_property
    def plain(self) -> Any:
        return self.registry.plain.client._tracking_client.store

    @cached_property
    def standing(self) -> Any:
        from hotpass.guard.standing import Standing

        return Standing(self.guard)

    def version(self, model: str, *stages: str, **made: Any) -> Any:
        """A new version of `model`, promoted through `stages`, as MLflow has it."""
        number = str(make_version(self.registry.plain, model, **{"metrics": {"roc_auc": 0.8}, **made}))
        for stage in stages:
            self.registry.client.transition_model_version_stage(model, number, stage)
        return self.registry.plain.client.get_model_version(model, number)


def guarded_runs(store: Store, folder: Path, *, workspaces: bool = False) -> GuardedRuns:
    """`store` with the guard's policies in `folder`, as `guarded_client` has them."""
    return GuardedRuns(guarded_client(store, folder, workspaces=workspaces), str(store.artifacts))


def model_id_of(version: Any) -> str:
    """The LoggedModel behind a version that `make_version` made."""
    source: str = version.source
    return source.removeprefix("models:/")

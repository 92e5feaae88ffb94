"""Clients with a guarded registry: `hotpass+…` URIs on a database of the test's own, without a server."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from .stores import Store, forget_engines
from .versions import make_version

M = "guarded_m"  # a model in reach of POLICY

POLICY = """\
policy: guarded
models: ["guarded_*"]
aliases: [champion]
promotions:
  - to: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.70}
  - to: Production
    from: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.75}
  - to: Archived
    from: Production
    gates:
      - required_tags:
          archive_reason: present
"""


@dataclass(frozen=True)
class GuardedClient:
    """`plain` is the database as it is, for preparing and looking; `client` goes through the guard."""

    plain: Store

    @property
    def uri(self) -> str:
        return f"hotpass+{self.plain.uri}"

    @cached_property
    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.plain.uri, registry_uri=self.uri)

    @property
    def store(self) -> Any:
        """The guarded store itself."""
        return self.client._get_registry_client().store

    def serving(self, model: str) -> tuple[dict[str, int], dict[int, str]]:
        """Its aliases, and the stage of each version that stands in one."""
        client = self.plain.client
        stages = {int(v.version): v.current_stage for v in client.search_model_versions(f"name = '{model}'")}
        aliases = client.get_registered_model(model).aliases
        return {alias: int(version) for alias, version in aliases.items()}, {
            version: stage for version, stage in sorted(stages.items()) if stage != "None"
        }

    def outcomes(self, model: str) -> list[str]:
        """The ledger: `1 None -> Staging allowed`, oldest first."""
        import hotpass

        bodies = [entry.record.body for entry in hotpass.history(model, registry_uri=self.plain.uri)]
        return [f"{b['version']} {b['from']} -> {b['to']} {b['outcome']}" for b in bodies if "from" in b]


@contextlib.contextmanager
def mysql_database(server: str, folder: Path) -> Iterator[Store]:
    """An empty store in a database of its own on the MySQL server at the SQLAlchemy URI `server`, which names
    no database.
    """
    import sqlalchemy

    name = f"hotpass_test_{uuid.uuid4().hex[:12]}"
    engine = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT")
    uri = engine.url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        try:
            yield Store("mysql", uri, folder / "mlruns")
        finally:
            forget_engines(uri)
            connection.exec_driver_sql(f"DROP DATABASE {name}")
    engine.dispose()


def guarded_client(
    store: Store, folder: Path, policy: str = POLICY, *, workspaces: bool = False
) -> GuardedClient:
    """A guarded client on `store`, with `policy` in `folder`. Sets variables of the environment, which the
    tests' fixtures put back.
    """
    place = folder / "policies"
    place.mkdir(exist_ok=True)
    (place / "guarded.yaml").write_text(policy)
    os.environ["HOTPASS_POLICIES"] = str(place)
    if workspaces:
        os.environ |= {"MLFLOW_ENABLE_WORKSPACES": "true", "MLFLOW_WORKSPACE": "default"}
    return GuardedClient(store)


def refused(call: Callable[..., Any], *args: Any, code: str = "PERMISSION_DENIED", **kwargs: Any) -> str:
    """The message of the MlflowException that the call raises, with this code."""
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        call(*args, **kwargs)
    assert caught.value.error_code == code, caught.value
    return str(caught.value.message)


def in_production(registry: GuardedClient, model: str = M) -> int:
    """The number of a new version that the guard let into Production."""
    version = make_version(registry.plain, model, metrics={"roc_auc": 0.8})
    registry.client.transition_model_version_stage(model, str(version), "Staging")
    registry.client.transition_model_version_stage(model, str(version), "Production")
    return version

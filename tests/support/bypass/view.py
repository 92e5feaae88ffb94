"""What serves, what it rests on and what was decided, read from the database and the artifacts themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, bindparam, text

from hotpass.ledger.head import TAG_HEAD
from hotpass.ledger.record import TAG_SEQ
from hotpass.people import (
    CREATED_BY_SEAL_TAG,
    CREATED_BY_TAG,
    REGISTERED_BY_SEAL_TAG,
    REGISTERED_BY_TAG,
)
from support.bypass.setting import Setting

Rows = dict[tuple[Any, ...], tuple[Any, ...]]

PROMPT = "mlflow.prompt.is_prompt"
GUARDED_ALIASES = frozenset({"production", "staging", "live"})
#: MLflow's own bookkeeping on a LoggedModel: the versions made from it, new ones among them.
BOOKKEEPING = frozenset({"mlflow.modelVersions"})
#: What people may rename, and no gate reads.
LABELS = frozenset({"mlflow.runName"})


@dataclass(frozen=True)
class View:
    """Everything that matters, at one moment. Keys say what it is, values how it is."""

    serves: Rows  # versions in reach and guarded aliases
    marks: Rows  # Hotpass' tags, and those that hide a model
    evidence: Rows  # of the frozen versions
    files: Rows
    ledger: Rows
    records: Mapping[str, Mapping[str, str]]  # of the ledger: tags by run id, oldest first


class Camera:
    """Looks at a database past the server. Users who are `authenticated` may have runs and versions in their
    name.
    """

    def __init__(
        self, engine: Engine, artifacts: Path, setting: Setting, authenticated: frozenset[str]
    ) -> None:
        self._engine = engine
        self._artifacts = artifacts
        self._authenticated = authenticated
        frozen = [
            behind for (model, version), behind in setting.behind.items()
            if model != setting.free and (model, version) != (setting.model, setting.fresh)
        ]  # fmt: skip
        self._runs = [behind.run_id for behind in frozen]
        self._logged = [behind.model_id for behind in frozen if behind.model_id]
        self._folders = [behind.folder for behind in frozen]
        self._frozen_versions = {
            (setting.workspace or "default", model, version) for model, version in setting.behind
            if model != setting.free and (model, version) != (setting.model, setting.fresh)
        }  # fmt: skip

    def look(self) -> View:
        with self._engine.connect() as connection:
            read = Reader(connection)
            ledger, records = self._ledger(read)
            return View(
                self._serves(read),
                self._marks(read),
                self._evidence(read),
                dict(self._files()),
                ledger,
                records,
            )

    # --- reading --------------------------------------------------------------------------------------------

    def _serves(self, read: Reader) -> Rows:
        found = read.keyed(
            "version", 3,
            "SELECT workspace, name, version, coalesce(current_stage, 'None'), source, "
            "storage_location, run_id,"
            " creation_time FROM model_versions WHERE name LIKE 'lead%'",
        )  # fmt: skip
        for workspace, name, alias, version in read.rows(
            "SELECT workspace, name, alias, version FROM registered_model_aliases WHERE name LIKE 'lead%'"
        ):
            if alias.lower() in GUARDED_ALIASES:
                found["alias", workspace, name, alias] = (version,)
        return found

    def _marks(self, read: Reader) -> Rows:
        """Tags of versions, models and runs. Without the chain's head, which the ledger's audit proves."""
        found: Rows = {}
        for workspace, name, version, key, value in read.rows(
            "SELECT workspace, name, version, key, value FROM model_version_tags WHERE name LIKE 'lead%'"
        ):
            if (workspace, name, version) in self._frozen_versions or (
                marks(key) and not self._names(key, value)
            ):
                found["version tag", workspace, name, version, key] = (value,)
        for workspace, name, key, value in read.rows(
            "SELECT workspace, name, key, value FROM registered_model_tags WHERE name LIKE 'lead%'"
        ):
            if marks(key) and key != TAG_HEAD:
                found["model tag", workspace, name, key] = (value,)
        for run, key, value in read.rows(
            "SELECT t.run_uuid, t.key, t.value FROM tags t JOIN runs r ON r.run_uuid = t.run_uuid"
            " JOIN experiments e ON e.experiment_id = r.experiment_id"
            " WHERE lower(t.key) LIKE 'hotpass.%' AND e.name NOT LIKE 'hotpass-ledger%'"
        ):
            if not self._names(key, value):
                found["run tag", run, key] = (value,)
        return found

    def _names(self, key: str, value: str) -> bool:
        """Whether it says who made a run or a version, or is a seal on that; a wrong seal proves nothing."""
        if key in (CREATED_BY_TAG, REGISTERED_BY_TAG):
            return value in self._authenticated
        return key in (CREATED_BY_SEAL_TAG, REGISTERED_BY_SEAL_TAG)

    def _evidence(self, read: Reader) -> Rows:
        runs, logged = {"ids": self._runs}, {"ids": self._logged}
        found = read.keyed(
            "run", 1,
            "SELECT run_uuid, lifecycle_stage, start_time, experiment_id, artifact_uri, user_id FROM runs"
            " WHERE run_uuid IN :ids", runs,
        )  # fmt: skip
        found |= read.keyed(
            "experiment", 1,
            "SELECT experiment_id, lifecycle_stage, artifact_location FROM experiments WHERE experiment_id IN"
            " (SELECT experiment_id FROM runs WHERE run_uuid IN :ids)", runs,
        )  # fmt: skip
        columns = "run_uuid, key, value, timestamp, step, is_nan"
        found |= read.keyed("metric", 6, f"SELECT {columns} FROM metrics WHERE run_uuid IN :ids", runs)
        found |= read.keyed(
            "latest metric", 2, f"SELECT {columns} FROM latest_metrics WHERE run_uuid IN :ids", runs
        )
        found |= read.keyed(
            "param", 2, "SELECT run_uuid, key, value FROM params WHERE run_uuid IN :ids", runs
        )
        found |= {
            key: value
            for key, value in read.keyed(
                "tag", 2, "SELECT run_uuid, key, value FROM tags WHERE run_uuid IN :ids", runs
            ).items()
            if key[2] not in LABELS
        }
        found |= read.keyed(
            "input", 1,
            "SELECT i.input_uuid, i.source_type, i.source_id, i.destination_type, i.destination_id, d.name,"
            " d.digest, d.dataset_source FROM inputs i LEFT JOIN datasets d ON d.dataset_uuid = i.source_id"
            " WHERE i.destination_id IN :ids OR i.source_id IN :ids", runs,
        )  # fmt: skip
        found |= read.keyed(
            "input tag", 2,
            "SELECT t.input_uuid, t.name, t.value FROM input_tags t JOIN inputs i ON i.input_uuid = "
            "t.input_uuid"
            " WHERE i.destination_id IN :ids", runs,
        )  # fmt: skip
        found |= read.keyed(
            "logged model", 1,
            "SELECT model_id, lifecycle_stage, artifact_location, name, status, source_run_id, experiment_id"
            " FROM logged_models WHERE model_id IN :ids", logged,
        )  # fmt: skip
        found |= read.keyed(
            "logged model metric", 5,
            "SELECT model_id, metric_name, metric_value, metric_timestamp_ms, run_id, dataset_name"
            " FROM logged_model_metrics WHERE model_id IN :ids", logged,
        )  # fmt: skip
        for kind in ("param", "tag"):
            found |= {
                key: value
                for key, value in read.keyed(
                    f"logged model {kind}", 2,
                    f"SELECT model_id, {kind}_key, {kind}_value FROM logged_model_{kind}s WHERE "
                    "model_id IN :ids",
                    logged,
                ).items()
                if key[2] not in BOOKKEEPING
            }  # fmt: skip
        return found

    def _files(self) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        for folder in self._folders:
            for file in sorted((self._artifacts / folder).rglob("*")):
                if file.is_file():
                    digest = hashlib.sha256(file.read_bytes()).hexdigest()
                    yield ("file", folder, str(file.relative_to(self._artifacts / folder))), (digest,)

    def _ledger(self, read: Reader) -> tuple[Rows, dict[str, dict[str, str]]]:
        ours = "FROM experiments e WHERE (e.name = 'hotpass-ledger' OR e.name LIKE 'hotpass-ledger/%')"
        found = read.keyed(
            "experiment", 1, f"SELECT e.experiment_id, e.name, e.lifecycle_stage, e.artifact_location {ours}"
        )
        found |= read.keyed(
            "experiment tag", 2,
            "SELECT t.experiment_id, t.key, t.value FROM experiment_tags t WHERE t.experiment_id IN"
            f" (SELECT e.experiment_id {ours})",
        )  # fmt: skip
        inside = f"(SELECT r.run_uuid FROM runs r WHERE r.experiment_id IN (SELECT e.experiment_id {ours}))"
        found |= read.keyed(
            "record", 1,
            "SELECT run_uuid, experiment_id, status, lifecycle_stage, start_time, end_time, name, "
            "user_id FROM"
            f" runs WHERE run_uuid IN {inside}",
        )  # fmt: skip
        for table, key in (("params", "record param"), ("tags", "record tag")):
            found |= read.keyed(
                key, 2, f"SELECT run_uuid, key, value FROM {table} WHERE run_uuid IN {inside}"
            )
        found |= read.keyed(
            "record metric", 2, f"SELECT run_uuid, key, value FROM latest_metrics WHERE run_uuid IN {inside}"
        )
        found |= read.keyed(
            "record input", 1,
            f"SELECT destination_id, source_id, input_uuid FROM inputs WHERE destination_id IN {inside}"
            f" OR source_id IN {inside}",
        )  # fmt: skip
        records: dict[str, dict[str, str]] = {key[1]: {} for key in found if key[0] == "record"}
        for (kind, run, *rest), value in found.items():
            if kind == "record tag":
                records[run][rest[0]] = value[0]
        return found, dict(sorted(records.items(), key=lambda pair: pair[1].get(TAG_SEQ, "")))


class Reader:
    """Rows of plain SQL, on both databases."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, statement: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        prepared = text(statement)
        if values:
            prepared = prepared.bindparams(*(bindparam(name, expanding=True) for name in values))
        return [tuple(row) for row in self._connection.execute(prepared, dict(values or {}))]

    def keyed(self, kind: str, keys: int, statement: str, values: Mapping[str, Any] | None = None) -> Rows:
        """The rows, by `kind` and their first `keys` columns."""
        return {(kind, *row[:keys]): row[keys:] for row in self.rows(statement, values)}


def marks(key: str) -> bool:
    return key.lower().startswith("hotpass.") or key.lower() == PROMPT

"""A registry of many versions with a ledger of many decisions, written straight into MLflow's own tables.

What is there is what Hotpass and MLflow would have left: every version has a run, every decision is one that
the engine made, stages and aliases are where the decisions brought them, and the chains of records are sound.
There are no files.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hotpass.artifacts import DIGEST_TAG
from hotpass.candidate import Candidate, Subject
from hotpass.engine import evaluate
from hotpass.facts import Dataset, LoggedModelFacts, Metric, Person, RunFacts, Stay, VersionFacts
from hotpass.ledger import record as ledger
from hotpass.ledger.head import TAG_HEAD, Head
from hotpass.ledger.home import ROOT, TAG_GENESIS
from hotpass.policy.loader import load_policies
from hotpass.policy.model import PolicySet
from hotpass.registry.convert import DECISION_TAG
from hotpass.testing import PlainSources
from hotpass.verdicts import Decision

from .stores import Store, only_one

POLICY = """\
policy: large
models: ["large_*"]
promotions:
  - to: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.70}
      - required_tags:
          owner: present
  - to: Production
    from: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.75}
          log_loss: {at_most: 0.60}
      - champion_comparison:
          first_champion: allow
          roc_auc: {may_lose_at_most: 0.02}
      - staging_dwell: 24h
      - lineage
"""


@dataclass(frozen=True)
class Size:
    """How much there is. `every` is which versions were put to a decision; `days` how long ago it began.

    With `logged_models`, each version rests on a LoggedModel, as MLflow 3 has it; else on its run alone.
    """

    models: int = 50
    versions: int = 200
    every: int = 16
    days: int = 120
    logged_models: bool = False

    @property
    def name(self) -> str:
        kind = "logged" if self.logged_models else "runs"
        return f"large-{self.models}x{self.versions}-{self.every}-{self.days}-{kind}"


@dataclass
class Large:
    """What was written: all versions by model, in order, and all decisions with their ids, in order."""

    size: Size
    versions: dict[str, list[VersionFacts]] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(versions) for versions in self.versions.values())


def large_database(root: Path, template: Path, size: Size | None = None) -> Path:
    """A SQLite database below `root` with a registry of this size; made by the first process that asks. Copy
    it, or do not write to it.
    """
    size = size or Size()
    made = root / f"{size.name}.db"
    with only_one(root, size.name):
        if not made.exists():
            making = made.with_suffix(".making")
            shutil.copyfile(template, making)
            fill(f"sqlite:///{making}", root, size)
            making.rename(made)
    return made


def large_store(root: Path, template: Path, folder: Path, size: Size | None = None) -> Store:
    """A store of its own in `folder`, with a registry of this size and `policies/large.yaml` beside it."""
    shutil.copyfile(large_database(root, template, size), folder / "mlflow.db")
    write_policy(folder)
    return Store("sqlite", f"sqlite:///{folder}/mlflow.db", folder / "mlruns")


def write_policy(folder: Path, text: str = POLICY) -> Path:
    """`folder/policies/large.yaml`, as the decisions were made by."""
    place = folder / "policies"
    place.mkdir(exist_ok=True)
    (place / "large.yaml").write_text(text)
    return place


def fill(uri: str, folder: Path, size: Size | None = None, *, now: datetime | None = None) -> Large:
    """Writes the registry into the migrated, empty database at `uri`. `folder` takes the policy file for a
    moment; `now` is when the last version was registered.
    """
    import sqlalchemy

    size = size or Size()
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    made = Large(size)
    place = folder / f"{size.name}-policy"
    place.mkdir(exist_ok=True)
    policies = load_policies(write_policy(place))
    rows = _Rows()
    for number in range(1, size.models + 1):
        _Model(rows, made, policies, f"large_{number:03d}", number, now).write()
    engine = sqlalchemy.create_engine(uri)
    with engine.begin() as connection:
        for table, values in rows.of.items():
            if values:
                connection.execute(sqlalchemy.insert(table), values)
    engine.dispose()
    shutil.rmtree(place)
    return made


class _Rows:
    """Rows of MLflow's tables, in the order in which foreign keys want them."""

    def __init__(self) -> None:
        from mlflow.store.model_registry.dbmodels import models as registry
        from mlflow.store.tracking.dbmodels import models as tracking

        self.registry, self.tracking = registry, tracking
        self.of: dict[Any, list[dict[str, Any]]] = {
            table: []
            for table in (
                tracking.SqlExperiment, tracking.SqlExperimentTag, tracking.SqlRun, tracking.SqlTag,
                tracking.SqlParam, tracking.SqlLatestMetric, tracking.SqlDataset, tracking.SqlInput,
                tracking.SqlInputTag, tracking.SqlLoggedModel, tracking.SqlLoggedModelMetric,
                tracking.SqlLoggedModelTag, registry.SqlRegisteredModel, registry.SqlRegisteredModelTag,
                registry.SqlModelVersion, registry.SqlModelVersionTag, registry.SqlRegisteredModelAlias,
            )
        }  # fmt: skip
        self._experiments = 0
        self.root = self.experiment(ROOT, {}, 0)

    def experiment(self, name: str, tags: Mapping[str, str], at_ms: int) -> int:
        self._experiments += 1
        number, t = self._experiments, self.tracking
        self.of[t.SqlExperiment].append({
            "experiment_id": number, "name": name, "artifact_location": f"mlflow-artifacts:/{number}",
            "lifecycle_stage": "active", "creation_time": at_ms, "last_update_time": at_ms,
            "workspace": "default",
        })  # fmt: skip
        self.of[t.SqlExperimentTag] += [
            {"experiment_id": number, "key": key, "value": value} for key, value in tags.items()
        ]
        return number

    def run(
        self, run_id: str, experiment: int, start_ms: int, end_ms: int, tags: Mapping[str, str],
        params: Mapping[str, str], metrics: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        t = self.tracking
        self.of[t.SqlRun].append({
            "run_uuid": run_id, "name": tags.get("mlflow.runName", "run"), "source_type": "LOCAL",
            "source_name": "", "entry_point_name": "", "user_id": "ana", "status": "FINISHED",
            "start_time": start_ms, "end_time": end_ms, "source_version": "", "lifecycle_stage": "active",
            "artifact_uri": f"mlflow-artifacts:/{experiment}/{run_id}/artifacts", "experiment_id": experiment,
        })  # fmt: skip
        self.of[t.SqlTag] += [{"run_uuid": run_id, "key": k, "value": v} for k, v in tags.items()]
        self.of[t.SqlParam] += [{"run_uuid": run_id, "key": k, "value": v} for k, v in params.items()]
        self.of[t.SqlLatestMetric] += [
            {"run_uuid": run_id, "key": k, "value": v, "timestamp": end_ms, "step": 0, "is_nan": False}
            for k, v in (metrics or {}).items()
        ]


class _Model:
    """One model: its versions, and what became of them."""

    def __init__(
        self, rows: _Rows, made: Large, policies: PolicySet, name: str, number: int, now: datetime
    ) -> None:
        self.rows, self.made, self.policies, self.name = rows, made, policies, name
        self.random = random.Random(number)
        self.size = made.size
        self.began = now - timedelta(days=self.size.days)
        self.pace = timedelta(days=self.size.days) / self.size.versions
        self.experiment = rows.experiment(f"training/{name}", {}, _ms(self.began))
        self.genesis = _hex("genesis", name)
        tags = {TAG_GENESIS: self.genesis, "hotpass.model": name}
        self.ledger = rows.experiment(f"{ROOT}/{name}", tags, _ms(self.began))
        self.facts: dict[int, VersionFacts] = {}
        self.sources: dict[int, PlainSources] = {}
        self.stays: dict[int, list[Stay]] = defaultdict(list)
        self.entries: list[ledger.Entry] = []
        self.texts: list[tuple[str, Mapping[str, str], int]] = []
        self.champion: int | None = None

    def write(self) -> None:
        for version in range(1, self.size.versions + 1):
            self._version(version)
        for version in range(1, self.size.versions + 1, self.size.every):
            created = self.began + self.pace * version
            if self._decide(version, "Staging", created + timedelta(hours=1)).allowed:
                # every third is asked for too early
                wait = timedelta(hours=30 if version // self.size.every % 3 else 7)
                self._decide(version, "Production", created + wait)
        self._write_registry()
        self._write_ledger()

    def _version(self, version: int) -> None:
        created = self.began + self.pace * version
        run_id, model_id = _hex("run", self.name, version), f"m-{_hex('model', self.name, version)}"
        started = created - timedelta(minutes=30)
        auc = round(self.random.uniform(0.68, 0.85), 4)
        metrics = {"roc_auc": auc, "log_loss": round(1.2 - auc * 0.9, 4), "precision": round(auc - 0.1, 4),
                   "recall": round(auc - 0.2, 4), "f1": round(auc - 0.15, 4)}  # fmt: skip
        params = {"max_depth": str(version % 8 + 2), "n_estimators": "200", "seed": str(version),
                  "learning_rate": "0.05", "features": "48"}  # fmt: skip
        run_tags = {
            "mlflow.runName": f"train-{version}", "mlflow.user": "ana", "mlflow.source.name": "train.py",
            "mlflow.source.type": "LOCAL", "mlflow.source.git.commit": _hex("commit", self.name, version),
        }  # fmt: skip
        tags = {DIGEST_TAG: hashlib.sha256(run_id.encode()).hexdigest()}
        if version % 7:
            tags["owner"] = ("ana", "ben", "eva")[version % 3]
        dataset = Dataset("leads", _hex("data", self.name)[:8], "training")
        logged = self.size.logged_models
        self.facts[version] = VersionFacts(
            self.name, version, _ms(created), "None", run_id=run_id, tags=tags,
            source=f"models:/{model_id}" if logged else f"runs:/{run_id}/model",
            model_id=model_id if logged else "", updated_at_ms=_ms(created),
        )  # fmt: skip
        measured = tuple(
            Metric(k, v, "logged model", dataset.name, dataset.digest) for k, v in metrics.items()
        )
        experiment = str(self.experiment)
        self.sources[version] = PlainSources(
            RunFacts(run_id, experiment, started, metrics, params, run_tags, (dataset,)),
            LoggedModelFacts(model_id, experiment, measured) if logged else None,
        )
        self.rows.run(run_id, self.experiment, _ms(started), _ms(created), run_tags, params, metrics)
        self._inputs(run_id, version, dataset)
        if logged:
            self._logged_model(model_id, run_id, _ms(created), metrics, dataset)

    def _inputs(self, run_id: str, version: int, dataset: Dataset) -> None:
        t, of = self.rows.tracking, self.rows.of
        dataset_id, input_id = _hex("dataset", self.name), _hex("input", self.name, version)
        if version == 1:
            of[t.SqlDataset].append({
                "dataset_uuid": dataset_id, "experiment_id": self.experiment, "name": dataset.name,
                "digest": dataset.digest, "dataset_source_type": "local",
                "dataset_source": '{"uri": "leads.csv"}',
            })  # fmt: skip
        of[t.SqlInput].append({
            "input_uuid": input_id, "source_type": "DATASET", "source_id": dataset_id,
            "destination_type": "RUN", "destination_id": run_id, "step": 0,
        })  # fmt: skip
        of[t.SqlInputTag].append(
            {"input_uuid": input_id, "name": "mlflow.data.context", "value": dataset.context}
        )

    def _logged_model(
        self, model_id: str, run_id: str, at_ms: int, metrics: Mapping[str, float], dataset: Dataset
    ) -> None:
        t, of = self.rows.tracking, self.rows.of
        of[t.SqlLoggedModel].append({
            "model_id": model_id, "experiment_id": self.experiment, "name": "model", "status": 2,
            "artifact_location": f"mlflow-artifacts:/{self.experiment}/models/{model_id}/artifacts",
            "creation_timestamp_ms": at_ms, "last_updated_timestamp_ms": at_ms, "lifecycle_stage": "active",
            "model_type": "", "source_run_id": run_id, "status_message": "",
        })  # fmt: skip
        of[t.SqlLoggedModelMetric] += [
            {"model_id": model_id, "metric_name": key, "metric_timestamp_ms": at_ms, "metric_step": 0,
             "metric_value": value, "experiment_id": self.experiment, "run_id": run_id,
             "dataset_uuid": None, "dataset_name": dataset.name, "dataset_digest": dataset.digest}
            for key, value in metrics.items()
        ]  # fmt: skip

    # --- what became of them --------------------------------------------------------------------------------

    def _decide(self, version: int, to: str, at: datetime) -> Decision:
        facts = self.facts[version]
        champion = self.champion if to == "Production" else None
        rival = None if champion is None else Subject(self.facts[champion], self._read(champion))
        asked = Candidate(
            facts, self._read(version), to, champion=rival, artifact_digest=facts.tags[DIGEST_TAG],
            requester=Person("ana"),
        )  # fmt: skip
        decision = evaluate(self.policies, asked, at)
        body = decision.as_json()
        del body["id"]
        body |= {"archive": to == "Production", "champion": champion, "aliases_to_delete": [],
                 "experiments": [str(self.experiment)]}  # fmt: skip
        entry = self._append(ledger.Kind.DECISION, body, at, moves=decision.allowed)
        if decision.allowed:
            self._move(version, to, at, entry.id)
            if to == "Production":
                if champion is not None:
                    self._move(champion, "Archived", at, entry.id)
                self.champion = version
            moved = self.facts[version]
            tags = {**moved.tags, DECISION_TAG: entry.id}
            self.facts[version] = replace(moved, tags=tags)
        decision = replace(decision, id=entry.id)
        self.made.decisions.append(decision)
        return decision

    def _read(self, version: int) -> PlainSources:
        return replace(self.sources[version], known_stays=tuple(self.stays[version]))

    def _move(self, version: int, stage: str, at: datetime, record_id: str) -> None:
        stays = self.stays[version]
        if stays:
            stays[-1] = stays[-1]._replace(until=at)
        stays.append(Stay(stage, at, None, record_id))
        self.facts[version] = replace(self.facts[version], stage=stage, updated_at_ms=_ms(at))

    def _append(self, kind: ledger.Kind, body: dict[str, Any], at: datetime, *, moves: bool) -> ledger.Entry:
        before = self.entries[-1] if self.entries else None
        said = ledger.Record(
            kind, len(self.entries) + 1, at, ledger.Actor("ana"), self.name, "default", moves, body, 45.0,
            before.link() if before else {}, atomic=moves,
        )  # fmt: skip
        chunks, digest = ledger.split(said)
        run_id = _hex("record", self.name, said.seq)
        tags = {
            ledger.TAG_KIND: str(kind), ledger.TAG_MODEL: self.name, ledger.TAG_SEQ: f"{said.seq:08d}",
            ledger.TAG_HASH: digest, ledger.TAG_VERSION: str(body["version"]), ledger.TAG_FROM: body["from"],
            ledger.TAG_TO: body["to"], ledger.TAG_OUTCOME: body["outcome"], "mlflow.user": "ana", **chunks,
        }  # fmt: skip
        entry = ledger.Entry(
            run_id, said, digest, ledger.State.CLOSED, _ms(at), _ms(at) if moves else None, None
        )
        self.entries.append(entry)
        self.texts.append((run_id, tags, _ms(at)))
        return entry

    # --- rows -----------------------------------------------------------------------------------------------

    def _write_ledger(self) -> None:
        ids = [entry.id for entry in self.entries]
        following = dict(zip([self.genesis, *ids], ids, strict=False))
        began = _ms(self.began)

        def after(run_id: str) -> dict[str, str]:
            return {ledger.PARAM_NEXT: following[run_id]} if run_id in following else {}

        genesis = {"hotpass.kind": "genesis", "mlflow.runName": f"start of the ledger of {self.name}"}
        self.rows.run(self.genesis, self.rows.root, began, began, genesis, after(self.genesis))
        for run_id, tags, at_ms in self.texts:
            self.rows.run(run_id, self.ledger, at_ms, at_ms, tags, after(run_id))

    def _write_registry(self) -> None:
        r, of = self.rows.registry, self.rows.of
        here = {"workspace": "default", "name": self.name}
        self.made.versions[self.name] = [self.facts[version] for version in sorted(self.facts)]
        newest = max(facts.updated_at_ms for facts in self.facts.values())
        of[r.SqlRegisteredModel].append(
            {**here, "creation_time": _ms(self.began), "last_updated_time": newest, "description": ""}
        )
        of[r.SqlRegisteredModelTag].append({**here, "key": "team", "value": "growth"})
        moved = [entry for entry in self.entries if entry.moved]
        if moved:
            head = str(Head.of(moved[-1], None))
            of[r.SqlRegisteredModelTag].append({**here, "key": TAG_HEAD, "value": head})
        for facts in self.facts.values():
            of[r.SqlModelVersion].append({
                **here, "version": facts.version, "creation_time": facts.created_at_ms,
                "last_updated_time": facts.updated_at_ms, "description": "", "user_id": None,
                "current_stage": facts.stage, "source": facts.source, "storage_location": facts.source,
                "run_id": facts.run_id, "run_link": "", "status": "READY", "status_message": None,
            })  # fmt: skip
            of[r.SqlModelVersionTag] += [
                {**here, "version": facts.version, "key": key, "value": value}
                for key, value in facts.tags.items()
            ]
        staged = [facts.version for facts in self.facts.values() if facts.stage == "Staging"]
        for alias, version in (("production", self.champion), ("staging", max(staged, default=None))):
            if version is not None:
                of[r.SqlRegisteredModelAlias].append({**here, "alias": alias, "version": version})


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _hex(*parts: object) -> str:
    """32 hexadecimal digits that are the same every time."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]

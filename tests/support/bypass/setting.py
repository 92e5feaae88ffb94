"""What is attacked: models in reach with versions in every stage, one without a policy, and their ledger."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from support.versions import make_version, write_model_files

POLICY = """\
policy: leads
models: ["lead_*"]
aliases: [live]
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
      - required_tags:
          owner: present
"""

APPROVED_POLICY = """\
policy: approved
models: ["lead_approved*"]
promotions:
  - to: Staging
    gates:
      - metric_threshold:
          roc_auc: {at_least: 0.70}
  - to: Production
    from: Staging
    gates:
      - approvals: {at_least: 1, by: [ana, ben]}
"""


class Behind(NamedTuple):
    """What a version rests on, by the ids and paths that MLflow knows it by."""

    run_id: str
    model_id: str
    folder: str  # of its files, below the root of the artifact proxy


@dataclass
class Ledger:
    """Where a model's records are."""

    experiment_id: str
    genesis: str
    runs: list[str]  # oldest first


@dataclass
class Setting:
    """`model` has a former champion (1), the champion (2), one in Staging that is too weak for Production (3)
    and one that no stage would take (4).

    `approved` has two versions in Staging that lack nothing but an approval by ana or ben, who have approved
    version 2 as far as they can. `by_run` has its files with its run and is in Production. `racing` has one
    version in Production and others that may follow it. No policy covers `free`.
    """

    experiment_id: str = ""
    workspace: str | None = None
    #: Folder above all artifacts, on the server.
    artifacts: str = ""
    behind: dict[tuple[str, int], Behind] = field(default_factory=dict)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    root_experiment: str = ""

    model = "lead_scoring"
    former, champion, weak, fresh = 1, 2, 3, 4
    approved = "lead_approved"
    by_run = "lead_by_run"
    racing = "lead_racing"
    free = "free_model"

    def of(self, version: int) -> Behind:
        """What a version of `model` rests on."""
        return self.behind[self.model, version]

    @property
    def ledger(self) -> Ledger:
        return self.ledgers[self.model]

    @property
    def last_record(self) -> str:
        return self.ledger.runs[-1]


#: Moves a version: model, version, stage.
Move = Callable[[str, int, str], None]


def build(store: Any, setting: Setting, move: Move, approve: Callable[[str, int], None]) -> None:
    """Makes the versions with `store` (anything with a `client`) and moves them."""
    made = [
        (setting.model, 0.90), (setting.model, 0.91), (setting.model, 0.72), (setting.model, 0.50),
        (setting.approved, 0.95), (setting.approved, 0.96),
        *[(setting.racing, 0.80 + number / 100) for number in range(RACERS)],
    ]  # fmt: skip
    for name, roc_auc in made:
        make_version(
            store, name, metrics={"roc_auc": roc_auc}, tags={"owner": "ada"}, run_tags={"team": "growth"},
            params={"depth": 4},
        )  # fmt: skip
    for roc_auc in (0.6, 0.5):
        make_version(store, setting.free, metrics={"roc_auc": roc_auc}, tags={"owner": "eve"})
    _version_of_a_run(store, setting.by_run)
    for version in (setting.former, setting.champion):
        move(setting.model, version, "Staging")
        move(setting.model, version, "Production")
    move(setting.model, setting.weak, "Staging")
    move(setting.by_run, 1, "Staging")
    move(setting.by_run, 1, "Production")
    for version in (1, 2):
        move(setting.approved, version, "Staging")
    approve(setting.approved, 2)
    for version in range(1, RACERS + 1):
        move(setting.racing, version, "Staging")
    move(setting.racing, 1, "Production")
    client = store.client
    client.transition_model_version_stage(setting.free, "1", "Production")
    client.set_registered_model_alias(setting.free, "production", "1")
    setting.experiment_id = client.get_experiment_by_name("training").experiment_id
    for name in (setting.model, setting.approved, setting.racing, setting.free, setting.by_run):
        for found in client.search_model_versions(f"name = '{name}'"):
            setting.behind[name, int(found.version)] = _behind(client, found)


#: Versions of `racing`.
RACERS = 6


def _version_of_a_run(store: Any, model: str) -> None:
    client = store.client
    experiment = client.get_experiment_by_name("training")
    run_id = client.create_run(experiment.experiment_id).info.run_id
    with tempfile.TemporaryDirectory() as folder:
        write_model_files(Path(folder), run_id, "m-" + "0" * 32)
        client.log_artifacts(run_id, folder, "model")
    client.log_metric(run_id, "roc_auc", 0.9)
    client.set_terminated(run_id)
    client.create_registered_model(model)
    client.create_model_version(
        model, f"runs:/{run_id}/model", run_id, tags={"owner": "ada"}, await_creation_for=0
    )


def _behind(client: Any, version: Any) -> Behind:
    if version.source.startswith("models:/"):
        model_id = version.source.removeprefix("models:/")
        location = client.get_logged_model(model_id).artifact_location
    else:
        model_id, location = "", client.get_run(version.run_id).info.artifact_uri + "/model"
    return Behind(version.run_id, model_id, location.removeprefix("mlflow-artifacts:/").lstrip("/"))

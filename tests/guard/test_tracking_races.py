"""A write that began before a promotion and would end after it: what the decision saw is what stays."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

from support.guarded_runs import GuardedRuns

M = "guarded_m"


@contextlib.contextmanager
def slow_metrics(runs: GuardedRuns) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Stops MLflow between its look at the run and its write of a metric, until told."""
    reached, go_on = threading.Event(), threading.Event()
    update = runs.store._update_latest_metrics_if_necessary

    def wait(*args: Any) -> Any:
        reached.set()
        assert go_on.wait(30)
        return update(*args)

    runs.store._update_latest_metrics_if_necessary = wait
    try:
        yield reached, go_on
    finally:
        del runs.store._update_latest_metrics_if_necessary


def test_a_promotion_between_look_and_write(runs: GuardedRuns) -> None:
    """The evidence that a decision saw is the evidence that stays, however slow a write is."""
    from mlflow.entities import Metric
    from mlflow.exceptions import MlflowException

    version = runs.version(M)
    outcome: list[Any] = []

    def write() -> None:
        try:
            runs.store.log_metric(version.run_id, Metric("roc_auc", 0.99, int(time.time() * 1000) + 5, 9))
            outcome.append("written")
        except MlflowException as error:
            outcome.append(error.error_code)

    with slow_metrics(runs) as (reached, go_on):
        thread = threading.Thread(target=write)
        thread.start()
        assert reached.wait(30)
        runs.registry.client.transition_model_version_stage(M, "1", "Staging")
        go_on.set()
        thread.join(60)
    assert outcome == ["PERMISSION_DENIED"]
    assert runs.plain.get_run(version.run_id).data.metrics["roc_auc"] == 0.8


def test_a_promotion_while_its_evidence_is_being_hidden(runs: GuardedRuns) -> None:
    """MLflow's `delete_experiment` lists the runs of the experiment and marks them deleted in one
    transaction.
    """
    from mlflow.exceptions import MlflowException

    version = runs.version(M)
    experiment = runs.plain.get_run(version.run_id).info.experiment_id
    reached, go_on = threading.Event(), threading.Event()
    listed = runs.store._list_run_infos
    outcome: list[Any] = []

    def slow(*args: Any) -> Any:
        reached.set()
        assert go_on.wait(30)
        return listed(*args)

    def hide() -> None:
        try:
            runs.store.delete_experiment(experiment)
            outcome.append("hidden")
        except MlflowException as error:
            outcome.append(error.error_code)

    runs.store._list_run_infos = slow
    try:
        thread = threading.Thread(target=hide)
        thread.start()
        assert reached.wait(30)
        runs.registry.client.transition_model_version_stage(M, "1", "Staging")
        go_on.set()
        thread.join(60)
    finally:
        del runs.store._list_run_infos
    assert outcome == ["PERMISSION_DENIED"]
    assert runs.plain.get_experiment(experiment).lifecycle_stage == "active"
    assert runs.plain.get_run(version.run_id).info.lifecycle_stage == "active"

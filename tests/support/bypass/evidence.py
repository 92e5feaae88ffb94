"""Around the guard by what decisions rest on: metrics, params, tags and inputs of runs and LoggedModels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from support.bypass.attack import ANYTHING, DENIED, HARMLESS, REFUSED, Attack, Caller, Expected, rest
from support.bypass.setting import Behind, Setting
from support.guarded import Answer

RUNS, LOGGED, EXPERIMENTS = "mlflow/runs", "mlflow/logged-models", "mlflow/experiments"

#: Versions that are frozen, by what they are called here.
FROZEN: dict[str, Callable[[Setting], Behind]] = {
    "in Production": lambda s: s.of(s.champion),
    "in Staging": lambda s: s.of(s.weak),
    "archived": lambda s: s.of(s.former),
    "of a run": lambda s: s.behind[s.by_run, 1],
}


def now() -> int:
    return int(time.time() * 1000)


def metric(value: float = 0.99, **more: Any) -> dict[str, Any]:
    return {"key": "roc_auc", "value": value, "timestamp": now(), "step": 0, **more}


def runs() -> Iterator[Attack]:
    """The run behind a frozen version."""
    bodies: dict[str, tuple[str, Callable[[Behind], Any]]] = {
        "a metric": ("log-metric", lambda b: {"run_id": b.run_id, **metric()}),
        "a metric by the run's old name": ("log-metric", lambda b: {"run_uuid": b.run_id, **metric()}),
        "metrics in a batch": ("log-batch", lambda b: {"run_id": b.run_id, "metrics": [metric()]}),
        "a param": ("log-parameter", lambda b: {"run_id": b.run_id, "key": "dataset", "value": "good"}),
        "params in a batch": (
            "log-batch",
            lambda b: {"run_id": b.run_id, "params": [{"key": "x", "value": "y"}]},
        ),
        "a tag": ("set-tag", lambda b: {"run_id": b.run_id, "key": "team", "value": "eve"}),
        "a new tag": (
            "set-tag",
            lambda b: {"run_id": b.run_id, "key": "mlflow.source.git.commit", "value": "abc"},
        ),
        "tags in a batch": (
            "log-batch",
            lambda b: {"run_id": b.run_id, "tags": [{"key": "team", "value": "eve"}]},
        ),
        "inputs": ("log-inputs", lambda b: {"run_id": b.run_id, "datasets": [_dataset("bigger")]}),
        "inputs of the same name": (
            "log-inputs",
            lambda b: {"run_id": b.run_id, "datasets": [_dataset("validation")]},
        ),
        "a model": (
            "log-model",
            lambda b: {
                "run_id": b.run_id,
                "model_json": '{"artifact_path": "x", "flavors": {}, "utc_time_created": "t", "run_id": "r"}',
            },
        ),
        "delete": ("delete", lambda b: {"run_id": b.run_id}),
    }
    for what, (path, body) in bodies.items():
        for who, behind in FROZEN.items():
            yield rest(
                f"run {who}: {what}",
                "POST",
                f"{RUNS}/{path}",
                lambda s, body=body, behind=behind: body(behind(s)),
                bites=what != "inputs of the same name" or who == "of a run",  # MLflow keeps the first
            )
    for who, behind in FROZEN.items():
        yield rest(
            f"run {who}: outputs",
            "POST",
            f"{RUNS}/outputs",
            lambda s, behind=behind: {
                "run_id": behind(s).run_id,
                "models": [{"model_id": s.of(s.fresh).model_id, "step": 1}],
            },
        )
    yield rest(
        "run in Staging: its tag taken away",
        "POST",
        f"{RUNS}/delete-tag",
        lambda s: {"run_id": s.of(s.weak).run_id, "key": "team"},
    )
    yield rest(
        "run in Staging: a batch of one's own run, and of this one",
        "POST",
        f"{RUNS}/log-batch",
        lambda s: {"run_id": s.of(s.fresh).run_id, "run_uuid": s.of(s.weak).run_id, "metrics": [metric()]},
        expect=ANYTHING,
        bites=False,
    )
    yield rest(
        "run in Staging: restored, though it is there",
        "POST",
        f"{RUNS}/restore",
        lambda s: {"run_id": s.of(s.weak).run_id},
        expect=ANYTHING,
        bites=False,
    )
    yield rest(
        "run in Staging: ended again",
        "POST",
        f"{RUNS}/update",
        lambda s: {"run_id": s.of(s.weak).run_id, "status": "FINISHED", "end_time": now()},
        expect=ANYTHING,
        bites=False,
    )
    yield rest(
        "run in Staging: renamed",
        "POST",
        f"{RUNS}/update",
        lambda s: {"run_id": s.of(s.weak).run_id, "run_name": "the best run"},
        expect=ANYTHING,
        bites=False,
    )
    yield Attack("run in Staging: by MlflowClient", _client_metric, DENIED, (f"POST {RUNS}/log-batch",))
    yield rest(
        "experiment: deleted, with all runs",
        "POST",
        f"{EXPERIMENTS}/delete",
        lambda s: {"experiment_id": s.experiment_id},
    )
    yield rest(
        "experiment: restored",
        "POST",
        f"{EXPERIMENTS}/restore",
        lambda s: {"experiment_id": s.experiment_id},
        expect=ANYTHING,
        bites=False,
    )
    yield rest(
        "experiment: tagged",
        "POST",
        f"{EXPERIMENTS}/set-experiment-tag",
        lambda s: {"experiment_id": s.experiment_id, "key": "note", "value": "x"},
        expect=HARMLESS,
        bites=False,
    )
    yield rest(
        "experiment: its tag taken away",
        "POST",
        f"{EXPERIMENTS}/delete-experiment-tag",
        lambda s: {"experiment_id": s.experiment_id, "key": "note"},
        expect=ANYTHING,
        bites=False,
    )


def _dataset(name: str) -> dict[str, Any]:
    import hashlib

    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return {
        "dataset": {"name": name, "digest": digest, "source_type": "local", "source": "{}"},
        "tags": [{"key": "mlflow.data.context", "value": "training"}],
    }


def _client_metric(caller: Caller) -> Sequence[Answer]:
    run_id = caller.setting.of(caller.setting.weak).run_id
    return [
        caller.by_client(lambda c: c.log_metric(run_id, "roc_auc", 0.99)),
        caller.by_client(lambda c: c.set_tag(run_id, "team", "eve")),
        caller.by_client(lambda c: c.delete_run(run_id)),
    ]


def logged_models() -> Iterator[Attack]:
    """The LoggedModel behind a frozen version, and metrics on it that come by another run."""
    for who in ("in Production", "in Staging", "archived"):
        behind = FROZEN[who]
        yield Attack(
            f"logged model {who}: a metric by another run",
            _metric_by_own_run(behind),
            DENIED,
            (f"POST {RUNS}/log-metric", f"POST {RUNS}/log-batch"),
        )
        yield _logged(
            f"{who}: a param", "POST", behind, "/params", {"params": [{"key": "dataset", "value": "good"}]}
        )
        yield _logged(f"{who}: a tag", "PATCH", behind, "/tags", {"tags": [{"key": "team", "value": "eve"}]})
        yield _logged(
            f"{who}: a forged tag",
            "PATCH",
            behind,
            "/tags",
            {"tags": [{"key": "hotpass.model_file", "value": "{}"}]},
        )
        yield _logged(f"{who}: failed", "PATCH", behind, "", {"status": "LOGGED_MODEL_UPLOAD_FAILED"})
        yield _logged(f"{who}: deleted", "DELETE", behind, "", {})
    yield _logged(
        "in Staging: a tag taken away",
        "DELETE",
        FROZEN["in Staging"],
        "/tags/mlflow.modelVersions",
        {},
        route=f"{LOGGED}/<model_id>/tags/<tag_key>",
        bites=False,
    )
    yield Attack(
        "logged model: a second one of the same run", _second_model, ANYTHING, (f"POST {LOGGED}",), False
    )
    yield Attack(
        "logged model: forged tags on a new one", _forged_model, ANYTHING, (f"POST {LOGGED}",), False
    )
    yield Attack(
        "logged model: a metric as if measured elsewhere",
        _metric_on_dataset,
        DENIED,
        (f"POST {RUNS}/log-metric",),
    )


def _logged(
    what: str,
    method: str,
    behind: Callable[[Setting], Behind],
    tail: str,
    body: Any,
    *,
    route: str | None = None,
    expect: Expected = DENIED,
    bites: bool = True,
) -> Attack:
    return rest(
        f"logged model {what}",
        method,
        lambda s: f"{LOGGED}/{behind(s).model_id}{tail}",
        lambda s: {"model_id": behind(s).model_id, **body},
        route=route or f"{LOGGED}/<model_id>{tail}",
        expect=expect,
        bites=bites,
    )


def _metric_by_own_run(behind: Callable[[Setting], Behind]) -> Callable[[Caller], Sequence[Answer]]:
    """The run's own page shows nothing of it, and the LoggedModel has a new newest value."""

    def send(caller: Caller) -> Sequence[Answer]:
        run_id, model_id = caller.own_run(), behind(caller.setting).model_id
        return [
            caller.post("runs/log-metric", {"run_id": run_id, **metric(model_id=model_id)}),
            caller.post("runs/log-batch", {"run_id": run_id, "metrics": [metric(model_id=model_id)]}),
            caller.post(
                "runs/log-batch", {"run_id": run_id, "metrics": [metric(0.1), metric(model_id=model_id)]}
            ),
        ]

    return send


def _metric_on_dataset(caller: Caller) -> Sequence[Answer]:
    run_id, model_id = caller.own_run(), caller.setting.of(caller.setting.weak).model_id
    measured = {**metric(model_id=model_id), "dataset_name": "validation", "dataset_digest": "0" * 8}
    return [caller.post("runs/log-metric", {"run_id": run_id, **measured})]


def _second_model(caller: Caller) -> Sequence[Answer]:
    s = caller.setting
    return [
        caller.post(
            "logged-models",
            {"experiment_id": s.experiment_id, "name": "model", "source_run_id": s.of(s.weak).run_id},
        )
    ]


def _forged_model(caller: Caller) -> Sequence[Answer]:
    s = caller.setting
    tags = [{"key": "hotpass.model_file", "value": "{}"}]
    return [caller.post("logged-models", {"experiment_id": s.experiment_id, "name": "model", "tags": tags})]


def forged_run_tags() -> Iterator[Attack]:
    """Hotpass' tags on runs that are nobody's business but their owner's."""
    yield Attack(
        "run of one's own: a forged creator",
        _forged_creator,
        DENIED,
        (f"POST {RUNS}/set-tag", f"POST {RUNS}/log-batch"),
    )
    yield Attack(
        "run of one's own: forged at its creation", _forged_at_creation, HARMLESS, (f"POST {RUNS}/create",)
    )
    yield Attack(
        "run of one's own: the creator taken away",
        _creator_gone,
        REFUSED,
        (f"POST {RUNS}/delete-tag",),
        bites=False,
    )
    yield Attack(
        "prompt lab: a run", _promptlab, HARMLESS, ("POST mlflow/runs/create-promptlab-run",), bites=False
    )


def _forged_creator(caller: Caller) -> Sequence[Answer]:
    run_id = caller.own_run()
    tags = [{"key": "hotpass.created_by", "value": "ana"}, {"key": "HotPass.Created_By", "value": "ana"}]
    return [
        *(caller.post("runs/set-tag", {"run_id": run_id, **tag}) for tag in tags),
        *(caller.post("runs/log-batch", {"run_id": run_id, "tags": [tag]}) for tag in tags),
    ]


def _forged_at_creation(caller: Caller) -> Sequence[Answer]:
    tags = [{"key": "hotpass.created_by", "value": "ana"}, {"key": "hotpass.hash", "value": "0" * 64}]
    return [caller.post("runs/create", {"experiment_id": caller.setting.experiment_id, "tags": tags})]


def _creator_gone(caller: Caller) -> Sequence[Answer]:
    return [caller.post("runs/delete-tag", {"run_id": caller.own_run(), "key": "hotpass.created_by"})]


def _promptlab(caller: Caller) -> Sequence[Answer]:
    body = {
        "experiment_id": caller.setting.experiment_id,
        "prompt_template": "{{x}}",
        "model_route": "r",
        "prompt_parameters": [{"key": "x", "value": "y"}],
        "model_parameters": [],
        "model_input": "i",
        "model_output": "o",
        "model_output_parameters": [],
        "mlflow_version": "3.0.0",
        "user_id": "ana",
    }
    return [caller.call("POST", "/ajax-api/2.0/mlflow/runs/create-promptlab-run", body)]


EVIDENCE: tuple[Attack, ...] = (*runs(), *logged_models(), *forged_run_tags())

"""Around the guard by the ledger: edited, deleted, renamed and inserted records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from hotpass.ledger.record import TAG_SEQ, Actor, Kind, Record, split
from support.bypass.attack import ANYTHING, DENIED, Attack, Caller, rest
from support.bypass.evidence import metric, now
from support.bypass.setting import Setting
from support.guarded import Answer

RUNS, EXPERIMENTS = "mlflow/runs", "mlflow/experiments"
#: What a record says, as an attacker who read the source would write it.
HASH, SEAL, NEXT, END = "hotpass.hash", "hotpass.seal", "hotpass.next", "hotpass.end"


def edited() -> Iterator[Attack]:
    """Every write that a run takes, on the last record, an older one and the start of the chain."""
    places: dict[str, Callable[[Setting], str]] = {
        "the last record": lambda s: s.last_record,
        "an older record": lambda s: s.ledger.runs[0],
        "the chain's start": lambda s: s.ledger.genesis,
    }
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "its text": ("set-tag", {"key": "hotpass.record.00", "value": "{}"}),
        "its outcome": ("set-tag", {"key": "hotpass.outcome", "value": "denied"}),
        "its hash": ("set-tag", {"key": HASH, "value": "0" * 64}),
        "its seal": ("set-tag", {"key": SEAL, "value": "0" * 64}),
        "its note": ("set-tag", {"key": "mlflow.note.content", "value": "all fine"}),
        "a tag taken away": ("delete-tag", {"key": "hotpass.kind"}),
        "its link": ("log-parameter", {"key": NEXT, "value": "0" * 32}),
        "another end": ("log-parameter", {"key": END, "value": "closed@1"}),
        "a settler": ("log-parameter", {"key": "hotpass.settler.1", "value": "me"}),
        "a batch": (
            "log-batch",
            {"params": [{"key": END, "value": "x"}], "tags": [{"key": SEAL, "value": "0"}]},
        ),
        "a metric": ("log-metric", metric()),
        "inputs": (
            "log-inputs",
            {"datasets": [{"dataset": {"name": "x", "digest": "1", "source_type": "local", "source": "{}"}}]},
        ),
        "a model": (
            "log-model",
            {"model_json": '{"artifact_path": "x", "flavors": {}, "utc_time_created": "t", "run_id": "r"}'},
        ),
        "its status": ("update", {"status": "KILLED", "end_time": 1}),
        "its name": ("update", {"run_name": "nothing to see"}),
        "deleted": ("delete", {}),
    }
    for where, run in places.items():
        for what, (path, body) in bodies.items():
            yield rest(
                f"ledger, {where}: {what}",
                "POST",
                f"{RUNS}/{path}",
                lambda s, run=run, body=body: {"run_id": run(s), **body},
                bites=what != "its link" or where == "the last record",  # a param is logged once
            )
        yield rest(
            f"ledger, {where}: outputs",
            "POST",
            f"{RUNS}/outputs",
            lambda s, run=run: {
                "run_id": run(s),
                "models": [{"model_id": s.of(s.fresh).model_id, "step": 0}],
            },
        )
        yield rest(
            f"ledger, {where}: restored",
            "POST",
            f"{RUNS}/restore",
            lambda s, run=run: {"run_id": run(s)},
            expect=ANYTHING,
            bites=False,
        )
    yield Attack("ledger: edited by MlflowClient", _client_edits, DENIED, (f"POST {RUNS}/set-tag",))
    yield Attack(
        "ledger: files of a record", _record_files, DENIED, ("POST mlflow/upload-artifact",), bites=False
    )


def _client_edits(caller: Caller) -> Sequence[Answer]:
    run = caller.setting.last_record
    return [
        caller.by_client(lambda c: c.set_tag(run, "hotpass.outcome", "allowed")),
        caller.by_client(lambda c: c.set_terminated(run, "FAILED")),
        caller.by_client(lambda c: c.delete_run(run)),
    ]


def _record_files(caller: Caller) -> Sequence[Answer]:
    target = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={caller.setting.last_record}&path=note.txt"
    return [caller.call("POST", target, b"x", headers={"Content-Type": "application/octet-stream"})]


def experiments() -> Iterator[Attack]:
    places: dict[str, Callable[[Setting], str]] = {
        "the model's ledger": lambda s: s.ledger.experiment_id,
        "the root": lambda s: s.root_experiment,
    }
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "deleted": ("delete", {}),
        "renamed": ("update", {"new_name": "something-else"}),
        "tagged": ("set-experiment-tag", {"key": "hotpass.genesis", "value": "0" * 32}),
        "a tag taken away": ("delete-experiment-tag", {"key": "hotpass.genesis"}),
    }
    for where, experiment in places.items():
        for what, (path, body) in bodies.items():
            yield rest(
                f"ledger, {where}: {what}",
                "POST",
                f"{EXPERIMENTS}/{path}",
                lambda s, experiment=experiment, body=body: {"experiment_id": experiment(s), **body},
                bites=(where, what) != ("the root", "a tag taken away"),
            )
        yield rest(
            f"ledger, {where}: restored",
            "POST",
            f"{EXPERIMENTS}/restore",
            lambda s, e=experiment: {"experiment_id": e(s)},
            expect=ANYTHING,
            bites=False,
        )
        yield rest(
            f"ledger, {where}: a run in it",
            "POST",
            f"{RUNS}/create",
            lambda s, e=experiment: {"experiment_id": e(s), "start_time": 1},
        )
        yield rest(
            f"ledger, {where}: a logged model in it",
            "POST",
            "mlflow/logged-models",
            lambda s, e=experiment: {"experiment_id": e(s), "name": "x"},
            bites=False,
        )
    yield Attack("ledger: one made beforehand", _made_beforehand, DENIED, (f"POST {EXPERIMENTS}/create",))
    yield Attack(
        "ledger: an experiment renamed to one", _renamed_to_one, DENIED, (f"POST {EXPERIMENTS}/update",)
    )
    yield Attack(
        "ledger: the prompt lab's run in it", _promptlab, DENIED, ("POST mlflow/runs/create-promptlab-run",)
    )


def _made_beforehand(caller: Caller) -> Sequence[Answer]:
    """A ledger for a model that has none, with a start of the attacker's own."""
    genesis = caller.own_run()
    name = f"hotpass-ledger/{caller.fresh('lead_new')}"
    tags = [{"key": "hotpass.genesis", "value": genesis}]
    return [
        caller.post("experiments/create", {"name": name, "tags": tags}),
        caller.post(
            "experiments/create", {"name": f"hotpass-ledger/{caller.fresh('free_new')}", "tags": tags}
        ),
        caller.by_client(lambda c: c.create_experiment(f"hotpass-ledger/{caller.fresh('lead_new')}")),
    ]


def _renamed_to_one(caller: Caller) -> Sequence[Answer]:
    made = caller.post("experiments/create", {"name": caller.fresh("own")})
    name = f"hotpass-ledger/{caller.fresh('lead_new')}"
    return [
        caller.post("experiments/update", {"experiment_id": made.json["experiment_id"], "new_name": name})
    ]


def _promptlab(caller: Caller) -> Sequence[Answer]:
    body = {
        "experiment_id": caller.setting.ledger.experiment_id,
        "prompt_template": "{{x}}",
        "model_route": "r",
        "prompt_parameters": [{"key": "x", "value": "y"}],
        "model_parameters": [],
        "model_input": "i",
        "model_output": "o",
        "model_output_parameters": [],
        "mlflow_version": "3.0.0",
        "user_id": "eve",
    }
    return [caller.call("POST", "/ajax-api/2.0/mlflow/runs/create-promptlab-run", body)]


def inserted() -> Iterator[Attack]:
    yield Attack("ledger: a record copied", _copied_record, DENIED, (f"POST {RUNS}/create",))
    yield Attack("ledger: a record written by hand", _written_record, DENIED, (f"POST {RUNS}/create",))
    yield Attack(
        "ledger: a record copied elsewhere, and linked",
        _linked_elsewhere,
        DENIED,
        (f"POST {RUNS}/log-parameter",),
    )


def _tags_of(caller: Caller, run: str) -> list[dict[str, str]]:
    found = caller.post(f"runs/get?run_id={run}", method="GET").json
    return [tag for tag in found["run"]["data"]["tags"] if not tag["key"].startswith("mlflow.")]


def _copied_record(caller: Caller) -> Sequence[Answer]:
    """The approval of one version, word for word, in the place where approvals are."""
    s = caller.setting
    ledger = s.ledgers[s.approved]
    return [
        caller.post(
            "runs/create",
            {"experiment_id": ledger.experiment_id, "tags": _tags_of(caller, run), "start_time": now()},
        )
        for run in (ledger.runs[-1], s.ledger.runs[0])
    ]


def _written_record(caller: Caller) -> Sequence[Answer]:
    s = caller.setting
    body = approval_of(s, version=1)
    tags = [*body, {"key": SEAL, "value": "0" * 64}]
    return [caller.post("runs/create", {"experiment_id": s.ledgers[s.approved].experiment_id, "tags": tags})]


def _linked_elsewhere(caller: Caller) -> Sequence[Answer]:
    """A run outside of the ledger that the ledger's last record is said to be followed by."""
    s = caller.setting
    run = caller.own_run(tags=approval_of(s, version=1))
    last = s.ledgers[s.approved].runs[-1]
    return [caller.post("runs/log-parameter", {"run_id": last, "key": NEXT, "value": run})]


def approval_of(s: Setting, version: int) -> list[dict[str, str]]:
    """The tags of a record that says that ana approved; its hash is right, since anybody can reckon it."""
    record = Record(
        kind=Kind.APPROVAL,
        seq=99,
        time=datetime.now(UTC),
        actor=Actor("ana", authenticated=True),
        model=s.approved,
        workspace=s.workspace or "default",
        moves=False,
        body={
            "version": version,
            "to": "Production",
            "reason": "fine",
            "created_at": 1,
            "identity": {
                "workspace": s.workspace or "default",
                "model": s.approved,
                "version": version,
                "created_at": 1,
                "artifact_digest": "0" * 64,
            },
        },
        lease=60.0,
        previous={},
    )
    chunks, digest = split(record)
    tags = {
        **chunks,
        HASH: digest,
        "hotpass.kind": "approval",
        "hotpass.model": s.approved,
        TAG_SEQ: "00000099",
    }
    return [{"key": key, "value": value} for key, value in tags.items()]


LEDGER: tuple[Attack, ...] = (*edited(), *experiments(), *inserted())

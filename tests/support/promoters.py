"""Processes that promote: several at once, and one that is killed at a chosen moment.

They are forked from a server process that has imported MLflow and opened nothing, so each starts in a moment
and has connections of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from hotpass.session import Session

#: "mixed": every other process does without the database. "guarded": on a guarded server, every third by
#: Hotpass' client, by MLflow's stage transition and by MLflow's alias.
Mode = Literal["hotpass", "mixed", "bare", "guarded"]
Way = Literal["session", "requests", "bare", "transition", "alias"]
_WAYS: dict[Mode, tuple[Way, ...]] = {
    "hotpass": ("session",),
    "mixed": ("session", "requests"),
    "bare": ("bare",),
    "guarded": ("session", "transition", "alias"),
}

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["mlflow", "mlflow.store.model_registry.sqlalchemy_store", "hotpass.api", "support.policies"]
)


@contextmanager
def promoters(
    count: int, uri: str, model: str, mode: Mode
) -> Iterator[Callable[[Sequence[int]], list[dict[str, Any]]]]:
    """`count` processes. What is yielded promotes the given versions to Production, one a process, all at
    once.

    Each answer says what its process was told: `moved`, `overtaken`, `denied` or `error`, with the decision's
    id where it says that.
    """
    pairs = [_context.Pipe() for _ in range(count)]
    processes = [
        _context.Process(
            target=_promote_on_request,
            args=(theirs, uri, model, _WAYS[mode][number % len(_WAYS[mode])]),
            daemon=True,
        )
        for number, (_, theirs) in enumerate(pairs)
    ]
    for process, (_, theirs) in zip(processes, pairs, strict=True):
        process.start()
        theirs.close()  # so that the end of a process shows here
    ours = [mine for mine, _ in pairs]
    for connection in ours:
        assert connection.recv() == "ready"

    def together(versions: Sequence[int]) -> list[dict[str, Any]]:
        at = time.time() + 0.02  # all wait for the same moment
        for connection, version in zip(ours, versions, strict=True):
            connection.send((version, at))
        return [_received(connection) for connection in ours]

    try:
        yield together
    finally:
        for connection in ours:
            connection.send(None)
        for process in processes:
            process.join(20)
            if process.is_alive():
                process.kill()


def _received(connection: Connection) -> dict[str, Any]:
    assert connection.poll(180), "a promoter has not answered for three minutes"
    answer: dict[str, Any] = connection.recv()
    return answer


def _promote_on_request(connection: Connection, uri: str, model: str, way: Way) -> None:
    warnings.simplefilter("ignore")
    if way in ("session", "requests"):
        promote = _hotpass(uri, model, requests_only=way == "requests")
    elif way == "bare":
        promote = _bare(uri, model)
    else:
        promote = _guarded(uri, model, way)
    connection.send("ready")
    while (request := connection.recv()) is not None:
        version, at = request
        time.sleep(max(0.0, at - time.time()))
        connection.send(promote(version))


def _hotpass(uri: str, model: str, *, requests_only: bool) -> Callable[[int], dict[str, Any]]:
    import hotpass
    from hotpass import api
    from support.policies import policy_set

    session = api.connect(
        policies=policy_set(production_from=None),
        registry_uri=uri,
        tracking_uri=uri,
        actor=f"process {os.getpid()}",
    )
    if requests_only:
        by_requests(session)

    def promote(version: int) -> dict[str, Any]:
        try:
            decision = session.promote(model, version, "Production")
            return {"version": version, "told": "moved", "id": decision.id}
        except hotpass.PromotionOvertaken as error:
            return {"version": version, "told": "overtaken", "id": error.decision.id, "text": str(error)}
        except hotpass.PromotionDenied as error:
            return {"version": version, "told": "denied", "id": error.decision.id, "text": str(error)}
        except hotpass.HotpassError as error:
            return {"version": version, "told": "error", "text": f"{type(error).__name__}: {error}"}

    return promote


def _bare(uri: str, model: str) -> Callable[[int], dict[str, Any]]:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(uri, uri)

    def promote(version: int) -> dict[str, Any]:
        try:
            client.transition_model_version_stage(
                model, str(version), "Production", archive_existing_versions=True
            )
            client.set_registered_model_alias(model, "production", str(version))
            return {"version": version, "told": "moved"}
        except MlflowException as error:
            return {"version": version, "told": "error", "text": str(error)}

    return promote


def _guarded(uri: str, model: str, way: Way) -> Callable[[int], dict[str, Any]]:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(uri, uri)

    def promote(version: int) -> dict[str, Any]:
        told: dict[str, Any] = {"version": version, "told": "moved"}
        try:
            if way == "alias":
                client.set_registered_model_alias(model, "production", str(version))
                return told
            found = client.transition_model_version_stage(
                model, str(version), "Production", archive_existing_versions=True
            )
            return {**told, "id": found.tags["hotpass.decision"]}
        except MlflowException as error:
            refused = error.error_code == "PERMISSION_DENIED"
            told["told"] = ("overtaken" if "overtaken: " in str(error) else "denied") if refused else "error"
            return {**told, "text": str(error)}

    return promote


#: The writes of one promotion to Production, in order: the moments at which it can be killed.
STEPS = (
    "create_run",
    "log_param",
    "set_model_version_tag",
    "set_registered_model_alias",
    "transition_model_version_stage",
    "update_run_info",
)


def killed_promotion(
    uri: str, model: str, version: int, step: str, when: Literal["before", "after"], lease: float
) -> None:
    """Promotes `version` in a process that dies of SIGKILL before or after the store's method `step`."""
    process = _context.Process(
        target=_promote_and_die, args=(uri, model, version, step, when, lease), daemon=True
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, f"the process ended with {process.exitcode}, not by SIGKILL"


def by_requests(session: Session) -> Session:
    """`session`, as if it had no database at hand: it promotes by MLflow's methods, one after the other."""
    session._database = session._promoter._transactions = None
    return session


def _promote_and_die(uri: str, model: str, version: int, step: str, when: str, lease: float) -> None:
    from hotpass import api, moving
    from support.policies import policy_set

    warnings.simplefilter("ignore")
    # It dies before its lease counts, however slow the machine is.
    moving.clock = lambda: 0.0
    moving.within = lambda seconds: nullcontext()  # type: ignore[assignment]
    policies = policy_set(production_from=None)
    session = by_requests(
        api.connect(policies=policies, registry_uri=uri, tracking_uri=uri, actor="doomed", lease=lease)
    )
    for store in (session.registry.tracking, session.registry.store):
        method = getattr(store, step, None)
        if method is not None:
            setattr(store, step, _deadly(method, when))
    session.promote(model, version, "Production")


def _deadly(method: Callable[..., Any], when: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            method(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    return call


def killed_in_transaction(uri: str, model: str, version: int, number: int) -> None:
    """Promotes `version` in a process that dies of SIGKILL before its transaction's statement `number`; -1 is
    the commit.
    """
    process = _context.Process(
        target=_promote_and_die_inside, args=(uri, model, version, number), daemon=True
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, f"the process ended with {process.exitcode}, not by SIGKILL"


def _promote_and_die_inside(uri: str, model: str, version: int, number: int) -> None:
    from hotpass import api
    from support.policies import policy_set
    from support.statements import before_each_statement

    warnings.simplefilter("ignore")
    policies = policy_set(production_from=None)
    session = api.connect(policies=policies, registry_uri=uri, tracking_uri=uri, actor="doomed")

    def die(at: int, text: str) -> None:
        if at == number or (number == -1 and text == "COMMIT"):
            os.kill(os.getpid(), signal.SIGKILL)

    with before_each_statement(session, die):
        session.promote(model, version, "Production")

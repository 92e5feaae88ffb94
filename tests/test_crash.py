"""SIGKILL at each step of a promotion: the next command finds nothing lost, nothing half done, and a record
that says so.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest

import hotpass
from hotpass import api
from hotpass.errors import LedgerError, RegistryError
from hotpass.ledger.record import State
from hotpass.ledger.turns import Turns, clock
from hotpass.policy.model import PolicySet
from support.policies import policy_set
from support.promoters import STEPS, by_requests, killed_promotion
from support.stores import Store
from support.versions import make_version

#: Moments after which the pointer is on the candidate, so that the promotion has happened and is finished.
DONE = {
    ("set_registered_model_alias", "after"),
    ("transition_model_version_stage", "before"),
    ("transition_model_version_stage", "after"),
    ("update_run_info", "before"),
    ("update_run_info", "after"),
}
#: Moments at which the record is not in the chain yet.
UNRECORDED = {("create_run", "before"), ("create_run", "after"), ("log_param", "before")}
MOMENTS = [(step, when) for step in STEPS for when in ("before", "after")]
IN_CI = [pytest.mark.slow, pytest.mark.ci]


def open_session(store: Store) -> api.Session:
    policies = policy_set(production_from=None)
    return api.connect(policies=policies, registry_uri=store.uri, tracking_uri=store.uri)


def kill(store: Store, version: int, step: str, when: str) -> None:
    """With a lease so short that the tests need not wait long for the dead."""
    lease = 8.0 if store.kind == "http" else 3.0
    killed_promotion(store.uri, "crash", version, step, when, lease)  # type: ignore[arg-type]


def in_production(store: Store) -> tuple[list[int], int]:
    found = store.client.search_model_versions("name='crash'")
    holders = [int(version.version) for version in found if version.current_stage == "Production"]
    return holders, int(store.client.get_model_version_by_alias("crash", "production").version)


def crash_then_promote(store: Store, step: str, when: str) -> None:
    champion, doomed, follower = (make_version(store, "crash", metrics={"roc_auc": 0.8}) for _ in range(3))
    open_session(store).promote("crash", champion, "Production")
    kill(store, doomed, step, when)

    # The next command is a promotion of the same version: whatever it finds, afterwards it holds Production
    # alone.
    session = open_session(store)
    decision = session.promote("crash", doomed, "Production")
    assert decision.allowed
    assert in_production(store) == ([doomed], doomed)

    records = session.history("crash")
    audit = session.audit("crash")
    assert audit.clean, audit.findings
    assert not any(entry.is_open for entry in records)
    killed = [entry for entry in records if entry.record.actor.name == "doomed"]
    if (step, when) in UNRECORDED:
        assert killed == []
        assert decision.already_there is False
    else:
        [entry] = killed
        assert entry.state is (State.CLOSED if (step, when) in DONE else State.ABANDONED)
        # Only a record that was left open had to be settled.
        assert entry.settled_later is ((step, when) != ("update_run_info", "after"))
        assert decision.already_there is ((step, when) in DONE)
    # And life goes on: another version takes over, and the one before is archived.
    session.promote("crash", follower, "Production")
    assert in_production(store) == ([follower], follower)
    assert session.audit("crash").clean


@pytest.mark.parametrize(
    ("step", "when"),
    [pytest.param(*moment, marks=IN_CI if moment[1] == "before" else ()) for moment in MOMENTS],
)
def test_killed_on_sqlite(sqlite_store: Store, step: str, when: str) -> None:
    crash_then_promote(sqlite_store, step, when)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.long_over_http
def test_killed_while_the_pointer_moves(store: Store, when: str) -> None:
    crash_then_promote(store, "set_registered_model_alias", when)


@pytest.mark.slow
@pytest.mark.parametrize(("step", "when"), MOMENTS, ids=lambda value: str(value))
def test_killed_everywhere(store: Store, step: str, when: str) -> None:
    crash_then_promote(store, step, when)


def test_a_live_promotion_is_waited_for_and_not_settled(sqlite_store: Store) -> None:
    """An open record within its lease belongs to somebody who may be working on it; what counts is the
    record's lease.
    """
    first, second = (make_version(sqlite_store, "crash", metrics={"roc_auc": 0.8}) for _ in range(2))
    open_session(sqlite_store).promote("crash", first, "Production")
    kill(sqlite_store, second, "set_model_version_tag", "before")
    chain = api.connect(policies=PolicySet(), registry_uri=sqlite_store.uri, lease=0.1)._chain("crash")
    turns = Turns(chain, lambda entry: pytest.fail("settled"), notify=lambda text: None)
    with pytest.raises(LedgerError, match=r"doomed .* has been promoting crash"):
        turns.wait(deadline=clock() + 0.5)


def test_a_settler_that_fails_leaves_it_to_the_next(sqlite_store: Store) -> None:
    first, second = (make_version(sqlite_store, "crash", metrics={"roc_auc": 0.8}) for _ in range(2))
    open_session(sqlite_store).promote("crash", first, "Production")
    kill(sqlite_store, second, "set_registered_model_alias", "after")
    chain = open_session(sqlite_store)._chain("crash")

    def fail(entry: object) -> tuple[bool, int | None]:
        raise RegistryError("away")

    with pytest.raises(RegistryError, match="away"):
        Turns(chain, fail, notify=lambda text: None).wait(deadline=clock() + 10)
    heard: list[str] = []
    session = api.connect(
        policies=policy_set(production_from=None), registry_uri=sqlite_store.uri, notify=heard.append
    )
    assert session.promote("crash", second, "Production").already_there
    assert any("waiting for a promotion by doomed" in text for text in heard)
    assert in_production(sqlite_store) == ([second], second)


@pytest.mark.parametrize("step", ["tag_version", "set_alias", "set_stage"])
def test_a_write_that_comes_too_late_is_undone(sqlite_store: Store, step: str) -> None:
    """A process that is slow, not dead: its record is settled, another version is promoted, and then its
    write arrives.
    """
    first, slow, quick = (make_version(sqlite_store, "crash", metrics={"roc_auc": 0.8}) for _ in range(3))
    open_session(sqlite_store).promote("crash", first, "Production")
    policies = policy_set(production_from=None)
    late = by_requests(api.connect(policies=policies, registry_uri=sqlite_store.uri, actor="slow", lease=2.0))
    arrived, go_on = threading.Event(), threading.Event()
    method = getattr(late.registry, step)

    def held(*args: Any, **kwargs: Any) -> Any:
        arrived.set()
        assert go_on.wait(30)
        return method(*args, **kwargs)

    setattr(late.registry, step, held)
    told: list[BaseException | object] = []

    def promote_slowly() -> None:
        try:
            told.append(late.promote("crash", slow, "Production"))
        except BaseException as error:
            told.append(error)

    thread = threading.Thread(target=promote_slowly)
    thread.start()
    assert arrived.wait(20)
    assert open_session(sqlite_store).promote("crash", quick, "Production").allowed
    go_on.set()
    thread.join(30)
    assert isinstance(told[0], hotpass.PromotionOvertaken), told
    assert in_production(sqlite_store) == ([quick], quick)
    audit = open_session(sqlite_store).audit("crash")
    assert audit.clean, audit.findings
    assert not any(entry.is_open for entry in open_session(sqlite_store).history("crash"))

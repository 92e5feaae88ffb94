"""SIGKILL at each step of a promotion: the next command finds nothing lost, nothing half done, and a record
that says so.
"""

from __future__ import annotations

import pytest

from hotpass import api
from hotpass.ledger.record import State
from support.policies import policy_set
from support.promoters import STEPS, killed_promotion
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


def open_session(store: Store) -> api.Session:
    """With a lease so short that the tests need not wait long for the dead."""
    policies = policy_set(production_from=None)
    lease = 4.0 if store.kind == "http" else 1.0
    return api.connect(policies=policies, registry_uri=store.uri, tracking_uri=store.uri, lease=lease)


def in_production(store: Store) -> tuple[list[int], int]:
    found = store.client.search_model_versions("name='crash'")
    holders = [int(version.version) for version in found if version.current_stage == "Production"]
    return holders, int(store.client.get_model_version_by_alias("crash", "production").version)


def crash_then_promote(store: Store, step: str, when: str) -> None:
    champion, doomed, follower = (make_version(store, "crash", metrics={"roc_auc": 0.8}) for _ in range(3))
    open_session(store).promote("crash", champion, "Production")
    killed_promotion(store.uri, "crash", doomed, step, when)  # type: ignore[arg-type]

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
        assert bool(entry.settled_by) is ((step, when) != ("update_run_info", "after"))
        assert decision.already_there is ((step, when) in DONE)
    # And life goes on: another version takes over, and the one before is archived.
    session.promote("crash", follower, "Production")
    assert in_production(store) == ([follower], follower)
    assert session.audit("crash").clean


@pytest.mark.parametrize(("step", "when"), MOMENTS, ids=lambda value: str(value))
def test_killed_on_sqlite(sqlite_store: Store, step: str, when: str) -> None:
    crash_then_promote(sqlite_store, step, when)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_the_pointer_moves(store: Store, when: str) -> None:
    crash_then_promote(store, "set_registered_model_alias", when)


@pytest.mark.slow
@pytest.mark.parametrize(("step", "when"), MOMENTS, ids=lambda value: str(value))
def test_killed_everywhere(store: Store, step: str, when: str) -> None:
    crash_then_promote(store, step, when)


def test_a_live_promotion_is_waited_for_and_not_settled(sqlite_store: Store) -> None:
    """An open record within its lease belongs to somebody who may be working on it."""
    from hotpass.errors import LedgerError

    first, second = (make_version(sqlite_store, "crash", metrics={"roc_auc": 0.8}) for _ in range(2))
    open_session(sqlite_store).promote("crash", first, "Production")
    killed_promotion(sqlite_store.uri, "crash", second, "set_model_version_tag", "before")
    patient = api.connect(policies=policy_set(production_from=None), registry_uri=sqlite_store.uri, lease=60)
    chain = patient._chain("crash")
    with pytest.raises(LedgerError, match="doomed has been promoting crash"):
        chain.wait_for_turn(lambda entry: pytest.fail("settled"), notify=lambda text: None, deadline=0.0)

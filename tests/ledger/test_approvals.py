"""Which approvals stand, by a chain's entries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hotpass.ledger.approvals import goes_back_to, own_approvals, standing_approvals
from hotpass.ledger.record import Actor, Entry, Kind, Record, State
from hotpass.verdicts import Identity

START = datetime(2026, 1, 1, tzinfo=UTC)
ME = Identity("default", "leads", 1, 1000, "a" * 64)
OTHER = ME._replace(created_at=2000)
ANA, BEN, CLAIMS = Actor("ana", True), Actor("ben", True), Actor("ana")


def entry(
    seq: int, kind: Kind, actor: Actor = ANA, to: str = "Production", identity: Identity = ME,
    moves: bool = False, state: State = State.CLOSED,
) -> Entry:  # fmt: skip
    time = START + timedelta(hours=seq)
    body: dict[str, Any] = {"identity": identity._asdict(), "to": to, "reason": f"reason {seq}"}
    record = Record(kind, seq, time, actor, "leads", "default", moves, body, 45.0, {})
    at_ms = int(time.timestamp() * 1000)
    return Entry(f"r{seq}", record, "", state, at_ms, at_ms if moves else None, None)


def names(entries: list[Entry], **how: Any) -> list[str]:
    return [given.record_id for given in standing_approvals(entries, ME, "Production", **how)]


APPROVE, WITHDRAW, DECIDE = Kind.APPROVAL, Kind.WITHDRAWAL, Kind.DECISION


def test_an_approval_says_who_when_why_and_of_which_files() -> None:
    [found] = standing_approvals([entry(1, APPROVE)], ME, "production")
    assert (found.name, found.authenticated, found.at) == ("ana", True, START + timedelta(hours=1))
    assert (found.reason, found.record_id, found.artifact_digest) == ("reason 1", "r1", "a" * 64)


def test_the_latest_word_of_each_counts() -> None:
    assert names([entry(1, APPROVE), entry(2, APPROVE, BEN), entry(3, APPROVE)]) == ["r2", "r3"]
    assert names([entry(1, APPROVE), entry(2, WITHDRAW)]) == []
    assert names([entry(1, WITHDRAW), entry(2, APPROVE)]) == ["r2"]
    assert names([entry(1, APPROVE), entry(2, WITHDRAW, BEN)]) == ["r1"]
    assert names([entry(1, APPROVE), entry(2, WITHDRAW, to="Staging")]) == ["r1"]


def test_a_claim_takes_back_claims_only() -> None:
    assert names([entry(1, APPROVE, CLAIMS), entry(2, APPROVE)]) == ["r1", "r2"]
    assert names([entry(1, APPROVE, CLAIMS), entry(2, APPROVE), entry(3, WITHDRAW, CLAIMS)]) == ["r2"]
    assert names([entry(1, APPROVE, CLAIMS), entry(2, APPROVE), entry(3, WITHDRAW)]) == []
    found = standing_approvals([entry(1, APPROVE, CLAIMS), entry(2, APPROVE)], ME, "Production")
    assert [given.record_id for given in own_approvals(found, CLAIMS)] == ["r1"]
    assert [given.record_id for given in own_approvals(found, ANA)] == ["r1", "r2"]
    assert own_approvals(found, BEN) == []


def test_it_is_of_one_identity_and_one_stage() -> None:
    for other in (
        OTHER, ME._replace(version=2), ME._replace(model="m"), ME._replace(workspace="w"),
    ):  # fmt: skip
        assert names([entry(1, APPROVE, identity=other)]) == []
    assert names([entry(1, APPROVE, to="Staging")]) == []
    assert names([entry(1, APPROVE, identity=ME._replace(artifact_digest="b" * 64))]) == ["r1"]


def test_a_move_there_uses_it_and_nothing_else_does() -> None:
    given = [entry(1, APPROVE), entry(2, APPROVE, BEN)]
    for kept in (
        entry(3, DECIDE, moves=False),
        entry(3, DECIDE, moves=True, state=State.ABANDONED),
        entry(3, DECIDE, moves=True, state=State.OPEN),
        entry(3, DECIDE, moves=True, to="Staging"),
        entry(3, DECIDE, moves=True, identity=OTHER),
        entry(3, Kind.REPAIR, moves=True),
        entry(3, Kind.OBSERVATION),
    ):
        assert names([*given, kept]) == ["r1", "r2"], kept
    moved = [*given, entry(3, DECIDE, moves=True)]
    assert names(moved) == []
    assert names([*moved, entry(4, APPROVE, BEN)]) == ["r4"]


def test_what_a_move_rested_on() -> None:
    moved = [entry(1, APPROVE), entry(2, DECIDE, moves=True), entry(3, APPROVE, BEN)]
    assert names(moved, used=True) == ["r1"]
    assert names([*moved, entry(4, DECIDE, moves=True)], used=True) == ["r3"]
    assert names([entry(1, APPROVE)], used=True) == ["r1"], "adopted there: nothing was moved"


def test_what_is_not_proved_is_nobodys() -> None:
    entries = [entry(1, APPROVE), entry(2, APPROVE, BEN), entry(3, WITHDRAW, BEN), entry(4, APPROVE, CLAIMS)]
    assert names(entries, proves=lambda one: one.id not in ("r1", "r3")) == ["r2", "r4"]


_ENTRIES = st.lists(
    st.tuples(
        st.sampled_from([APPROVE, WITHDRAW, DECIDE]), st.sampled_from([ANA, BEN, CLAIMS]),
        st.sampled_from(["Production", "Staging"]), st.sampled_from([ME, OTHER]), st.booleans(),
    ),
    max_size=12,
)  # fmt: skip


@given(_ENTRIES, st.integers(0, 12), st.booleans())
def test_a_chain_without_its_beginning_never_adds_one(drawn: list[Any], cut: int, used: bool) -> None:
    entries = [
        entry(seq, kind, actor, to, identity, moves=kind is DECIDE and moves)
        for seq, (kind, actor, to, identity, moves) in enumerate(drawn, 1)
    ]
    whole, end = names(entries, used=used), names(entries[cut:], used=used)
    if not used or any(one.moved and one.record.body["to"] == "Production" for one in entries[cut:]):
        assert set(end) <= set(whole)


def test_how_far_back_a_look_goes() -> None:
    made_ms = int(START.timestamp() * 1000)
    window = [entry(seq, APPROVE) for seq in range(30, 55)]
    assert goes_back_to([], made_ms)
    assert goes_back_to([entry(1, APPROVE)], made_ms)
    assert not goes_back_to(window, made_ms)
    hours = 60 * 60 * 1000
    assert not goes_back_to(window, made_ms + 54 * hours)  # a day for clocks that differ
    assert goes_back_to(window, made_ms + 55 * hours)

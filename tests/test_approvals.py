"""Approvals: given, counted, used, taken back, and what they are not about."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import hotpass
from hotpass.ledger.record import Actor, Entry, Kind
from hotpass.ledger.seal import Seal
from hotpass.people import CREATED_BY_SEAL_TAG, REGISTERED_BY_SEAL_TAG, created_by, registered_by
from hotpass.plugins import create_manager
from hotpass.policy.model import Policy, PolicySet, PromotionEntry
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.session import Session
from hotpass.verdicts import Decision
from support.policies import entries
from support.stores import Store
from support.versions import make_version

EASY = {"metric_threshold": {"roc_auc": {"at_least": 0.5}}}
TWO = {"approvals": {"at_least": 2, "not_by": ["trainer", "requester"]}}
SEAL = Seal(b"k" * 32)


def policies(gate: dict[str, Any] = TWO, stage: str = "Production") -> PolicySet:
    """`gate` before `stage`, and a way back out of it."""
    return PolicySet.of([
        Policy("test", ("*",), (
            PromotionEntry("Staging", None, entries(EASY)),
            PromotionEntry("Staging", stage, entries(EASY)),
            PromotionEntry(stage, None, entries(gate)),
        )),
    ])  # fmt: skip


def someone(
    store: Store, name: str, *, authenticated: bool = True, rules: PolicySet | None = None, **more: Any
) -> Session:
    """A session of a user as a server with authentication makes it."""
    actor = Actor(name, authenticated)
    registry = MlflowRegistry(store.uri, store.uri)
    return Session(registry, rules or policies(), create_manager(), actor=actor, **more)


def trained(store: Store, model: str = "leads", **more: Any) -> int:
    """A version whose run a guarded server has seen Tom make, and that it has seen him register."""
    return make_version(
        store, model, metrics={"roc_auc": 0.8}, run_tags={"hotpass.created_by": "tom"},
        tags={"hotpass.registered_by": "tom"}, **more,
    )  # fmt: skip


def seal_names(store: Store, version: int, of: str = "both") -> None:
    """What a guard with a key adds to the names that it writes."""
    facts = MlflowRegistry(store.uri, store.uri).version("leads", version)
    store.client.set_tag(facts.run_id, CREATED_BY_SEAL_TAG, SEAL.of(created_by(facts.run_id, "tom")))
    if of == "both":
        sealed = SEAL.of(registered_by(facts, "tom"))
        store.client.set_model_version_tag("leads", str(version), REGISTERED_BY_SEAL_TAG, sealed)


def approve(store: Store, version: int, *names: str, to: str = "Production", model: str = "leads") -> None:
    for name in names:
        someone(store, name).approve(model, version, to, reason="seen it")


def counted(decision: Decision) -> list[str]:
    """Whose approvals the gate counted."""
    (judgement,) = (j for j in decision.judgements if j.entry.gate_name == "approvals")
    return list(judgement.result.evidence["approved_by"])


def check(store: Store, version: int, model: str = "leads", to: str = "Production") -> list[str]:
    return counted(someone(store, "rita").check(model, version, to))


def test_two_people_approve_and_the_promotion_uses_that(any_store: Store) -> None:
    version = trained(any_store)
    rita = someone(any_store, "rita")
    with pytest.raises(hotpass.PromotionPending) as caught:
        rita.promote("leads", version, "Production")
    assert caught.value.exit_code == 3
    assert "hotpass approve leads 1 --to Production --reason" in str(caught.value)

    ana = someone(any_store, "ana")
    entry = ana.approve("leads", version, "production", reason="the curve is good")
    assert (entry.record.kind, entry.record.actor) == (Kind.APPROVAL, Actor("ana", True))
    assert entry.record.body["to"] == "Production"
    assert len(entry.record.body["identity"]["artifact_digest"]) == 64
    assert ana.approve("leads", version, "Production", reason="again").id == entry.id, "once is enough"
    someone(any_store, "ben", authenticated=False).approve("leads", version, "Production", reason="me too")
    approve(any_store, version, "tom", "rita")
    with pytest.raises(hotpass.PromotionPending) as caught:
        rita.promote("leads", version, "Production")
    assert counted(caught.value.decision) == ["ana"]

    approve(any_store, version, "ben")
    decision = rita.promote("leads", version, "Production")
    assert counted(decision) == ["ana", "ben"]
    assert [(given["name"], given["authenticated"]) for given in decision.evidence["approvals"]] == [
        ("ana", True), ("ben", False), ("tom", True), ("rita", True), ("ben", True),
    ]  # fmt: skip
    assert rita.promote("leads", version, "Production").already_there, "judged by the approvals of then"
    with pytest.raises(hotpass.CallError, match="is in Production already; there is nothing to approve"):
        ana.approve("leads", version, "Production", reason="late")
    with pytest.raises(hotpass.CallError, match="ana has no approval of leads version 1 for Production"):
        ana.withdraw("leads", version, "Production", reason="late")

    rita.promote("leads", version, "Staging")
    assert check(any_store, version) == [], "the next time takes new ones"
    approve(any_store, version, "cleo", "ben")
    assert counted(rita.promote("leads", version, "Production")) == ["cleo", "ben"]
    assert ana.audit("leads").clean


def test_given_before_staging_it_counts(sqlite_store: Store) -> None:
    version = trained(sqlite_store)
    approve(sqlite_store, version, "ana", "ben")
    rita = someone(sqlite_store, "rita")
    rita.promote("leads", version, "Staging")
    assert rita.promote("leads", version, "Production").allowed


@pytest.mark.long_over_http
def test_taking_it_back(any_store: Store) -> None:
    version = trained(any_store)
    approve(any_store, version, "ana", "ben")
    ana = someone(any_store, "ana")
    entry = ana.withdraw("leads", version, "Production", reason="the data was wrong")
    assert (entry.record.kind, entry.record.body["reason"]) == (Kind.WITHDRAWAL, "the data was wrong")
    with pytest.raises(hotpass.PromotionPending):
        someone(any_store, "rita").promote("leads", version, "Production")
    assert check(any_store, version) == ["ben"]
    with pytest.raises(hotpass.CallError, match="there are those of ben, and each takes back their own"):
        ana.withdraw("leads", version, "Production", reason="twice")
    ana.approve("leads", version, "Production", reason="the data was right")
    assert check(any_store, version) == ["ben", "ana"], "the latest word counts"


@pytest.mark.long_over_http
def test_what_another_process_wrote_since_is_heeded(store: Store) -> None:
    version = trained(store)
    approve(store, version, "ben")
    ana, rita = someone(store, "ana"), someone(store, "rita")
    first = ana.approve("leads", version, "Production", reason="seen it")
    assert counted(rita.check("leads", version, "Production")) == ["ben", "ana"]
    someone(store, "ana").withdraw("leads", version, "Production", reason="from home")
    with pytest.raises(hotpass.PromotionPending):
        rita.promote("leads", version, "Production")
    assert ana.approve("leads", version, "Production", reason="from the office").id != first.id
    assert rita.promote("leads", version, "Production").allowed


def test_who_only_claims_a_name_takes_nothing_back_from_who_has_authenticated(sqlite_store: Store) -> None:
    version = trained(sqlite_store)
    claims = someone(sqlite_store, "ana", authenticated=False)
    claims.approve("leads", version, "Production", reason="not me")
    ana = someone(sqlite_store, "ana")
    ana.withdraw("leads", version, "Production", reason="that was not me")
    ana.approve("leads", version, "Production", reason="this is")
    with pytest.raises(hotpass.CallError, match="it takes the same to take it back"):
        claims.withdraw("leads", version, "Production", reason="ha")
    assert check(sqlite_store, version) == ["ana"]


@pytest.mark.long_over_http
def test_it_does_not_travel_with_a_copy(store: Store) -> None:
    version = trained(store)
    approve(store, version, "ana", "ben")
    for name in ("leads", "other"):
        copy = store.client.copy_model_version(f"models:/leads/{version}", name)
        assert check(store, int(copy.version), name) == []
    assert check(store, version) == ["ana", "ben"]


@pytest.mark.long_over_http
def test_a_model_made_again_does_not_inherit_it(store: Store) -> None:
    version = trained(store)
    approve(store, version, "ana", "ben")
    store.client.delete_registered_model("leads")
    assert trained(store) == version
    assert check(store, version) == []
    with pytest.raises(hotpass.CallError, match="ana has no approval"):
        someone(store, "ana").withdraw("leads", version, "Production", reason="of what")


@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.long_over_http
def test_it_is_about_the_files(store: Store, tagged: bool) -> None:
    version = trained(store)
    rita = someone(store, "rita")
    if tagged:  # as registering with Hotpass does
        digest = rita.registry.artifact_digest(rita.registry.version("leads", version))
        store.client.set_model_version_tag("leads", str(version), "hotpass.artifact_digest", digest)
    approve(store, version, "ana", "ben")
    assert check(store, version) == ["ana", "ben"]
    model_id = rita.registry.version("leads", version).model_id
    [file] = [path for path in store.artifacts.rglob("model.skops") if model_id in str(path)]
    before = file.read_bytes()
    file.write_bytes(b"something else")
    if tagged and store.kind == "http":  # the tag stands for files that are not at hand; loading compares
        assert check(store, version) == ["ana", "ben"]
        return
    assert check(store, version) == []
    with pytest.raises(hotpass.PromotionPending):
        rita.promote("leads", version, "Production")
    if tagged:
        with pytest.raises(hotpass.CallError, match="have changed since it was registered"):
            someone(store, "cleo").approve("leads", version, "Production", reason="looks good")
    file.write_bytes(before)
    assert check(store, version) == ["ana", "ben"]


@pytest.mark.long_over_http
def test_one_about_something_else_does_not_count(store: Store) -> None:
    first, second, other = trained(store), trained(store), trained(store, "other")
    approve(store, first, "ana", to="Staging")
    approve(store, second, "ana")
    approve(store, other, "ana", model="other")
    assert check(store, first) == []
    assert check(store, second) == ["ana"]


@pytest.mark.long_over_http
class TestForged:
    """Records that the ledger did not come by in the ordinary way."""

    def test_a_copied_run_is_no_record(self, store: Store) -> None:
        version = trained(store)
        ana = someone(store, "ana")
        entry = ana.approve("leads", version, "Production", reason="seen it")
        ana.withdraw("leads", version, "Production", reason="seen more")
        run = store.client.get_run(entry.id)
        copies = [
            store.client.create_run(run.info.experiment_id, tags=dict(run.data.tags)).info.run_id
            for _ in range(2)
        ]
        store.client.set_terminated(copies[0])
        assert check(store, version) == []
        assert copies[0] in {finding.record for finding in ana.audit("leads").findings}

    def test_a_copied_run_that_is_linked_by_hand_stops_everything(self, store: Store) -> None:
        version = trained(store)
        ana = someone(store, "ana")
        entry = ana.approve("leads", version, "Production", reason="seen it")
        last = ana.withdraw("leads", version, "Production", reason="seen more")
        run = store.client.get_run(entry.id)
        copy = store.client.create_run(run.info.experiment_id, tags=dict(run.data.tags))
        store.client.log_param(last.id, "hotpass.next", copy.info.run_id)
        with pytest.raises(hotpass.LedgerError):
            someone(store, "rita").promote("leads", version, "Production")
        assert not ana.audit("leads").clean

    @pytest.mark.parametrize(
        "change",
        [
            {"identity": {"model": "leads", "version": 1}},
            {"identity": {"who": "knows"}},
            {"identity": None},
            {"identity": "leads/1"},
            {"to": None},
        ],
        ids=str,
    )
    def test_what_is_not_an_approval_counts_as_none(
        self, sqlite_store: Store, change: dict[str, Any]
    ) -> None:
        version = trained(sqlite_store)
        ana = someone(sqlite_store, "ana")
        entry = ana.approve("leads", version, "Production", reason="seen it")
        ana.withdraw("leads", version, "Production", reason="seen more")
        _append(ana, {**entry.record.body, **change})
        assert check(sqlite_store, version) == []
        assert someone(sqlite_store, "ben").approve("leads", version, "Production", reason="still works")

    def test_behind_a_key_the_names_of_before_the_guard_are_only_claimed(self, store: Store) -> None:
        """Whoever could write tags before there was a guard could write any name into them."""
        version = trained(store)
        for name in ("ana", "ben"):
            someone(store, name, seal=SEAL).approve("leads", version, "Production", reason="seen it")
        rita = someone(store, "rita", seal=SEAL)
        with pytest.raises(hotpass.PromotionDenied, match="tom is said to be who trained this version"):
            rita.promote("leads", version, "Production")
        seal_names(store, version, of="run")
        with pytest.raises(hotpass.PromotionDenied, match="tom is said to be who registered this version"):
            rita.promote("leads", version, "Production")
        seal_names(store, version)
        assert counted(rita.promote("leads", version, "Production")) == ["ana", "ben"]

    def test_behind_a_key_one_without_its_seal_is_nobodys(self, sqlite_store: Store) -> None:
        """Who could write to the ledger before there was a guard could write any name."""
        version = trained(sqlite_store)
        seal_names(sqlite_store, version)
        approve(sqlite_store, version, "ana", "ben")
        sqlite_store.client.set_registered_model_alias("leads", "staging", str(version))
        keeper = someone(sqlite_store, "keeper", seal=SEAL)
        keeper.adopt("leads")  # with which the guard takes over what is there
        assert counted(keeper.check("leads", version, "Production")) == []
        for name in ("ana", "cleo"):
            someone(sqlite_store, name, seal=SEAL).approve("leads", version, "Production", reason="seen it")
        assert counted(someone(sqlite_store, "rita", seal=SEAL).check("leads", version, "Production")) == [
            "ana",
            "cleo",
        ]
        with pytest.raises(hotpass.LedgerError, match="does not bear the guard's seal"):
            someone(sqlite_store, "rita", seal=Seal(b"x" * 32)).check("leads", version, "Production")


def _append(session: Session, body: dict[str, Any]) -> Entry:
    """What whoever may write to the store can append."""
    chain = session._chain("leads")
    entry = chain.append(
        Kind.APPROVAL, body, after=chain.refresh(), moves=False, actor=session.actor, workspace="default",
        title="an approval",
    )  # fmt: skip
    assert entry is not None
    return entry


def test_a_request_that_is_sent_twice(sqlite_store: Store) -> None:
    version = trained(sqlite_store)
    ana = someone(sqlite_store, "ana")
    first = ana.approve("leads", version, "Production", reason="seen it", request_id="one")
    taken = ana.withdraw("leads", version, "Production", reason="seen more", request_id="two")
    again = someone(sqlite_store, "ana").approve(
        "leads", version, "Production", reason="seen it", request_id="one"
    )
    assert again.id == first.id
    assert check(sqlite_store, version) == [], "the answer of then, and not a new approval"
    assert ana.withdraw("leads", version, "Production", reason="x", request_id="two").id == taken.id
    assert len(ana.history("leads", version)) == 2
    assert check(sqlite_store, version) == []
    with pytest.raises(hotpass.CallError, match="'one' was used for another request"):
        ana.withdraw("leads", version, "Production", reason="x", request_id="one")
    third = ana.approve("leads", version, "Production", reason="seen it", request_id="three")
    assert third.id != first.id
    assert check(sqlite_store, version) == ["ana"]


@pytest.mark.parametrize("ends", ["withdrawn", "used"])
@pytest.mark.long_over_http
def test_a_request_that_comes_again_after_the_approval_that_it_found_has_ended(
    store: Store, ends: str
) -> None:
    rules = policies({"approvals": {"at_least": 1}})
    version = trained(store)
    ana = someone(store, "ana", rules=rules)
    first = ana.approve("leads", version, "Production", reason="seen it", request_id="one")
    found = ana.approve("leads", version, "Production", reason="seen it twice", request_id="two")
    assert (found.record.kind, found.record.body["stood"]) == (Kind.APPROVAL, first.id)
    if ends == "withdrawn":
        ana.withdraw("leads", version, "Production", reason="seen more")
    else:
        ana.promote("leads", version, "Production")
        ana.promote("leads", version, "Staging")
    for request_id, entry in (("one", first), ("two", found)):
        again = someone(store, "ana", rules=rules).approve(
            "leads", version, "Production", reason="late", request_id=request_id
        )
        assert again.id == entry.id
    with pytest.raises(hotpass.PromotionPending):
        ana.promote("leads", version, "Production")


@pytest.mark.long_over_http
def test_many_at_once_are_all_recorded(store: Store) -> None:
    version = trained(store)
    names = [f"p{number}" for number in range(4)]
    failed: list[BaseException] = []

    def say(name: str) -> None:
        try:
            approve(store, version, name)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=say, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(check(store, version)) == names
    assert someone(store, "rita").audit("leads").clean


def test_an_old_one_is_found_behind_many_records(sqlite_store: Store) -> None:
    version = trained(sqlite_store)
    approve(sqlite_store, version, "ana", "ben")
    other = trained(sqlite_store)
    cleo = someone(sqlite_store, "cleo")
    for _ in range(13):
        cleo.approve("leads", other, "Production", reason="yes")
        cleo.withdraw("leads", other, "Production", reason="no")
    assert check(sqlite_store, version) == ["ana", "ben"]


def test_a_stage_of_ones_own_in_any_spelling(sqlite_store: Store) -> None:
    rules = policies({"approvals": {"at_least": 1}}, stage="Canary")
    version = trained(sqlite_store)
    someone(sqlite_store, "ana", rules=rules).approve("leads", version, "canary", reason="seen it")
    rita = someone(sqlite_store, "rita", rules=rules)
    assert rita.promote("leads", version, "CANARY").to_stage == "Canary"
    with pytest.raises(hotpass.CallError, match="no policy takes leads to a stage 'Canry'; they name Canary"):
        rita.approve("leads", version, "Canry", reason="seen it")


def test_a_rollback_may_ask_for_them_too(sqlite_store: Store) -> None:
    gates = entries({"approvals": {"at_least": 1, "not_by": ["requester"]}})
    easy = (PromotionEntry("Production", None, entries(EASY), True),)
    rules = PolicySet.of([Policy("test", ("*",), easy, rollback=gates)])
    first, second = trained(sqlite_store), trained(sqlite_store)
    rita = someone(sqlite_store, "rita", rules=rules)
    rita.promote("leads", first, "Production")
    rita.promote("leads", second, "Production")
    rita.approve("leads", first, "Production", reason="I want it")
    with pytest.raises(hotpass.PromotionPending):
        rita.rollback("leads", reason="complaints")
    approve(sqlite_store, first, "ana")
    assert rita.rollback("leads", reason="complaints").identity.version == first


@pytest.mark.parametrize("act", [Session.approve, Session.withdraw], ids=["approve", "withdraw"])
def test_what_is_refused_before_anything_is_written(sqlite_store: Store, act: Callable[..., Entry]) -> None:
    version = trained(sqlite_store)
    ana = someone(sqlite_store, "ana")
    with pytest.raises(hotpass.CallError, match="needs a reason"):
        act(ana, "leads", version, "Production", reason=" ")
    with pytest.raises(hotpass.CallError, match="nobody says whose this is"):
        act(someone(sqlite_store, "unknown", authenticated=False), "leads", 1, "Production", reason="x")
    with pytest.raises(hotpass.NotFound, match="has no version 9"):
        act(ana, "leads", 9, "Production", reason="x")
    with pytest.raises(hotpass.NotFound, match="no model 'leeds'"):
        act(ana, "leeds", version, "Production", reason="x")
    assert ana.ledgers() == []


def test_a_version_without_files_cannot_be_approved(sqlite_store: Store) -> None:
    version = trained(sqlite_store, artifacts=False)
    with pytest.raises(hotpass.RegistryError, match="has no files that can be read"):
        someone(sqlite_store, "ana").approve("leads", version, "Production", reason="x")


def test_in_one_call(sqlite_store: Store) -> None:
    version = trained(sqlite_store)
    entry = hotpass.approve("leads", "latest", "Production", reason="seen it", actor="ana")
    assert (entry.record.body["version"], entry.record.actor) == (version, Actor("ana"))
    entry = hotpass.withdraw("leads", version, "Production", reason="seen more", actor="ana")
    assert entry.record.kind is Kind.WITHDRAWAL
    assert [entry.record.kind for entry in hotpass.history("leads")] == [Kind.APPROVAL, Kind.WITHDRAWAL]


def test_a_claim_is_enough_where_the_policy_says_so(sqlite_store: Store) -> None:
    """Without a guarded server: MLflow's own tag says who trained."""
    rules = policies({"approvals": {"at_least": 1, "not_by": ["trainer", "requester"], "claimed": True}})
    version = make_version(sqlite_store, "leads", run_tags={"mlflow.user": "tom"})
    rita = someone(sqlite_store, "rita", authenticated=False, rules=rules)
    for name in ("tom", "rita"):
        someone(sqlite_store, name, authenticated=False).approve("leads", version, "Production", reason="me")
    with pytest.raises(hotpass.PromotionPending, match=r"tom \(the trainer\) and rita \(the requester\)"):
        rita.promote("leads", version, "Production")
    someone(sqlite_store, "ana", authenticated=False).approve("leads", version, "Production", reason="yes")
    assert rita.promote("leads", version, "Production").allowed


@pytest.mark.long_over_http
def test_who_registers_files_beside_another_persons_run_does_not_approve_them(store: Store) -> None:
    """MLflow takes any run that whoever registers a version names."""
    tom = store.client.get_model_version("leads", str(trained(store)))
    laundered = store.client.create_model_version(
        "leads", tom.source, tom.run_id, tags={"hotpass.registered_by": "ana"}, await_creation_for=0,
        model_id=tom.source.removeprefix("models:/"),
    )  # fmt: skip
    version = int(laundered.version)
    approve(store, version, "ana", "tom", "ben")
    assert check(store, version) == ["ben"]


def test_of_whom_nobody_knows_who_registered_it_is_an_error(sqlite_store: Store) -> None:
    version = make_version(sqlite_store, "leads", run_tags={"hotpass.created_by": "tom"})
    approve(sqlite_store, version, "ana", "ben")
    with pytest.raises(hotpass.PromotionDenied, match="nobody knows who registered this version"):
        someone(sqlite_store, "rita").promote("leads", version, "Production")


def test_a_trainer_whom_nobody_has_verified_is_an_error(sqlite_store: Store) -> None:
    version = make_version(sqlite_store, "leads", run_tags={"mlflow.user": "tom"})
    approve(sqlite_store, version, "ana", "ben")
    with pytest.raises(hotpass.PromotionDenied, match="tom is said to be who trained this version") as caught:
        someone(sqlite_store, "rita").promote("leads", version, "Production")
    assert caught.value.exit_code == 1

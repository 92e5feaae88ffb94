"""One transaction for recheck, record and move, where the database is at hand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hotpass
from hotpass import api, promotion
from hotpass.errors import CallError, LedgerDamaged, LedgerError
from hotpass.ledger.head import TAG_HEAD, Head
from hotpass.ledger.record import State
from hotpass.ledger.seal import TAG_SEAL, Seal
from hotpass.plugins import create_manager
from hotpass.policy.model import Policy, PolicyFile, PolicySet, PromotionEntry
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.registry.sql_reader import SqlReader
from hotpass.resolving import Request
from hotpass.session import Session
from support.policies import entries, policy_set
from support.promoters import by_requests, killed_in_transaction
from support.statements import Injected, before_each_statement, contents
from support.stores import Store
from support.versions import make_version

GOOD = {"roc_auc": 0.8, "precision": 0.6}


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Store:
    """SQLite and PostgreSQL in turn."""
    store: Store = request.getfixturevalue(f"{request.param}_store")
    return store


def connect(store: Store, policies: PolicySet | None = None, **changes: Any) -> Session:
    session = api.connect(
        policies=policies or policy_set(production_from=None),
        registry_uri=store.uri,
        tracking_uri=store.uri,
        **changes,
    )
    assert session._database is not None
    return session


def holders(session: Session, stage: str = "Production") -> list[int]:
    return sorted(facts.version for facts in session.registry.versions("leads") if facts.stage == stage)


def head_of(session: Session) -> Head | None:
    return Head.parse(session.registry.model("leads").tags.get(TAG_HEAD, ""))


def once_inside(session: Session, action: Callable[[], object]) -> None:
    """Lets `action` happen after the judging and right before the next transaction."""
    database: Any = session._database
    write = database.write

    def call(*args: Any) -> Any:
        database.write = write
        action()
        return write(*args)

    database.write = call


class TestAtOnce:
    def test_a_decision_is_one_transaction(self, database: Store) -> None:
        first, second = (make_version(database, "leads", metrics=GOOD) for _ in range(2))
        session = connect(database)
        session.promote("leads", first, "Production")
        with before_each_statement(session, lambda number, text: None) as seen:
            decision = session.promote("leads", second, "Production")
        assert seen.count("COMMIT") == 1
        [entry] = session.history("leads")[1:]
        assert (entry.id, entry.state, entry.record.atomic) == (decision.id, State.CLOSED, True)
        assert entry.moved_at == entry.record.time
        run = database.client.get_run(entry.id)
        assert (run.info.status, run.info.end_time) == ("FINISHED", entry.ended_at_ms)
        facts = session.registry.version("leads", second)
        assert facts.tags["hotpass.decision"] == decision.id
        assert facts.tags["hotpass.artifact_digest"] == decision.identity.artifact_digest
        assert facts.updated_at_ms == entry.ended_at_ms
        assert (holders(session), holders(session, "Archived")) == ([second], [first])
        assert session.registry.model("leads").aliases == {"production": second}
        assert head_of(session) == Head.of(entry, None)
        assert session.audit("leads").clean

    def test_a_refusal_is_too_and_moves_nothing(self, database: Store) -> None:
        weak = make_version(database, "leads", metrics={"roc_auc": 0.3})
        session = connect(database)
        with (
            before_each_statement(session, lambda number, text: None) as seen,
            pytest.raises(hotpass.PromotionDenied) as caught,
        ):
            session.promote("leads", weak, "Production")
        assert seen.count("COMMIT") == 1
        [entry] = session.history("leads")
        assert (entry.id, entry.moved) == (caught.value.decision.id, False)
        assert head_of(session) == Head.of(entry, None)
        assert session.registry.model("leads").aliases == {}

    def test_a_failure_at_any_statement_changes_nothing(self, database: Store) -> None:
        first, second = (make_version(database, "leads", metrics=GOOD) for _ in range(2))
        session = connect(database)
        session.promote("leads", first, "Production")
        before = contents(session)
        number = 0

        def fail(at: int, text: str) -> None:
            if at == number:
                raise Injected(text)

        failure: LedgerError | None = None
        while number == 0 or failure is not None:
            failure = None
            with before_each_statement(session, fail) as seen:
                try:
                    session.promote("leads", second, "Production")
                except LedgerError as error:
                    failure = error
            if failure is not None:
                assert contents(session) == before, f"after a failure at {seen[-1]!r}"
                number += 1
        assert seen[number - 1] == "COMMIT"
        assert number > 25
        assert holders(session) == [second]
        assert session.audit("leads").notes == []

    def test_killed_before_the_commit_nothing_has_happened(self, database: Store) -> None:
        first, doomed = (make_version(database, "leads", metrics=GOOD) for _ in range(2))
        session = connect(database)
        session.promote("leads", first, "Production")
        for number in (6, -1):
            before = contents(session)
            killed_in_transaction(database.uri, "leads", doomed, number)
            assert contents(session) == before
        # Nobody has to wait for the dead.
        notices: list[str] = []
        assert connect(database, notify=notices.append).promote("leads", doomed, "Production").allowed
        assert notices == []
        assert session.audit("leads").notes == []

    @pytest.mark.slow
    def test_killed_anywhere_nothing_has_happened(self, database: Store) -> None:
        first, doomed = (make_version(database, "leads", metrics=GOOD) for _ in range(2))
        session = connect(database)
        session.promote("leads", first, "Production")
        before = contents(session)
        for number in range(30):
            killed_in_transaction(database.uri, "leads", doomed, number)
            assert contents(session) == before, f"killed at statement {number}"
        assert session.promote("leads", doomed, "Production").allowed

    def test_an_answer_to_the_commit_that_was_lost(
        self, database: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The connection breaks after the commit: the second attempt finds its own record."""
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

        version = make_version(database, "leads", metrics=GOOD)
        session = connect(database)
        maker = session.registry.store.ManagedSessionMaker
        lost: list[bool] = []

        class Losing:
            def __init__(self, **how: Any) -> None:
                self._inner = maker(**how)

            def __enter__(self) -> Any:
                return self._inner.__enter__()

            def __exit__(self, *error: Any) -> Any:
                done = self._inner.__exit__(*error)
                if not lost and error[0] is None:
                    lost.append(True)
                    raise MlflowException("server closed the connection", TEMPORARILY_UNAVAILABLE)
                return done

        session._chain("leads").home.create()
        database_of: Any = session._database

        def lose() -> None:
            monkeypatch.setattr(session.registry.store, "ManagedSessionMaker", Losing)

        once_inside(session, lose)
        decision = session.promote("leads", version, "Production")
        assert lost
        assert database_of is session._database
        assert [entry.id for entry in session.history("leads")] == [decision.id]
        assert holders(session) == [version]
        assert session.audit("leads").notes == []

    def test_the_same_rows_as_by_requests(self, database: Store) -> None:
        """What a promotion leaves behind, its ids and times apart, is the same both ways."""
        easy = entries({"metric_threshold": {"roc_auc": {"at_least": 0.5}}})
        policy = Policy(
            "all",
            ("*",),
            (
                PromotionEntry("Staging", None, easy),
                PromotionEntry("Canary", None, easy, True),
                PromotionEntry("Production", None, easy),
                PromotionEntry("Production", "Canary", easy),
                PromotionEntry("Archived", "Production", easy),
            ),
            rollback=easy,
        )
        states = []
        for name, way in (("one", lambda session: session), ("other", by_requests)):
            versions = [make_version(database, name, metrics=GOOD) for _ in range(3)]
            database.client.set_registered_model_alias(name, "Production", "3")
            database.client.set_registered_model_alias(name, "blue", "3")
            session = way(connect(database, PolicySet.of([policy])))
            steps = []
            for version, stage in (
                (1, "Staging"), (1, "Canary"), (2, "Canary"), (2, "Production"), (1, "Production"),
                (3, "Production"), (3, "Archived"), (2, "Staging"), (2, "Canary"),
            ):  # fmt: skip
                session.promote(name, versions[version - 1], stage)
                model = session.registry.model(name)
                facts = sorted(session.registry.versions(name), key=lambda facts: facts.version)
                steps.append(
                    (
                        dict(model.aliases),
                        [(f.stage, sorted(f.tags), f.aliases) for f in facts],
                        [v.current_stage for v in database.client.search_model_versions(f"name='{name}'")],
                    )
                )
            session.rollback(name, reason="because", to_version=1)
            steps.append((dict(session.registry.model(name).aliases), [], []))
            states.append(steps)
            assert session.audit(name).clean
        assert states[0] == states[1]


class TestRecheckUnderTheLock:
    """Evaluation happens outside the lock, so what it rests on is looked at again inside."""

    def test_evidence_that_changed_is_judged_again(self, database: Store) -> None:
        version = make_version(database, "leads", run_metrics={"roc_auc": 0.8})
        session = connect(database)
        run_id = session.registry.version("leads", version).run_id
        once_inside(session, lambda: database.client.log_metric(run_id, "roc_auc", 0.1))
        with pytest.raises(hotpass.PromotionDenied, match=r"0\.1"):
            session.promote("leads", version, "Production")
        assert [entry.record.body["outcome"] for entry in session.history("leads")] == ["denied"]
        assert session.registry.version("leads", version).stage == "None"

    def test_so_is_a_tag_of_a_logged_model_that_changed(self, database: Store) -> None:
        version = make_version(database, "leads", metrics=GOOD)
        session = connect(database)
        model_id = session.registry.version("leads", version).model_id
        notices: list[str] = []
        session = connect(database, notify=notices.append)
        once_inside(session, lambda: database.client.set_logged_model_tags(model_id, {"note": "new"}))
        assert session.promote("leads", version, "Production").allowed
        assert notices == ["the evidence changed; judging again"]

    def test_a_champion_that_changed_overtakes(self, database: Store) -> None:
        first, second, third = (make_version(database, "leads", metrics=GOOD) for _ in range(3))
        session, other = connect(database), connect(database)
        session.promote("leads", first, "Production")
        once_inside(session, lambda: other.promote("leads", third, "Production"))
        with pytest.raises(
            hotpass.PromotionOvertaken, match="held by version 1 when this began and is held by version 3"
        ):
            session.promote("leads", second, "Production")
        assert holders(session) == [third]
        assert session.history("leads")[-1].record.body["overtaken"] is True

    def test_what_changed_past_hotpass_is_seen(self, database: Store) -> None:
        first, second, third = (make_version(database, "leads", metrics=GOOD) for _ in range(3))
        notices: list[str] = []
        session = connect(database, notify=notices.append)
        session.promote("leads", first, "Production")
        client = database.client

        def at_once(*actions: Callable[[], object]) -> None:
            for action in actions:
                once_inside(session, action)
                session.promote("leads", second, "Staging")
                client.transition_model_version_stage("leads", str(second), "None")

        at_once(
            lambda: client.set_model_version_tag("leads", str(second), "owner", "ana"),
            lambda: client.set_registered_model_tag("leads", "owner", "ana"),
            lambda: client.set_registered_model_alias("leads", "Staging", str(second)),
            lambda: client.transition_model_version_stage("leads", str(second), "Archived"),
        )
        once_inside(session, lambda: client.set_registered_model_alias("leads", "staging", str(third)))
        session.promote("leads", second, "Staging")
        assert notices == [
            f"{what}; judging again"
            for what in (
                f"version {second} itself changed",
                "the model's tags changed",
                f"the aliases of version {second} changed",
                f"version {second} itself changed",
                "the holder of Staging changed",
            )
        ]

    def test_a_policy_that_changed_on_disk_is_not_carried_out(self, database: Store, tmp_path: Path) -> None:
        import hashlib

        version = make_version(database, "leads", metrics=GOOD)
        file = tmp_path / "p.yaml"
        file.write_text("before")
        made = policy_set(production_from=None).policies[0]
        digest = hashlib.sha256(b"before").hexdigest()
        files = (PolicyFile(str(file), digest),)
        policy = Policy(made.name, made.models, made.promotions, path=str(file), digest=digest, files=files)
        session = connect(database, PolicySet.of([policy]))
        once_inside(session, lambda: file.write_text("after"))
        with pytest.raises(hotpass.PromotionOvertaken, match="changed on disk"):
            session.promote("leads", version, "Staging")
        assert session.registry.version("leads", version).stage == "None"
        [entry] = session.history("leads")
        assert entry.record.body["outcome"] == "inconclusive"

    @pytest.mark.parametrize("what", ["metric", "run tag", "logged model tag", "version tag", "alias"])
    def test_nobody_changes_it_between_recheck_and_commit(
        self, database: Store, monkeypatch: pytest.MonkeyPatch, what: str
    ) -> None:
        first, second = (
            make_version(database, "leads", metrics=GOOD, tags={"owner": "ana"}, run_tags={"owner": "ana"})
            for _ in range(2)
        )
        session = connect(database)
        session.promote("leads", first, "Production")
        facts = session.registry.version("leads", second)
        database.client.set_logged_model_tags(facts.model_id, {"owner": "ana"})
        client = database.client
        change = {
            "metric": lambda: client.log_metric(facts.run_id, "roc_auc", 0.1),
            "run tag": lambda: client.set_tag(facts.run_id, "owner", "eve"),
            "logged model tag": lambda: client.set_logged_model_tags(facts.model_id, {"owner": "eve"}),
            "version tag": lambda: client.set_model_version_tag("leads", str(second), "owner", "eve"),
            "alias": lambda: client.set_registered_model_alias("leads", "production", str(second)),
        }[what]
        at_commit: list[bool] = []
        thread = threading.Thread(target=change)
        recheck = promotion.changed_since

        def then_try(reader: Any, resolved: Any, batch: Any) -> str:
            found = recheck(reader, resolved, batch)
            batch.changed(reader)
            reader.runs([facts.run_id])
            thread.start()
            thread.join(0.7)
            at_commit.append(thread.is_alive())
            return found

        monkeypatch.setattr(promotion, "changed_since", then_try)
        decision = session.promote("leads", second, "Production")
        thread.join(60)
        assert at_commit == [True], "it waits for the transaction to end"
        assert decision.allowed
        assert not thread.is_alive()


def test_a_database_that_shows_the_past_by_default(postgres_store: Store) -> None:
    """With such a default (it is MySQL's) a transaction would read what was so before it got the lock."""
    from sqlalchemy import text

    version = make_version(postgres_store, "leads", metrics=GOOD)
    session = connect(postgres_store)
    engine = session.registry.store.engine
    with engine.begin() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar()
        connection.execute(
            text(f'ALTER DATABASE "{name}" SET default_transaction_isolation = "repeatable read"')
        )
    engine.dispose()
    assert session._database is not None
    level = session._database.write("look", lambda s: s.execute(text("SHOW transaction_isolation")).scalar())
    assert level == "read committed"
    assert session.promote("leads", version, "Production").allowed


class TestWithOthersWhoHaveNoDatabase:
    def test_they_take_turns(self, database: Store) -> None:
        versions = [make_version(database, "leads", metrics=GOOD) for _ in range(6)]
        at_hand, served = connect(database), by_requests(connect(database))
        for number, version in enumerate(versions):
            (at_hand, served)[number % 2].promote("leads", version, "Production")
        assert [entry.record.atomic for entry in served.history("leads")] == [True, False] * 3
        assert [entry.moved for entry in at_hand.history("leads")] == [True] * 6
        assert holders(served) == [versions[-1]]
        assert connect(database).audit("leads").clean
        assert served.rollback("leads", reason="because").identity.version == versions[-2]

    def test_an_open_record_is_waited_for(self, database: Store) -> None:
        first, second = (make_version(database, "leads", metrics=GOOD) for _ in range(2))
        served, notices = by_requests(connect(database, lease=20.0, actor="ana")), []
        session = connect(database, notify=notices.append)
        arrived, go_on = threading.Event(), threading.Event()
        set_alias = served.registry.set_alias

        def held(*args: Any) -> None:
            arrived.set()
            assert go_on.wait(60)
            set_alias(*args)

        served.registry.set_alias = held  # type: ignore[method-assign]
        thread = threading.Thread(target=lambda: served.promote("leads", first, "Production"))
        thread.start()
        assert arrived.wait(60)

        def notice(text: str) -> None:
            notices.append(text)
            go_on.set()

        session = connect(database, notify=notice)
        with pytest.raises(hotpass.PromotionOvertaken):
            session.promote("leads", second, "Production")
        thread.join(60)
        assert "waiting for a promotion by ana" in notices[0]
        assert holders(session) == [first]

    def test_a_record_that_was_linked_first_wins(self, database: Store) -> None:
        first, second, third = (make_version(database, "leads", metrics=GOOD) for _ in range(3))
        session, served = connect(database), by_requests(connect(database))
        session.promote("leads", first, "Production")
        once_inside(session, lambda: served.promote("leads", third, "Production"))
        with pytest.raises(hotpass.PromotionOvertaken):
            session.promote("leads", second, "Production")
        assert holders(session) == [third]
        assert connect(database).audit("leads").clean


class TestWhatTheModelsTagSays:
    def promoted(self, store: Store) -> tuple[Session, list[int]]:
        versions = [make_version(store, "leads", metrics=GOOD) for _ in range(3)]
        session = connect(store)
        for version in versions[:2]:
            session.promote("leads", version, "Production")
        return session, versions

    def cut(self, session: Session) -> str:
        """Takes the newest record away without a trace, as somebody with the database can."""
        from mlflow.store.tracking.dbmodels.models import SqlParam, SqlRun, SqlTag
        from sqlalchemy import delete

        last = session.history("leads")[-1].id
        with session.registry.store.engine.begin() as connection:
            connection.execute(delete(SqlParam).where(SqlParam.value == last))
            connection.execute(delete(SqlTag).where(SqlTag.run_uuid == last))
            connection.execute(delete(SqlRun).where(SqlRun.run_uuid == last))
        return last

    def test_a_tail_that_was_cut_off_is_missed(self, database: Store) -> None:
        session, versions = self.promoted(database)
        last = self.cut(session)
        for act in (Session.promote, Session.check):
            with pytest.raises(LedgerDamaged, match=f"record {last} .*is gone.*hotpass adopt leads"):
                act(connect(database), "leads", versions[2], "Production")
        with pytest.raises(LedgerDamaged, match=last):
            by_requests(connect(database)).promote("leads", versions[2], "Production")
        assert holders(session) == [versions[1]]

    def test_an_adoption_goes_on_and_says_so(self, database: Store) -> None:
        session, versions = self.promoted(database)
        last = self.cut(session)
        planned = connect(database).adopt("leads", dry_run=True)
        assert last in planned["accepts"]
        # By requests too, where the tag cannot be set in the same breath.
        by_requests(connect(database)).adopt("leads")
        assert connect(database).promote("leads", versions[2], "Production").allowed
        assert last in connect(database).history("leads")[1].record.body["accepts"]

    @pytest.mark.parametrize("way", ["edited", "nonsense"])
    def test_a_tag_that_was_edited(self, sqlite_store: Store, way: str) -> None:
        session, versions = self.promoted(sqlite_store)
        head = head_of(session)
        assert head is not None
        text = str(head._replace(hash="0" * 64)) if way == "edited" else "1 2 3"
        sqlite_store.client.set_registered_model_tag("leads", TAG_HEAD, text)
        with pytest.raises(LedgerDamaged, match="edited"):
            connect(sqlite_store).promote("leads", versions[2], "Production")

    def test_a_session_that_is_behind_reads_on(self, database: Store) -> None:
        session, versions = self.promoted(database)
        connect(database).promote("leads", versions[2], "Production")
        with before_each_statement(session, lambda number, text: None) as seen:
            assert session.promote("leads", versions[0], "Production").champion == versions[2]
        assert seen.count("COMMIT") == 1, "it did not try to write behind an old record"

    def test_every_kind_of_record_moves_it_on(self, database: Store) -> None:
        session, _ = self.promoted(database)
        database.client.transition_model_version_stage("leads", "3", "Staging")
        session.adopt("leads")
        assert head_of(session) == Head.of(session.history("leads")[-1], None)


class TestSeals:
    KEY = Seal(b"k" * 32)

    def guarded(self, store: Store, seal: Seal | None = KEY) -> Session:
        return Session(
            MlflowRegistry(store.uri, store.uri),
            policy_set(production_from=None),
            create_manager(),
            actor="guard",
            seal=seal,
        )

    def test_the_head_is_sealed_with_the_record(self, database: Store) -> None:
        version = make_version(database, "leads", metrics=GOOD)
        session = self.guarded(database)
        session.promote("leads", version, "Production")
        head, [entry] = head_of(session), session.history("leads")
        assert head is not None
        assert head.proved(self.KEY, "default", "leads")
        assert self.KEY.proves(entry.hash, entry.seal)
        assert session.audit("leads").clean

    def test_nobody_goes_on_behind_a_record_past_the_guard(self, sqlite_store: Store) -> None:
        first, second = (make_version(sqlite_store, "leads", metrics=GOOD) for _ in range(2))
        # What is older than the guard does not matter.
        connect(sqlite_store).promote("leads", first, "Staging")
        self.guarded(sqlite_store).promote("leads", first, "Production")
        connect(sqlite_store).promote("leads", second, "Production")
        past = connect(sqlite_store).history("leads")[-1].id
        for act in (Session.promote, Session.check):
            with pytest.raises(LedgerDamaged, match=f"record {past} does not bear the guard's seal"):
                act(self.guarded(sqlite_store), "leads", first, "Production")
        connect(sqlite_store).adopt("leads")
        with pytest.raises(LedgerDamaged, match=past):
            self.guarded(sqlite_store).promote("leads", first, "Production")
        self.guarded(sqlite_store).adopt("leads")
        assert self.guarded(sqlite_store).promote("leads", first, "Production").allowed

    def test_a_seal_that_was_taken_off_is_missed(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        session = self.guarded(sqlite_store)
        session.promote("leads", version, "Production")
        sqlite_store.client.delete_tag(session.history("leads")[0].id, TAG_SEAL)
        with pytest.raises(LedgerDamaged, match="its seal is gone"):
            self.guarded(sqlite_store).promote("leads", version, "Staging")

    def test_another_key_is_not_the_guards(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        self.guarded(sqlite_store).promote("leads", version, "Production")
        with pytest.raises(LedgerDamaged):
            self.guarded(sqlite_store, Seal(b"o" * 32)).promote("leads", version, "Staging")


class TestTheSameRequestAgain:
    def ask(self, session: Session, version: int, stage: str = "Production", key: str = "k1'\"%") -> Any:
        return session._promoter.promote(Request("leads", version, stage, request_id=key))

    def test_gets_the_decision_on_record(self, store: Store) -> None:
        first, second = (make_version(store, "leads", metrics=GOOD) for _ in range(2))
        session = api.connect(
            policies=policy_set(production_from=None), registry_uri=store.uri, tracking_uri=store.uri
        )
        decision = self.ask(session, first)
        self.ask(session, second, key="k2")
        again = self.ask(session, first)
        assert (again.id, again.as_json()) == (decision.id, decision.as_json())
        assert holders(session) == [second]
        assert len(session.history("leads")) == 2

    def test_a_refusal_is_refused_again(self, sqlite_store: Store) -> None:
        weak = make_version(sqlite_store, "leads", metrics={"roc_auc": 0.1})
        told = []
        for _ in range(2):
            with pytest.raises(hotpass.PromotionDenied) as caught:
                self.ask(connect(sqlite_store), weak)
            told.append((str(caught.value), caught.value.decision.id))
        assert told[0] == told[1]

    def test_from_two_workers_at_once(self, database: Store) -> None:
        version = make_version(database, "leads", metrics=GOOD)
        one, other = connect(database), connect(database)
        answers: list[Any] = []
        once_inside(one, lambda: answers.append(self.ask(other, version)))
        answers.append(self.ask(one, version))
        assert answers[0].id == answers[1].id
        assert len(one.history("leads")) == 1

    def test_long_after(self, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("hotpass.ledger.chain.WINDOW", 3)
        versions = [make_version(sqlite_store, "leads", metrics=GOOD) for _ in range(5)]
        decisions = [self.ask(connect(sqlite_store), version, key=f"k{version}") for version in versions]
        assert self.ask(connect(sqlite_store), versions[0], key="k1").id == decisions[0].id
        assert holders(connect(sqlite_store)) == [versions[-1]]

    def test_for_something_else_is_refused(self, sqlite_store: Store) -> None:
        first, second = (make_version(sqlite_store, "leads", metrics=GOOD) for _ in range(2))
        session = connect(sqlite_store)
        self.ask(session, first)
        for version, stage in ((second, "Production"), (first, "Staging")):
            with pytest.raises(CallError, match="was used for another request"):
                self.ask(session, version, stage)


class TestWebhooks:
    @pytest.fixture
    def told(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
        import mlflow.webhooks.delivery as delivery

        told: list[tuple[str, dict[str, str]]] = []

        def deliver(*, event: Any, payload: dict[str, str], store: Any) -> None:
            told.append((str(event), payload))

        monkeypatch.setattr(delivery, "deliver_webhook", deliver)
        return told

    def test_are_told_of_each_alias_once(
        self, sqlite_store: Store, told: list[tuple[str, dict[str, str]]]
    ) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        session = connect(sqlite_store)
        session.promote("leads", version, "Staging")
        session.promote("leads", version, "Production")
        session.promote("leads", version, "Production")
        assert told == [
            ("model_version_alias.created", {"name": "leads", "alias": "staging", "version": str(version)}),
            ("model_version_alias.deleted", {"name": "leads", "alias": "staging"}),
            (
                "model_version_alias.created",
                {"name": "leads", "alias": "production", "version": str(version)},
            ),
        ]

    def test_not_of_the_one_that_the_caller_tells_of(
        self, sqlite_store: Store, told: list[tuple[str, dict[str, str]]]
    ) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        request = Request("leads", version, "Production", announced="production")
        connect(sqlite_store)._promoter.promote(request)
        assert told == []

    def test_not_of_a_refusal(self, sqlite_store: Store, told: list[tuple[str, dict[str, str]]]) -> None:
        version = make_version(sqlite_store, "leads", metrics={"roc_auc": 0.1})
        with pytest.raises(hotpass.PromotionDenied):
            connect(sqlite_store).promote("leads", version, "Production")
        assert told == []

    def test_that_fail_harm_nothing(
        self, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        import mlflow.webhooks.delivery as delivery

        def deliver(**what: Any) -> None:
            raise OSError("no route")

        monkeypatch.setattr(delivery, "deliver_webhook", deliver)
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        assert connect(sqlite_store).promote("leads", version, "Production").allowed
        assert "webhooks were not told of alias production of leads: OSError: no route" in caplog.text

    def test_are_delivered_by_mlflow(self, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """Through MLflow's own delivery, to a real receiver."""
        from http.server import BaseHTTPRequestHandler, HTTPServer

        import mlflow.webhooks.delivery as delivery
        from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent

        monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOWED_SCHEMES", "http")
        monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
        monkeypatch.setattr(delivery, "_webhook_cache", None)
        received: list[dict[str, Any]] = []
        arrived = threading.Event()

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()
                arrived.set()

            def log_message(self, *args: Any) -> None:
                pass

        version = make_version(sqlite_store, "leads", metrics=GOOD)
        with HTTPServer(("127.0.0.1", 0), Receiver) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            event = WebhookEvent(WebhookEntity.MODEL_VERSION_ALIAS, WebhookAction.CREATED)
            sqlite_store.client.create_webhook("w", f"http://127.0.0.1:{server.server_port}/", [event])
            connect(sqlite_store).promote("leads", version, "Production")
            assert arrived.wait(60)
            server.shutdown()
        assert [(r["action"], r["data"]) for r in received] == [
            ("created", {"name": "leads", "alias": "production", "version": str(version)})
        ]


class TestTheReader:
    def read(self, session: Session, work: Callable[[SqlReader], Any]) -> Any:
        database = session._database
        assert database is not None
        return database.write("read", lambda s: work(SqlReader(s, database, by_workspace=False)))

    def test_finds_the_same_facts_as_mlflows_methods(self, database: Store) -> None:
        metrics = {"roc_auc": 0.8, "zero": 0.0, "nan": float("nan"), "inf": float("inf"), "tiny": 1e-300}
        first = make_version(
            database, "leads", metrics=metrics, run_metrics={"loss": float("-inf")}, params={"depth": 3},
            tags={"owner": "ana", "empty": ""}, run_tags={"mlflow.source.git.commit": "0" * 40},
        )  # fmt: skip
        second = make_version(database, "leads", metrics=GOOD, dataset=False)
        deleted = make_version(database, "leads", metrics=GOOD)
        database.client.delete_model_version("leads", str(deleted))
        session = connect(database)
        session.promote("leads", first, "Production")
        database.client.set_registered_model_alias("leads", "Blue", str(first))
        database.client.set_registered_model_tag("leads", "owner", "ana")
        database.client.set_model_version_tag("leads", str(second), "hotpass.stage", "Canary")
        registry = session.registry
        facts = [registry.version("leads", version) for version in (first, second)]
        runs, models = [f.run_id for f in facts], [f.model_id for f in facts]
        model = registry.model("leads")

        def same(reader: SqlReader) -> None:
            here = reader.model("leads")
            assert (here.tags, here.aliases, here.workspace) == (model.tags, model.aliases, model.workspace)
            assert sorted(here.newest, key=lambda f: f.version) == sorted(
                model.newest, key=lambda f: f.version
            )
            # What MLflow says of a version by itself has its aliases too.
            assert [reader.version("leads", v).tags for v in (first, second)] == [f.tags for f in facts]
            for stage in ("Production", "Staging", "Canary", "None"):
                expected = registry.holder(model, stage)
                found = reader.holder(here, stage)
                assert (found and found.version) == (expected and expected.version), stage
            assert dict(reader.runs(runs)) == dict(registry.runs(runs))
            assert dict(reader.logged_models(models)) == dict(registry.logged_models(models))
            assert dict(reader.runs([*runs, "nobody"])) == dict(registry.runs(runs))

        self.read(session, same)
        assert registry.runs(runs)[runs[0]].metrics["loss"] == float("-inf")

    def test_says_what_is_gone(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        session = connect(sqlite_store)
        client = sqlite_store.client
        session.promote("leads", version, "Staging")
        once_inside(session, lambda: client.delete_model_version("leads", str(version)))
        with pytest.raises(LedgerError, match="no version 1 any more"):
            session.promote("leads", version, "Production")
        again = make_version(sqlite_store, "leads", metrics=GOOD)
        once_inside(session, lambda: client.delete_registered_model("leads"))
        with pytest.raises(LedgerError, match="no model 'leads' any more"):
            session.promote("leads", again, "Production")


def test_workspaces_do_not_meet(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of the same name in another workspace is another model."""
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    import mlflow

    client = mlflow.MlflowClient(sqlite_store.uri, sqlite_store.uri)
    client.create_workspace("team-a")
    client.create_workspace("team-b")
    versions = {}
    for workspace in ("team-a", "team-b"):
        mlflow.set_workspace(workspace)
        store = Store("sqlite", sqlite_store.uri, sqlite_store.artifacts)
        versions[workspace] = [make_version(store, "leads", metrics=GOOD) for _ in range(2)]
    session = connect(sqlite_store)
    assert session.registry.store.supports_workspaces
    decisions = {}
    for workspace in ("team-a", "team-b"):
        mlflow.set_workspace(workspace)
        decisions[workspace] = connect(sqlite_store).promote("leads", 1, "Production")
    mlflow.set_workspace("team-a")
    connect(sqlite_store).promote("leads", 2, "Production")
    mlflow.set_workspace("team-b")
    session = connect(sqlite_store)
    assert session.registry.model("leads").aliases == {"production": 1}
    assert [entry.id for entry in session.history("leads")] == [decisions["team-b"].id]
    assert decisions["team-b"].identity.workspace == "team-b"
    assert session.audit("leads").clean


def test_a_ledger_elsewhere_goes_by_requests(sqlite_store: Store, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_bytes((tmp_path / "mlflow.db").read_bytes())
    version = make_version(sqlite_store, "leads", metrics=GOOD)
    session = api.connect(
        policies=policy_set(production_from=None),
        registry_uri=sqlite_store.uri,
        tracking_uri=sqlite_store.uri,
        ledger_uri=f"sqlite:///{other}",
    )
    assert session._database is None
    session.promote("leads", version, "Production")
    assert session.history("leads")[0].record.atomic is False
    assert TAG_HEAD not in session.registry.model("leads").tags


def test_runs_elsewhere_are_read_again_under_the_lock(sqlite_store: Store, tmp_path: Path) -> None:
    """The registry and the ledger are in one database, the runs behind the versions in another."""
    version = make_version(sqlite_store, "leads", run_metrics={"roc_auc": 0.8})
    other = tmp_path / "registry.db"
    other.write_bytes((tmp_path / "mlflow.db").read_bytes())
    session = api.connect(
        policies=policy_set(production_from=None),
        registry_uri=f"sqlite:///{other}",
        tracking_uri=sqlite_store.uri,
    )
    assert session._database is not None
    run_id = session.registry.version("leads", version).run_id
    once_inside(session, lambda: sqlite_store.client.log_metric(run_id, "roc_auc", 0.1))
    with pytest.raises(hotpass.PromotionDenied, match=r"0\.1"):
        session.promote("leads", version, "Production")

"""The story of a promotion, told against every kind of store."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest

import hotpass
from hotpass import api, hookimpl
from hotpass.ledger.record import State
from hotpass.plugins import create_manager, register
from hotpass.policy.model import Policy, PolicyFile, PolicySet, PromotionEntry
from support.policies import EIGHT_GATES, entries, policy_set
from support.promoters import by_requests
from support.stores import Store
from support.versions import make_version

GOOD = {"roc_auc": 0.8, "precision": 0.6}
WEAK = {"roc_auc": 0.3, "precision": 0.6}


def connect(store: Store, policies: PolicySet | None = None, **changes: Any) -> api.Session:
    return api.connect(
        policies=policies or policy_set(), registry_uri=store.uri, tracking_uri=store.uri, **changes
    )


def holders(session: api.Session, model: str, stage: str) -> list[int]:
    return sorted(facts.version for facts in session.registry.versions(model) if facts.stage == stage)


def pointed(session: api.Session, model: str, alias: str) -> int | None:
    return session.registry.model(model).alias(alias)


def test_staging_production_and_back(any_store: Store) -> None:
    first, second, weak = (
        make_version(any_store, "leads", metrics=metrics) for metrics in (GOOD, GOOD, WEAK)
    )
    session = connect(any_store)

    for version in (first, second):
        assert session.promote("leads", version, "Staging").from_stage == "None"
        assert pointed(session, "leads", "staging") == version
        decision = session.promote("leads", version, "Production")
        assert decision.allowed
        assert decision.from_stage == "Staging"
        assert pointed(session, "leads", "production") == version
        assert pointed(session, "leads", "staging") is None, "the pointer leaves with the version"
        assert holders(session, "leads", "Production") == [version]
    assert holders(session, "leads", "Archived") == [first]

    with pytest.raises(hotpass.PromotionDenied) as caught:
        session.promote("leads", weak, "Staging")
    assert caught.value.exit_code == 1
    assert "0.3" in str(caught.value)
    assert session.registry.version("leads", weak).stage == "None"

    decision = session.rollback("leads", reason="complaints from sales")
    assert (decision.identity.version, decision.rollback) == (first, True)
    assert holders(session, "leads", "Production") == [first]
    assert pointed(session, "leads", "production") == first

    told = [
        (e.record.body["version"], e.record.body["to"], e.record.body["outcome"])
        for e in session.history("leads")
    ]
    assert told == [
        (first, "Staging", "allowed"),
        (first, "Production", "allowed"),
        (second, "Staging", "allowed"),
        (second, "Production", "allowed"),
        (weak, "Staging", "denied"),
        (first, "Production", "allowed"),
    ]
    assert session.audit("leads").clean
    assert session.registry.version("leads", first).tags["hotpass.decision"] == decision.id


def test_check_decides_the_same_and_writes_nothing(any_store: Store) -> None:
    version = make_version(any_store, "leads", metrics=GOOD)
    session = connect(any_store)
    before = session.registry.version("leads", version)
    decision = session.check("leads", "latest", "staging")
    assert decision.allowed
    assert decision.to_stage == "Staging"
    assert session.history("leads") == []
    assert session.registry.version("leads", version) == before
    assert any_store.client.get_experiment_by_name("hotpass-ledger/leads") is None


def test_pending_then_allowed_without_a_faked_clock(sqlite_store: Store) -> None:
    version = make_version(sqlite_store, "leads", metrics=GOOD)
    session = connect(sqlite_store, policy_set(production={"staging_dwell": "2s"}))
    session.promote("leads", version, "Staging")
    with pytest.raises(hotpass.PromotionPending) as caught:
        session.promote("leads", version, "Production")
    decision = caught.value.decision
    assert caught.value.exit_code == 3
    assert decision.passes_at is not None
    arrived = session.history("leads")[0].moved_at
    assert (decision.passes_at - arrived).total_seconds() == pytest.approx(2, abs=0.01)
    assert "Try again after" in str(caught.value)
    import time

    time.sleep(max(0.0, (decision.passes_at - decision.decided_at).total_seconds()) + 0.05)
    assert session.promote("leads", version, "Production").allowed


@pytest.mark.long_over_http
def test_a_stay_begins_when_it_begins(any_store: Store) -> None:
    """Where the stage is a tag, MLflow's last_updated_timestamp does not move with it."""
    import time

    version = make_version(any_store, "leads", metrics=GOOD)
    session = connect(any_store, policy_set(production={"staging_dwell": "1h"}))
    time.sleep(1.5)
    before = time.time()
    session.promote("leads", version, "Staging")
    arrived = session.history("leads")[0].moved_at.timestamp()
    assert before - 0.01 <= arrived <= time.time() + 0.01
    with pytest.raises(hotpass.PromotionPending) as caught:
        session.promote("leads", version, "Production")
    assert caught.value.decision.passes_at is not None
    assert caught.value.decision.passes_at.timestamp() == pytest.approx(arrived + 3600, abs=0.01)


def test_all_eight_gates_on_real_evidence(any_store: Store) -> None:
    gates = {**EIGHT_GATES, "staging_dwell": "1s"}
    commit = {"mlflow.source.git.commit": "0" * 40}
    version = make_version(any_store, "leads", metrics=GOOD, tags={"owner": "ana"}, run_tags=commit)
    session = connect(any_store, policy_set(production=gates))
    session.promote("leads", version, "Staging")
    decision = session.check("leads", version, "Production")
    verdicts = {judgement.entry.gate_name: str(judgement.result.verdict) for judgement in decision.judgements}
    assert verdicts.pop("staging_dwell") in ("pending", "passed")
    assert set(verdicts.values()) == {"passed"}, decision.summary()
    assert decision.evidence is not None
    assert decision.evidence["metrics.roc_auc"]["dataset"] == "validation"


class TestWhatIsNotMoved:
    def test_straight_to_production_names_the_stage_it_is_in(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        with pytest.raises(hotpass.PromotionDenied, match="only from Staging, and this one is in None"):
            connect(sqlite_store).promote("leads", version, "Production")

    def test_already_there(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        session = connect(sqlite_store)
        session.promote("leads", version, "Staging")
        updated = session.registry.version("leads", version).updated_at_ms
        decision = session.promote("leads", version, "Staging")
        assert decision.already_there
        assert decision.allowed
        assert len(decision.judgements) == 1, "the gates run all the same"
        assert session.registry.version("leads", version).updated_at_ms == updated

    def test_in_the_stage_with_the_alias_elsewhere_is_mended(self, sqlite_store: Store) -> None:
        first, second = (make_version(sqlite_store, "leads", metrics=GOOD) for _ in range(2))
        session = connect(sqlite_store, policy_set(production_from=None))
        session.promote("leads", first, "Production")
        sqlite_store.client.set_registered_model_alias("leads", "production", str(second))
        decision = session.promote("leads", first, "Production")
        assert decision.allowed
        assert pointed(session, "leads", "production") == first

    def test_archiving_the_champion_needs_an_entry(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        session = connect(sqlite_store)
        session.promote("leads", version, "Staging")
        session.promote("leads", version, "Production")
        with pytest.raises(hotpass.PromotionDenied, match="Add `to: Archived`"):
            session.promote("leads", version, "Archived")
        entry = PromotionEntry(
            "Archived", "Production", entries({"metric_threshold": {"roc_auc": {"at_least": 0.1}}})
        )
        policy = Policy("retire", ("leads",), (*policy_set().policies[0].promotions, entry))
        allowed = connect(sqlite_store, PolicySet.of([policy]))
        assert allowed.promote("leads", version, "Archived").allowed
        assert pointed(allowed, "leads", "production") is None
        assert holders(allowed, "leads", "Archived") == [version]

    def test_no_policy_means_the_built_in_rule(
        self, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        version = make_version(sqlite_store, "leads", metrics=WEAK)
        session = connect(sqlite_store, PolicySet())
        with pytest.raises(hotpass.PromotionDenied, match="no policy covers leads"):
            session.promote("leads", version, "Production")
        assert session.promote("leads", version, "Staging").allowed
        monkeypatch.setenv("HOTPASS_UNMATCHED", "deny")
        with pytest.raises(hotpass.PromotionDenied, match="without one it may not move"):
            connect(sqlite_store, PolicySet()).promote("leads", version, "Production")

    def test_policies_that_are_not_found_are_missed(
        self, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """From another folder the policies of a model are not found, and that must not open the way."""
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        connect(sqlite_store).promote("leads", version, "Staging")
        with pytest.raises(hotpass.PromotionDenied, match="the last decision was made by policy test"):
            connect(sqlite_store, PolicySet()).promote("leads", version, "Production")
        monkeypatch.setenv("HOTPASS_UNMATCHED", "builtin")
        assert connect(sqlite_store, PolicySet()).promote("leads", version, "Production").allowed

    def test_every_covering_policy_must_allow(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        strict = policy_set(staging={"metric_threshold": {"roc_auc": {"at_least": 0.99}}}).policies[0]
        both = PolicySet.of([policy_set().policies[0], strict])
        with pytest.raises(hotpass.PromotionDenied) as caught:
            connect(sqlite_store, both).promote("leads", version, "Staging")
        assert [str(j.result.verdict) for j in caught.value.decision.judgements] == ["passed", "failed"]

    def test_a_contradicting_call_is_refused(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        session = connect(sqlite_store, policy_set(production_from=None))
        with pytest.raises(hotpass.CallError, match="contradicts the policy") as caught:
            session.promote("leads", version, "Production", archive_existing=False)
        assert caught.value.exit_code == 2
        assert session.history("leads") == []

    def test_a_gate_past_its_time_limit(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        policies = policy_set()

        class Slow(type(policies.policies[0].promotions[0].gates[0].gate)):  # type: ignore[misc]
            def evaluate(self, candidate: Any, now: Any) -> Any:
                import time

                time.sleep(5)

        from dataclasses import replace

        slow = replace(policies.policies[0].promotions[0].gates[0], gate=Slow({"roc_auc": {"at_least": 0.1}}))
        policy = Policy("slow", ("*",), (PromotionEntry("Staging", None, (slow,)),))
        with pytest.raises(hotpass.PromotionDenied, match=r"ran past its time limit of 0\.1 s"):
            connect(sqlite_store, PolicySet.of([policy]), gate_time_limit=0.1).promote(
                "leads", version, "Staging"
            )


class TestNames:
    def test_an_unknown_model_is_answered_with_those_that_exist(self, store: Store) -> None:
        make_version(store, "lead_scoring", metrics=GOOD)
        with pytest.raises(hotpass.NotFound, match=r"Did you mean 'lead_scoring'\?") as caught:
            connect(store).promote("lead_scorign", 1, "Staging")
        assert caught.value.exit_code == 2

    def test_an_unknown_version_too(self, sqlite_store: Store) -> None:
        make_version(sqlite_store, "leads", metrics=GOOD)
        with pytest.raises(hotpass.NotFound, match=r"has no version 9. It has: 1"):
            connect(sqlite_store).promote("leads", 9, "Staging")

    @pytest.mark.parametrize("version", [0, -1, "v1", "", "one", "1.0"])
    def test_what_is_no_version(self, sqlite_store: Store, version: Any) -> None:
        with pytest.raises(hotpass.CallError, match="is not a version"):
            connect(sqlite_store).promote("leads", version, "Staging")

    @pytest.mark.parametrize("stage", ["", "Prod uction", "latest", "v3", "a" * 80])
    def test_what_is_no_stage(self, sqlite_store: Store, stage: str) -> None:
        make_version(sqlite_store, "leads", metrics=GOOD)
        with pytest.raises(hotpass.CallError, match="is not a stage"):
            connect(sqlite_store).promote("leads", 1, stage)

    @pytest.mark.parametrize("name", ["ana's lead scoring (2026) %", "lead \"a\" & 'b'", "リード_評価"])
    def test_model_names_with_quotes_and_blanks(self, sqlite_store: Store, name: str) -> None:
        version = make_version(sqlite_store, name, metrics=GOOD)
        session = connect(sqlite_store)
        session.promote(name, version, "Staging")
        session.promote(name, version, "Production")
        assert holders(session, name, "Production") == [version]
        assert session.audit(name).clean

    @pytest.mark.long_over_http
    def test_a_team_stage_of_their_own(self, any_store: Store) -> None:
        first, second = (make_version(any_store, "leads", metrics=GOOD) for _ in range(2))
        easy = entries({"metric_threshold": {"roc_auc": {"at_least": 0.5}}})
        policy = Policy(
            "canary",
            ("*",),
            (PromotionEntry("Canary", None, easy, True), PromotionEntry("Production", "Canary", easy)),
        )
        session = connect(any_store, PolicySet.of([policy]))
        session.promote("leads", first, "Canary")
        session.promote("leads", second, "Canary")
        assert holders(session, "leads", "Canary") == [second]
        assert holders(session, "leads", "Archived") == [first]
        assert pointed(session, "leads", "canary") == second
        session.promote("leads", second, "Production")
        assert holders(session, "leads", "Production") == [second]
        assert pointed(session, "leads", "canary") is None


class TestRollback:
    def test_needs_a_reason_and_a_past(self, sqlite_store: Store) -> None:
        first, second = (make_version(sqlite_store, "leads", metrics=GOOD) for _ in range(2))
        session = connect(sqlite_store, policy_set(production_from=None))
        session.promote("leads", first, "Production")
        with pytest.raises(hotpass.CallError, match="needs a reason"):
            session.rollback("leads", reason=" ")
        with pytest.raises(hotpass.NotFound, match="no earlier version"):
            session.rollback("leads", reason="because")
        with pytest.raises(
            hotpass.PromotionDenied, match="no allowed decision ever put version 2 in Production"
        ):
            session.rollback("leads", reason="because", to_version=second)

    def test_refuses_other_files(self, sqlite_store: Store) -> None:
        first, second = (make_version(sqlite_store, "leads", metrics=GOOD) for _ in range(2))
        session = connect(sqlite_store, policy_set(production_from=None))
        for version in (first, second):
            session.promote("leads", version, "Production")
        [file] = [
            path
            for path in sqlite_store.artifacts.rglob("model.skops")
            if _belongs(sqlite_store, path, first)
        ]
        file.write_bytes(b"replaced")
        with pytest.raises(hotpass.PromotionDenied, match="its files are not those that were in Production"):
            session.rollback("leads", reason="because")
        assert holders(session, "leads", "Production") == [second]

    def test_a_policy_may_ask_for_more(self, sqlite_store: Store) -> None:
        first, second = (make_version(sqlite_store, "leads", metrics=GOOD) for _ in range(2))
        rule = {"required_tags": {"safe": "present"}}
        session = connect(sqlite_store, policy_set(production_from=None, rollback=rule))
        for version in (first, second):
            session.promote("leads", version, "Production")
        with pytest.raises(hotpass.PromotionDenied, match="safe"):
            session.rollback("leads", reason="because")
        sqlite_store.client.set_model_version_tag("leads", str(first), "safe", "yes")
        assert session.rollback("leads", reason="because").allowed

    def test_a_recreated_model_inherits_nothing(self, sqlite_store: Store) -> None:
        first, second = (make_version(sqlite_store, "leads", metrics=GOOD) for _ in range(2))
        session = connect(sqlite_store, policy_set(production_from=None))
        for version in (first, second):
            session.promote("leads", version, "Production")
        sqlite_store.client.delete_registered_model("leads")
        for _ in range(2):
            make_version(sqlite_store, "leads", metrics=GOOD)
        fresh = connect(sqlite_store, policy_set(production_from=None))
        with pytest.raises(hotpass.PromotionDenied, match="no allowed decision ever put version 1"):
            fresh.rollback("leads", reason="because", to_version=1)
        dwelling = connect(sqlite_store, policy_set(production={"staging_dwell": "1s"}))
        with pytest.raises(hotpass.PromotionDenied):
            dwelling.promote("leads", 1, "Production")


def _belongs(store: Store, path: Path, version: int) -> bool:
    source = store.client.get_model_version("leads", str(version)).source
    return source.removeprefix("models:/") in str(path)


@pytest.mark.long_over_http
class TestAdopt:
    def test_gives_dwell_and_rollback_a_start(self, any_store: Store) -> None:
        versions = [make_version(any_store, "leads", metrics=GOOD) for _ in range(3)]
        if any_store.has_stages:
            for version, stage in zip(versions, ("Production", "Staging", "None"), strict=True):
                any_store.client.transition_model_version_stage("leads", str(version), stage)
        else:
            for version, stage in zip(versions[:2], ("Production", "Staging"), strict=True):
                any_store.client.set_model_version_tag("leads", str(version), "hotpass.stage", stage)
        any_store.client.set_registered_model_alias("leads", "production", "1")
        session = connect(any_store, policy_set(production={"staging_dwell": "1s"}))
        with pytest.raises(hotpass.PromotionDenied, match="hotpass adopt"):
            session.promote("leads", 2, "Production")

        planned = session.adopt("leads", dry_run=True)
        assert {seen["version"]: seen["stage"] for seen in planned["versions"]} == {
            1: "Production",
            2: "Staging",
        }
        adopted = session.adopt("leads")
        assert adopted["versions"] == planned["versions"]
        assert session.adopt("leads")["versions"] == [], "adopting again finds nothing new"

        import time

        time.sleep(1.1)
        assert session.promote("leads", 2, "Production").champion == 1
        assert session.rollback("leads", reason="it was better").identity.version == 1
        assert holders(session, "leads", "Production") == [1]


class TestWhoServesStaysPut:
    """Nothing takes the champion away but a decision that says so."""

    def test_not_by_a_promotion_to_staging_from_anywhere(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        session = connect(sqlite_store, policy_set(production_from=None))
        session.promote("leads", version, "Production")
        with pytest.raises(hotpass.PromotionDenied, match="this version serves"):
            session.promote("leads", version, "Staging")

    def test_not_by_a_rollback_to_elsewhere(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        session = connect(sqlite_store)
        session.promote("leads", version, "Staging")
        session.promote("leads", version, "Production")
        with pytest.raises(hotpass.PromotionDenied, match="serves under the alias production"):
            session.rollback("leads", reason="because", to_version=version, stage="Staging")
        with pytest.raises(hotpass.CallError, match="where versions rest"):
            session.rollback("leads", reason="because", to_version=version, stage="Archived")

    def test_not_by_archiving_what_only_an_alias_points_at(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        sqlite_store.client.set_registered_model_alias("leads", "Production", str(version))
        with pytest.raises(hotpass.PromotionDenied, match="Add `to: Archived`"):
            connect(sqlite_store).promote("leads", version, "Archived")

    def test_not_by_another_spelling_of_the_alias(self, sqlite_store: Store) -> None:
        weak, best, middling = (
            make_version(sqlite_store, "leads", metrics={"roc_auc": value}) for value in (0.6, 0.9, 0.7)
        )
        rule = {"champion_comparison": {"roc_auc": {"may_lose_at_most": 0}, "first_champion": "allow"}}
        session = connect(sqlite_store, policy_set(production=rule, production_from=None))
        session.promote("leads", best, "Production")
        sqlite_store.client.set_registered_model_alias("leads", "Production", str(weak))
        with pytest.raises(hotpass.PromotionDenied):
            session.promote("leads", middling, "Production")
        better = make_version(sqlite_store, "leads", metrics={"roc_auc": 0.95})
        session.promote("leads", better, "Production")
        aliases = sqlite_store.client.get_registered_model("leads").aliases
        assert {alias: int(version) for alias, version in aliases.items()} == {"production": better}

    @pytest.mark.long_over_http
    def test_a_champion_whose_alias_was_deleted_is_still_compared_with(self, any_store: Store) -> None:
        best, weak = (make_version(any_store, "leads", metrics={"roc_auc": value}) for value in (0.9, 0.6))
        rule = entries(
            {"champion_comparison": {"roc_auc": {"may_lose_at_most": 0}, "first_champion": "allow"}}
        )
        policy = Policy("canary", ("*",), (PromotionEntry("Canary", None, rule, True),))
        session = connect(any_store, PolicySet.of([policy]))
        session.promote("leads", best, "Canary")
        any_store.client.delete_registered_model_alias("leads", "canary")
        with pytest.raises(hotpass.PromotionDenied):
            session.promote("leads", weak, "canary")

    def test_what_came_there_past_hotpass_gets_no_pointer(self, sqlite_store: Store) -> None:
        champion, other = (make_version(sqlite_store, "leads", metrics=GOOD) for _ in range(2))
        session = connect(sqlite_store)
        session.promote("leads", champion, "Staging")
        session.promote("leads", champion, "Production")
        sqlite_store.client.transition_model_version_stage("leads", str(other), "Production")
        with pytest.raises(hotpass.PromotionDenied, match="came to Production past Hotpass"):
            session.promote("leads", other, "Production")
        assert pointed(session, "leads", "production") == champion


class TestRollbacksInARow:
    def test_each_goes_further_back(self, sqlite_store: Store) -> None:
        versions = [make_version(sqlite_store, "leads", metrics=GOOD) for _ in range(4)]
        session = connect(sqlite_store, policy_set(production_from=None))
        for version in versions:
            session.promote("leads", version, "Production")
        assert session.rollback("leads", reason="4 is bad").identity.version == 3
        sqlite_store.client.delete_model_version("leads", "2")
        assert session.rollback("leads", reason="3 is bad too").identity.version == 1, "2 is gone"
        with pytest.raises(hotpass.NotFound, match="no earlier version"):
            session.rollback("leads", reason="and 1")

    def test_two_at_once_go_back_once(self, sqlite_store: Store) -> None:
        for _ in range(3):
            version = make_version(sqlite_store, "leads", metrics=GOOD)
            connect(sqlite_store, policy_set(production_from=None)).promote("leads", version, "Production")
        first, second = (connect(sqlite_store, policy_set(production_from=None)) for _ in range(2))
        _once_before(second.registry, "artifact_digest", lambda: first.rollback("leads", reason="3 is bad"))
        decision = second.rollback("leads", reason="3 is bad")
        assert decision.already_there, "both wanted the same, and it is not gone back twice"
        assert holders(first, "leads", "Production") == [2]


class TestHooks:
    def _manager(self, plugin: object) -> Any:
        manager = create_manager()
        register(manager, plugin, "team")
        return manager

    def test_veto(self, sqlite_store: Store) -> None:
        class Freeze:
            @hookimpl
            def hotpass_veto(self, candidate: Any) -> str | None:
                return "a freeze is on" if candidate.to_stage == "Staging" else None

        version = make_version(sqlite_store, "leads", metrics=GOOD)
        session = connect(sqlite_store, manager=self._manager(Freeze()))
        with pytest.raises(hotpass.PromotionDenied, match="vetoed by team: a freeze is on"):
            session.promote("leads", version, "Staging")
        assert session.history("leads")[-1].record.body["outcome"] == "denied"

    def test_decided_and_promoted_are_told_and_cannot_harm(
        self, sqlite_store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        heard: list[tuple[str, bool]] = []

        class Listener:
            @hookimpl
            def hotpass_decided(self, decision: hotpass.Decision) -> None:
                heard.append(("decided", decision.allowed))
                raise ValueError("no")

            @hookimpl
            def hotpass_promoted(self, decision: hotpass.Decision) -> None:
                heard.append(("promoted", decision.allowed))

        good, weak = (make_version(sqlite_store, "leads", metrics=metrics) for metrics in (GOOD, WEAK))
        session = connect(sqlite_store, manager=self._manager(Listener()))
        with caplog.at_level(logging.WARNING, "hotpass"):
            session.promote("leads", good, "Staging")
            with pytest.raises(hotpass.PromotionDenied):
                session.promote("leads", weak, "Staging")
        assert heard == [("decided", True), ("promoted", True), ("decided", False)]
        assert "plugin team: hotpass_decided raised ValueError: no" in caplog.text


class TestFiles:
    def test_files_that_changed_since_registration_stop_it(self, sqlite_store: Store) -> None:
        version = make_version(
            sqlite_store, "leads", metrics=GOOD, tags={"hotpass.artifact_digest": "0" * 64}
        )
        with pytest.raises(hotpass.PromotionDenied, match="its files have changed since it was registered"):
            connect(sqlite_store).promote("leads", version, "Staging")

    def test_a_version_without_files_cannot_be_decided_on(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD, artifacts=False)
        with pytest.raises(hotpass.RegistryError, match="has no files that can be read"):
            connect(sqlite_store).promote("leads", version, "Staging")


def test_a_nan_beside_the_metrics_that_count_does_no_harm(sqlite_store: Store) -> None:
    """Two NaN are not equal, and what was read twice is compared."""
    version = make_version(sqlite_store, "leads", run_metrics={"roc_auc": 0.8, "other": float("nan")})
    assert connect(sqlite_store).promote("leads", version, "Staging").allowed


def test_a_model_without_versions(sqlite_store: Store) -> None:
    sqlite_store.client.create_registered_model("empty")
    for version in ("latest", 1):
        with pytest.raises(hotpass.NotFound, match="has no versions"):
            connect(sqlite_store).promote("empty", version, "Staging")


def test_a_session_never_allows_again_what_would_be_refused_now(sqlite_store: Store) -> None:
    version = make_version(sqlite_store, "leads", run_metrics={"roc_auc": 0.8})
    session = connect(sqlite_store)
    session.promote("leads", version, "Staging")
    run_id = session.registry.version("leads", version).run_id
    sqlite_store.client.log_metric(run_id, "roc_auc", 0.1, step=1)
    with pytest.raises(hotpass.PromotionDenied):
        session.promote("leads", version, "Staging")


class TestRecheckUnderTheLock:
    """Evaluation happens outside the lock, so what it rests on is looked at again inside. Here the record is
    the lock; `test_transaction.py` is about the database's.
    """

    def test_evidence_that_changed_is_judged_again(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", run_metrics={"roc_auc": 0.8})
        session = by_requests(connect(sqlite_store))
        run_id = session.registry.version("leads", version).run_id
        _once_before(
            session.registry.tracking,
            "log_param",
            lambda: sqlite_store.client.log_metric(run_id, "roc_auc", 0.1),
        )
        with pytest.raises(hotpass.PromotionDenied, match=r"0\.1"):
            session.promote("leads", version, "Staging")
        states = [entry.state for entry in session.history("leads")]
        assert states == [State.ABANDONED, State.CLOSED]
        assert session.registry.version("leads", version).stage == "None"

    def test_a_champion_that_changed_overtakes(self, sqlite_store: Store) -> None:
        first, second, third = (make_version(sqlite_store, "leads", metrics=GOOD) for _ in range(3))
        session = by_requests(connect(sqlite_store, policy_set(production_from=None)))
        session.promote("leads", first, "Production")
        other = connect(sqlite_store, policy_set(production_from=None))
        _once_before(
            session.registry.tracking, "create_run", lambda: other.promote("leads", third, "Production")
        )
        with pytest.raises(
            hotpass.PromotionOvertaken, match="held by version 1 when this began and is held by version 3"
        ):
            session.promote("leads", second, "Production")
        assert holders(session, "leads", "Production") == [third]
        assert session.history("leads")[-1].record.body["overtaken"] is True

    def test_a_policy_that_changed_on_disk_is_not_carried_out(
        self, sqlite_store: Store, tmp_path: Path
    ) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        file = tmp_path / "p.yaml"
        file.write_text("before")
        made = policy_set().policies[0]
        digest = hashlib.sha256(b"before").hexdigest()
        files = (PolicyFile(str(file), digest),)
        policy = Policy(made.name, made.models, made.promotions, path=str(file), digest=digest, files=files)
        session = by_requests(connect(sqlite_store, PolicySet.of([policy])))
        _once_before(session.registry.tracking, "log_param", lambda: file.write_text("after"))
        with pytest.raises(hotpass.PromotionOvertaken, match="changed on disk"):
            session.promote("leads", version, "Staging")
        assert session.registry.version("leads", version).stage == "None"

    def test_an_interrupt_leaves_nothing_open(self, sqlite_store: Store) -> None:
        version = make_version(sqlite_store, "leads", metrics=GOOD)
        session = by_requests(connect(sqlite_store))

        def interrupt() -> None:
            raise KeyboardInterrupt

        for method in ("tag_version", "set_stage"):
            _once_before(session.registry, method, interrupt)
            with pytest.raises(KeyboardInterrupt):
                session.promote("leads", version, "Staging")
            assert not any(entry.is_open for entry in session.history("leads"))
        # The pointer was moved before the second one, so that promotion is finished.
        assert session.registry.version("leads", version).stage == "Staging"
        assert [entry.state for entry in session.history("leads")] == [State.ABANDONED, State.CLOSED]


def _once_before(target: Any, method: str, action: Any) -> None:
    """Lets `action` happen right before the next call of `method`, a moment that no test could hit."""
    original = getattr(target, method)

    def call(*args: Any, **kwargs: Any) -> Any:
        setattr(target, method, original)
        action()
        return original(*args, **kwargs)

    setattr(target, method, call)
